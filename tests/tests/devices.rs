//! A patient's devices: one that is killed while it syncs, and one that gets the folder back from
//! its 24 words.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

use medfolder_tests::{Ended, Served, eventually, medfolder, root, run};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// How often a syncing process is killed.
const KILLS: u64 = 40;
const NUMBER: &str = "T77777777";

struct Device<'a> {
    served: &'a Served,
    vault: PathBuf,
}

impl Device<'_> {
    fn folder(&self, words: &[&str]) -> Command {
        let mut command = medfolder(&["folder"]);
        command.args(words).arg("--data-dir").arg(&self.vault);
        command.env("MEDFOLDER_PASSPHRASE", "a passphrase of a test");
        command
    }

    fn trust(&self) -> [&str; 4] {
        [
            "--genesis",
            self.served.text("/genesis"),
            "--ledger",
            self.served.text("/ledger"),
        ]
    }

    fn records(&self) -> BTreeSet<String> {
        let listed = told(&mut self.folder(&["list"]));
        let verified = listed.lines.iter().filter(|line| line["verified"] == true);
        verified
            .map(|line| line["record"].as_str().unwrap().to_owned())
            .collect()
    }
}

fn told(command: &mut Command) -> Ended {
    let ended = run(command);
    assert_eq!(ended.exit, 0, "{}{}", ended.stdout, ended.stderr);
    ended
}

/// Hands the grandmother's files of the first hospital in as another patient's; gives how many of
/// them are in force: one that a later one replaces is no more.
fn deliver(served: &Served) -> usize {
    let inner = PathBuf::from(served.text("/gateways/0/inner_config"));
    let inlet = inner.with_file_name("fhir");
    let mut delivered = 0;
    for visit in fs::read_dir(root().join("tests/data/family/wang-xiulan")).unwrap() {
        let visit = visit.unwrap().path();
        let name = visit.file_name().unwrap().to_string_lossy().into_owned();
        // Visits without attachments: a document alone is enough here.
        let plain = !visit.join("attachments").exists() && !visit.join("dicom").exists();
        if !name.contains("pujiang-first") || !plain {
            continue;
        }
        let folder = inlet.join(&name);
        fs::create_dir_all(&folder).unwrap();
        for file in fs::read_dir(&visit).unwrap() {
            let file = file.unwrap().path();
            let text = fs::read_to_string(&file)
                .unwrap()
                .replace("T00351204", NUMBER);
            let corrects = text.contains("\"replaces\"");
            let part = folder.join("file.part");
            fs::write(&part, text).unwrap();
            fs::rename(part, folder.join(file.file_name().unwrap())).unwrap();
            delivered += usize::from(!corrects);
        }
    }
    delivered
}

fn link(served: &Served, device: &Device<'_>) {
    let inner = served.text("/gateways/0/inner_config");
    let code = || {
        run(&mut medfolder(&[
            "desk",
            "code",
            "--config",
            inner,
            "--patient",
            NUMBER,
        ]))
    };
    let mut given = code();
    assert!(eventually(Duration::from_secs(30), || {
        given = code();
        given.exit == 0
    }));
    let text = |name: &str| given.last()[name].as_str().unwrap().to_owned();
    let mut linking = device.folder(&["link", &text("link")]).spawn().unwrap();
    let shown = BufReader::new(linking.stderr.take().unwrap())
        .lines()
        .map_while(Result::ok)
        .find(|line| line.contains("card number"))
        .unwrap();
    let card_end = &shown[shown.len() - 8..];
    let confirmed = eventually(Duration::from_secs(30), || {
        let words = [
            "desk",
            "confirm",
            &text("code"),
            "--config",
            inner,
            "--card-end",
            card_end,
        ];
        run(&mut medfolder(&words)).exit == 0
    });
    assert!(confirmed);
    assert!(linking.wait().unwrap().success());
}

fn restore(device: &Device<'_>, words: &str) {
    let mut command = device.folder(&["restore"]);
    let mut child = command
        .args(device.trust())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(words.as_bytes())
        .unwrap();
    assert!(child.wait().unwrap().success());
}

/// Kills a sync at another moment each time; whatever it was doing, the vault opens afterwards.
fn sync_and_kill(device: &Device<'_>) {
    for kill in 0..KILLS {
        let mut syncing = device.folder(&["sync"]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(kill * 37 % 900));
        syncing.kill().unwrap();
        syncing.wait().unwrap();
        if kill % 8 == 0 {
            device.records();
        }
    }
}

fn device<'a>(served: &'a Served, place: &Path, name: &str) -> Device<'a> {
    Device {
        served,
        vault: place.join(name),
    }
}

#[test]
fn a_killed_sync_loses_nothing_and_the_words_bring_everything_back_elsewhere() {
    let place = tempfile::tempdir().unwrap();
    let served = Served::start(place.path());
    let first = device(&served, place.path(), "first-device");
    let created = told(first.folder(&["create"]).args(first.trust()));
    let words: Vec<&str> = created.last()["words"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let delivered = deliver(&served);
    assert!(delivered > 10);
    link(&served, &first);
    sync_and_kill(&first);
    let whole = eventually(Duration::from_secs(60), || {
        let synced = told(&mut first.folder(&["sync"]));
        assert_eq!(synced.last()["complete"], true);
        assert_eq!(synced.last()["failed"], Value::Array(Vec::new()));
        first.records().len() == delivered
    });
    assert!(whole, "{} of {delivered}", first.records().len());
    let second = device(&served, place.path(), "second-device");
    restore(&second, &words.join(" "));
    told(&mut second.folder(&["sync"]));
    assert_eq!(second.records(), first.records());
    let found = |device: &Device<'_>| told(&mut device.folder(&["search", "肺炎"])).lines.len();
    assert_eq!(found(&first), found(&second));
}

#[test]
fn a_wrong_word_is_named_and_nothing_is_made() {
    let place = tempfile::tempdir().unwrap();
    let genesis = place.path().join("genesis");
    fs::write(&genesis, "no genesis").unwrap();
    let restore = |words: &str| {
        let mut command = medfolder(&["folder", "restore", "--ledger", "http://127.0.0.1:1"]);
        command
            .arg("--genesis")
            .arg(&genesis)
            .arg("--data-dir")
            .arg(place.path().join("vault"));
        command
            .env("MEDFOLDER_PASSPHRASE", "a passphrase of a test")
            .stdin(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(words.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let line: Value = serde_json::from_slice(&output.stdout).unwrap();
        line["error"]["code"].as_str().unwrap().to_owned()
    };
    assert_eq!(restore("abandon ability"), "words.count");
    assert_eq!(
        restore(
            &["abandon"; 23]
                .iter()
                .chain(&["medfolder"])
                .copied()
                .collect::<Vec<_>>()
                .join(" ")
        ),
        "words.unknown"
    );
    assert_eq!(restore(&["abandon"; 24].join(" ")), "words.checksum");
}
