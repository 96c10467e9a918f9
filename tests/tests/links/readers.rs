//! Readers that are not ours open our links: kill-the-clipboard, and Node with nothing but itself
//! (`tests/interop/open.mjs`, `open-plain.mjs`).

use super::{PASSCODE, share};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use medfolder_tests::{Served, root, told};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A visit with two records, one of them with a file.
const VISIT: &str = "tests/data/family/chen-xiaoman/2024-11-12-pujiang-children-asthma-review";
/// Not found: what a host says of a share that is over, to whoever asks.
const GONE: u64 = 404;

/// What a script of `tests/interop` prints about a link.
fn read(script: &str, link: &str, words: &[&str]) -> Value {
    let folder = root().join("tests/interop");
    assert!(
        folder.join("node_modules").exists(),
        "run `make setup`: tests/interop lacks its packages"
    );
    let mut node = Command::new("node");
    let output = node.current_dir(folder).args([script, link]).args(words);
    let output = output.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"))
}

fn kill_the_clipboard(link: &str, words: &[&str]) -> Value {
    read("open.mjs", link, words)
}

fn plain(link: &str, words: &[&str]) -> Value {
    read("open-plain.mjs", link, words)
}

/// The records of the first folder, in the order in which `--all` shares them, as their doctors
/// signed them.
fn signed(served: &Served, place: &Path) -> Vec<Vec<u8>> {
    let listed = told(&mut served.folder(0, &["list"]));
    let bodies = listed.lines.iter().enumerate().map(|(number, line)| {
        let file = place.join(format!("{number}.json"));
        let (record, out) = (line["record"].as_str().unwrap(), file.to_str().unwrap());
        told(&mut served.folder(0, &["show", record, "--fhir", "--out", out]));
        fs::read(file).unwrap()
    });
    bodies.collect()
}

/// The files of the link are the signed documents, their attachments and the evidence, in this order.
fn is_all_of_it(files: &[Value], signed: &[Vec<u8>]) {
    let documents = signed
        .iter()
        .map(|body| serde_json::from_slice::<Value>(body).unwrap());
    assert_eq!(&files[..signed.len()], documents.collect::<Vec<_>>());
    let (evidence, attachments) = files[signed.len()..].split_last().unwrap();
    assert_eq!(evidence["type"], "collection");
    assert_eq!(
        evidence["entry"].as_array().map(Vec::len),
        Some(signed.len())
    );
    let mut received: Vec<Vec<u8>> = attachments
        .iter()
        .map(|file| STANDARD.decode(file["data"].as_str().unwrap()).unwrap())
        .collect();
    let folder = fs::read_dir(root().join(VISIT).join("attachments")).unwrap();
    let mut sent: Vec<Vec<u8>> = folder
        .map(|file| fs::read(file.unwrap().path()).unwrap())
        .collect();
    received.sort();
    sent.sort();
    assert!(!sent.is_empty() && received == sent);
}

/// The texts that Node alone reads are the signed ones, byte for byte.
fn to_the_byte(opened: &Value, signed: &[Vec<u8>]) {
    assert_eq!(opened["ok"], true, "{opened}");
    let files = opened["files"].as_array().unwrap();
    for (file, body) in files.iter().zip(signed) {
        assert_eq!(file["contentType"], "application/fhir+json");
        assert_eq!(file["text"].as_str().unwrap().as_bytes(), body);
    }
    let texts = files.iter().map(|file| file["text"].as_str().unwrap());
    let files: Vec<Value> = texts.map(|t| serde_json::from_str(t).unwrap()).collect();
    is_all_of_it(&files, signed);
}

fn opens(link: &str, words: &[&str], signed: &[Vec<u8>]) {
    let by_location = [words, &["--embedded-length-max", "1"]].concat();
    for words in [words, &by_location] {
        let opened = kill_the_clipboard(link, words);
        assert_eq!(opened["ok"], true, "{opened}");
        is_all_of_it(opened["resources"].as_array().unwrap(), signed);
    }
    to_the_byte(&plain(link, words), signed);
}

fn is_refused_with_the_tries_left(link: &str) {
    let wrong = ["--passcode", "1357"];
    let said = kill_the_clipboard(link, &wrong);
    assert_eq!(said["error"], "SHLInvalidPasscodeError", "{said}");
    let said = plain(link, &wrong);
    assert_eq!(said["status"], 401, "{said}");
    let body: Value = serde_json::from_str(said["body"].as_str().unwrap()).unwrap();
    // The first wrong one was kill-the-clipboard's.
    assert_eq!(body["remainingAttempts"], 3, "{said}");
}

fn is_gone(link: &str, words: &[&str]) {
    let said = kill_the_clipboard(link, words);
    assert_eq!(said["error"], "SHLManifestNotFoundError", "{said}");
    assert_eq!(plain(link, words)["status"], GONE);
}

fn a_link_opens_for_everyone(suite: &str) {
    let place = tempfile::tempdir().unwrap();
    let data = root().join(VISIT);
    let words = ["--data", &data.to_string_lossy(), "--suite", suite];
    let served = Served::start_with(&place.path().join("world"), &words);
    let signed = signed(&served, place.path());
    let code = ["--passcode", PASSCODE];
    let (with_code, link) = share(&served, &[&code[..], &["--for", "1h"]].concat());
    opens(&link, &code, &signed);
    is_refused_with_the_tries_left(&link);
    opens(&link, &code, &signed);
    let (open_to_all, free) = share(&served, &["--no-code", "--for", "1h"]);
    opens(&free, &[], &signed);
    for (share, link, words) in [(with_code, link, &code[..]), (open_to_all, free, &[])] {
        told(&mut served.folder(0, &["revoke", &share]));
        is_gone(&link, words);
    }
}

#[test]
fn kill_the_clipboard_and_node_alone_open_a_link_and_are_told_why_it_does_not() {
    a_link_opens_for_everyone("international");
}

#[test]
fn kill_the_clipboard_and_node_alone_open_a_link_of_the_national_suite() {
    a_link_opens_for_everyone("national");
}
