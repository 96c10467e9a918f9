//! What the documents claim to be tested is tested: every test function they name exists.
#![allow(clippy::unwrap_used, reason = "tests")]

use medfolder_tests::{root, sources};
use std::collections::BTreeSet;
use std::fs;

const DOCUMENTS: [&str; 3] = ["ARCHITECTURE.md", "docs/threats.md", "docs/conformance.md"];
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
