//! The command line's contract in its own words: what each line of JSON has, how records are named,
//! what progress looks like, whose rules are explained.

use super::{refused, text, told};
use medfolder_tests::{Ended, Served, medfolder, root, run};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Every line has these, and none of them is missing or null.
fn has(lines: &[Value], names: &[&str]) {
    assert!(!lines.is_empty());
    for line in lines {
        for name in names {
            assert!(!line[name].is_null(), "{name} in {line}");
        }
    }
}

pub(crate) fn the_ready_line_says_where_everything_is(served: &Served) {
    let all = |name: &str| served.ready[name].as_array().unwrap().clone();
    has(&all("gateways"), &["name", "url", "inner_config"]);
    has(&all("folders"), &["name", "data_dir", "passphrase"]);
    has(&all("shares"), &["link", "passcode"]);
    assert!(
        all("shares")
            .iter()
            .all(|share| share.get("page").is_some())
    );
    assert!(Path::new(served.text("/genesis")).is_file());
    assert!(served.text("/ledger").starts_with("http://"));
    for gateway in all("gateways") {
        assert!(Path::new(text(&gateway, "inner_config")).is_file());
    }
}

pub(crate) fn every_line_has_what_the_contract_says(served: &Served, place: &Path) {
    const RECORD: [&str; 8] = [
        "record", "visit", "hospital", "kind", "title", "date", "verified", "version",
    ];
    let folder = |words: &[&str]| told(&mut served.folder(1, words));
    let listed = folder(&["list"]);
    has(&listed.lines, &RECORD);
    let found = folder(&["search", "甲状腺"]);
    has(&found.lines, &[&RECORD[..], &["snippet"]].concat());
    let record = text(&listed.lines[0], "record");
    has(&folder(&["show", record]).lines, &RECORD);
    has(
        &folder(&["sync"]).lines,
        &["new", "verified", "failed", "complete"],
    );
    let made = folder(&[
        "share",
        "--all",
        "--passcode",
        "2468",
        "--for",
        "1h",
        "--label",
        "L",
    ]);
    has(&made.lines, &["share", "link", "expires", "passcode"]);
    assert!(made.last().get("page").is_some());
    let (share, link) = (text(made.last(), "share"), text(made.last(), "link"));
    let out = place.join("as-the-contract-says");
    let words = ["open", link, "--passcode", "2468", "--recipient", "Dr. Yan"];
    let opened = told(medfolder(&words).arg("--out").arg(&out));
    has(&opened.lines, &["status", "files", "records"]);
    let records = opened.last()["records"].as_array().unwrap();
    has(records, &["title", "hospital", "seal"]);
    assert!(fs::read_dir(out).unwrap().count() > records.len());
    has(&folder(&["shares"]).lines, &["share", "state"]);
    folder(&["revoke", share]);
    let log = folder(&["access-log"]);
    let (last, accesses) = log.lines.split_last().unwrap();
    has(accesses, &["time", "who", "what", "outcome", "position"]);
    assert_eq!(last["complete"], true);
    let members = members(served);
    has(&members.lines, &["member", "name", "role", "standing"]);
    for gateway in served.ready["gateways"].as_array().unwrap() {
        let is_it = |line: &&Value| line["name"] == gateway["name"];
        let found = members
            .lines
            .iter()
            .find(is_it)
            .expect("every hospital is a member");
        assert_eq!(
            (&found["role"], &found["standing"]),
            (&"hospital".into(), &"good".into())
        );
    }
}

fn members(served: &Served) -> Ended {
    let (ledger, genesis) = (served.text("/ledger"), served.text("/genesis"));
    let words = ["member", "list", "--ledger", ledger, "--genesis", genesis];
    told(&mut medfolder(&words))
}

pub(crate) fn records_are_named_behind_one_another_with_commas_or_again(served: &Served) {
    let listed = told(&mut served.folder(1, &["list", "--limit", "2"]));
    let [a, b] = [0, 1].map(|number: usize| text(&listed.lines[number], "record"));
    let both = format!("{a},{b}");
    for named in [
        &["--records", a, b][..],
        &["--records", &both],
        &["--records", a, "--records", b],
    ] {
        let words = [&["share"], named, &["--no-code", "--for", "1h"]].concat();
        let made = told(&mut served.folder(1, &words));
        assert_eq!(made.last()["records"], 2, "{named:?}");
        told(&mut served.folder(1, &["revoke", text(made.last(), "share")]));
    }
}

pub(crate) fn a_sync_tells_how_far_it_is_line_by_line(served: &Served) {
    let synced = told(&mut served.folder(1, &["sync"]));
    assert!(synced.stderr.contains("cards 2/2\n"), "{}", synced.stderr);
    let quiet = told(&mut served.folder(1, &["sync", "--quiet"]));
    assert_eq!(quiet.stderr, "");
}

pub(crate) fn a_members_rule_is_explained_where_a_folder_knows_its_consortium(served: &Served) {
    let hospital = text(&served.ready["gateways"][2], "name");
    let explain = |folder: Option<&Value>| {
        let mut command = medfolder(&["policy", "explain", hospital, "record.seal"]);
        if let Some(folder) = folder {
            command.args(["--data-dir", text(folder, "data_dir")]);
            command.env("MEDFOLDER_PASSPHRASE", text(folder, "passphrase"));
        }
        command
    };
    let said = told(&mut explain(Some(&served.ready["folders"][0])));
    let said = said.last();
    assert_eq!(
        (text(said, "party"), text(said, "decision")),
        ("hospital", "allowed")
    );
    let mut by_genesis = explain(None);
    by_genesis.args(["--genesis", served.text("/genesis")]);
    assert_eq!(told(&mut by_genesis).last(), said);
    // Where nothing is known of members, there are roles.
    refused(&mut explain(None), "policy.unknown_name");
    let folder = &served.ready["folders"][0];
    let mut stranger = medfolder(&["policy", "explain", "不存在的医院", "record.seal"]);
    stranger.args(["--data-dir", text(folder, "data_dir")]);
    stranger.env("MEDFOLDER_PASSPHRASE", text(folder, "passphrase"));
    refused(&mut stranger, "member.unknown");
}

/// Wrong usage, by this code.
pub(crate) fn misused(command: &mut Command, code: &str) {
    let ended = run(command);
    let said = (ended.exit, ended.error_code());
    assert_eq!(said, (2, code), "{}{}", ended.stdout, ended.stderr);
}

#[test]
fn a_figure_that_nobody_measures_is_wrong_usage_and_every_measured_one_is_known() {
    for unknown in [
        "NONSENSE",
        "records.nonsense",
        "ledger.listing",
        "engine.embedded.65",
    ] {
        misused(&mut medfolder(&["bench", unknown]), "bench.unknown");
    }
    misused(
        &mut medfolder(&["bench", "records.open", "NONSENSE"]),
        "bench.unknown",
    );
}

/// `figures` are the names that a whole run printed.
pub(crate) fn every_figure_is_in_the_list_of_names(figures: &[&str]) {
    let list = fs::read_to_string(root().join("crates/cli/src/commands/bench.rs")).unwrap();
    for figure in figures {
        let under_load = figure.rsplit_once('.').map(|(start, _)| start);
        let named = |name: &str| list.contains(&format!("\"{name}\","));
        assert!(named(figure) || under_load.is_some_and(named), "{figure}");
    }
}
