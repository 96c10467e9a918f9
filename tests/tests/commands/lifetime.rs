//! How a demonstration ends: killed, asked to stop, or because one of its services dies.

use medfolder_tests::{Served, eventually, medfolder, run};
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
fn a_demonstration_that_is_asked_to_stop_exits_with_zero_and_is_served_again_where_it_stopped() {
    let place = tempfile::tempdir().unwrap();
    let mut first = Served::start(place.path());
    let place_words = [
        "demo",
        "--serve",
        "--data-dir",
        place.path().to_str().unwrap(),
    ];
    assert_eq!(
        run(&mut medfolder(&place_words)).error_code(),
        "demo.served"
    );
    assert_eq!(first.end_with("-INT"), 0);
    let mut again = Served::start(place.path());
    assert_eq!(again.ready, first.ready);
    let synced = run(&mut again.folder(0, &["sync"]));
    assert_eq!(
        (synced.exit, &synced.last()["complete"]),
        (0, &true.into()),
        "{}",
        synced.stdout
    );
    let (link, passcode) = (
        again.text("/shares/0/link"),
        again.text("/shares/0/passcode"),
    );
    let opened = run(&mut medfolder(&["open", link, "--passcode", passcode]));
    assert_eq!(opened.exit, 0, "{}", opened.stdout);
    assert_eq!(again.end_with("-INT"), 0);
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
