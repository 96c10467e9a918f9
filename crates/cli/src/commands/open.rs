//! Opens anyone's SMART Health Link; what carries our evidence is verified here.

mod files;

use super::policy;
use crate::args::{self, Lang};
use crate::commands::document;
use crate::error::CliError;
use crate::output::Output;
use crate::patience;
use crate::prompt;
use crate::time::{date, local, rfc3339};
use medfolder_client::clock::Clock;
use medfolder_client::viewer::{OpenError, OpenOptions, OpenedLink, Reach, open_link};
use medfolder_crypto::{Suite, os_rng};
use medfolder_ledger::member::Member;
use medfolder_ledger::state::MemberEntry;
use medfolder_ledger::{Chain, StateKey};
use medfolder_record::Attachment;
use medfolder_share::evidence::{Evidence, SealState};
use medfolder_share::manifest::ManifestStatus;
use medfolder_share::receipt::SignedReceipt;
use medfolder_share::unpack::{Received, ReceivedAttachment, ReceivedRecord};
use serde_json::{Value, json};
use std::io::IsTerminal as _;
use zeroize::Zeroizing;

/// `medfolder open LINK`
pub(crate) async fn run(words: args::Open, output: Output) -> Result<(), CliError> {
    let known = words.genesis.as_deref().map(policy::genesis).transpose()?;
    let passcode = words.passcode.clone().map(Zeroizing::new);
    let mut opened = patience::told(output, open(&words, passcode)).await;
    if matches!(&opened, Err(error) if error.code() == "share.passcode_needed")
        && std::io::stdin().is_terminal()
    {
        opened = patience::told(output, open(&words, Some(asked()?))).await;
    }
    let opened = opened.map_err(|error| refused(&error, output))?;
    let received = medfolder_share::unpack::unpack(plaintexts(&opened));
    let described = received.records.iter();
    let records: Vec<Value> = described
        .map(|record| describe(record, known.as_ref(), &received.attachments))
        .collect();
    let receipt = opened.receipt.as_ref();
    let problems: Vec<Value> = opened.files.iter().filter_map(problem).collect();
    let line = json!({
        "status": opened.status.map_or("opened", ManifestStatus::word), "label": opened.label, "files": opened.files.len(),
        "records": records, "problems": problems,
        "receipt": receipt.map(|receipt| describe_receipt(receipt, &received)),
    });
    output.line(&line, || told(&line, &received.records, output));
    // Shown first: an opening that cannot be saved was an opening all the same.
    if let Some(directory) = &words.out {
        files::write(directory, &received, &records, receipt)?;
        let saved = output.say("已保存到", "Saved in");
        output.progress(&format!("{saved} {}", directory.display()));
    }
    verdict(&line)
}

async fn open(
    words: &args::Open,
    passcode: Option<Zeroizing<String>>,
) -> Result<OpenedLink, OpenError> {
    let options = OpenOptions {
        recipient: words.recipient.clone(),
        passcode,
        reach: Reach::OwnHost,
    };
    open_link(&words.link, options, &Clock::system(), &mut os_rng()).await
}

fn asked() -> Result<Zeroizing<String>, CliError> {
    prompt::secret("口令 Passcode: ", "share.passcode_needed")
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
        return json!({ "title": title(&record.body), "hospital": Value::Null, "seal": "none" });
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
    let attachments = report.attachments.iter();
    let attachments: Vec<Value> = attachments
        .map(|piece| attachment(piece, record, files))
        .collect();
    let mut line = json!({
        "title": statement.map(|statement| statement.title.clone()),
        "author": statement.map(|statement| statement.author.name.clone()),
        "date": statement.map(|statement| date(statement.times.authored)),
        "hospital": report.hospital, "seal": report.seal,
        "record": report.record, "trust": report.trust, "standing": report.standing,
        "attachments": attachments, "carried": report.carried,
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
        "state": state, "file": file,
    })
}

/// The title of a document that brings no evidence: its Composition's, else its resource type.
fn title(body: &[u8]) -> Option<String> {
    let document: Value = serde_json::from_slice(body).ok()?;
    let composition = document["entry"][0]["resource"]["title"].as_str();
    composition
        .or(document["resourceType"].as_str())
        .map(str::to_owned)
}

/// A file that does not open, or a seal that does not hold, is told by the exit code too.
fn verdict(line: &Value) -> Result<(), CliError> {
    let problem = line["problems"][0]["code"].as_str();
    if let Some(code) = problem {
        return Err(CliError::verification(
            code,
            "a file of the link does not open",
        ));
    }
    let mut records = line["records"].as_array().into_iter().flatten();
    let failed = records.find(|record| record["seal"] == SealState::Failed.as_str());
    let failed = failed.map(|record| record["check"].as_str().unwrap_or("evidence.genesis"));
    match failed {
        Some(code) => Err(CliError::verification(
            code,
            "a record's evidence does not hold",
        )),
        None => Ok(()),
    }
}

fn told(line: &Value, bodies: &[ReceivedRecord], output: Output) -> String {
    let mut lines = Vec::new();
    if let Some(label) = line["label"].as_str() {
        lines.push(label.to_owned());
    }
    let records = || line["records"].as_array().into_iter().flatten();
    for (record, received) in records().zip(bodies) {
        lines.push(heading(record, output));
        lines.extend(standing(record, output).map(|said| format!("    {said}")));
        let attachments = record["attachments"].as_array().into_iter().flatten();
        lines.extend(attachments.map(|attachment| {
            let name = attachment["name"].as_str().unwrap_or_default();
            format!("    {}  {name}", attachment_word(attachment, output))
        }));
        let text = document::read(&received.body);
        lines.extend(text.lines().map(|line| format!("    {line}")));
        lines.push(String::new());
    }
    if line["receipt"]["signature"] == "verified" {
        lines.push(format!(
            "{}{}",
            output.say(
                "调阅回执（账本上可查）：",
                "Receipt of this opening, to be found on the ledger: "
            ),
            line["receipt"]["digest"].as_str().unwrap_or_default()
        ));
    }
    if line["receipt"]["signature"] == "other_share" {
        lines.push(
            output
                .say(
                    "主机的回执说的是另一份分享：病人可能看不到您这次调阅。",
                    "The host's receipt names another share: the patient may never see this opening.",
                )
                .to_owned(),
        );
    }
    // Whoever invents a ledger can name a hospital on it as she likes.
    if records().any(|record| record["trust"] == "self_declared") {
        let unknown = output.say(
            "账本由链接自己带来，本机并不认识它：医院的名字只按那个账本成立。用 --genesis 指定您信任的账本。",
            "The ledger came with the link and is not known here: the hospitals are who that ledger says. \
             Name the ledger that you trust with --genesis.",
        );
        lines.push(unknown.to_owned());
    }
    lines.join("\n")
}

/// Whose seal, what, who wrote it and when.
fn heading(record: &Value, output: Output) -> String {
    let seal = seal_word(record, output);
    let named = ["hospital", "title", "author"].iter();
    let named = named.filter_map(|name| record[name].as_str().map(str::to_owned));
    let written = record["date"].as_str().and_then(|date| {
        let time = chrono::DateTime::parse_from_rfc3339(date).ok()?;
        Some(local(time.timestamp_millis()))
    });
    let parts: Vec<String> = [seal.to_owned()]
        .into_iter()
        .chain(named)
        .chain(written)
        .chain(originals(record, output))
        .collect();
    parts.join("  ")
}

/// Who signed the hospital's own file, beside the hospital's seal.
fn originals<'a>(record: &'a Value, output: Output) -> impl Iterator<Item = String> + 'a {
    let told = output.say("原件签名：", "original signed by ");
    let carried = record["carried"].as_array().into_iter().flatten();
    let signers = carried.filter_map(|carried| carried["signer"].as_str());
    signers.map(move |signer| format!("{told}{signer}"))
}

fn seal_word(record: &Value, output: Output) -> &'static str {
    match record["seal"].as_str() {
        Some("verified") => output.say("✓ 签章已验证", "✓ seal verified"),
        Some("verified_in_part") => output.say("✓ 部分内容已验证", "✓ verified in part"),
        Some("seal_only") => output.say("· 只验证了签章", "· only the seal is verified"),
        Some("none") => output.say("· 没有证据", "· no evidence"),
        _ => output.say("✗ 签章不成立", "✗ the seal does not hold"),
    }
}

fn attachment_word(attachment: &Value, output: Output) -> &'static str {
    match attachment["state"].as_str() {
        Some("verified") => output.say("✓ 附件", "✓ attachment"),
        Some("withheld") => output.say("· 附件未随链接发送，请索取原件", "· ask for the original"),
        _ => output.say("✗ 附件没有收到", "✗ attachment not received"),
    }
}

fn standing(record: &Value, output: Output) -> Option<&'static str> {
    match record["standing"]["state"].as_str()? {
        "replaced" => Some(output.say(
            "医院已有更正后的版本，请向病人索取。",
            "A corrected version exists; ask the patient.",
        )),
        "withdrawn" => Some(output.say(
            "医院已撤回这份病历，请询问病人。",
            "The hospital withdrew this record; ask the patient.",
        )),
        _ => None,
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
