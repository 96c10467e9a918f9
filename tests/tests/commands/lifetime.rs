//! How a demonstration ends: killed, asked to stop, or because one of its services dies.

use medfolder_tests::{Served, eventually};
use std::fs;
use std::process::Command;
use std::time::Duration;

#[test]
fn a_demonstration_that_is_killed_leaves_no_process_behind() {
    let place = tempfile::tempdir().unwrap();
    let mut served = Served::start(place.path());
    let ledger = served
        .text("/ledger")
        .trim_start_matches("http://")
        .to_owned();
    let listens = || std::net::TcpStream::connect(&ledger).is_ok();
    assert!(listens());
    served.end_with("-KILL");
    assert!(
        eventually(Duration::from_secs(20), || !listens()),
        "the node still runs"
    );
}

#[test]
fn a_service_that_dies_ends_the_demonstration_with_its_name() {
    let place = tempfile::tempdir().unwrap();
    let mut served = Served::start(place.path());
    let node = child_with(served.id(), "node.json").expect("the node runs");
    let killed = Command::new("kill")
        .args(["-KILL", &node])
        .status()
        .unwrap();
    assert!(killed.success());
    assert_eq!(served.wait(), 1);
}

#[test]
fn a_demonstration_that_is_asked_to_stop_exits_with_zero() {
    let place = tempfile::tempdir().unwrap();
    assert_eq!(Served::start(place.path()).end_with("-INT"), 0);
}

/// The process below `parent` whose command line holds `word`.
pub(crate) fn child_with(parent: u32, word: &str) -> Option<String> {
    let tasks = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap();
    let all = fs::read_dir(format!("/proc/{parent}/task")).unwrap();
    let others = all.filter_map(|task| fs::read_to_string(task.ok()?.path().join("children")).ok());
    let children: Vec<String> = others
        .chain([tasks])
        .flat_map(|list| {
            list.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect();
    children.into_iter().find(|child| {
        let words = fs::read(format!("/proc/{child}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&words).contains(word)
    })
}
