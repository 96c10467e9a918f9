//! What `open --out` writes: pages that any browser reads, under names that people can read, and for
//! each record its evidence, which `medfolder verify` checks.
//!
//! ```text
//! index.html                            all records, and what is to be said of the link
//! 1 2024-03-20 出院小结.html            for reading; links to the attachments
//! 1 2024-03-20 出院小结.json            FHIR, byte for byte
//! 1 2024-03-20 出院小结.evidence.cbor   the evidence pack, where the link holds one
//! 1-1 血常规.pdf                        its first attachment, as the doctor signed it
//! receipt.json                          the host's receipt of this opening
//! ```
//! The number is the record's place in the link; a record whose seal does not hold says so in its name,
//! and an attachment that could run has `.txt` behind it. The folder is new or empty, which is seen to
//! before the link is opened: an opening may be the only one.

use super::{OTHER_LEDGER, told};
use crate::args::Lang;
use crate::error::CliError;
use crate::output::Output;
use medfolder_folder::records::{
    Language, Lent, LentRow, attachment_name, file_name, lent_index, lent_page,
};
use medfolder_share::receipt::SignedReceipt;
use medfolder_share::unpack::{Received, ReceivedAttachment, ReceivedRecord};
use serde_json::Value;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// A folder that is there, empty and can be written to; made where it was missing.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    is_new: bool,
}

impl Folder {
    /// Makes sure of it.
    pub(super) fn prepare(path: &Path) -> Result<Self, CliError> {
        let failed = |error: std::io::Error| {
            CliError::new("file.write", format!("{}: {error}", path.display()))
        };
        let is_new = !path.exists();
        std::fs::create_dir_all(path).map_err(failed)?;
        let folder = Self {
            path: path.to_path_buf(),
            is_new,
        };
        if std::fs::read_dir(path).map_err(failed)?.next().is_some() {
            return Err(CliError::new("file.not_empty", path.display()));
        }
        let probe = path.join(".medfolder");
        let written = std::fs::File::create_new(&probe).and_then(|_| std::fs::remove_file(&probe));
        match written {
            Ok(()) => Ok(folder),
            Err(error) => {
                folder.give_up();
                Err(failed(error))
            }
        }
    }

    /// Takes a folder away that was made for nothing.
    pub(super) fn give_up(&self) {
        if self.is_new {
            let _ = std::fs::remove_dir(&self.path);
        }
    }
}

/// Writes everything that was received; `line` describes it.
pub(super) fn write(
    folder: &Folder,
    received: &Received,
    line: &Value,
    receipt: Option<&SignedReceipt>,
    output: Output,
) -> Result<(), CliError> {
    let directory = folder.path.as_path();
    let records: Vec<&Value> = line["records"].as_array().into_iter().flatten().collect();
    let attached = attached(received, &records);
    for (file, name) in received.attachments.iter().zip(&attached) {
        new(&directory.join(name), &file.bytes)?;
    }
    let all = received.records.iter().zip(&records);
    let names: Vec<String> = all
        .clone()
        .map(|(one, told)| name(one, told, output))
        .collect();
    for ((record, described), name) in all.zip(&names) {
        let page = page(record, described, received, &attached, output);
        new(&directory.join(format!("{name}.html")), page.as_bytes())?;
        new(&directory.join(format!("{name}.json")), &record.body)?;
        if let Some(evidence) = &record.evidence {
            new(&directory.join(format!("{name}.evidence.cbor")), evidence)?;
        }
    }
    let index = index(line, received, &names, output);
    new(&directory.join("index.html"), index.as_bytes())?;
    let receipt = receipt.map(|receipt| receipt.to_json().to_string());
    receipt.map_or(Ok(()), |receipt| {
        new(&directory.join("receipt.json"), receipt.as_bytes())
    })
}

const fn language(output: Output) -> Language {
    match output.lang {
        Lang::Zh => Language::Chinese,
        Lang::En => Language::English,
    }
}

fn page(
    record: &ReceivedRecord,
    described: &Value,
    received: &Received,
    names: &[String],
    output: Output,
) -> String {
    let own = told::attachments(described);
    let here = own.clone().filter_map(|one| {
        let mut files = received.attachments.iter().zip(names);
        let (file, name) = files.find(|(file, _)| one["file"] == file.file)?;
        Some((name.clone(), file.bytes.len() as u64))
    });
    let missing = own.filter(|one| one["file"].is_null());
    let files = output.say(
        "同名的 .json 是签署的原文；同名的 .evidence.cbor（若有）是它的证明，可用 medfolder verify 检查。",
        "The .json of the same name is what was signed; the .evidence.cbor, where there is one, proves it: see `medfolder verify`.",
    );
    let lent = Lent {
        title: described["title"].as_str().unwrap_or_default(),
        seal: told::seal_word(described, output),
        holds: holds(described),
        about: &told::about(described, record, true, output),
        body: &record.body,
        attachments: &here.collect::<Vec<_>>(),
        missing: &missing
            .map(|one| told::attached(one, output))
            .collect::<Vec<_>>(),
        files,
    };
    lent_page(&lent, language(output))
}

fn index(line: &Value, received: &Received, names: &[String], output: Output) -> String {
    let records: Vec<&Value> = line["records"].as_array().into_iter().flatten().collect();
    let label = line["label"].as_str();
    let label = label.map(|label| format!("{}{label}", output.say("分享名称：", "Share: ")));
    let mut about: Vec<String> = label.into_iter().collect();
    about.extend(told::whose(line, &received.records, output));
    about.extend(told::about_the_opening(line, &records, output));
    let pages: Vec<String> = names.iter().map(|name| format!("{name}.html")).collect();
    let row = |(record, page): (&&Value, &'_ String)| {
        let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
        (
            text("date"),
            text("hospital"),
            text("author"),
            text("title"),
            page.clone(),
        )
    };
    let texts: Vec<_> = records.iter().zip(&pages).map(row).collect();
    let rows = texts
        .iter()
        .zip(&records)
        .map(|((date, hospital, author, title, page), record)| LentRow {
            page,
            about: [date.get(..10).unwrap_or_default(), hospital, author],
            title,
            seal: told::seal_word(record, output),
            holds: holds(record),
        });
    lent_index(&about, &rows.collect::<Vec<_>>(), language(output))
}

/// Whether the seal was found to be genuine, as far as it was compared.
fn holds(described: &Value) -> bool {
    !["failed", "none", OTHER_LEDGER].contains(&described["seal"].as_str().unwrap_or("none"))
}

/// Names by place, day and title; one that is not proven says so before it is opened.
fn name(record: &ReceivedRecord, described: &Value, output: Output) -> String {
    let day = described["date"].as_str().and_then(|date| date.get(..10));
    let title = described["title"].as_str().map(file_name);
    let number = number(record).to_string();
    let parts = [Some(number), day.map(str::to_owned), title];
    let name = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
    match described["seal"].as_str() {
        Some("failed" | OTHER_LEDGER) => {
            format!(
                "{name}{}",
                output.say("（签章未获证实）", " (seal not verified)")
            )
        }
        _ => name,
    }
}

const fn number(record: &ReceivedRecord) -> usize {
    record.file.saturating_add(1)
}

/// Names of the attachments, in their order: as the first record calls them whose statement has their
/// digest, behind its number and theirs in it.
fn attached(received: &Received, records: &[&Value]) -> Vec<String> {
    let named = |attachment: &ReceivedAttachment| {
        let described = received.records.iter().zip(records);
        let mut own = described.flat_map(|(record, described)| {
            let pieces = told::attachments(described).enumerate();
            pieces.map(move |(at, piece)| (number(record), at + 1, piece))
        });
        let own = own.find(|(.., piece)| piece["file"] == attachment.file);
        let bytes = &attachment.bytes;
        match own {
            Some((record, at, piece)) => {
                let name = piece["name"].as_str().unwrap_or_default();
                format!("{record}-{at} {}", attachment_name(name, bytes))
            }
            None => {
                let number = attachment.file.saturating_add(1);
                format!("{number} {}", attachment_name("attachment", bytes))
            }
        }
    };
    received.attachments.iter().map(named).collect()
}

fn new(path: &Path, content: &[u8]) -> Result<(), CliError> {
    let written = std::fs::File::create_new(path).and_then(|mut file| file.write_all(content));
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => CliError::new("file.exists", path.display()),
        _ => CliError::new("file.write", format!("{}: {error}", path.display())),
    })
}
