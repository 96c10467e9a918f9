//! What `open --out` writes: names that people can read, and for each record its evidence, which
//! `medfolder verify` checks.
//!
//! ```text
//! 1 2024-03-20 出院小结.json            FHIR, byte for byte
//! 1 2024-03-20 出院小结.evidence.cbor   the evidence pack, where the link holds one
//! 4 血常规.pdf                          an attachment, as the doctor signed it
//! receipt.json                          the host's receipt of this opening
//! ```
//! The number is the file's place in the link. The folder is new or empty, which is seen to before
//! the link is opened: an opening may be the only one.

use crate::error::CliError;
use medfolder_folder::records::file_name;
use medfolder_share::receipt::SignedReceipt;
use medfolder_share::unpack::{Received, ReceivedAttachment};
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

/// Writes everything that was received; `records` are the records as they are described.
pub(super) fn write(
    folder: &Folder,
    received: &Received,
    records: &[Value],
    receipt: Option<&SignedReceipt>,
) -> Result<(), CliError> {
    let directory = folder.path.as_path();
    for (record, described) in received.records.iter().zip(records) {
        let name = name(record.file, described);
        new(&directory.join(format!("{name}.json")), &record.body)?;
        if let Some(evidence) = &record.evidence {
            new(&directory.join(format!("{name}.evidence.cbor")), evidence)?;
        }
    }
    for attachment in &received.attachments {
        let name = attachment_name(attachment, records);
        new(&directory.join(name), &attachment.bytes)?;
    }
    let receipt = receipt.map(|receipt| receipt.to_json().to_string());
    receipt.map_or(Ok(()), |receipt| {
        new(&directory.join("receipt.json"), receipt.as_bytes())
    })
}

fn name(file: usize, described: &Value) -> String {
    let day = described["date"].as_str().and_then(|date| date.get(..10));
    let title = described["title"].as_str().map(file_name);
    let number = file.saturating_add(1).to_string();
    let parts = [Some(number), day.map(str::to_owned), title];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// As the record names it whose statement has its digest.
fn attachment_name(attachment: &ReceivedAttachment, records: &[Value]) -> String {
    let all = records
        .iter()
        .filter_map(|record| record["attachments"].as_array());
    let own = all.flatten().find(|one| one["file"] == attachment.file);
    let name = own.and_then(|one| one["name"].as_str()).map(file_name);
    let number = attachment.file.saturating_add(1);
    format!("{number} {}", name.as_deref().unwrap_or("attachment"))
}

fn new(path: &Path, content: &[u8]) -> Result<(), CliError> {
    let written = std::fs::File::create_new(path).and_then(|mut file| file.write_all(content));
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => CliError::new("file.exists", path.display()),
        _ => CliError::new("file.write", format!("{}: {error}", path.display())),
    })
}
