//! What a doctor reads of a link: whose records these are, then each record with whose seal it
//! carries, who wrote it and when.

use super::OTHER_LEDGER;
use crate::commands::document;
use crate::output::Output;
use medfolder_fhir::PatientInfo;
use medfolder_folder::records::size;
use medfolder_share::unpack::ReceivedRecord;
use serde_json::Value;

/// The whole link; `line` is what a program gets of it.
pub(super) fn page(line: &Value, bodies: &[ReceivedRecord], output: Output) -> String {
    let mut lines = Vec::new();
    if let Some(label) = line["label"].as_str() {
        lines.push(format!("{}{label}", output.say("分享名称：", "Share: ")));
    }
    let records: Vec<&Value> = line["records"].as_array().into_iter().flatten().collect();
    let patient = only_patient(&records, bodies);
    lines.extend(whose(line, bodies, output));
    for (record, received) in records.iter().zip(bodies) {
        lines.push(String::new());
        lines.push(heading(record, output));
        let about = about(record, received, patient.is_none(), output);
        let files = attachments(record).map(|one| attached(one, output));
        let about = about.into_iter().chain(files);
        lines.extend(about.map(|said| format!("    {said}")));
        lines.push(String::new());
        let text = document::read(&received.body);
        let indented = |line: &str| format!("    {line}").trim_end().to_owned();
        lines.extend(text.lines().map(indented));
    }
    lines.push(String::new());
    lines.extend(about_the_opening(line, &records, output));
    lines.join("\n").trim_end().to_owned()
}

/// Whose the link is, as far as that is proven, for the top of a page.
pub(super) fn whose(line: &Value, bodies: &[ReceivedRecord], output: Output) -> Option<String> {
    let records: Vec<&Value> = line["records"].as_array().into_iter().flatten().collect();
    match only_patient(&records, bodies) {
        Some(patient) => Some(document::patient_row(&patient, output)),
        None if records.len() > 1 => Some(several(output).to_owned()),
        None => None,
    }
}

/// The patient, when every record was verified and is of one and the same.
fn only_patient(records: &[&Value], bodies: &[ReceivedRecord]) -> Option<PatientInfo> {
    let is_proven = |record: &&&Value| {
        ["verified", "verified_in_part"].contains(&record["seal"].as_str().unwrap_or_default())
    };
    let same = |record: &&Value| {
        Some(&record["patient"]) == records.first().map(|first| &first["patient"])
    };
    let one = records.iter().filter(is_proven).count() == records.len() && records.iter().all(same);
    let first = bodies.first().filter(|_| one)?;
    document::summary(&first.body).map(|document| document.patient)
}

const fn several(output: Output) -> &'static str {
    match output.lang {
        crate::args::Lang::Zh => "⚠ 不能确认这些病历都属于同一位病人：请看每份病历上的姓名。",
        crate::args::Lang::En => {
            "⚠ It is not proven that these records are all of one patient: see the name on each."
        }
    }
}

/// Whose seal, and what.
fn heading(record: &Value, output: Output) -> String {
    let title = record["title"].as_str().unwrap_or_default();
    format!("{}  {title}", seal_word(record, output))
        .trim_end()
        .to_owned()
}

/// Whose record, whose hospital, when and by whom; its standing.
pub(super) fn about(
    record: &Value,
    received: &ReceivedRecord,
    whose: bool,
    output: Output,
) -> Vec<String> {
    let document = document::summary(&received.body);
    let mut lines = Vec::new();
    if let Some(document) = document.as_ref().filter(|_| whose) {
        lines.push(document::patient_row(&document.patient, output));
    }
    let labels = [
        ("hospital", "医院：", "Hospital: "),
        ("written", "日期：", "Date: "),
    ];
    lines.extend(labels.iter().filter_map(|(name, zh, en)| {
        Some(format!("{}{}", output.say(zh, en), record[*name].as_str()?))
    }));
    let author = document.as_ref().map(|document| &document.author);
    let name = record["author"].as_str();
    lines.extend(name.map(|name| document::author_row(name, author, output)));
    lines.extend(originals(record, output));
    lines.extend(standing(record, output).map(str::to_owned));
    lines
}

/// A record's attachments as they are described.
pub(super) fn attachments(record: &Value) -> impl Iterator<Item = &Value> + Clone {
    record["attachments"].as_array().into_iter().flatten()
}

/// An attachment, and what became of it; what did not travel with what its original is known by.
pub(super) fn attached(attachment: &Value, output: Output) -> String {
    let name = attachment["name"].as_str().unwrap_or_default();
    let row = format!("{}  {name}", attachment_word(attachment, output));
    if attachment["state"] != "withheld" {
        return row;
    }
    let size = size(attachment["size"].as_u64().unwrap_or_default());
    let digest = attachment["digest"].as_str().unwrap_or_default();
    format!("{row}  {size}  {}{digest}", output.say("摘要 ", "digest "))
}

/// What is to be said of the opening as a whole.
pub(super) fn about_the_opening(line: &Value, records: &[&Value], output: Output) -> Vec<String> {
    let mut lines = missing(line, output);
    if line["receipt"]["signature"] == "verified" {
        let digest = line["receipt"]["digest"].as_str().unwrap_or_default();
        let told = output.say(
            "调阅回执（账本上可查）：",
            "Receipt of this opening, to be found on the ledger: ",
        );
        lines.push(format!("{told}{}", digest.get(..12).unwrap_or(digest)));
    }
    if line["receipt"]["signature"] == "other_share" {
        let told = output.say(
            "主机的回执说的是另一份分享：病人可能看不到您这次调阅。",
            "The host's receipt names another share: the patient may never see this opening.",
        );
        lines.push(told.to_owned());
    }
    // Whoever invents a ledger can name a hospital on it at will.
    if records
        .iter()
        .any(|record| record["trust"] == "self_declared")
    {
        let unknown = output.say(
            "账本由链接自己带来，本机并不认识它：医院的名字只按那个账本成立。用 --genesis 指定您信任的账本。",
            "The ledger came with the link and is not known here: the hospitals are who that ledger says. \
             Name the ledger that you trust with --genesis.",
        );
        lines.push(unknown.to_owned());
    }
    lines
}

/// What the patient shared and the link's host did not pass on, by name.
fn missing(line: &Value, output: Output) -> Vec<String> {
    let missing = line["missing"].as_array().into_iter().flatten();
    let row = |record: &Value| {
        let text = |name: &str| record[name].as_str();
        let title = text("title").unwrap_or(output.say("（名称不明）", "(title unknown)"));
        let day = text("date").and_then(|date| date.get(..10));
        let parts = [Some(title), text("hospital"), day, text("author")];
        let parts = parts.into_iter().flatten().collect::<Vec<_>>().join("  ");
        format!("{}{parts}", output.say("✗ 没有收到：", "✗ not received: "))
    };
    let rows: Vec<String> = missing.map(row).collect();
    let heading = output.say(
        "⚠ 病历不全：病人还分享了下列病历，存放分享的服务器没有送来。",
        "⚠ Incomplete: the patient also shared these records, and the host did not pass them on.",
    );
    let heading = (!rows.is_empty()).then(|| heading.to_owned());
    heading.into_iter().chain(rows).collect()
}

/// Who signed the hospital's own file, beside the hospital's seal.
fn originals<'a>(record: &'a Value, output: Output) -> impl Iterator<Item = String> + 'a {
    let told = output.say("原件签名：", "original signed by ");
    let carried = record["carried"].as_array().into_iter().flatten();
    let signers = carried.filter_map(|carried| carried["signer"].as_str());
    signers.map(move |signer| format!("{told}{signer}"))
}

/// What became of a record's seal.
pub(super) fn seal_word(record: &Value, output: Output) -> &'static str {
    match record["seal"].as_str() {
        Some("verified") => output.say("✓ 签章已验证", "✓ seal verified"),
        Some("verified_in_part") => output.say("✓ 部分内容已验证", "✓ verified in part"),
        Some("seal_only") => output.say("· 只验证了签章", "· only the seal is verified"),
        Some(OTHER_LEDGER) => output.say(
            "· 由另一个账本签章，没有核对",
            "· sealed on another ledger, not checked",
        ),
        Some("none") => output.say("· 没有证据", "· no evidence"),
        _ => output.say("✗ 签章不成立", "✗ the seal does not hold"),
    }
}

fn attachment_word(attachment: &Value, output: Output) -> &'static str {
    match attachment["state"].as_str() {
        Some("verified") => output.say("✓ 附件", "✓ attachment"),
        Some("withheld") => output.say(
            "· 附件未随链接发送，请索取原件",
            "· attachment not in the link, ask for the original",
        ),
        _ => output.say("✗ 附件没有收到", "✗ attachment not received"),
    }
}

fn standing(record: &Value, output: Output) -> Option<&'static str> {
    match record["standing"]["state"].as_str()? {
        "replaced" => Some(output.say(
            "⚠ 医院已有更正后的版本，请向病人索取。",
            "⚠ A corrected version exists; ask the patient.",
        )),
        "withdrawn" => Some(output.say(
            "⚠ 医院已撤回这份病历，请询问病人。",
            "⚠ The hospital withdrew this record; ask the patient.",
        )),
        _ => None,
    }
}
