//! The direction of dependencies, as ARCHITECTURE.md draws it, read from `cargo metadata`; and what
//! the contracts, which every node must execute to the same result, do not name at all.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

use medfolder_tests::{root, sources_of};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// What each crate may depend on, besides what those depend on.
const ALLOWED: [(&str, &[&str]); 12] = [
    ("crypto", &[]),
    ("fhir", &[]),
    ("record", &["crypto"]),
    ("ledger", &["crypto", "record"]),
    ("share", &["crypto", "record", "ledger"]),
    ("client", &["crypto", "record", "ledger", "share"]),
    ("wasm", &["crypto", "record", "ledger", "share", "fhir"]),
    ("http", &["crypto", "record", "ledger", "share", "client"]),
    (
        "node",
        &["crypto", "record", "ledger", "share", "client", "http"],
    ),
    (
        "gateway",
        &[
            "crypto", "record", "ledger", "share", "client", "http", "fhir",
        ],
    ),
    (
        "folder",
        &["crypto", "record", "ledger", "share", "client", "fhir"],
    ),
    (
        "cli",
        &[
            "crypto", "record", "ledger", "share", "client", "fhir", "http", "node", "gateway",
            "folder",
        ],
    ),
];

/// Crates that compute and do nothing else: no disk, no network, no runtime, no database, no clock.
const PURE: [&str; 5] = ["crypto", "record", "ledger", "share", "fhir"];
const WITH_IO: [&str; 14] = [
    "tokio",
    "reqwest",
    "hyper",
    "axum",
    "rusqlite",
    "nomt",
    "mio",
    "socket2",
    "tempfile",
    "zip",
    "rustls",
    "rpassword",
    "indicatif",
    "axum-server",
];

const HOST: &str = if cfg!(target_arch = "aarch64") {
    "aarch64-unknown-linux-gnu"
} else {
    "x86_64-unknown-linux-gnu"
};

fn metadata() -> Value {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        // Crates of other platforms need not be on this machine.
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--filter-platform",
            HOST,
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

fn normal_dependencies(package: &Value) -> BTreeSet<String> {
    let dependencies = package["dependencies"].as_array().unwrap().iter();
    let normal = dependencies.filter(|d| d["kind"].is_null());
    normal
        .map(|d| d["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn crates_depend_on_those_below_them_only() {
    let metadata = metadata();
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.into_iter().collect();
    let mut seen = BTreeSet::new();
    for package in metadata["packages"].as_array().unwrap() {
        let Some(name) = package["name"].as_str().unwrap().strip_prefix("medfolder-") else {
            continue;
        };
        let Some(allowed) = allowed.get(name) else {
            assert_eq!(name, "tests", "{name} stands nowhere in the layers");
            continue;
        };
        seen.insert(name.to_owned());
        for dependency in normal_dependencies(package) {
            if let Some(dependency) = dependency.strip_prefix("medfolder-") {
                assert!(
                    allowed.contains(&dependency),
                    "{name} must not depend on {dependency}"
                );
            }
        }
    }
    assert_eq!(seen.len(), ALLOWED.len(), "{seen:?}");
}

#[test]
fn nothing_below_the_client_reaches_disk_or_network() {
    let metadata = metadata();
    let graph: BTreeMap<&str, &Value> = metadata["resolve"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| (node["id"].as_str().unwrap(), node))
        .collect();
    let names: BTreeMap<&str, &str> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| (p["id"].as_str().unwrap(), p["name"].as_str().unwrap()))
        .collect();
    for (id, name) in &names {
        let Some(short) = name.strip_prefix("medfolder-").filter(|n| PURE.contains(n)) else {
            continue;
        };
        for reached in reachable(id, &graph) {
            let reached = names[reached];
            assert!(!WITH_IO.contains(&reached), "{short} reaches {reached}");
        }
    }
}

/// Packages that a package's normal dependencies lead to.
fn reachable<'a>(from: &'a str, graph: &BTreeMap<&'a str, &'a Value>) -> BTreeSet<&'a str> {
    let (mut found, mut waiting) = (BTreeSet::new(), vec![from]);
    while let Some(id) = waiting.pop() {
        if !found.insert(id) {
            continue;
        }
        for dependency in graph[id]["deps"].as_array().unwrap() {
            let kinds = dependency["dep_kinds"].as_array().unwrap();
            if kinds.iter().any(|kind| kind["kind"].is_null()) {
                waiting.push(dependency["pkg"].as_str().unwrap());
            }
        }
    }
    found
}

/// `deny.toml`: licences that all may have, and those that one crate may have besides.
fn licences() -> (BTreeSet<String>, BTreeSet<(String, String)>) {
    let file = std::fs::read_to_string(root().join("deny.toml")).unwrap();
    let quoted = |text: &str| -> Vec<String> {
        let between = text.split('"').skip(1).step_by(2);
        between.map(str::to_owned).collect()
    };
    let section = file.split("[licenses]").nth(1).unwrap();
    let all = section.split("allow = [").nth(1).unwrap();
    let all = quoted(all.split(']').next().unwrap()).into_iter().collect();
    let one = section.lines().filter(|line| line.contains("{ crate = "));
    let one = one.flat_map(|line| {
        let mut names = quoted(line).into_iter();
        let name = names.next().unwrap();
        names.map(move |licence| (name.clone(), licence))
    });
    (all, one.collect())
}

/// Whether a licence expression (SPDX, or the older `A/B`) holds by these licences.
fn holds(expression: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    let spaced = expression.replace('/', " OR ");
    let spaced = spaced.replace('(', " ( ").replace(')', " ) ");
    let mut words = spaced.split_whitespace().peekable();
    any_of(&mut words, allowed)
}

type Words<'w> = std::iter::Peekable<std::str::SplitWhitespace<'w>>;

fn any_of(words: &mut Words<'_>, allowed: &dyn Fn(&str) -> bool) -> bool {
    let mut holds = all_of(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        holds |= all_of(words, allowed);
    }
    holds
}

fn all_of(words: &mut Words<'_>, allowed: &dyn Fn(&str) -> bool) -> bool {
    let mut holds = true;
    loop {
        holds &= match words.next_if_eq(&"(") {
            Some(_) => {
                let inner = any_of(words, allowed);
                assert_eq!(words.next(), Some(")"));
                inner
            }
            None => {
                let is_name = |word: &&str| !["OR", "AND", ")"].contains(word);
                let name: Vec<&str> = std::iter::from_fn(|| words.next_if(is_name)).collect();
                allowed(&name.join(" "))
            }
        };
        if words.next_if_eq(&"AND").is_none() {
            return holds;
        }
    }
}

#[test]
fn every_dependency_has_an_allowed_licence_and_comes_from_the_one_registry() {
    assert!(holds("(A OR B) AND C", &|name| name != "A"));
    assert!(!holds("(A OR B) AND C", &|name| name != "C"));
    assert!(holds("A WITH exception/B", &|name| name == "A WITH exception"));
    let (all, one) = licences();
    let mut sources = BTreeSet::new();
    for package in metadata()["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap().to_owned();
        let licence = package["license"].as_str().unwrap_or_default();
        let allowed = |text: &str| {
            // "or later" is allowed where the licence itself is.
            let text = text.trim_end_matches('+').to_owned();
            all.contains(&text) || one.contains(&(name.clone(), text))
        };
        assert!(holds(licence, &allowed), "{name}: {licence}");
        sources.extend(package["source"].as_str().map(str::to_owned));
    }
    assert_eq!(sources.len(), 1, "{sources:?}");
    assert!(sources.first().unwrap().starts_with("registry+"));
}

/// What differs from one node or run to the next: order of iteration, rounding, time, disk, network,
/// randomness, threads.
const NOT_IN_CONTRACTS: [&str; 16] = [
    "HashMap",
    "HashSet",
    "RandomState",
    "f32",
    "f64",
    "Instant",
    "SystemTime",
    "fs",
    "TcpStream",
    "UdpSocket",
    "env",
    "process",
    "thread",
    "rand",
    "os_rng",
    "getrandom",
];

/// Words of the code of the ledger's contracts; not those of its tests and comments.
fn words_of_contracts() -> BTreeSet<String> {
    let folder = root().join("crates/ledger/src");
    let places = std::fs::read_dir(folder).unwrap().map(|entry| {
        let name = entry.unwrap().file_name().into_string().unwrap();
        format!("crates/ledger/src/{name}")
    });
    let places: Vec<String> = places.filter(|place| !place.ends_with("/tests")).collect();
    let places: Vec<&str> = places.iter().map(String::as_str).collect();
    let sources = sources_of(&places);
    let code = sources.lines().filter_map(|line| line.split("//").next());
    let words = code.flat_map(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_'));
    words.map(str::to_owned).collect()
}

#[test]
fn the_contracts_name_nothing_that_could_differ_between_nodes() {
    let words = words_of_contracts();
    assert!(words.contains("BTreeMap") && words.contains("Refusal"));
    let named: Vec<&str> = NOT_IN_CONTRACTS
        .into_iter()
        .filter(|word| words.contains(*word))
        .collect();
    assert!(named.is_empty(), "{named:?}");
}
