//! Opens anyone's SMART Health Link; what carries our evidence is verified here.

mod files;
mod told;

use super::policy;
use crate::args::{self, Lang};
use crate::commands::document;
use crate::error::CliError;
use crate::output::Output;
use crate::patience;
use crate::prompt;
use crate::time::rfc3339;
use medfolder_client::clock::Clock;
use medfolder_client::viewer::{OpenError, OpenOptions, OpenedLink, Reach, open_link};
use medfolder_crypto::{Suite, os_rng};
use medfolder_fhir::Written;
use medfolder_ledger::member::Member;
use medfolder_ledger::state::MemberEntry;
use medfolder_ledger::{Chain, StateKey};
use medfolder_record::Attachment;
use medfolder_share::evidence::{Evidence, EvidenceCheck, Outcome, SealState};
use medfolder_share::manifest::ManifestStatus;
use medfolder_share::receipt::SignedReceipt;
use medfolder_share::unpack::{Received, ReceivedAttachment, ReceivedRecord};
use serde_json::{Value, json};
use std::io::IsTerminal as _;
use zeroize::Zeroizing;

/// The state of a record's seal that stands on another ledger than the one that was named.
const OTHER_LEDGER: &str = "other_ledger";
/// The host left records out.
const MISSING: &str = "link.records_missing";
/// What is sent for a reader who gives no name, whatever her language: the patient reads it in hers.
pub(crate) const UNNAMED: &str = "unnamed";

/// `medfolder open LINK`
pub(crate) async fn run(words: args::Open, output: Output) -> Result<(), CliError> {
    let known = words.genesis.as_deref().map(policy::genesis).transpose()?;
    // Before the link is opened: that may be possible only once.
    let out = words.out.as_deref().map(files::Folder::prepare);
    let out = out.transpose()?;
    let passcode = words.passcode.clone().map(Zeroizing::new);
    output.progress(output.say("正在打开链接 …", "Opening the link …"));
    let mut opened = patience::told(output, open(&words, passcode)).await;
    if matches!(&opened, Err(error) if error.code() == "share.passcode_needed")
        && std::io::stdin().is_terminal()
    {
        opened = patience::told(output, open(&words, Some(asked()?))).await;
    }
    let opened = opened.map_err(|error| {
        out.iter().for_each(files::Folder::give_up);
        refused(&error, output)
    })?;
    output.progress(&arrived(opened.files.len(), output));
    let received = medfolder_share::unpack::unpack(plaintexts(&opened));
    let described = received.records.iter();
    let records: Vec<Value> = described
        .map(|record| describe(record, known.as_ref(), &received.attachments))
        .collect();
    let missing = received.missing.iter();
    let missing: Vec<Value> = missing.map(|pack| absent(pack, known.as_ref())).collect();
    let receipt = opened.receipt.as_ref();
    let problems: Vec<Value> = opened.files.iter().filter_map(problem).collect();
    let line = json!({
        "status": opened.status.map_or("opened", ManifestStatus::word), "label": opened.label, "files": opened.files.len(),
        "records": records, "missing": missing, "problems": problems,
        "receipt": receipt.map(|receipt| describe_receipt(receipt, &received)),
    });
    output.line(&line, || told::page(&line, &received.records, output));
    // Shown first: an opening that cannot be saved was an opening all the same.
    match (&out, &words.out) {
        (Some(folder), Some(directory)) => {
            files::write(folder, &received, &line, receipt, output)?;
            let saved = output.say("已保存，用浏览器打开：", "Saved; open in a browser: ");
            output.progress(&format!("{saved}{}", directory.join("index.html").display()));
        }
        _ if !output.is_json() => output.progress(output.say(
            "没有存盘。要保存病历和附件，请加 --out 文件夹 再打开（再打开也算一次）。",
            "Nothing was saved. To keep records and attachments open it with --out DIR (which counts as another opening).",
        )),
        _ => {}
    }
    verdict(&line)
}

/// What came, before it is verified, which takes a while where there is much.
fn arrived(files: usize, output: Output) -> String {
    match output.lang {
        Lang::Zh => format!("已收到 {files} 个文件，正在逐份验证 …"),
        Lang::En => format!("{files} files received; verifying each …"),
    }
}

async fn open(
    words: &args::Open,
    passcode: Option<Zeroizing<String>>,
) -> Result<OpenedLink, OpenError> {
    let recipient = words.recipient.clone();
    let options = OpenOptions {
        recipient: recipient.unwrap_or_else(|| UNNAMED.to_owned()),
        passcode,
        reach: Reach::OwnHost,
    };
    open_link(&words.link, options, &Clock::system(), &mut os_rng()).await
}

fn asked() -> Result<Zeroizing<String>, CliError> {
    prompt::secret("口令：", "Passcode: ", "share.passcode_needed")
}

/// The host's reason is the reader's to see; a link that needs a passcode says how to give one.
fn refused(error: &OpenError, output: Output) -> CliError {
    let detail = match error {
        OpenError::PasscodeWrong {
            remaining: Some(left),
        } => match output.lang {
            Lang::Zh => format!("还可以试 {left} 次"),
            Lang::En => format!("tries left: {left}"),
        },
        _ => error.to_string(),
    };
    CliError::new(error.code().to_owned(), detail)
}

/// FHIR files in the order of the link.
fn plaintexts(opened: &OpenedLink) -> Vec<(usize, Vec<u8>)> {
    let fhir = opened.files.iter().filter(|file| file.is_fhir());
    let contents = fhir.filter_map(|f| f.content.as_ref().ok().map(|c| (f.position, c.to_vec())));
    contents.collect()
}

/// The host's word that the ledger will have this opening: whether it is about this share, and
/// signed with the host's key on the ledger that came with the records.
fn describe_receipt(receipt: &SignedReceipt, received: &Received) -> Value {
    let packs = received.records.iter().filter_map(|record| {
        let evidence = Evidence::from_bytes(record.evidence.as_deref()?).ok()?;
        let chain = Chain::from_bytes(evidence.genesis_file.as_deref()?).ok()?;
        (chain.digest() == receipt.genesis).then(|| host(receipt, &evidence, &chain))
    });
    // Of several entries the newest.
    let known = packs.max_by_key(|(height, _)| *height);
    let host = known.and_then(|(_, host)| host);
    let signature = match &host {
        _ if received.grant != Some(receipt.record.grant) => "other_share",
        Some(member) if receipt.is_signed_by(&member.keys.host) => "verified",
        // A forgery, or a key that is newer than what came with the records.
        Some(_) => "unknown_key",
        None => "unknown_ledger",
    };
    json!({
        "digest": receipt.digest, "host": host.map(|member| member.name),
        "deadline": rfc3339(receipt.record.deadline_ms), "signature": signature,
    })
}

/// The host as a pack's proven entry shows it, or else as it was in genesis; with the height.
fn host(receipt: &SignedReceipt, evidence: &Evidence, chain: &Chain) -> (u64, Option<Member>) {
    let key = StateKey::member(chain.suite(), &receipt.host);
    match evidence.member.verify::<MemberEntry>(chain, &key) {
        Ok(Some(entry)) => {
            let height = evidence.member.checkpoint.header.height;
            (height, Some(entry.member))
        }
        _ => (0, chain.member(&receipt.host).cloned()),
    }
}

fn problem(file: &medfolder_share::viewer::ViewedFile) -> Option<Value> {
    let problem = file.content.as_ref().err()?;
    Some(json!({ "file": file.position, "code": problem.code() }))
}

/// A record with what its evidence proves: whose seal it carries, or why not.
fn describe(record: &ReceivedRecord, known: Option<&Chain>, files: &[ReceivedAttachment]) -> Value {
    let Some(evidence) = &record.evidence else {
        return json!({
            "title": title(&record.body), "hospital": Value::Null, "seal": "none",
            "patient": patient(&record.body),
        });
    };
    let evidence = match Evidence::from_bytes(evidence) {
        Ok(evidence) => evidence,
        Err(error) => {
            let title = title(&record.body);
            return json!({ "title": title, "seal": "failed", "check": error.code() });
        }
    };
    let report = evidence.verify(known, Some(&record.body));
    let statement = report.statement.as_ref();
    let written = statement.map(|s| Written::find(&record.body, s.times.authored));
    let attachments = report.attachments.iter();
    let attachments: Vec<Value> = attachments
        .map(|piece| attachment(piece, record, files))
        .collect();
    let mut line = json!({
        "title": statement.map(|statement| statement.title.clone()),
        "author": statement.map(|statement| statement.author.name.clone()),
        "date": written.as_ref().map(Written::rfc3339),
        "written": written.as_ref().map(Written::minute),
        "patient": patient(&record.body), "hospital": report.hospital, "seal": report.seal,
        "record": report.record, "trust": report.trust, "standing": report.standing,
        "attachments": attachments, "carried": report.carried,
    });
    if let Some(check) = report.failed() {
        line["check"] = json!(check.code);
    }
    // No forgery: the reader named another ledger than the one that it was sealed on.
    if report.outcome(EvidenceCheck::Genesis) == Outcome::Fails {
        line["seal"] = json!(OTHER_LEDGER);
        line["check"] = json!("evidence.other_ledger");
    }
    line
}

/// A record that the patient shared and no file shows, as far as its evidence discloses it.
fn absent(evidence: &[u8], known: Option<&Chain>) -> Value {
    let evidence = match Evidence::from_bytes(evidence) {
        Ok(evidence) => evidence,
        Err(error) => return json!({ "title": Value::Null, "check": error.code() }),
    };
    let report = evidence.verify(known, None);
    let statement = report.statement.as_ref();
    let mut line = json!({
        "title": statement.map(|statement| statement.title.clone()),
        "author": statement.map(|statement| statement.author.name.clone()),
        "date": statement.map(|statement| Written::find(&[], statement.times.authored).rfc3339()),
        "hospital": report.hospital, "record": report.record,
    });
    if let Some(check) = report.failed() {
        line["check"] = json!(check.code);
    }
    line
}

/// An attachment as the doctor signed it, with the file of the link that holds these very bytes;
/// `withheld` when it did not travel and the link says so, `missing` when nothing is said.
fn attachment(piece: &Attachment, record: &ReceivedRecord, files: &[ReceivedAttachment]) -> Value {
    let is_it = |file: &&ReceivedAttachment| {
        let suites = [Suite::International, Suite::National];
        file.bytes.len() as u64 == piece.size
            && suites
                .iter()
                .any(|suite| suite.hash(&[&file.bytes]) == piece.digest)
    };
    let file = files.iter().find(is_it).map(|file| file.file);
    let digest = piece.digest.to_string();
    let withheld = record
        .withheld
        .iter()
        .any(|withheld| withheld.digest == digest);
    let state = match (file, withheld) {
        (Some(_), _) => "verified",
        (None, true) => "withheld",
        (None, false) => "missing",
    };
    json!({
        "name": piece.name, "media_type": piece.media_type, "size": piece.size,
        "digest": digest, "state": state, "file": file,
    })
}

/// Whose record it is, as its document says.
fn patient(body: &[u8]) -> Option<Value> {
    document::summary(body).map(|document| document::patient_json(&document.patient))
}

/// The title of a document that brings no evidence: its Composition's, else its resource type.
fn title(body: &[u8]) -> Option<String> {
    let document: Value = serde_json::from_slice(body).ok()?;
    let composition = document["entry"][0]["resource"]["title"].as_str();
    composition
        .or(document["resourceType"].as_str())
        .map(str::to_owned)
}

/// A file that does not open, a record that was left out, or a seal that does not hold, is told by the
/// exit code too.
fn verdict(line: &Value) -> Result<(), CliError> {
    let problem = line["problems"][0]["code"].as_str();
    if let Some(code) = problem {
        return Err(CliError::verification(
            code,
            "a file of the link does not open",
        ));
    }
    if !line["missing"][0].is_null() {
        return Err(CliError::verification(
            MISSING,
            "the evidence names records that did not come",
        ));
    }
    let mut records = line["records"].as_array().into_iter().flatten();
    let fails = |record: &&Value| {
        record["seal"] == SealState::Failed.as_str() || record["seal"] == OTHER_LEDGER
    };
    let failed = records.find(fails);
    let failed = failed.map(|record| record["check"].as_str().unwrap_or("evidence.genesis"));
    match failed {
        Some(code) => Err(CliError::verification(
            code,
            "a record's evidence does not hold",
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use medfolder_crypto::{Digest, Secret32, SigningKey};
    use medfolder_record::{GrantId, MemberId};
    use medfolder_share::receipt::AccessRecord;

    #[test]
    fn a_receipt_of_another_share_is_not_verified() {
        let suite = Suite::International;
        let key = SigningKey::from_seed(suite, &Secret32::new([1; 32]));
        let (own, digest) = (GrantId(Digest([2; 32])), Digest([3; 32]));
        let record = AccessRecord::new(own, 5, digest, [4; 32], "Dr. Li", Some("x"));
        let receipt = SignedReceipt::sign(suite, &key, digest, MemberId([5; 16]), record);
        let word = |grant| {
            let received = Received {
                grant,
                ..Received::default()
            };
            describe_receipt(&receipt, &received)["signature"].clone()
        };
        assert_eq!(word(Some(own)), "unknown_ledger");
        assert_eq!(word(Some(GrantId(digest))), "other_share");
        assert_eq!(word(None), "other_share");
    }
}
