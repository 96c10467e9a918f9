//! What the documents claim to be tested is tested: every test function they name exists.
#![allow(clippy::unwrap_used, reason = "tests")]

use medfolder_tests::{root, sources};
use std::collections::BTreeSet;
use std::fs;

const DOCUMENTS: [&str; 4] = [
    "ARCHITECTURE.md",
    "docs/threats.md",
    "docs/conformance.md",
    "docs/operations/clocks.md",
];
/// The product's rows that this version has.
const ROWS: [&str; 23] = [
    "F01", "F02", "F03", "F04", "F05", "F07", "F08", "F09", "F10", "F11", "F12", "F13", "F14",
    "F15", "F16", "F19", "F25", "F27", "F32", "F33", "F38", "F39", "F42",
];
/// Shorter names between backticks are commands, crates and files.
const SHORTEST_TEST_NAME: usize = 25;

#[test]
fn every_test_that_a_document_names_exists() {
    let sources = sources();
    let missing: Vec<String> = DOCUMENTS
        .iter()
        .flat_map(|document| named_tests(&fs::read_to_string(root().join(document)).unwrap()))
        .filter(|name| !sources.contains(&format!("fn {name}(")))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_row_of_the_product_names_its_own_test() {
    let architecture = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let unnamed: Vec<&str> = ROWS
        .into_iter()
        .filter(|row| {
            let start = format!("| {row} |");
            let line = architecture.lines().find(|line| line.starts_with(&start));
            line.is_none_or(|line| named_tests(line).is_empty())
        })
        .collect();
    assert!(unnamed.is_empty(), "{unnamed:?}");
}

#[test]
fn every_file_that_the_invariants_name_exists() {
    let architecture = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let after = architecture.split("## Invariants").nth(1).unwrap();
    let table = after.split("\n## ").next().unwrap();
    let columns = table.lines().filter_map(|line| line.split('|').nth(2));
    let named = columns.flat_map(|column| column.split('`').skip(1).step_by(2));
    let missing: Vec<String> = named
        .flat_map(spelled_out)
        .filter(|path| !root().join("crates").join(path).exists())
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// `a/{b,c}.rs` as its files.
fn spelled_out(path: &str) -> Vec<String> {
    let parts = path.split_once('{').and_then(|(before, rest)| {
        let (names, after) = rest.split_once('}')?;
        Some((before, names, after))
    });
    match parts {
        Some((before, names, after)) => {
            let names = names.split(',');
            names.map(|name| format!("{before}{name}{after}")).collect()
        }
        None => vec![path.to_owned()],
    }
}

fn named_tests(document: &str) -> BTreeSet<String> {
    let between = document.split('`').skip(1).step_by(2);
    let is_name = |text: &&str| {
        text.len() >= SHORTEST_TEST_NAME
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    between.filter(is_name).map(str::to_owned).collect()
}
