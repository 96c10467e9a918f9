//! Checks an evidence file offline, and says in plain words what it proves and what not.
//!
//! A file may bring its own genesis. All then holds as to that ledger, and anybody can make one:
//! whether it is one to trust is a check of its own, `evidence.trust`.

use super::document;
use super::folder::vault::{Place, Unknown};
use super::policy;
use crate::args::Lang;
use crate::error::CliError;
use crate::output::Output;
use crate::time::{local_time, rfc3339};
use medfolder_fhir::Written;
use medfolder_ledger::Chain;
use medfolder_share::evidence::{
    CheckResult, Evidence, EvidenceCheck, Outcome, Report, SealState, Shown, Trust,
};
use serde_json::json;
use std::path::{Path, PathBuf};

/// What `verify` reads: the evidence pack; the record's document and the genesis to trust, where
/// they are named.
#[derive(Debug)]
pub(crate) struct Files<'a> {
    pub(crate) pack: &'a Path,
    pub(crate) document: Option<&'a Path>,
    pub(crate) genesis: Option<&'a Path>,
}

/// `medfolder verify FILE`: the ledger is known by `--genesis`, or by a folder of this device whose
/// vault opens without asking anybody.
pub(crate) fn run(files: &Files<'_>, place: &Place, output: Output) -> Result<(), CliError> {
    let bytes = read(files.pack)?;
    let named = files.document.map(Path::to_path_buf);
    let beside = named.or_else(|| beside(files.pack));
    let document = beside.as_deref().map(read).transpose()?;
    let evidence = Evidence::from_bytes(&bytes)
        .map_err(|error| CliError::verification(error.code(), error))?;
    let here = match files.genesis {
        Some(path) => Ok(Box::new(policy::genesis(path)?)),
        None => place.consortium(&evidence.genesis),
    };
    let (known, unknown) = match here {
        Ok(chain) => (Some(*chain), None),
        Err(unknown) => (None, Some(unknown)),
    };
    let report = evidence.verify(known.as_ref(), document.as_deref());
    // What the content root does not prove is nobody's word: no name is read from it.
    let shown = document.as_deref().or_else(|| body(&evidence));
    let body = shown.filter(|_| report.seal == SealState::Verified);
    let patient = body.and_then(patient);
    let written = written(&report, body);
    let own = evidence.genesis_file.as_deref();
    let own = || own.and_then(|file| Chain::from_bytes(file).ok());
    let chain = known.or_else(own);
    // Before all else: every line below holds for that ledger only.
    if let (true, Some(chain)) = (report.seal != SealState::Failed, &chain) {
        trust(&report, chain, unknown.as_ref(), output);
    }
    if !output.is_json() {
        let day = written.as_ref().map(Written::day).unwrap_or_default();
        let mut heading = heading(
            &report,
            whose(patient.as_deref(), shown, output),
            &day,
            output,
        );
        if let Some(path) = &beside {
            let said = output.say("正文：", "Document: ");
            heading.push_str(&format!("{said}{}\n", path.display()));
        }
        output.line(&(), || heading);
    }
    for check in &report.checks {
        output.line(&check_line(check, &report), || row(check, &report, output));
    }
    let said = sentence(&report, output);
    let mut line = line(&report, patient.as_deref(), &said);
    line["date"] = json!(written.as_ref().map(Written::rfc3339));
    line["document"] = json!(beside);
    output.line(&line, || format!("\n{said}"));
    match (report.seal, report.failed()) {
        (SealState::Failed, Some(check)) => Err(CliError::verification(check.code, check.en)),
        (SealState::Failed, None) => Err(CliError::verification("evidence.genesis", "no genesis")),
        // The seal is genuine; of what the record says nothing was compared.
        (SealState::SealOnly, _) => Err(CliError::new("evidence.text_missing", "no document")),
        _ => Ok(()),
    }
}

/// Tells which ledger it is proven for, and whether that is one to trust.
fn trust(report: &Report, chain: &Chain, unknown: Option<&Unknown>, output: Output) {
    let (why_zh, why_en) = unknown.map(not_compared).unwrap_or_default();
    let (name, genesis) = (&chain.genesis().name, report.genesis);
    let (outcome, zh, en) = match report.trust {
        Some(Trust::Known) => (
            Outcome::Holds,
            format!("账本是您信任的“{name}”（创世摘要 {genesis}）"),
            format!("the ledger is that of “{name}” (genesis {genesis}), which you trust"),
        ),
        _ => (
            Outcome::NotChecked,
            format!(
                "注意：账本没有核对。以下各项只对文件自带的账本成立，它自称“{name}”（创世摘要 {genesis}），这样的账本谁都能造。{why_zh}请用 --genesis 给出您信任的创世文件，再核对一次。"
            ),
            format!(
                "Note: the ledger was not checked. All that follows holds for the ledger that the file brings, which calls itself “{name}” (genesis digest {genesis}); anybody can make one. {why_en}Verify again with --genesis and the genesis file that you trust."
            ),
        ),
    };
    let check = json!({"code": "evidence.trust", "outcome": outcome, "zh": zh, "en": en});
    output.line(&check, || match outcome {
        Outcome::Holds => format!("{} {}\n", mark(outcome), output.say(&zh, &en)),
        _ => format!("⚠ {}\n", output.say(&zh, &en)),
    });
}

/// What was not compared with the folders of this device, and why.
fn not_compared(unknown: &Unknown) -> (String, String) {
    match unknown {
        Unknown::NoVault => (
            "本机这里没有病历夹可供核对。".to_owned(),
            "There is no folder here to compare it with. ".to_owned(),
        ),
        Unknown::Closed(code) => (
            format!("本机的病历夹没有打开 [{code}]，没有用它信任的账本核对。"),
            format!(
                "The folders here were not opened [{code}], so that it was not compared with the ledger that they trust. "
            ),
        ),
        Unknown::Another => (
            "本机的病历夹信任的是另一个账本。".to_owned(),
            "The folders here trust another ledger. ".to_owned(),
        ),
    }
}

fn read(file: &Path) -> Result<Vec<u8>, CliError> {
    std::fs::read(file)
        .map_err(|error| CliError::new("file.read", format!("{}: {error}", file.display())))
}

/// The document that `open --out` wrote beside its evidence: `X.json` of `X.evidence.cbor`.
fn beside(file: &Path) -> Option<PathBuf> {
    let name = file.file_name()?.to_str()?.strip_suffix(".evidence.cbor")?;
    Some(file.with_file_name(format!("{name}.json"))).filter(|path| path.is_file())
}

/// The document, where the pack shows it whole.
fn body(evidence: &Evidence) -> Option<&[u8]> {
    match &evidence.shown {
        Shown::Whole(whole) => whole.bytes.as_ref().map(|bytes| bytes.as_slice()),
        Shown::Pieces(_) => None,
    }
}

/// The patient's name, or why none is told.
fn whose<'a>(patient: Option<&'a str>, shown: Option<&[u8]>, output: Output) -> &'a str {
    match (patient, shown) {
        (Some(name), _) => name,
        (None, None) => output.say("姓名未随文件披露", "name not disclosed"),
        (None, Some(_)) => output.say("姓名未获证实，不显示", "name not proven, not shown"),
    }
}

/// The patient's name.
fn patient(body: &[u8]) -> Option<String> {
    let name = document::summary(body)?.patient.name;
    Some(name).filter(|name| !name.is_empty())
}

/// The record's date as its document wrote it.
fn written(report: &Report, body: Option<&[u8]>) -> Option<Written> {
    let moment = report.statement.as_ref()?.times.authored;
    Some(Written::find(body.unwrap_or_default(), moment))
}

/// Which record this is about.
fn heading(report: &Report, whose: &str, day: &str, output: Output) -> String {
    let Some(statement) = &report.statement else {
        let unknown = "The file does not credibly say which record it is about.\n";
        return output
            .say("文件没有可信地说明是哪份病历。\n", unknown)
            .to_owned();
    };
    let hospital = report.hospital.as_deref().unwrap_or_default();
    let number = &statement.patient_number;
    let number = number.rsplit('|').next().unwrap_or(number);
    let claimed = match report.seal {
        SealState::Failed => output.say("（文件自称，未证实）", " (as the file says; not proven)"),
        _ => "",
    };
    let (title, author) = (&statement.title, &statement.author.name);
    let sealed = report.existed_before.map_or_else(String::new, local_time);
    match output.lang {
        Lang::Zh => format!(
            "{title}{claimed}\n医院：{hospital}\n日期：{day}\n病人：{whose}（本院病案号 {number}）\n\
             签署：{author}\n签章：不晚于 {sealed}\n"
        ),
        Lang::En => format!(
            "{title}{claimed}\nHospital: {hospital}\nDate: {day}\n\
             Patient: {whose} (the hospital’s number {number})\nSigned by: {author}\n\
             Sealed before: {sealed}\n"
        ),
    }
}

/// A check; that of the hospital's own signatures says whose they are, or what is wrong with them.
fn check_line(check: &CheckResult, report: &Report) -> serde_json::Value {
    let mut line = json!(check);
    if check.code == EvidenceCheck::Carried.code() {
        line["carried"] = json!(report.carried);
        line["reason"] = json!(report.carried_failure);
    }
    line
}

fn row(check: &CheckResult, report: &Report, output: Output) -> String {
    let mark = mark(check.outcome);
    let told = output.say(check.zh, check.en);
    if check.code != EvidenceCheck::Carried.code() {
        return format!("{mark} {told}");
    }
    let signers = report.carried.iter().map(|one| one.signer.as_str());
    let about: Vec<&str> = signers.chain(report.carried_failure).collect();
    match about.is_empty() {
        true => format!("{mark} {told}"),
        false => format!("{mark} {told} ({})", about.join("; ")),
    }
}

const fn mark(outcome: Outcome) -> char {
    match outcome {
        Outcome::Holds => '✓',
        Outcome::Fails => '✗',
        Outcome::NotChecked => '·',
    }
}

fn line(report: &Report, patient: Option<&str>, sentence: &str) -> serde_json::Value {
    let trusted = match report.trust {
        Some(Trust::Known) => "known",
        _ => "unknown",
    };
    let statement = report.statement.as_ref();
    json!({
        "seal": report.seal, "record": report.record, "hospital": report.hospital,
        "title": statement.map(|statement| &statement.title), "patient": patient,
        "patient_number": statement.map(|statement| &statement.patient_number),
        "author": statement.map(|statement| &statement.author.name),
        "genesis": report.genesis, "trust": report.trust, "trusted": trusted,
        "standing": report.standing,
        "existed_before": report.existed_before.map(rfc3339), "sentence": sentence,
    })
}

fn sentence(report: &Report, output: Output) -> String {
    match output.lang {
        Lang::Zh => report.summary().0,
        Lang::En => report.summary().1,
    }
}
