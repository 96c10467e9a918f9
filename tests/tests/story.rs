//! The story, told by the binary as its own processes, line by line as the contract has it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

use medfolder_tests::{Ended, binary, medfolder, root, run};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

const STEPS: [&str; 11] = [
    "ingest",
    "link",
    "sync",
    "search",
    "share",
    "open",
    "access_log",
    "revoke",
    "open_after_revoke",
    "tamper",
    "done",
];

fn headless(words: &[&str]) -> Ended {
    let place = tempfile::tempdir().unwrap();
    let mut command = medfolder(&["demo", "--headless", "--quiet"]);
    let told = run(command.args(words).arg("--data-dir").arg(place.path()));
    assert_eq!(told.exit, 0, "{}{}", told.stdout, told.stderr);
    assert_eq!(
        told.stdout.lines().count(),
        told.lines.len(),
        "not only JSON: {}",
        told.stdout
    );
    let steps: Vec<&str> = told
        .lines
        .iter()
        .filter_map(|line| line["step"].as_str())
        .collect();
    assert_eq!(steps, STEPS);
    told
}

fn count(line: &Value, name: &str) -> u64 {
    line[name]
        .as_u64()
        .unwrap_or_else(|| panic!("{name} in {line}"))
}

/// The same in every run and on every suite.
const CAUGHT_BY: [(&str, &str); 10] = [
    ("link cut short", "link.cut_short"),
    ("shared file changed", "jwe.opaque"),
    ("vault changed on disk", "vault.damaged"),
    ("genesis changed", "folder.genesis"),
    ("attachment changed", "record.attachment_blob"),
    ("record changed", "record.sealed_content"),
    ("two records swapped", "record.leaf"),
    ("record deleted", "zone.missing"),
    ("key slot changed", "record.slot"),
    ("key slot of another visit", "record.slot"),
];

fn whole_story(told: &Ended) {
    let (ingest, sync) = (told.step("ingest"), told.step("sync"));
    assert_eq!(count(ingest, "records"), count(sync, "records"));
    assert_eq!(count(sync, "records"), count(sync, "verified"));
    assert_eq!(count(sync, "failed"), 0);
    assert!(count(told.step("search"), "found") > 0);
    let opened = told.step("open")["records"].as_array().unwrap();
    assert_eq!(opened.len(), 3);
    assert!(opened.iter().all(|record| record["seal"] == "verified"));
    assert!(count(told.step("access_log"), "accesses") > 0);
    assert_eq!(told.step("access_log")["complete"], true);
    assert_eq!(told.step("open_after_revoke")["refused"], true);
    let tamper = told.step("tamper");
    let untried = tamper["untried"].as_array().unwrap();
    assert_eq!(count(tamper, "tried") + untried.len() as u64, 10);
    assert!(count(tamper, "tried") >= 9, "{untried:?}");
    assert_eq!(count(tamper, "tried"), count(tamper, "detected"));
    assert!(
        tamper["findings"]
            .as_array()
            .unwrap()
            .iter()
            .all(|finding| {
                let named = CAUGHT_BY.iter().find(|(what, _)| finding["what"] == *what);
                named.is_some_and(|(_, code)| finding["caught_by"] == *code)
            }),
        "{tamper}"
    );
    assert_eq!(told.last()["ok"], true);
    assert!(told.last()["seconds"].as_f64().unwrap() > 0.0);
}

fn the_family(told: &Ended) {
    whole_story(told);
    let ingest = told.step("ingest");
    assert_eq!(count(ingest, "patients"), 3);
    assert_eq!(count(ingest, "records"), 100);
    assert_eq!(count(ingest, "attachments"), 36);
    assert!((1..=18).contains(&count(ingest, "doctors")));
    assert_eq!(ingest["skipped"].as_array().unwrap().len(), 0);
    assert_eq!(count(told.step("link"), "cards"), 7);
    assert_eq!(told.step("search")["text"], "青霉素过敏");
}

#[test]
fn the_family_gets_its_records_shares_them_and_ends_the_share() {
    the_family(&headless(&[]));
}

#[test]
fn the_same_story_holds_on_the_national_suite() {
    the_family(&headless(&["--suite", "national"]));
}

#[test]
fn any_folder_of_fhir_files_is_taken_in_and_a_bad_file_is_skipped_by_its_code() {
    let data = tempfile::tempdir().unwrap();
    copy(
        &root().join("tests/data/synthea"),
        &data.path().join("a/b/c"),
    );
    copy(&root().join("tests/data/ips"), &data.path().join("ips"));
    fs::write(
        data.path().join("a/bad.json"),
        r#"{"resourceType":"Bundle","type":"#,
    )
    .unwrap();
    fs::write(
        data.path().join("a/latin1.json"),
        b"{\"resourceType\":\"\xe9\"}",
    )
    .unwrap();
    fs::write(data.path().join("notes.txt"), "no record").unwrap();
    fs::write(data.path().join(".hidden"), "a system's own").unwrap();
    fs::write(data.path().join("a/empty.json"), "").unwrap();
    let patient = r#"{"resourceType":"Patient"}"#;
    fs::write(data.path().join("a/patient.json"), patient).unwrap();
    let told = headless(&["--data", &data.path().to_string_lossy()]);
    whole_story(&told);
    let ingest = told.step("ingest");
    assert_eq!(count(ingest, "patients"), 5);
    assert!(count(ingest, "records") > 400);
    let mut skipped: Vec<(&str, &str)> = ingest["skipped"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| {
            (
                file["file"].as_str().unwrap(),
                file["code"].as_str().unwrap(),
            )
        })
        .collect();
    skipped.sort_unstable();
    assert_eq!(
        skipped,
        [
            ("a/bad.json", "fhir.truncated"),
            ("a/empty.json", "fhir.empty"),
            ("a/latin1.json", "fhir.not_utf8"),
            ("a/patient.json", "fhir.not_a_bundle"),
            ("notes.txt", "demo.other_format"),
        ]
    );
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

#[test]
fn data_without_a_single_record_ends_clearly_with_each_file_and_why() {
    let data = tempfile::tempdir().unwrap();
    let place = data.path().join("place");
    let demo = |folder: &str| {
        let mut command = medfolder(&["demo", "--headless", "--quiet"]);
        command.arg("--data").arg(data.path().join(folder));
        run(command.arg("--data-dir").arg(&place))
    };
    let family = root().join("tests/data/family/wang-xiulan");
    let ecg = family.join("2015-05-12-donghu-central-hypertension/03-ecg-report.json");
    for folder in ["empty", "strange", "refused"] {
        fs::create_dir(data.path().join(folder)).unwrap();
    }
    fs::write(data.path().join("strange/a.json"), "{\"resourceType\":").unwrap();
    fs::write(data.path().join("strange/b.json"), "{\"x\":1}").unwrap();
    // Its picture is missing, which only the hospital finds.
    fs::copy(ecg, data.path().join("refused/ecg.json")).unwrap();
    for (folder, code, skipped) in [
        ("missing", "demo.data", &[][..]),
        ("empty", "demo.no_data", &[]),
        ("strange/a.json", "demo.data_is_file", &[]),
        ("strange", "demo.no_patient", &["a.json", "b.json"]),
        ("refused", "demo.no_patient", &["ecg.json"]),
    ] {
        let told = demo(folder);
        assert_eq!((told.exit, told.error_code()), (1, code), "{}", told.stdout);
        assert_eq!(told.stdout.lines().count(), told.lines.len());
        let worlds = fs::read_dir(&place).unwrap().count();
        assert!(
            !skipped.is_empty() || worlds == 0,
            "{code} leaves something behind"
        );
        let files = told.step("ingest")["skipped"].as_array();
        let files = files.into_iter().flatten();
        let named: Vec<&str> = files
            .clone()
            .filter_map(|file| file["file"].as_str())
            .collect();
        assert_eq!(named, skipped);
        assert!(files.into_iter().all(|file| file["code"].is_string()));
        assert!(told.step("done").is_null());
    }
}

#[test]
fn the_readme_shows_what_a_person_sees() {
    let place = tempfile::tempdir().unwrap();
    let mut command = Command::new(binary());
    command.args(["demo", "--headless", "--lang", "en", "--data-dir"]);
    let told = run(command.arg(place.path()));
    assert_eq!(told.exit, 0, "{}", told.stderr);
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let shown = readme.split("$ make run\n").nth(1).unwrap();
    let shown = shown.split("```").next().unwrap();
    let (shown, told) = (without_chance(shown), without_chance(&told.stdout));
    assert_eq!(shown, told);
}

/// Lines without their seconds, and without how a change at random was found.
fn without_chance(story: &str) -> Vec<&str> {
    let before = |line| ["  (", " →", ", in "].iter().fold(line, first);
    story.lines().map(before).collect()
}

fn first<'a>(line: &'a str, end: &&str) -> &'a str {
    line.split(end).next().unwrap_or(line)
}
