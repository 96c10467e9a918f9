//! What people search for is in the text of the records that say it, and nowhere else.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use common::{family_files, folder_files};
use medfolder_fhir::{json::Limits, summary, summary::Flag, text};

fn words() -> Vec<(String, String)> {
    let plain = |b: &[u8]| text::plain(b, &Limits::default()).unwrap();
    family_files()
        .into_iter()
        .map(|(name, bytes)| (name, plain(&bytes)))
        .collect()
}

fn found(word: &str) -> Vec<String> {
    words()
        .into_iter()
        .filter(|(_, t)| t.contains(word))
        .map(|(n, _)| n)
        .collect()
}

#[test]
fn the_allergy_is_found_in_chinese_in_english_and_by_code() {
    let list = "wang-xiulan/2019-03-06-donghu-central-penicillin-allergy/01-allergy-list.json";
    for word in ["青霉素", "Allergy to penicillin", "91936005", "阿莫西林"] {
        let records = found(word);
        assert!(records.iter().any(|n| n == list), "{word}");
        assert!(records.len() < 40, "{word} is in {} records", records.len());
    }
}

#[test]
fn the_correction_is_found_and_the_error_is_not() {
    let visit = "wang-xiulan/2023-06-13-pujiang-first-annual-review/02-outpatient-note";
    let records = found("青霉素类（阿莫西林）过敏");
    assert!(records.contains(&format!("{visit}.v2.json")));
    assert!(!records.contains(&format!("{visit}.v1.json")));
}

#[test]
fn values_codes_names_and_places_are_words() {
    for (word, at_least) in [
        ("E11.9", 3),
        ("4548-4", 5),
        ("6.8 mmol/L", 1),
        ("王秀兰", 52),
        ("林静怡", 5),
        ("浦江市儿童医院", 5),
        ("B01AA03", 1),
        ("华法林", 2),
    ] {
        assert!(
            found(word).len() >= at_least,
            "{word}: {}",
            found(word).len()
        );
    }
}

#[test]
fn machine_text_stays_out() {
    for (name, text) in words() {
        for noise in ["urn:", "http://", "<div", "xmlns", "iVBORw0KGgo"] {
            assert!(!text.contains(noise), "{name}: {noise}");
        }
    }
}

#[test]
fn a_critical_result_is_shown_with_value_unit_range_and_flag() {
    let critical = |version: &str| {
        let wanted =
            format!("2026-06-16-pujiang-first-nodule-27-months/01-lab-report.{version}.json");
        let file = family_files()
            .into_iter()
            .find(|(n, _)| n.ends_with(&wanted))
            .unwrap();
        let shown = summary::read(&file.1, &Limits::default()).unwrap();
        let potassium = shown
            .results
            .iter()
            .find(|r| r.name == "钾")
            .unwrap()
            .clone();
        (shown, potassium)
    };
    let (first, high) = critical("v1");
    assert_eq!((high.value.as_str(), high.unit.as_str()), ("6.8", "mmol/L"));
    assert_eq!(high.range.as_deref(), Some("3.5–5.3"));
    assert_eq!(high.flag, Some(Flag::CriticalHigh));
    assert_eq!(first.status, "final");
    let (second, normal) = critical("v2");
    assert_eq!(
        (normal.value.as_str(), normal.flag),
        ("4.6", Some(Flag::Normal))
    );
    assert_eq!(second.status, "amended");
    assert!(second.sections.iter().any(|s| s.title == "更正说明"));
}

#[test]
fn every_document_has_a_summary_with_text_in_every_section() {
    let all = family_files().into_iter().chain(folder_files("ips"));
    for (name, bytes) in all {
        let shown = summary::read(&bytes, &Limits::default()).unwrap();
        assert!(!shown.title.is_empty() && !shown.date.is_empty(), "{name}");
        assert!(
            shown.hospital.is_some() && !shown.author.name.is_empty(),
            "{name}"
        );
        assert!(shown.sections.iter().all(|s| !s.lines.is_empty()), "{name}");
        let html = |l: &String| l.contains("</") || l.contains("&nbsp;");
        assert!(
            !shown.sections.iter().flat_map(|s| &s.lines).any(html),
            "{name}"
        );
    }
}
