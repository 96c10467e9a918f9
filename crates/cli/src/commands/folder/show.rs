//! One record with what was checked; the signed document; everything in a ZIP file.

use super::{attachment, list};
use crate::args::Lang;
use crate::commands::document;
use crate::error::CliError;
use crate::output::Output;
use crate::time::rfc3339;
use base64::Engine as _;
use medfolder_client::clock::Clock;
use medfolder_fhir::Written;
use medfolder_fhir::summary::Summary;
use medfolder_folder::Folder;
use medfolder_folder::records::Shown;
use medfolder_share::evidence::CarriedSigned;
use serde_json::{Value, json};
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

/// A signature of the hospital's own system, or the code of the rule that it breaks.
type Carried = Result<CarriedSigned, &'static str>;

/// What `folder show` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// For reading.
    Plain,
    /// The FHIR document, byte for byte as it was signed.
    Fhir,
    /// An evidence pack.
    Evidence,
}

impl Form {
    /// As the options ask.
    pub(crate) const fn of(fhir: bool, evidence: bool) -> Self {
        match (fhir, evidence) {
            (true, _) => Self::Fhir,
            (_, true) => Self::Evidence,
            _ => Self::Plain,
        }
    }
}

/// `medfolder folder show RECORD`
pub(crate) async fn run(
    folder: &Folder<'_>,
    record: &str,
    form: Form,
    out: Option<&Path>,
    clock: &Clock,
    output: Output,
) -> Result<(), CliError> {
    let shown = folder.open_record(record)?;
    match (form, out) {
        (Form::Plain, None) => {
            output.line(&line(folder, &shown), || page(folder, &shown, output));
            Ok(())
        }
        (Form::Plain, Some(path)) => write(path, page(folder, &shown, output).as_bytes(), output),
        (Form::Fhir, Some(path)) => write(path, shown.record.body(), output),
        (Form::Fhir, None) => print_document(&shown, output),
        (Form::Evidence, Some(path)) => {
            can_write(path)?;
            write(path, &folder.evidence(&shown, clock).await?, output)?;
            if !output.is_json() {
                let text = output.say("任何人都可以检查它：", "Anybody can check it: ");
                output.progress(&format!("{text}medfolder verify {}", path.display()));
            }
            Ok(())
        }
        (Form::Evidence, None) => {
            if !output.is_json() && std::io::stdout().is_terminal() {
                return Err(CliError::new("file.out_wanted", ""));
            }
            print_evidence(&shown, &folder.evidence(&shown, clock).await?, output)
        }
    }
}

/// The document as it was signed; as a value of the line where a line is wanted.
fn print_document(shown: &Shown, output: Output) -> Result<(), CliError> {
    if !output.is_json() {
        output.bytes(shown.record.body());
        return Ok(());
    }
    let document: Value = serde_json::from_slice(shown.record.body())
        .map_err(|error| CliError::new("record.failed", error))?;
    let line = json!({ "record": shown.listed.record, "fhir": document });
    output.line(&line, String::new);
    Ok(())
}

fn print_evidence(shown: &Shown, pack: &[u8], output: Output) -> Result<(), CliError> {
    if !output.is_json() {
        output.bytes(pack);
        return Ok(());
    }
    let pack = base64::engine::general_purpose::STANDARD.encode(pack);
    let line = json!({ "record": shown.listed.record, "evidence": pack });
    output.line(&line, String::new);
    Ok(())
}

fn line(folder: &Folder<'_>, shown: &Shown) -> Value {
    let mut line = list::line(folder, &shown.listed);
    let statement = shown.record.statement();
    let versions: Vec<Value> = shown
        .versions
        .iter()
        .map(|v| {
            json!({
                "record": v.record, "date": v.written.as_ref().map(Written::rfc3339),
                "in_force": v.in_force,
            })
        })
        .collect();
    let document = document::summary(shown.record.body());
    let patient = document.map(|document| document::patient_json(&document.patient));
    line["patient"] = json!(patient);
    line["department"] = json!(statement.department);
    line["sealed"] = json!(rfc3339(shown.sealed.time));
    line["signatures"] = json!(shown.record.signatures().native().count());
    line["checks"] = json!(CHECKS.map(|(code, ..)| code));
    line["carried"] = json!(
        folder
            .carried(shown)
            .iter()
            .map(carried_line)
            .collect::<Vec<_>>()
    );
    line["versions"] = json!(versions);
    line["attachments"] = json!(attachment::lines(shown));
    line["text"] = json!(document::read(shown.record.body()));
    line
}

/// What held when the record was opened just now, in the order of the checks.
const CHECKS: [(&str, &str, &str); 5] = [
    (
        "record.leaf",
        "医院的签章盖在这份病历上",
        "the hospital's seal covers this record",
    ),
    (
        "record.sealed_content",
        "取到的文件与签章时的一致",
        "the file is the one that was sealed",
    ),
    (
        "record.slot",
        "它是为您的健康卡加锁的",
        "it was locked for your card",
    ),
    (
        "record.content_root",
        "内容与医生签署的一致",
        "the content is what was signed",
    ),
    ("record.signature", "的签名有效", "the signature is valid: "),
];

/// A check as it held; who signed is named, for not only doctors sign.
fn held((code, zh, en): (&str, &str, &str), author: &str, output: Output) -> String {
    match (code, output.lang) {
        ("record.signature", Lang::Zh) => format!("{author}{zh}"),
        ("record.signature", Lang::En) => format!("{en}{author}"),
        _ => output.say(zh, en).to_owned(),
    }
}

/// A signature of the hospital's own system: who made it, or why it does not hold.
fn carried_line(carried: &Carried) -> Value {
    match carried {
        Ok(signed) => json!({
            "outcome": "holds", "signer": signed.signer, "media_type": signed.media_type,
            "stamped": signed.stamped.map(rfc3339), "revocation_checked": signed.revocation_checked,
        }),
        Err(code) => json!({ "outcome": "fails", "reason": code }),
    }
}

fn carried_row(carried: &Carried, output: Output) -> String {
    match carried {
        Ok(signed) => {
            let told = output.say(
                "医院系统的原件由以下人员签名：",
                "the original of the hospital's system was signed by: ",
            );
            format!("✓ {told}{}", signed.signer)
        }
        Err(code) => {
            let told = output.say(
                "医院系统自带的签名无效",
                "a signature of the hospital's own system does not hold",
            );
            format!("✗ {told} ({code})")
        }
    }
}

/// That a record is not the one to rely on, and which is.
fn not_in_force(shown: &Shown, output: Output) -> Option<String> {
    if !shown.listed.superseded {
        return None;
    }
    let newer = shown.versions.iter().find(|version| version.in_force);
    Some(match newer {
        Some(newer) => {
            let (date, id) = (minute(newer.written.as_ref()), newer.record.to_string());
            let told = output.say("⚠ 已有更正版", "⚠ There is a corrected version");
            format!("{told} ({date}  {})", short(&id))
        }
        None => output
            .say(
                "⚠ 医院已撤回这份病历",
                "⚠ The hospital withdrew this record",
            )
            .to_owned(),
    })
}

fn page(folder: &Folder<'_>, shown: &Shown, output: Output) -> String {
    let listed = &shown.listed;
    let statement = shown.record.statement();
    let document = document::summary(shown.record.body());
    let author = document.as_ref().map(|document| &document.author);
    let mut lines: Vec<String> = not_in_force(shown, output).into_iter().collect();
    lines.extend(
        document
            .as_ref()
            .map(|d| document::patient_row(&d.patient, output)),
    );
    let hospital = [
        hospital(folder, shown, document.as_ref(), output),
        statement.department.clone(),
    ];
    lines.extend([
        format!("{}{}", output.say("病历：", "Record: "), listed.title),
        format!(
            "{}{}",
            output.say("医院：", "Hospital: "),
            hospital.join("  ").trim_end()
        ),
        format!(
            "{}{}",
            output.say("日期：", "Date: "),
            minute(listed.written.as_ref())
        ),
        document::author_row(&statement.author.name, author, output),
        String::new(),
        document::read(shown.record.body()),
        String::new(),
        format!(
            "{}{}",
            output.say("就诊编号：", "Visit: "),
            short(&listed.visit.to_string())
        ),
    ]);
    lines.extend(attachment::rows(shown, output));
    lines.extend(CHECKS.map(|check| format!("✓ {}", held(check, &statement.author.name, output))));
    let carried = folder.carried(shown);
    lines.extend(carried.iter().map(|carried| carried_row(carried, output)));
    if shown.versions.len() > 1 {
        lines.push(output.say("各版本：", "Versions:").to_owned());
        lines.extend(shown.versions.iter().map(|version| {
            let mark = if version.in_force { '•' } else { ' ' };
            let id = version.record.to_string();
            format!(
                "{mark} {}  {}",
                minute(version.written.as_ref()),
                short(&id)
            )
        }));
    }
    lines.join("\n")
}

/// The hospital's name on the ledger, with the English one that its own record gives it for who reads
/// English.
fn hospital(
    folder: &Folder<'_>,
    shown: &Shown,
    document: Option<&Summary>,
    output: Output,
) -> String {
    let name = folder.member_name(&shown.listed.hospital);
    let own = document.and_then(|document| document.hospital.as_ref());
    let mut also = own
        .into_iter()
        .flat_map(|own| own.aliases.iter().chain([&own.name]));
    let english = also.find(|own| own.is_ascii() && !own.is_empty() && **own != name);
    match (output.lang, english) {
        (Lang::En, Some(english)) => format!("{name} ({english})"),
        _ => name,
    }
}

/// As much of an identifier as people copy; every command takes the beginning of one.
fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

fn minute(written: Option<&Written>) -> String {
    written.map_or_else(|| "-".to_owned(), Written::minute)
}

/// Refuses what could not be written, before anything is asked of others.
fn can_write(path: &Path) -> Result<(), CliError> {
    let parent = path.parent().filter(|parent| parent.as_os_str() != "");
    if path.exists() {
        Err(CliError::new("file.exists", path.display()))
    } else if parent.is_some_and(|parent| !parent.is_dir()) {
        Err(CliError::new("file.no_folder", path.display()))
    } else {
        Ok(())
    }
}

/// Makes a result's file, which must not exist.
pub(crate) fn create(path: &Path) -> Result<std::fs::File, CliError> {
    can_write(path)?;
    std::fs::File::create_new(path).map_err(|error| CliError::new("file.write", error))
}

/// Writes a result to a file that must not exist.
pub(crate) fn write(path: &Path, bytes: &[u8], output: Output) -> Result<(), CliError> {
    let failed = |error: std::io::Error| CliError::new("file.write", error);
    let mut file = create(path)?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(failed)?;
    output.line(&json!({ "out": path, "bytes": bytes.len() }), || {
        format!("{}{}", output.say("已写入 ", "Written to "), path.display())
    });
    Ok(())
}
