//! A record as a page: whose it is, where it comes from, what it says, what belongs to it.

use super::html::{self, Language, address, escape};
use super::index::Row;
use super::names::size;
use crate::records::Shown;
use medfolder_fhir::summary::{Flag, ResultLine, Summary};
use medfolder_fhir::{json::Limits, text};

/// The page of a record that was verified; `newer` is the folder of the version that is in force,
/// where another one is.
pub(super) fn page(
    row: &Row,
    document: Option<&Summary>,
    shown: &Shown,
    newer: Option<&str>,
    proven: bool,
    language: Language,
) -> String {
    let mut body = format!("<h1>{}</h1>\n", escape(&row.title));
    body.push_str(&not_in_force(row, newer, language));
    body.push_str(&heading(row, shown, language));
    body.push_str(&content(document, shown.record.body(), language));
    body.push_str(&attachments(row, language));
    body.push_str(&proof(row, shown, proven, language));
    html::page(&row.title, &body, language)
}

fn not_in_force(row: &Row, newer: Option<&str>, language: Language) -> String {
    if !row.superseded {
        return String::new();
    }
    let Some(newer) = newer else {
        let told = language.say(
            "⚠ 这不是现行版本：医院已撤回这份病历。",
            "⚠ Not in force: the hospital has withdrawn this record.",
        );
        return format!("<p class=\"old\">{told}</p>\n");
    };
    let told = language.say(
        "⚠ 这不是现行版本：医院已有更正版。",
        "⚠ Not in force: the hospital has corrected this record.",
    );
    let open = language.say("打开更正版", "Open the correction");
    let href = html::beside(&format!("{newer}/record.html"));
    format!("<p class=\"old\">{told} <a href=\"{href}\">{open}</a></p>\n")
}

fn heading(row: &Row, shown: &Shown, language: Language) -> String {
    let statement = shown.record.statement();
    let hospital = format!("{} {}", row.hospital, statement.department);
    let lines = [
        (language.say("病人", "Patient"), row.person(language)),
        (language.say("医院", "Hospital"), hospital.trim().to_owned()),
        (language.say("日期", "Date"), row.minute.clone()),
        (language.say("书写", "Written by"), row.author.clone()),
    ];
    let line = |(label, text): &(&str, String)| {
        format!("<tr><th>{label}</th><td>{}</td></tr>\n", escape(text))
    };
    format!(
        "<table>\n{}</table>\n",
        lines.iter().map(line).collect::<String>()
    )
}

/// What a document says.
pub(super) fn content(document: Option<&Summary>, body: &[u8], language: Language) -> String {
    let sections = document.map(|document| document.sections.as_slice());
    let section = |section: &medfolder_fhir::summary::SectionText| {
        let title = match section.title.as_str() {
            "" => String::new(),
            title => format!("<h2>{}</h2>\n", escape(title)),
        };
        format!("{title}{}", html::lines(&section.lines))
    };
    let said: String = sections.unwrap_or_default().iter().map(section).collect();
    let results = document.map(|document| document.results.as_slice());
    match (said.is_empty(), results.unwrap_or_default()) {
        (false, _) => said,
        (true, []) => {
            let plain = text::plain(body, &Limits::default()).unwrap_or_default();
            let plain: Vec<String> = plain.lines().map(str::to_owned).collect();
            html::lines(&plain)
        }
        (true, results) => {
            let heads = match language {
                Language::Chinese => "项目\t结果\t提示\t单位\t参考范围",
                Language::English => "Test\tResult\tFlag\tUnit\tRange",
            };
            let heads = std::iter::once(heads.to_owned());
            let rows: Vec<String> = heads.chain(results.iter().map(result)).collect();
            let title = language.say("结果", "Results");
            format!("<h2>{title}</h2>\n{}", html::lines(&rows))
        }
    }
}

/// Name, value, flag, unit and range, in cells.
fn result(result: &ResultLine) -> String {
    let flag = match result.flag {
        Some(Flag::High) => "↑",
        Some(Flag::Low) => "↓",
        Some(Flag::CriticalHigh) => "↑↑",
        Some(Flag::CriticalLow) => "↓↓",
        Some(Flag::Abnormal | Flag::CriticalAbnormal) => "!",
        Some(Flag::Normal) | None => "",
    };
    let range = result.range.as_deref().unwrap_or_default();
    [&result.name, &result.value, flag, &result.unit, range].join("\t")
}

fn attachments(row: &Row, language: Language) -> String {
    if row.attachments.is_empty() && row.missing.is_empty() {
        return String::new();
    }
    let missing = row.missing.iter().map(|(name, code)| {
        let told = language.say("不在本机", "not here");
        let (name, code) = (escape(name), escape(code));
        format!("<p class=\"bad\">{name}: {told} [{code}]</p>\n")
    });
    let title = language.say("附件", "Attachments");
    format!(
        "<h2>{title}</h2>\n{}{}",
        links(&row.attachments, language),
        missing.collect::<String>()
    )
}

/// Links to files beside the page, each with its size.
pub(super) fn links(files: &[(String, u64)], language: Language) -> String {
    let link = |(name, bytes): &(String, u64)| {
        let (href, shown, size) = (address(name), escape(name), size(*bytes));
        let renamed = name
            .strip_suffix(".txt")
            .is_some_and(|own| own.contains('.'));
        let guarded = match renamed {
            true => language.say(
                "（网页一类的附件存为 .txt，打开时不会运行）",
                " (a page or picture that could run is saved as .txt)",
            ),
            false => "",
        };
        format!(
            "<p><a href=\"{href}\">{shown}</a> <span class=\"dim\">{size}{guarded}</span></p>\n"
        )
    };
    files.iter().map(link).collect()
}

fn proof(row: &Row, shown: &Shown, proven: bool, language: Language) -> String {
    let verified = language.say(
        "✓ 导出时已逐项验证：医院的签章和签署人的签名都有效，内容没有改动。",
        "✓ Verified when it was exported: the hospital’s seal and the signer’s signature hold, and nothing was changed.",
    );
    let sealed = i64::try_from(shown.sealed.time).ok();
    let sealed = sealed.and_then(chrono::DateTime::from_timestamp_millis);
    let sealed = sealed.map_or_else(String::new, |time| {
        let here = time.with_timezone(&chrono::Local);
        here.format("%Y-%m-%d %H:%M %:z").to_string()
    });
    let (label, id) = (
        language.say("医院签章不晚于", "Sealed not later than"),
        row.id.get(..12).unwrap_or(&row.id),
    );
    let number = language.say("病历编号", "record");
    let files = match proven {
        true => language.say(
            "签署的原文：record.json；证明：record.evidence.cbor（medfolder verify 可检查）",
            "What was signed: record.json. What proves it: record.evidence.cbor, for `medfolder verify`",
        ),
        false => language.say(
            "签署的原文：record.json。导出时账本没有回答，所以没有附上证明。",
            "What was signed: record.json. The ledger did not answer at export: no proof is beside it.",
        ),
    };
    let back = language.say("全部病历", "all records");
    format!(
        "<h2>{}</h2>\n<p class=\"ok\">{verified}</p>\n<p class=\"dim\">{label} {sealed}; {number} {id}</p>\n\
         <p class=\"dim\">{files}</p>\n<p><a href=\"../index.html\">{back}</a></p>\n",
        language.say("验证", "Verification"),
    )
}
