//! The command line's contract, against a demonstration that serves: exit codes, error objects,
//! lines, and what two processes may not do at once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

#[path = "commands/contract.rs"]
mod contract;
#[path = "commands/key_store.rs"]
mod key_store;
#[path = "commands/lifetime.rs"]
mod lifetime;
#[path = "commands/outage.rs"]
mod outage;
#[path = "commands/person.rs"]
mod person;
#[path = "commands/reading.rs"]
mod reading;
#[path = "commands/words.rs"]
mod words;

use medfolder_tests::{Ended, Served, binary, eventually, genesis, medfolder, root, run};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

fn told(command: &mut Command) -> Ended {
    let ended = run(command);
    assert_eq!(ended.exit, 0, "{}{}", ended.stdout, ended.stderr);
    assert_eq!(
        ended.stdout.lines().count(),
        ended.lines.len(),
        "{}",
        ended.stdout
    );
    ended
}

fn refused(command: &mut Command, code: &str) {
    let ended = run(command);
    assert_eq!(
        (ended.exit, ended.error_code()),
        (1, code),
        "{}{}",
        ended.stdout,
        ended.stderr
    );
    let error = &ended.last()["error"];
    assert!(
        error["message"]
            .as_str()
            .is_some_and(|text| !text.is_empty())
    );
    assert!(
        error["hint"].as_str().is_some_and(|text| !text.is_empty()),
        "{code} has no hint"
    );
}

fn text<'a>(line: &'a Value, name: &str) -> &'a str {
    line[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name} in {line}"))
}

#[test]
fn a_signature_of_the_hospitals_own_system_is_verified_by_name() {
    let place = tempfile::tempdir().unwrap();
    let vectors = fs::read(root().join("tests/vectors/evidence.json")).unwrap();
    let vectors: Value = serde_json::from_slice(&vectors).unwrap();
    let ledger = place.path().join("genesis");
    let suite = &vectors["international"];
    fs::write(&ledger, hex::decode(text(suite, "genesis")).unwrap()).unwrap();
    let verify = |pack: &[u8], words: &[&str]| {
        let file = place.path().join("pack");
        fs::write(&file, pack).unwrap();
        let mut command = medfolder(&["verify"]);
        run(command.arg(file).arg("--genesis").arg(&ledger).args(words))
    };
    let pack = hex::decode(text(&suite["carried"], "pack")).unwrap();
    let held = verify(&pack, &[]);
    assert_eq!((held.exit, text(held.last(), "seal")), (0, "verified"));
    let check = |ended: &Ended| {
        let found = |line: &&Value| line["code"] == "evidence.carried";
        ended.lines.iter().find(found).unwrap().clone()
    };
    let carried = check(&held);
    assert_eq!(carried["outcome"], "holds");
    assert_eq!(carried["carried"][0]["signer"], "CN=Dr. Li p256");
    assert!(text(held.last(), "sentence").contains("Dr. Li p256"));
    let file = b"%PDF-1.7";
    let at = pack.windows(file.len()).position(|part| part == file);
    let mut changed = pack.clone();
    changed[at.unwrap()] ^= 1;
    let failed = verify(&changed, &[]);
    assert_eq!((failed.exit, failed.error_code()), (3, "evidence.carried"));
    assert_eq!(check(&failed)["reason"], "carried.file");
    // The body, which is the signed file, is not in this one.
    let beside = hex::decode(text(&suite["carried_body"], "pack")).unwrap();
    let beside = verify(&beside, &[]);
    assert_eq!(
        (beside.exit, beside.error_code()),
        (1, "evidence.text_missing")
    );
    assert!(beside.lines.iter().any(|line| line["seal"] == "seal_only"));
    assert_eq!(check(&beside)["outcome"], "not_checked");
}

#[test]
fn what_later_versions_bring_is_refused_and_does_nothing() {
    let place = tempfile::tempdir().unwrap();
    let commands: [&[&str]; 8] = [
        &["demo", "--headless", "--engine", "bft"],
        &["trace", "leaked.pdf"],
        &["member", "propose", "somebody"],
        &["member", "vote", "1", "--yes"],
        &["member", "remove", "somebody"],
        &["folder", "backup", "--out", "backup"],
        &["folder", "share", "--all", "--mask"],
        &["folder", "share", "--all", "--to-phone", "13800000000"],
    ];
    for words in commands {
        let mut command = medfolder(words);
        refused(
            command.arg("--data-dir").arg(place.path()),
            "not_yet.available",
        );
    }
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
}

#[test]
fn a_link_that_is_none_and_one_that_is_cut_short_are_refused_by_name() {
    refused(
        &mut medfolder(&["open", "https://example.org"]),
        "link.not_a_link",
    );
    refused(
        &mut medfolder(&["open", "shlink:/eyJ1cmwiOiJodHRwczovL2"]),
        "link.cut_short",
    );
}

#[test]
fn a_folder_without_a_vault_says_how_to_make_one() {
    let place = tempfile::tempdir().unwrap();
    let mut command = medfolder(&["folder", "list"]);
    refused(command.arg("--data-dir").arg(place.path()), "vault.missing");
    let mut command = medfolder(&["folder", "create", "--ledger", "http://127.0.0.1:1"]);
    command.arg("--genesis").arg(genesis(place.path()));
    command.arg("--data-dir").arg(place.path().join("vault"));
    refused(&mut command, "vault.no_passphrase");
    refused(
        command.env("MEDFOLDER_PASSPHRASE", "short"),
        "vault.weak_passphrase",
    );
    assert!(!place.path().join("vault").exists());
}

#[test]
fn a_served_demonstration_is_used_by_other_processes_as_the_contract_says() {
    let place = tempfile::tempdir().unwrap();
    let served = Served::start(place.path());
    contract::the_ready_line_says_where_everything_is(&served);
    contract::every_line_has_what_the_contract_says(&served, place.path());
    contract::records_are_named_behind_one_another_with_commas_or_again(&served);
    contract::a_sync_tells_how_far_it_is_line_by_line(&served);
    a_signer_opens_no_key_with_a_wrong_pin_or_with_none(&served);
    reading::every_attachment_is_exported_as_it_came(&served, place.path());
    contract::a_members_rule_is_explained_where_a_folder_knows_its_consortium(&served);
    folders_list_and_search(&served);
    vault_and_export_are_their_owners(&served, place.path());
    evidence_verifies_and_a_changed_one_exits_with_three(&served, place.path());
    a_share_is_made_opened_and_ended(&served);
    attachments_of_a_link_are_those_that_were_signed(&served, place.path());
    the_passcode_is_counted_and_the_log_is_complete(&served);
    the_log_of_last_time_is_shown_while_the_ledger_is_away(&served);
    two_processes_never_open_one_vault(&served);
    person::two_commands_at_once_wait_for_each_other(&served);
    person::a_record_that_was_corrected_is_marked_wherever_it_is_met(&served);
    person::mistakes_are_caught_before_anything_is_made(&served, place.path());
    person::parts_of_names_are_enough_and_unknown_ones_are_told_what_there_is(&served);
    person::a_new_folder_says_that_it_is_empty_and_survives_a_wrong_address(&served, place.path());
    reading::a_record_is_of_the_day_that_its_hospital_wrote(&served);
    reading::a_reader_is_told_whose_records_these_are(&served, place.path());
    reading::a_search_begins_with_what_matters_and_says_how_much_there_is(&served);
    reading::an_export_is_read_in_a_browser_and_its_evidence_verifies(&served, place.path());
    reading::a_folder_that_cannot_take_the_files_costs_no_opening(&served, place.path());
    reading::an_attachment_is_listed_and_saved_under_its_own_name(&served, place.path());
    reading::only_hospitals_that_have_records_here_are_offered(&served);
    words::lists_stand_in_columns_and_details_are_no_second_sentence(&served);
    words::a_desk_code_is_shown_as_a_qr_code_and_written_to_a_file(&served, place.path());
    a_new_folder_links_a_card_at_the_front_desk(&served, place.path());
}

fn vault_and_export_are_their_owners(served: &Served, place: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let export = place.join("all.zip");
    told(&mut served.folder(1, &["export", "--out", export.to_str().unwrap()]));
    let vault = std::path::PathBuf::from(served.text("/folders/1/data_dir"));
    for file in [export, vault.join("vault.key"), vault.join("vault.db")] {
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", file.display());
    }
}

fn folders_list_and_search(served: &Served) {
    let all = told(&mut served.folder(0, &["list"]));
    assert_eq!(all.lines.len(), 51.min(all.lines.len()));
    for line in &all.lines {
        for name in ["record", "visit", "hospital", "kind", "title", "date"] {
            assert!(!text(line, name).is_empty());
        }
        assert_eq!(line["verified"], true);
        assert!(line["version"].as_u64().is_some());
    }
    let first = told(&mut served.folder(0, &["list", "--limit", "5"]));
    let cursor = text(first.last(), "next").to_owned();
    let second = told(&mut served.folder(0, &["list", "--limit", "5", "--after", &cursor]));
    let ids = |page: &Ended| {
        page.lines
            .iter()
            .map(|l| text(l, "record").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!([ids(&first), ids(&second)].concat(), ids(&all)[..10]);
    let kind = told(&mut served.folder(0, &["list", "--kind", "检验报告", "--to", "2019-12-31"]));
    assert!(!kind.lines.is_empty() && kind.lines.iter().all(|line| line["kind"] == "11502-2"));
    let found = told(&mut served.folder(0, &["search", "青霉素"]));
    assert!(
        found
            .lines
            .iter()
            .all(|line| text(line, "snippet").contains("青霉素"))
    );
    refused(
        &mut served.folder(0, &["list", "--hospital", "不存在的医院"]),
        "member.unknown",
    );
    let synced = told(&mut served.folder(0, &["sync"]));
    assert_eq!(
        (synced.last()["new"].as_u64(), &synced.last()["complete"]),
        (Some(0), &true.into())
    );
}

fn evidence_verifies_and_a_changed_one_exits_with_three(served: &Served, place: &std::path::Path) {
    let listed = told(&mut served.folder(0, &["list", "--limit", "1"]));
    let record = text(listed.last(), "record").to_owned();
    let file = place.join("evidence");
    let path = file.to_string_lossy().into_owned();
    told(&mut served.folder(0, &["show", &record[..12], "--evidence", "--out", &path]));
    let verified = told(&mut medfolder(&[
        "verify",
        &path,
        "--genesis",
        served.text("/genesis"),
    ]));
    assert_eq!(verified.last()["seal"], "verified");
    assert_eq!(verified.last()["trust"], "known");
    words::a_verified_file_says_whose_record_it_is(&path, listed.last());
    words::what_a_stranger_wrote_commands_no_terminal(&path);
    // A folder of this device that trusts the ledger is asked by itself; a stranger's device says
    // first that nobody vouches for it.
    let folder = &served.ready["folders"][0];
    let data_dir = text(folder, "data_dir");
    let mut own = medfolder(&["verify", &path, "--data-dir", data_dir]);
    own.env("MEDFOLDER_PASSPHRASE", text(folder, "passphrase"));
    let strange = place.join("nothing").to_string_lossy().into_owned();
    let strangers = medfolder(&["verify", &path, "--data-dir", &strange]);
    // One that was not asked does not pass for one that does not know it.
    let closed = told(&mut medfolder(&["verify", &path, "--data-dir", data_dir]));
    let why = text(&closed.lines[0], "en");
    assert!(why.contains("not opened [vault.no_passphrase]"), "{why}");
    for (mut asked, trusted, outcome) in [
        (own, "known", "holds"),
        (strangers, "unknown", "not_checked"),
    ] {
        let told = told(&mut asked);
        assert_eq!(told.last()["trusted"], trusted);
        assert_eq!(told.last()["seal"], "verified");
        let check = &told.lines[0];
        assert_eq!(check["code"], "evidence.trust");
        assert_eq!(check["outcome"], outcome);
        let genesis = text(told.last(), "genesis");
        assert!(text(check, "en").contains(genesis));
        let only_if = text(told.last(), "sentence").starts_with("Only if the ledger");
        assert_eq!(only_if, trusted == "unknown");
    }
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();
    let failed = run(&mut medfolder(&[
        "verify",
        &path,
        "--genesis",
        served.text("/genesis"),
    ]));
    assert_eq!(failed.exit, 3, "{}", failed.stdout);
}

fn a_share_is_made_opened_and_ended(served: &Served) {
    let listed = told(&mut served.folder(1, &["list", "--limit", "2"]));
    let records = format!(
        "{},{}",
        text(&listed.lines[0], "record"),
        text(&listed.lines[1], "record")
    );
    let words = [
        "share",
        "--records",
        &records,
        "--for",
        "1h",
        "--openings",
        "1",
        "--no-code",
    ];
    let made = told(&mut served.folder(1, &words));
    let (share, link) = (
        text(made.last(), "share").to_owned(),
        text(made.last(), "link").to_owned(),
    );
    assert_eq!(made.last()["passcode"], Value::Null);
    let opened = told(&mut medfolder(&["open", &link, "--recipient", "Dr. Wu"]));
    assert_eq!(opened.last()["records"].as_array().map(Vec::len), Some(2));
    refused(
        &mut medfolder(&["open", &link, "--recipient", "Dr. Li"]),
        "share.used_up",
    );
    for words in [
        ["shorten", &share[..10], "--for", "30m"],
        ["extend", &share, "--for", "2h"],
    ] {
        refused(&mut served.folder(1, &words), "share.spent");
    }
    let more = told(&mut served.folder(1, &["share", "--records", &records, "--for", "1h"]));
    let more = text(more.last(), "share").to_owned();
    told(&mut served.folder(1, &["shorten", &more[..10], "--for", "30m"]));
    told(&mut served.folder(1, &["extend", &more, "--for", "2h"]));
    told(&mut served.folder(1, &["revoke", &more]));
    told(&mut served.folder(1, &["revoke", &share]));
    refused(&mut medfolder(&["open", &link]), "share.revoked");
    let shares = told(&mut served.folder(1, &["shares"]));
    assert_eq!(shares.last()["state"], "revoked");
    // Of one that is over it is still told how often it was opened.
    let over = shares
        .lines
        .iter()
        .find(|line| line["share"] == share.as_str());
    assert_eq!(over.unwrap()["opened"], 1);
    assert_eq!(over.unwrap()["number"], made.last()["number"]);
}

fn attachments_of_a_link_are_those_that_were_signed(served: &Served, place: &std::path::Path) {
    let found = told(&mut served.folder(0, &["search", "心电图", "--limit", "50"]));
    let with_attachment = found.lines.iter().find_map(|line| {
        let record = text(line, "record").to_owned();
        let shown = told(&mut served.folder(0, &["show", &record]));
        let attachments = shown.last()["attachments"].as_array()?.clone();
        (!attachments.is_empty()).then_some((record, attachments))
    });
    let (record, signed) = with_attachment.expect("an ECG with its picture");
    let words = ["share", "--records", &record, "--for", "1h", "--no-code"];
    let made = told(&mut served.folder(0, &words));
    let link = text(made.last(), "link").to_owned();
    let open = |genesis: &str| {
        let words = ["open", &link, "--recipient", "Dr. Gu", "--genesis", genesis];
        run(&mut medfolder(&words))
    };
    let opened = open(served.text("/genesis"));
    assert_eq!(opened.exit, 0, "{}", opened.stdout);
    let record = &opened.last()["records"][0];
    assert_eq!(
        (&record["trust"], &record["seal"]),
        (&"known".into(), &"verified".into())
    );
    let received = record["attachments"].as_array().unwrap();
    assert_eq!(received.len(), signed.len());
    for (received, signed) in received.iter().zip(&signed) {
        assert_eq!(received["name"], signed["name"]);
        assert_eq!(received["state"], "verified");
        assert!(received["file"].is_u64());
    }
    assert_eq!(open("/nowhere").exit, 1);
    what_is_saved_of_a_link_is_read_in_a_browser(&link, text(&signed[0], "name"), place);
    a_ledger_that_was_not_meant_is_no_forgery(&link, place);
}

fn what_is_saved_of_a_link_is_read_in_a_browser(link: &str, name: &str, place: &std::path::Path) {
    let saved = place.join("saved");
    told(&mut medfolder(&[
        "open",
        link,
        "--out",
        saved.to_str().unwrap(),
    ]));
    let read = |name: &str| fs::read_to_string(saved.join(name)).unwrap();
    let files = fs::read_dir(&saved).unwrap().map(|file| file.unwrap());
    let names = files.map(|file| file.file_name().into_string().unwrap());
    let names: Vec<String> = names.collect();
    let page = names
        .iter()
        .find(|name| name.starts_with("1 ") && name.ends_with(".html"));
    let page = read(page.unwrap());
    assert!(
        page.contains("✓ seal verified") && page.contains(name),
        "{page}"
    );
    assert!(names.contains(&format!("1-1 {name}")), "{names:?}");
    assert!(page.contains(&format!("href=\"./1-1%20{name}\"")), "{page}");
    let index = read("index.html");
    assert!(
        index.contains("王秀兰") && index.contains(".html\">"),
        "{index}"
    );
}

fn a_ledger_that_was_not_meant_is_no_forgery(link: &str, place: &std::path::Path) {
    let (other, saved) = (genesis(place), place.join("other"));
    let mut open = medfolder(&["open", link, "--genesis", other.to_str().unwrap()]);
    let opened = run(open.arg("--out").arg(&saved));
    assert_eq!(
        (opened.exit, opened.error_code()),
        (3, "evidence.other_ledger")
    );
    assert_eq!(opened.lines[0]["records"][0]["seal"], "other_ledger");
    let mut names = fs::read_dir(&saved)
        .unwrap()
        .map(|file| file.unwrap().file_name());
    let marked = names.any(|name| name.to_string_lossy().contains("(seal not verified)"));
    assert!(marked, "nothing says that the saved record is not verified");
}

fn the_passcode_is_counted_and_the_log_is_complete(served: &Served) {
    let link = served.text("/shares/0/link");
    refused(&mut medfolder(&["open", link]), "share.passcode_needed");
    refused(
        &mut medfolder(&["open", link, "--passcode", "wrong"]),
        "share.passcode_wrong",
    );
    let passcode = served.text("/shares/0/passcode");
    let opened = told(&mut medfolder(&[
        "open",
        link,
        "--passcode",
        passcode,
        "--recipient",
        "Dr. He",
    ]));
    let records = opened.last()["records"].as_array().unwrap();
    assert!(records.iter().all(|record| record["seal"] == "verified"));
    assert_eq!(opened.last()["receipt"]["signature"], "verified");
    let names = || {
        let log = told(&mut served.folder(0, &["access-log"]));
        assert_eq!(log.last()["complete"], true);
        let accesses = log.lines.iter().filter(|line| line["outcome"] == "opened");
        accesses
            .map(|line| line["who"].as_str().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    let reported = eventually(Duration::from_secs(20), || {
        names().iter().any(|who| who == "Dr. He")
    });
    assert!(reported, "the opening is not in the log");
    let log = told(&mut served.folder(0, &["access-log"]));
    let his = log
        .lines
        .iter()
        .find(|line| line["who"] == "Dr. He")
        .unwrap();
    // The session goes on: the host says what it has received.
    assert_eq!(his["what"].as_array().map(Vec::len), Some(records.len()));
    assert_eq!(his["provisional"], true);
    assert_eq!((&his["opening"], &his["number"]), (&1.into(), &1.into()));
    // Who gave no name is told so in the patient's language, whatever the reader's was.
    let mut unnamed = Command::new(binary());
    let words = [
        "open",
        link,
        "--passcode",
        passcode,
        "--json",
        "--lang",
        "zh",
    ];
    told(unnamed.args(words));
    let page = || person::for_a_person(&served.folder(0, &["access-log"])).stdout;
    let shown = eventually(Duration::from_secs(20), || {
        page().contains("  gave no name  opening 2: ")
    });
    assert!(shown, "{}", page());
}

fn the_log_of_last_time_is_shown_while_the_ledger_is_away(served: &Served) {
    let log = || told(&mut served.folder(0, &["access-log"]));
    let before = log();
    run(&mut served.folder(0, &["sync", "--ledger", "http://127.0.0.1:1"]));
    let away = log();
    let page = person::for_a_person(&served.folder(0, &["access-log"])).stdout;
    told(&mut served.folder(0, &["sync", "--ledger", served.text("/ledger")]));
    let accesses = |log: &Ended| log.lines[..log.lines.len() - 1].to_vec();
    assert_eq!(accesses(&away), accesses(&before));
    assert_eq!(away.last()["complete"], false);
    assert!(away.last()["as_of"].is_string(), "{}", away.stdout);
    assert!(page.contains("The ledger does not answer now"), "{page}");
}

fn two_processes_never_open_one_vault(served: &Served) {
    let codes: Vec<String> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..6)
            .map(|_| scope.spawn(|| run(&mut served.folder(0, &["sync"]))))
            .collect();
        let ended = runs.into_iter().map(|run| run.join().unwrap());
        ended.map(|ended| ended.error_code().to_owned()).collect()
    });
    assert!(codes.iter().any(|code| code.is_empty()), "{codes:?}");
    assert!(
        codes
            .iter()
            .all(|code| code.is_empty() || code == "vault.in_use"),
        "{codes:?}"
    );
    told(&mut served.folder(0, &["list", "--limit", "1"]));
}

fn a_new_folder_links_a_card_at_the_front_desk(served: &Served, place: &std::path::Path) {
    let vault = place.join("new-vault");
    let folder = |words: &[&str]| {
        let mut command = medfolder(&["folder"]);
        command.args(words).arg("--data-dir").arg(&vault);
        command.env("MEDFOLDER_PASSPHRASE", "a passphrase of a test");
        command
    };
    let trust = [
        "--genesis",
        served.text("/genesis"),
        "--ledger",
        served.text("/ledger"),
    ];
    let created = told(folder(&["create"]).args(trust));
    assert_eq!(created.last()["words"].as_array().map(Vec::len), Some(24));
    let desks = place.join("desks").to_string_lossy().into_owned();
    let gateways = served.ready["gateways"].as_array().unwrap();
    let code_at = |hospital: &str, patient: &str| {
        let mut all = gateways.iter();
        let inner = text(
            all.find(|one| one["name"] == hospital).unwrap(),
            "inner_config",
        );
        let words = ["desk", "code", "--config", inner, "--patient", patient];
        let code = told(medfolder(&words).args(["--data-dir", &desks]));
        assert!(text(code.last(), "expires").contains('T'));
        [text(code.last(), "link"), text(code.last(), "code")].map(str::to_owned)
    };
    let [link, code] = code_at("浦江市第一人民医院", "T00351204");
    // Another hospital's desk at the same machine, used later.
    code_at("浦江市儿童医院", "ET-2201-0086");
    let mut linking = folder(&["link", &link]).spawn().unwrap();
    let mut stderr = BufReader::new(linking.stderr.take().unwrap());
    let shown = line_with(&mut stderr, "card number");
    // Her folder of before has a card there: that is said before the desk confirms.
    line_with(&mut stderr, "already has a card");
    let card_end = &shown[shown.len() - 8..];
    let confirm = |end: &str| {
        let words = ["desk", "confirm", &code, "--card-end", end];
        run(medfolder(&words).args(["--data-dir", &desks]))
    };
    let mut nowhere = medfolder(&["desk", "confirm", &code, "--card-end", card_end]);
    nowhere.arg("--data-dir").arg(place.join("no-desk"));
    contract::misused(&mut nowhere, "desk.which_config");
    // The claim needs a moment through the spool; then another card's number is refused.
    let arrived = eventually(Duration::from_secs(20), || {
        confirm("11111111").error_code() == "desk.card_mismatch"
    });
    assert!(arrived, "the claim did not arrive");
    assert_eq!(confirm(card_end).exit, 0);
    let linked = linking.wait_with_output().unwrap();
    let line: Value = serde_json::from_slice(&linked.stdout).unwrap();
    assert!(text(&line, "card").ends_with(card_end));
    assert_eq!(line["member"], served.ready["gateways"][0]["name"]);
    assert_eq!(line["replaced"], true);
    assert_eq!(confirm(card_end).error_code(), "desk.code_used");
    refused(&mut folder(&["link", &link]), "card.linked");
    let synced = told(&mut folder(&["sync"]));
    assert_eq!(synced.last()["complete"], true);
    let mut stranger = folder(&["list"]);
    refused(
        stranger.env("MEDFOLDER_PASSPHRASE", "another passphrase"),
        "vault.wrong_passphrase",
    );
}

/// The line of a process's standard error that holds `words`.
fn line_with(stderr: &mut impl BufRead, words: &str) -> String {
    let mut lines = stderr.lines().map_while(Result::ok);
    lines
        .find(|line| line.contains(words))
        .expect("it never asked")
}

#[test]
fn hospitals_and_ledger_that_do_not_answer_keep_nobody_waiting() {
    let place = tempfile::tempdir().unwrap();
    let served = Served::start(place.path());
    outage::an_end_that_nobody_takes_is_told_in_time_and_made_by_the_next_sync(&served);
    outage::a_share_whose_host_is_away_is_shown_as_it_was_heard_of_last(&served);
    outage::the_ledger_takes_an_end_that_the_hospital_does_not(&served);
}

#[test]
fn a_bench_prints_a_figure_a_line_with_its_peer_and_target() {
    let ended = told(&mut medfolder(&["bench", "--small", "--quiet"]));
    let names: Vec<&str> = ended.lines.iter().map(|line| text(line, "name")).collect();
    contract::every_figure_is_in_the_list_of_names(&names);
    for name in [
        "records.ingest",
        "records.sync_processor",
        "records.share_fifty",
        "primitive.bound",
    ] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    for line in &ended.lines {
        for member in [
            "value",
            "unit",
            "peer",
            "peer_value",
            "ratio",
            "target",
            "met",
        ] {
            assert!(line.get(member).is_some(), "{member} in {line}");
        }
    }
    let one = told(&mut medfolder(&[
        "bench",
        "--small",
        "--quiet",
        "records.open",
    ]));
    assert_eq!(one.lines.len(), 1);
    assert_eq!(one.last()["met"], true);
}

#[test]
fn a_service_without_its_configuration_says_so() {
    for words in [
        &["node"][..],
        &["gateway", "inner"],
        &["gateway", "edge"],
        &["signer"],
    ] {
        let mut command = medfolder(words);
        let ended = run(command.args(["--config", "/nowhere/config.json"]));
        assert_eq!(ended.exit, 1, "{words:?}");
        assert!(ended.error_code().contains("config"), "{}", ended.stdout);
    }
}

fn a_signer_opens_no_key_with_a_wrong_pin_or_with_none(served: &Served) {
    use std::os::unix::fs::PermissionsExt as _;
    let inner = PathBuf::from(served.text("/gateways/0/inner_config"));
    let config = fs::read(inner.with_file_name("signer.json")).unwrap();
    let mut config: Value = serde_json::from_slice(&config).unwrap();
    let (other, pin) = (inner.with_file_name("other-signer.json"), "other.pin");
    let pin_file = inner.with_file_name(pin);
    fs::write(&pin_file, "00000000\n").unwrap();
    fs::set_permissions(&pin_file, fs::Permissions::from_mode(0o600)).unwrap();
    for (with, code) in [
        (Value::from(pin), "signer.pin_wrong"),
        (Value::Null, "signer.no_pin"),
    ] {
        config["keys"][0]["pin_file"] = with;
        fs::write(&other, config.to_string()).unwrap();
        let mut told = Vec::new();
        for language in ["en", "zh"] {
            let words = ["signer", "--json", "--lang", language, "--config"];
            let mut signer = Command::new(binary());
            signer.args(words).arg(&other).stdin(Stdio::null());
            let ended = run(&mut signer);
            assert_eq!(
                (ended.exit, ended.error_code()),
                (1, code),
                "{}",
                ended.stderr
            );
            told.push(text(&ended.last()["error"], "message").is_ascii());
        }
        assert_eq!(told, [true, false]);
    }
}

#[test]
fn policy_rules_are_explained_by_role_and_an_unknown_one_is_refused() {
    let seal = told(&mut medfolder(&[
        "policy",
        "explain",
        "hospital",
        "record.seal",
    ]));
    assert_eq!(seal.last()["decision"], "allowed");
    let card = told(&mut medfolder(&[
        "policy",
        "explain",
        "card",
        "record.seal",
    ]));
    assert_eq!(card.last()["decision"], "role");
    refused(
        &mut medfolder(&["policy", "explain", "hospital", "record.burn"]),
        "policy.unknown_name",
    );
}
