//! Every way in which a share's link does not open, as a reader at `medfolder open` meets it: exit
//! code 1, a stable code, and a sentence with advice in both languages.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

#[path = "links/large.rs"]
mod large;
#[path = "links/left_out.rs"]
mod left_out;
#[path = "links/readers.rs"]
mod readers;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use medfolder_tests::{Served, binary, eventually, root, run};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::Duration;

const PASSCODE: &str = "2468";
/// Wrong guesses that are told as such; with the fifth the reader hears that the share is locked.
const WRONG: usize = 4;

/// What a reader was told: exit code, stable code, message, hint.
type Told = (i32, String, String, String);

fn open(words: &[&str], language: &str) -> Told {
    let all = [&["open"], words, &["--lang", language]].concat();
    let mut command = Command::new(binary());
    let ended = run(command.args(all).arg("--json"));
    let text = |name: &str| {
        let value = ended.last()["error"][name].as_str();
        value.unwrap_or_default().to_owned()
    };
    (ended.exit, text("code"), text("message"), text("hint"))
}

fn is_chinese(text: &str) -> bool {
    text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
}

/// Refused with this code and a sentence of the language.
fn refused(words: &[&str], language: &str, code: &str) {
    let (exit, said, message, hint) = open(words, language);
    assert_eq!((exit, said.as_str()), (1, code), "{message}");
    for sentence in [message, hint] {
        assert_eq!(
            is_chinese(&sentence),
            language == "zh",
            "{code}: {sentence}"
        );
        assert!(sentence.len() > 8, "{code}: {sentence}");
    }
}

fn refused_in_both(link: &str, code: &str) {
    for language in ["zh", "en"] {
        refused(&[link], language, code);
    }
}

/// A share's id and link.
fn share(served: &Served, words: &[&str]) -> (String, String) {
    let made = run(&mut served.folder(0, &[&["share", "--all"], words].concat()));
    assert_eq!(made.exit, 0, "{}{}", made.stdout, made.stderr);
    let text = |name: &str| made.last()[name].as_str().unwrap().to_owned();
    (text("share"), text("link"))
}

/// The same link with another address.
fn at(link: &str, address: impl FnOnce(&str) -> String) -> String {
    let (_, payload) = link.split_once("shlink:/").unwrap();
    let payload = URL_SAFE_NO_PAD.decode(payload).unwrap();
    let mut payload: BTreeMap<String, Value> = serde_json::from_slice(&payload).unwrap();
    let url = address(payload["url"].as_str().unwrap());
    payload.insert("url".to_owned(), url.into());
    let payload = serde_json::to_vec(&payload).unwrap();
    format!("shlink:/{}", URL_SAFE_NO_PAD.encode(payload))
}

/// The same link with another address at the same host.
fn elsewhere(link: &str) -> String {
    at(link, |url| {
        let (host, _) = url.rsplit_once('/').unwrap();
        format!("{host}/{}", URL_SAFE_NO_PAD.encode([7; 32]))
    })
}

#[test]
fn every_way_in_which_a_link_does_not_open_is_told_by_code_and_in_both_languages() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    fs::create_dir_all(&data).unwrap();
    let visit = "tests/data/family/chen-xiaoman/2022-11-15-pujiang-children-asthma-first";
    for file in fs::read_dir(root().join(visit)).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), data.join(file.file_name())).unwrap();
    }
    let words = ["--data", &data.to_string_lossy()];
    let served = Served::start_with(&place.path().join("world"), &words);

    let (_, once) = share(&served, &["--no-code", "--openings", "1", "--for", "1h"]);
    assert_eq!(open(&[&once, "--recipient", "Dr. Li"], "en").0, 0);
    refused_in_both(&once, "share.used_up");

    let (id, ended) = share(&served, &["--no-code", "--for", "1h"]);
    refused_in_both(&ended[..ended.len() - 9], "link.cut_short");
    refused_in_both(&elsewhere(&ended), "share.not_available");
    assert_eq!(run(&mut served.folder(0, &["revoke", &id])).exit, 0);
    refused_in_both(&ended, "share.revoked");

    let (_, short) = share(&served, &["--no-code", "--for", "1s"]);
    let over = || open(&[&short], "en").1 == "share.expired";
    assert!(eventually(Duration::from_secs(10), over));
    refused_in_both(&short, "share.expired");

    the_fifth_wrong_passcode_locks(&served);
    ten_guesses_at_once_get_no_more_than_five(&served);
    left_out::a_record_that_the_host_leaves_out_is_told_by_name(&served);
}

fn the_fifth_wrong_passcode_locks(served: &Served) {
    let (_, link) = share(served, &["--passcode", PASSCODE, "--for", "1h"]);
    refused_in_both(&link, "share.passcode_needed");
    for (_, language) in (0..WRONG).zip(["zh", "en"].iter().cycle()) {
        let words = [link.as_str(), "--passcode", "1357"];
        refused(&words, language, "share.passcode_wrong");
    }
    for (passcode, language) in [("1357", "zh"), (PASSCODE, "en"), (PASSCODE, "zh")] {
        let words = [link.as_str(), "--passcode", passcode];
        refused(&words, language, "share.locked");
    }
}

/// Fifty at once: `item_20_…` of the edge's own tests, where no reader's rate limit stands between.
fn ten_guesses_at_once_get_no_more_than_five(served: &Served) {
    let (_, link) = share(served, &["--passcode", PASSCODE, "--for", "1h"]);
    let words = [link.as_str(), "--passcode", "1357"];
    let told: Vec<Told> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..10)
            .map(|_| scope.spawn(|| open(&words, "en")))
            .collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let count = |code: &str| told.iter().filter(|one| one.1 == code).count();
    assert_eq!(count("share.passcode_wrong"), WRONG);
    assert_eq!(count("share.locked"), told.len() - WRONG);
    let words = [link.as_str(), "--passcode", PASSCODE];
    refused(&words, "en", "share.locked");
}
