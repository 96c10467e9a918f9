//! The sample data of the project.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "each test file uses its part"
)]

use std::path::{Path, PathBuf};

pub fn data_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data")
}

pub fn family_root() -> PathBuf {
    data_root().join("family")
}

pub fn json_of(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Every document of the family by its name in the manifest, in a fixed order.
pub fn family_files() -> Vec<(String, Vec<u8>)> {
    let root = family_root();
    let mut names = Vec::new();
    for person in std::fs::read_dir(&root).unwrap().map(|e| e.unwrap().path()) {
        if !person.is_dir() {
            continue;
        }
        for visit in std::fs::read_dir(person).unwrap() {
            for file in std::fs::read_dir(visit.unwrap().path()).unwrap() {
                let file = file.unwrap().path();
                if file.extension().is_some_and(|e| e == "json") {
                    names.push(
                        file.strip_prefix(&root)
                            .unwrap()
                            .to_str()
                            .unwrap()
                            .to_owned(),
                    );
                }
            }
        }
    }
    names.sort();
    names
        .into_iter()
        .map(|n| (n.clone(), std::fs::read(root.join(n)).unwrap()))
        .collect()
}

pub fn folder_files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = data_root().join(folder);
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path());
    let mut files: Vec<PathBuf> = entries.collect();
    files.sort();
    let name = |p: &Path| p.file_name().unwrap().to_str().unwrap().to_owned();
    files
        .into_iter()
        .map(|p| (name(&p), std::fs::read(&p).unwrap()))
        .collect()
}
