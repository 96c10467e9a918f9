//! What a person meets at the command line: marks on corrected records, mistakes that are caught
//! before anything is made, parts of names, and a sentence where there is nothing.

use super::{line_with, refused, text, told};
use medfolder_tests::{Device, Ended, Served, eventually, medfolder, run};
use serde_json::Value;
use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// The same command for a person: without `--json`.
pub(crate) fn for_a_person(command: &Command) -> Ended {
    let mut plain = Command::new(command.get_program());
    plain.args(command.get_args().filter(|word| *word != "--json"));
    plain.stdin(std::process::Stdio::null());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => plain.env(name, value),
            None => plain.env_remove(name),
        };
    }
    run(&mut plain)
}

fn usage(command: &mut Command) {
    let ended = run(command);
    assert_eq!(ended.exit, 2, "{}{}", ended.stdout, ended.stderr);
}

pub(crate) fn a_record_that_was_corrected_is_marked_wherever_it_is_met(served: &Served) {
    let listed = told(&mut served.folder(0, &["list"]));
    assert!(listed.lines.iter().all(|line| line["in_force"] == true));
    let corrected = listed.lines.iter().find(|line| line["version"] == 2);
    let corrected = corrected.expect("the sample family has a corrected record");
    let new = text(corrected, "record");
    let shown = told(&mut served.folder(0, &["show", new]));
    let versions = shown.last()["versions"].as_array().unwrap().clone();
    let old = versions.iter().find(|version| version["in_force"] == false);
    let old = text(old.unwrap(), "record");
    let shown = told(&mut served.folder(0, &["show", old]));
    assert_eq!(shown.last()["in_force"], false);
    let page = for_a_person(&served.folder(0, &["show", old])).stdout;
    let first = page.lines().next().unwrap();
    assert!(
        first.starts_with("⚠ There is a corrected version"),
        "{first}"
    );
    assert!(first.contains(&new[..12]), "{first}");
    let page = for_a_person(&served.folder(0, &["show", new])).stdout;
    assert!(!page.contains('⚠'), "{page}");
    // Whoever signed is named: not every signer is a doctor.
    let author = text(corrected, "author");
    assert!(
        page.contains(&format!("✓ the signature is valid: {author}")),
        "{page}"
    );
    assert!(page.contains(&text(corrected, "visit")[..12]), "{page}");
    let title = text(corrected, "title");
    let found = told(&mut served.folder(0, &["search", title, "--limit", "500"]));
    let in_force = found.lines.iter().map(|line| line["in_force"] == true);
    let in_force: Vec<bool> = in_force.collect();
    assert!(in_force.contains(&false), "{in_force:?}");
    assert!(in_force.is_sorted_by(|a, b| a >= b), "{in_force:?}");
    let rows = for_a_person(&served.folder(0, &["search", title, "--limit", "500"])).stdout;
    assert!(rows.contains("⚠ not in force"), "{rows}");
    let lent = told(&mut served.folder(0, &["share", "--records", old, "--for", "1h"]));
    assert!(
        lent.stderr.contains("not the version in force"),
        "{}",
        lent.stderr
    );
    told(&mut served.folder(0, &["revoke", text(lent.last(), "share")]));
}

pub(crate) fn mistakes_are_caught_before_anything_is_made(served: &Served, place: &Path) {
    let count = || told(&mut served.folder(1, &["shares"])).lines.len();
    let before = count();
    let listed = told(&mut served.folder(1, &["list", "--limit", "1"]));
    let record = text(listed.last(), "record").to_owned();
    let there = place.join("there.svg");
    fs::write(&there, "mine").unwrap();
    let (there, nowhere) = (there.to_str().unwrap(), "/nonexist/q.svg");
    let share = |rest: &[&str]| {
        served.folder(
            1,
            &[&["share", "--records", &record, "--no-code"], rest].concat(),
        )
    };
    refused(&mut share(&["--qr", nowhere]), "file.no_folder");
    refused(&mut share(&["--qr", there]), "file.exists");
    assert_eq!(fs::read_to_string(there).unwrap(), "mine");
    usage(&mut share(&["--openings", "0"]));
    let short =
        |passcode: &str| served.folder(1, &["share", "--records", &record, "--passcode", passcode]);
    let long = "x".repeat(81);
    for (mut command, code) in [
        (short("1 2 3"), "passcode.length"),
        (short(&"9".repeat(65)), "passcode.length"),
        (share(&["--label", &long]), "link.label_too_long"),
        (share(&["--for", "91d"]), "share.too_long"),
        (
            served.folder(1, &["list", "--after", "bogus"]),
            "list.cursor",
        ),
    ] {
        let ended = run(&mut command);
        assert_eq!((ended.exit, ended.error_code()), (2, code));
    }
    let unknown = format!("{record},ffffffff");
    let unknown = run(&mut served.folder(1, &["share", "--records", &unknown]));
    assert_eq!(text(&unknown.last()["error"], "detail"), "ffffffff");
    assert_eq!(count(), before);
    let twice = format!("{record},{}", &record[..12]);
    let words = ["share", "--records", &twice, "--no-code"];
    let once = told(&mut served.folder(1, &words));
    assert_eq!(once.last()["records"], 1);
    told(&mut served.folder(1, &["revoke", text(once.last(), "share")]));
    let svg = place.join("new.svg");
    let made = told(&mut share(&["--qr", svg.to_str().unwrap(), "--for", "1h"]));
    assert_eq!(made.last()["records"], 1);
    assert!(fs::read_to_string(&svg).unwrap().contains("<svg"));
    let share = text(made.last(), "share").to_owned();
    let row = for_a_person(&served.folder(1, &["shares"])).stdout;
    let row = row.lines().find(|row| row.contains(&share[..12])).unwrap();
    let number = format!("#{}", made.last()["number"]);
    assert!(row.starts_with(&format!("{number} ")), "{row}");
    for word in ["1 record", "opened 0", "no passcode"] {
        assert!(row.contains(word), "{row}");
    }
    let ended = for_a_person(&served.folder(1, &["revoke", &number])).stdout;
    assert!(ended.starts_with(&format!("Share {number} “")), "{ended}");
    refused(
        &mut served.folder(1, &["extend", &share, "--for", "2h"]),
        "share.over",
    );
    usage(&mut served.folder(1, &["list", "--limit", "0"]));
    usage(&mut served.folder(1, &["search", "x", "--limit", "0"]));
    refused(
        &mut served.folder(1, &["show", &record, "--out", "/nonexist/x"]),
        "file.no_folder",
    );
    refused(
        &mut served.folder(1, &["export", "--out", "/nonexist/x.zip"]),
        "file.no_folder",
    );
}

pub(crate) fn parts_of_names_are_enough_and_unknown_ones_are_told_what_there_is(served: &Served) {
    let listed = told(&mut served.folder(0, &["list", "--limit", "1"]));
    let (visit, record) = (text(listed.last(), "visit"), text(listed.last(), "record"));
    let hospital = text(listed.last(), "hospital");
    let made = told(&mut served.folder(0, &["share", "--visit", &visit[..10], "--no-code"]));
    assert!(
        made.last()["records"]
            .as_u64()
            .is_some_and(|count| count > 0)
    );
    told(&mut served.folder(0, &["revoke", text(made.last(), "share")]));
    refused(
        &mut served.folder(0, &["share", "--visit", "ffffffffff"]),
        "share.visit",
    );
    let part: String = hospital
        .chars()
        .take(hospital.chars().count() - 2)
        .collect();
    let of_part = told(&mut served.folder(0, &["list", "--hospital", &part]));
    let of_name = told(&mut served.folder(0, &["list", "--hospital", hospital]));
    assert_eq!(of_part.lines.len(), of_name.lines.len());
    let unknown = run(&mut served.folder(0, &["list", "--hospital", "不存在的医院"]));
    assert!(text(&unknown.last()["error"], "detail").contains(hospital));
    let american = told(&mut served.folder(0, &["list", "--kind", "immunization"]));
    let british = told(&mut served.folder(0, &["list", "--kind", "immunisation-record"]));
    assert_eq!(american.lines, british.lines);
    let many = told(&mut served.folder(0, &["search", "甲状腺", "结节"]));
    let one = told(&mut served.folder(0, &["search", "甲状腺 结节"]));
    assert_eq!(many.lines, one.lines);
    let fhir = told(&mut served.folder(0, &["show", record, "--fhir"]));
    assert_eq!(fhir.last()["fhir"]["resourceType"], "Bundle");
    let pack = told(&mut served.folder(0, &["show", record, "--evidence"]));
    assert_eq!(text(pack.last(), "record"), record);
    assert!(text(pack.last(), "evidence").len() > 1_000);
}

pub(crate) fn a_new_folder_says_that_it_is_empty_and_survives_a_wrong_address(
    served: &Served,
    place: &Path,
) {
    let device = Device {
        vault: place.join("careful-vault"),
        genesis: PathBuf::from(served.text("/genesis")),
        ledger: served.text("/ledger").to_owned(),
    };
    let [_, genesis, ..] = device.trust();
    let words = ["create", "--genesis", genesis, "--ledger", "nonsense"];
    refused(&mut device.folder(&words), "ledger.address");
    assert!(!device.vault.exists());
    let words = [
        "create",
        "--genesis",
        genesis,
        "--ledger",
        "http://127.0.0.1:1",
    ];
    told(&mut device.folder(&words));
    refused(
        &mut device.folder(&["sync", "--ledger", "nonsense"]),
        "ledger.address",
    );
    told(&mut device.folder(&["sync", "--ledger", &device.ledger]));
    let synced = for_a_person(&device.folder(&["sync"]));
    assert!(
        synced.stdout.contains("No hospital is linked yet"),
        "{}",
        synced.stdout
    );
    let unknown = run(&mut device.folder(&["list", "--folder", "nobody"]));
    assert_eq!(unknown.error_code(), "folder.unknown");
    assert!(text(&unknown.last()["error"], "detail").ends_with("there are: folder"));
    for (words, nothing) in [
        (&["list"][..], "There are no records yet"),
        (&["list", "--after", "0.0"], "There is no such record"),
        (&["search", "x"], "Nothing was found"),
        (&["shares"], "There is no share yet"),
        (&["access-log"], "Nobody has looked yet"),
    ] {
        let ended = for_a_person(&device.folder(words));
        assert!(
            ended.stderr.contains(nothing),
            "{words:?}: {}",
            ended.stderr
        );
        assert!(!run(&mut device.folder(words)).stderr.contains(nothing));
    }
    a_link_that_was_stopped_is_taken_up_by_sync(served, &device);
}

/// The patient's program ends between her claim and the desk's confirmation.
fn a_link_that_was_stopped_is_taken_up_by_sync(served: &Served, device: &Device) {
    let inner = served.text("/gateways/0/inner_config");
    let words = ["desk", "code", "--config", inner, "--patient", "T00351204"];
    let given = told(&mut medfolder(&words));
    let (link, code) = (text(given.last(), "link"), text(given.last(), "code"));
    let mut linking = device.folder(&["link", link]).spawn().unwrap();
    let mut stderr = BufReader::new(linking.stderr.take().unwrap());
    let shown = line_with(&mut stderr, "card number");
    // While it waits for the desk it holds the vault.
    refused(&mut device.folder(&["list"]), "vault.in_use");
    linking.kill().unwrap();
    linking.wait().unwrap();
    let end = &shown[shown.len() - 8..];
    let words = [
        "desk",
        "confirm",
        code,
        "--config",
        inner,
        "--card-end",
        end,
    ];
    let confirmed = eventually(PATIENCE, || run(&mut medfolder(&words)).exit == 0);
    assert!(confirmed, "the claim did not arrive");
    let linked = eventually(PATIENCE, || {
        let synced = for_a_person(&device.folder(&["sync"]));
        synced.exit == 0 && !synced.stdout.contains("No hospital is linked yet")
    });
    assert!(linked, "sync does not see the card that the desk confirmed");
    the_card_that_was_replaced_says_so(served, device);
    refused(&mut device.folder(&["link", link]), "card.linked");
    let elsewhere = text(&served.ready["gateways"][1], "name");
    // Where no patient can be, such as a commission, is not offered.
    let nowhere = ["link", "TA6AMDRQM2XRV65V", "--member", "x"];
    let nowhere = run(&mut device.folder(&nowhere));
    let offered = text(&nowhere.last()["error"], "detail");
    assert!(
        offered.contains(elsewhere) && !offered.contains("委员会"),
        "{offered}"
    );
    let invented = ["link", "TA6AMDRQM2XRV65V", "--member", elsewhere];
    refused(&mut device.folder(&invented), "desk.code_unknown");
    let cards = told(&mut device.folder(&["cards"]));
    let waits = cards.lines.iter().any(|line| line["hospital"] == elsewhere);
    assert!(
        !waits,
        "a card waits for a desk that said no: {}",
        cards.stdout
    );
}

/// The patient had a card there already, in her own folder: nobody loses sight of records unwarned.
fn the_card_that_was_replaced_says_so(served: &Served, new: &Device) {
    let hospital = text(&served.ready["gateways"][0], "name");
    let old = || told(&mut served.folder(0, &["sync"]));
    let said = eventually(PATIENCE, || {
        old().last()["replaced"][0]["hospital"] == hospital
    });
    assert!(said, "{}", old().stdout);
    assert_eq!(old().last()["complete"], true);
    let page = for_a_person(&served.folder(0, &["sync"])).stdout;
    assert!(page.contains("this card was replaced on"), "{page}");
    let cards = told(&mut served.folder(0, &["cards"]));
    let states = |cards: &Ended| -> Vec<String> {
        let at = cards
            .lines
            .iter()
            .filter(|line| line["hospital"] == hospital);
        at.map(|line| text(line, "state").to_owned()).collect()
    };
    assert_eq!(states(&cards), ["replaced"]);
    assert!(cards.lines.len() > 1 && cards.lines[1]["state"] == "registered");
    assert_eq!(states(&told(&mut new.folder(&["cards"]))), ["registered"]);
    // The next patient at the desk is asked about it first.
    let inner = served.text("/gateways/0/inner_config");
    let words = ["desk", "code", "--config", inner, "--patient", "T00351204"];
    let page = for_a_person(&medfolder(&words)).stdout;
    assert!(page.contains("This patient has a card already"), "{page}");
}

/// Another command of the same person's that is soon done is waited for.
pub(crate) fn two_commands_at_once_wait_for_each_other(served: &Served) {
    let codes: Vec<Value> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..2)
            .map(|_| scope.spawn(|| run(&mut served.folder(0, &["list", "--limit", "1"]))))
            .collect();
        runs.into_iter()
            .map(|run| run.join().unwrap().last().clone())
            .collect()
    });
    assert!(
        codes.iter().all(|line| line["record"].is_string()),
        "{codes:?}"
    );
}
