//! A patient's devices: one that is killed while it syncs, and one that gets the folder back from
//! its 24 words.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

use medfolder_tests::{Device, Served, eventually, genesis, medfolder, root, run, told};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

/// How often a syncing process is killed.
const KILLS: u64 = 40;
const NUMBER: &str = "T77777777";

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

/// Kills a sync at another moment each time; whatever it was doing, the vault opens afterwards.
fn sync_and_kill(device: &Device) {
    for kill in 0..KILLS {
        let mut syncing = device.folder(&["sync"]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(kill * 37 % 900));
        syncing.kill().unwrap();
        syncing.wait().unwrap();
        if kill % 8 == 0 {
            assert!(device.records().len() <= 1_000);
        }
    }
}

fn device(served: &Served, place: &Path, name: &str) -> Device {
    Device {
        vault: place.join(name),
        genesis: served.text("/genesis").into(),
        ledger: served.text("/ledger").to_owned(),
    }
}

#[test]
fn a_killed_sync_loses_nothing_and_the_words_bring_everything_back_elsewhere() {
    let place = tempfile::tempdir().unwrap();
    let served = Served::start(place.path());
    let first = device(&served, place.path(), "first-device");
    let words = first.create();
    let delivered = deliver(&served);
    assert!(delivered > 10);
    first.link(Path::new(served.text("/gateways/0/inner_config")), NUMBER);
    sync_and_kill(&first);
    let whole = eventually(Duration::from_secs(60), || {
        let synced = told(&mut first.folder(&["sync"]));
        assert_eq!(synced.last()["complete"], true);
        assert_eq!(synced.last()["failed"], Value::Array(Vec::new()));
        first.records().len() == delivered
    });
    assert!(whole, "{} of {delivered}", first.records().len());
    let second = device(&served, place.path(), "second-device");
    second.restore(&words);
    told(&mut second.folder(&["sync"]));
    assert_eq!(second.records(), first.records());
    let found = |device: &Device| told(&mut device.folder(&["search", "肺炎"])).lines.len();
    assert_eq!(found(&first), found(&second));
    what_the_edge_lost_is_reported_once(&served, place.path(), &words, &first);
    a_card_of_a_later_index_is_found(&served, place.path(), &words, &first);
}

/// Another folder takes the patient's card over, then hers links again: her words bring back both of
/// her cards, the one that ended and the one in use.
fn a_card_of_a_later_index_is_found(served: &Served, place: &Path, words: &str, first: &Device) {
    let inner = Path::new(served.text("/gateways/0/inner_config"));
    let other = device(served, place, "another-folder");
    other.create();
    other.link(inner, NUMBER);
    let card = first.link(inner, NUMBER);
    told(&mut first.folder(&["sync"]));
    let restored = device(served, place, "fifth-device");
    restored.restore(words);
    told(&mut restored.folder(&["sync"]));
    let cards = |device: &Device| told(&mut device.folder(&["cards"])).lines;
    let (before, after) = (cards(first), cards(&restored));
    let states: Vec<_> = after.iter().map(|line| line["state"].as_str()).collect();
    assert_eq!(states, [Some("replaced"), Some("registered")]);
    assert_eq!(before, after);
    let shown = after[1]["card"].as_str().unwrap();
    assert_eq!(shown[shown.len() - 8..], card.card[card.card.len() - 8..]);
    assert_eq!(restored.records(), first.records());
}

/// The hospital's edge deletes one record's ciphertext, serves another patient's for a second,
/// changes the core of a third, the content of a fourth and the key slot of a visit: the patient's
/// next device names each and tells the ledger what is the edge's doing; neither that device nor a
/// further one tells it again. When the true ones are back, nothing of it is left.
fn what_the_edge_lost_is_reported_once(served: &Served, place: &Path, words: &str, whole: &Device) {
    let records: Vec<String> = whole.records().into_iter().collect();
    let edge = Edge::of(served);
    let kept = edge.keep(&records);
    let locked = edge.change_slot(&records[4]);
    let mut named: BTreeMap<&str, &str> = locked
        .iter()
        .map(|record| (record.as_str(), "record.slot"))
        .collect();
    fs::remove_file(edge.blob(&edge.envelope(&records[0]))).unwrap();
    edge.serve_a_strangers(&records[1], &records);
    edge.change_core(&records[2]);
    edge.change_content(&records[3]);
    named.extend([
        (records[0].as_str(), "zone.missing"),
        (records[1].as_str(), "record.leaf"),
        (records[2].as_str(), "record.leaf"),
        (records[3].as_str(), "record.sealed_content"),
    ]);
    let devices = ["third-device", "fourth-device"].map(|name| device(served, place, name));
    for (device, reported) in devices.iter().zip([4, 0]) {
        device.restore(words);
        for reported in [reported, 0] {
            let synced = run(&mut device.folder(&["sync"]));
            assert_eq!(synced.exit, 3, "{}{}", synced.stdout, synced.stderr);
            let failed = synced.last()["failed"].as_array().unwrap().iter();
            let failed =
                failed.map(|f| (f["record"].as_str().unwrap(), f["check"].as_str().unwrap()));
            assert_eq!(failed.collect::<BTreeMap<_, _>>(), named);
            assert_eq!(synced.last()["reported"], reported);
            assert_eq!(synced.last()["complete"], true);
        }
        let there = device.records();
        let hurt = records
            .iter()
            .filter(|record| named.contains_key(record.as_str()));
        assert_eq!(there.len(), records.len() - hurt.count());
    }
    edge.put_back(&kept);
    for device in &devices {
        let synced = told(&mut device.folder(&["sync"]));
        assert_eq!(synced.last()["failed"], Value::Array(Vec::new()));
        assert_eq!(device.records(), whole.records());
    }
}

/// What the edge had of a record: its id, the name and bytes of its envelope, its slot.
type Kept = (Vec<u8>, Vec<u8>, Vec<u8>, Vec<u8>);

/// The disk of the first hospital's edge, in malicious hands.
struct Edge {
    blobs: PathBuf,
    index: rusqlite::Connection,
}

impl Edge {
    fn of(served: &Served) -> Self {
        let inner = PathBuf::from(served.text("/gateways/0/inner_config"));
        let edge = inner.with_file_name("edge");
        let index = rusqlite::Connection::open(edge.join("index.db")).unwrap();
        index.busy_timeout(Duration::from_secs(5)).unwrap();
        Self {
            blobs: edge.join("blobs"),
            index,
        }
    }

    /// The name of a record's envelope.
    fn envelope(&self, record: &str) -> Vec<u8> {
        let id = hex::decode(record).unwrap();
        let sql = "SELECT envelope FROM record WHERE id = ?1";
        self.index.query_row(sql, [id], |row| row.get(0)).unwrap()
    }

    fn blob(&self, name: &[u8]) -> PathBuf {
        let name = hex::encode(name);
        self.blobs.join(&name[..2]).join(&name)
    }

    /// What is there before anybody touches it.
    fn keep(&self, records: &[String]) -> Vec<Kept> {
        let sql = "SELECT slot FROM slot JOIN record USING (visit, seq) WHERE record.id = ?1";
        let kept = records.iter().map(|record| {
            let (id, name) = (hex::decode(record).unwrap(), self.envelope(record));
            let slot = self.index.query_row(sql, [&id], |row| row.get(0)).unwrap();
            let bytes = fs::read(self.blob(&name)).unwrap();
            (id, name, bytes, slot)
        });
        kept.collect()
    }

    fn put_back(&self, kept: &[Kept]) {
        for (id, name, bytes, slot) in kept {
            fs::write(self.blob(name), bytes).unwrap();
            let sql = "UPDATE record SET envelope = ?2 WHERE id = ?1";
            assert_eq!(self.index.execute(sql, [id, name]).unwrap(), 1);
            self.set_slot(id, slot);
        }
    }

    fn set_slot(&self, record: &[u8], slot: &[u8]) {
        let sql = "UPDATE slot SET slot = ?2
            WHERE (visit, seq) = (SELECT visit, seq FROM record WHERE id = ?1)";
        assert_eq!(self.index.execute(sql, [record, slot]).unwrap(), 1);
    }

    /// Changes a byte of the key slot of a record's seal; gives all records of that seal.
    fn change_slot(&self, record: &str) -> Vec<String> {
        let (id, _, _, mut slot) = self.keep(&[record.to_owned()]).remove(0);
        let middle = slot.len() / 2;
        slot[middle] ^= 1;
        self.set_slot(&id, &slot);
        let sql = "SELECT lower(hex(id)) FROM record
            WHERE (visit, seq) = (SELECT visit, seq FROM record WHERE id = ?1)";
        let mut all = self.index.prepare(sql).unwrap();
        let all = all.query_map([id], |row| row.get(0)).unwrap();
        all.map(Result::unwrap).collect()
    }

    /// Changes the last byte of the envelope, which is of the encrypted content.
    fn change_content(&self, record: &str) {
        let path = self.blob(&self.envelope(record));
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(path, bytes).unwrap();
    }

    /// Lets a record's name lead to the envelope of a record that is none of `own`.
    fn serve_a_strangers(&self, record: &str, own: &[String]) {
        let mut all = self
            .index
            .prepare("SELECT id, envelope FROM record")
            .unwrap();
        let rows = all
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        let mut rows = rows.map(|row: rusqlite::Result<(Vec<u8>, Vec<u8>)>| row.unwrap());
        let (_, envelope) = rows
            .find(|(id, _)| !own.contains(&hex::encode(id)))
            .unwrap();
        let sql = "UPDATE record SET envelope = ?2 WHERE id = ?1";
        let id = hex::decode(record).unwrap();
        assert_eq!(self.index.execute(sql, [id, envelope]).unwrap(), 1);
    }

    /// Changes a byte of the core, which begins a few bytes into the envelope.
    fn change_core(&self, record: &str) {
        let path = self.blob(&self.envelope(record));
        let mut bytes = fs::read(&path).unwrap();
        bytes[20] ^= 1;
        fs::write(path, bytes).unwrap();
    }
}

#[test]
fn a_wrong_word_is_named_and_nothing_is_made() {
    let place = tempfile::tempdir().unwrap();
    let genesis = genesis(place.path());
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
    assert!(!place.path().join("vault").exists());
}
