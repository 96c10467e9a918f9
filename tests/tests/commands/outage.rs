//! Hospitals and ledger that do not answer: what a patient is told, and what is tried again.

use super::lifetime::child_with;
use super::person::for_a_person;
use super::{line_with, refused, run, told};
use medfolder_tests::{Served, eventually, medfolder};
use std::io::BufReader;
use std::process::Command;
use std::time::{Duration, Instant};

const EDGES: [&str; 3] = ["hospital-1/edge", "hospital-2/edge", "hospital-3/edge"];

/// Services that are held still until this is dropped.
struct Still(Vec<String>);

impl Still {
    fn hold(served: &Served, configurations: &[&str]) -> Self {
        let child = |name: &&str| child_with(served.id(), name).expect("the service runs");
        let still = Self(configurations.iter().map(child).collect());
        still.signal("-STOP");
        still
    }

    fn signal(&self, signal: &str) {
        for child in &self.0 {
            let _ = Command::new("kill").args([signal, child]).status();
        }
    }
}

impl Drop for Still {
    fn drop(&mut self) {
        self.signal("-CONT");
    }
}

pub(crate) fn an_end_that_nobody_takes_is_told_in_time_and_made_by_the_next_sync(served: &Served) {
    let made = told(&mut served.folder(2, &["share", "--all", "--no-code"]));
    let name = |name: &str| made.last()[name].as_str().unwrap().to_owned();
    let (share, link) = (name("share"), name("link"));
    let state = || told(&mut served.folder(2, &["shares"])).lines[0]["state"].clone();
    let still = Still::hold(served, &[&EDGES[..], &["node.json"]].concat());
    let began = Instant::now();
    let ended = for_a_person(&served.folder(2, &["revoke", &share]));
    let took = began.elapsed();
    assert!(took < Duration::from_secs(14), "{took:?}");
    assert_eq!(ended.exit, 1, "{}", ended.stderr);
    for word in [
        "Waiting for",
        "[share.not_ended]",
        "ends by itself at",
        "`folder sync` tries again",
    ] {
        assert!(ended.stderr.contains(word), "{}", ended.stderr);
    }
    assert_eq!(state(), "ending");
    for words in [&["access-log"][..], &["sync"]] {
        let mut waiting = served.folder(2, words).spawn().unwrap();
        line_with(
            &mut BufReader::new(waiting.stderr.take().unwrap()),
            "Still waiting for the hospital",
        );
        waiting.kill().unwrap();
        waiting.wait().unwrap();
    }
    drop(still);
    let synced = told(&mut served.folder(2, &["sync"]));
    assert_eq!(synced.last()["ended"], 1, "{}", synced.stdout);
    assert_eq!(state(), "revoked");
    refused(&mut medfolder(&["open", &link]), "share.revoked");
}

pub(crate) fn the_ledger_takes_an_end_that_the_hospital_does_not(served: &Served) {
    let made = told(&mut served.folder(2, &["share", "--all", "--no-code"]));
    let name = |name: &str| made.last()[name].as_str().unwrap().to_owned();
    let (share, link) = (name("share"), name("link"));
    let still = Still::hold(served, &EDGES);
    let ended = told(&mut served.folder(2, &["revoke", &share]));
    assert_eq!(ended.last()["by"], "ledger");
    drop(still);
    let code = || {
        run(&mut medfolder(&["open", &link]))
            .error_code()
            .to_owned()
    };
    let is_over = eventually(Duration::from_secs(10), || code() == "share.revoked");
    assert!(
        is_over,
        "the host did not read the end from the ledger: {}",
        code()
    );
}

/// Nothing is called live that this device knows to be used up or locked.
pub(crate) fn a_share_whose_host_is_away_is_shown_as_it_was_heard_of_last(served: &Served) {
    let words = ["share", "--all", "--no-code", "--openings", "1"];
    let made = told(&mut served.folder(2, &words));
    let link = made.last()["link"].as_str().unwrap().to_owned();
    told(&mut medfolder(&["open", &link]));
    let shown = || told(&mut served.folder(2, &["shares"])).lines[0].clone();
    assert_eq!(
        (shown()["state"].as_str(), &shown()["current"]),
        (Some("used_up"), &true.into())
    );
    let still = Still::hold(served, &EDGES);
    let away = shown();
    assert_eq!(
        (away["state"].as_str(), &away["current"]),
        (Some("used_up"), &false.into())
    );
    assert!(away["as_of"].is_string(), "{away}");
    let page = for_a_person(&served.folder(2, &["shares"])).stdout;
    let row = page.lines().next().unwrap();
    assert!(row.contains("used up") && row.contains("offline"), "{row}");
    // A share without a name is told by how many records it lends and of when.
    assert!(row.contains(" records, 20"), "{row}");
    drop(still);
    let share = made.last()["share"].as_str().unwrap();
    told(&mut served.folder(2, &["revoke", share]));
}
