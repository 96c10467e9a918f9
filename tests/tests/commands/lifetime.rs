//! How a demonstration ends: killed, asked to stop, or because one of its services dies.

use super::{refused, text, told};
use medfolder_tests::{Served, eventually, medfolder, run};
use std::fs;
use std::path::Path;
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
    what_is_here_is_read_without_any_service(&again, place.path());
}

/// Every service has ended: what was synced is read, found, saved and exported; what needs a hospital
/// or the ledger says so.
fn what_is_here_is_read_without_any_service(ended: &Served, place: &Path) {
    let folder = |words: &[&str]| told(&mut ended.folder(0, words));
    let listed = folder(&["list"]);
    assert!(listed.lines.len() > 40);
    assert!(listed.lines.iter().all(|line| line["verified"] == true));
    let found = folder(&["search", "青霉素过敏"]);
    assert!(
        found
            .lines
            .iter()
            .any(|line| text(line, "snippet").contains("青霉素"))
    );
    let picture = folder(&["list", "--kind", "ecg-report", "--limit", "1"]);
    let record = text(picture.last(), "record");
    let shown = folder(&["show", record]);
    assert_eq!(shown.last()["verified"], true);
    let document = folder(&["show", record, "--fhir"]);
    assert_eq!(document.last()["fhir"]["resourceType"], "Bundle");
    let file = |name: &str| place.join(name).to_string_lossy().into_owned();
    let (png, zip) = (file("offline.png"), file("offline.zip"));
    folder(&["show", record, "--attachment", "1", "--out", &png]);
    assert!(fs::read(&png).unwrap().starts_with(b"\x89PNG"));
    let exported = folder(&["export", "--out", &zip]);
    assert_eq!(exported.last()["records"], 52);
    assert_eq!(exported.last()["without_evidence"], "ledger.unreachable");
    let shares = folder(&["shares"]);
    assert_eq!(shares.last()["current"], false);
    // A share asks host and ledger at once: who is found to be away first is told.
    let share = run(&mut ended.folder(0, &["share", "--records", record]));
    let away = ["http.unreachable", "ledger.unreachable"];
    assert_eq!(share.exit, 1);
    assert!(away.contains(&share.error_code()), "{}", share.stdout);
    for (words, away) in [
        (&["sync"][..], "ledger.unreachable"),
        (&["access-log"], "ledger.unreachable"),
        (&["show", record, "--evidence"], "ledger.unreachable"),
    ] {
        refused(&mut ended.folder(0, words), away);
    }
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
