//! `kill -9` of node, inner zones, edges, signers and a syncing folder at random moments under load,
//! against a journal that this process keeps: what was acknowledged is there exactly once, what was
//! not sent is nowhere, nothing is half there.
//!
//! `MEDFOLDER_KILLS` says how often (100 without it), `MEDFOLDER_SEED` repeats the choices of a run.

use crate::chain;
use crate::documents::{self, Document, PATIENT};
use crate::journal::Journal;
use crate::random::Random;
use crate::world::{World, ask};
use medfolder_crypto::Suite;
use medfolder_gateway::inner::Status;
use medfolder_tests::{Device, eventually, told};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const KILLS: u64 = 100;
/// How long everything may take to come to rest after the last kill.
const REST: Duration = Duration::from_secs(180);
/// What a sync may say while its hospitals and its node are killed: that somebody does not answer,
/// stopped in the midst of an answer, or does not know the session any more.
const PASSING: [&str; 7] = [
    "http.unreachable",
    "http.interrupted",
    "zone.incomplete",
    "ledger.unreachable",
    "login.expired",
    "session.expired",
    "session.required",
];

/// Hands documents over as a hospital's systems would.
struct Feeder {
    hospital: usize,
    inlet: SocketAddr,
    token: String,
    watched: PathBuf,
    journal: Journal,
    random: Random,
    stop: Arc<AtomicBool>,
}

impl Feeder {
    fn feed(mut self) -> Vec<(PathBuf, Document)> {
        let mut dropped = Vec::new();
        for number in 1.. {
            for document in documents::visit(self.hospital, number) {
                thread::sleep(self.random.pause(250));
                if self.stop.load(Ordering::SeqCst) {
                    return dropped;
                }
                self.journal.sent(&document);
                // An answer can get lost; a correction comes behind what it corrects.
                let plain = document.attachments.is_empty();
                if plain && !document.corrects && self.random.once_in(2) {
                    self.post(&document);
                } else {
                    dropped.push((drop_file(&self.watched, &document), document));
                }
            }
        }
        dropped
    }

    /// Posts a document; without an answer it posts it again, or gives up and never knows.
    fn post(&mut self, document: &Document) {
        loop {
            let answer = ask(self.inlet, "POST", "/v1/fhir", &self.token, &document.body);
            match answer {
                Some((200, _)) => {
                    self.journal.acknowledged(document);
                    // A system that lost the answer sends once more what was taken.
                    if self.random.once_in(4) {
                        ask(self.inlet, "POST", "/v1/fhir", &self.token, &document.body);
                    }
                    return;
                }
                Some((status, problem)) if status < 500 => panic!("{status} {problem}"),
                _ if self.random.once_in(4) || self.stop.load(Ordering::SeqCst) => return,
                _ => thread::sleep(self.random.pause(200)),
            }
        }
    }
}

/// Puts a document and the files it names into a watched folder.
pub(crate) fn drop_file(watched: &Path, document: &Document) -> PathBuf {
    let path = watched
        .join(document.name.replace(".json", ""))
        .join(&document.name);
    for (name, source) in &document.attachments {
        place(&path.with_file_name(name), &fs::read(source).unwrap());
    }
    place(&path, document.body.as_bytes());
    path
}

fn place(path: &Path, content: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let part = path.with_extension("part");
    fs::write(&part, content).unwrap();
    fs::rename(part, path).unwrap();
}

/// The folder syncs again and again; what it said when nobody killed it.
struct Syncing {
    now: Arc<Mutex<Option<Child>>>,
    task: JoinHandle<BTreeMap<String, u64>>,
}

impl Syncing {
    fn start(device: Device, stop: Arc<AtomicBool>) -> Self {
        let now: Arc<Mutex<Option<Child>>> = Arc::default();
        let held = now.clone();
        let task = thread::spawn(move || {
            let mut said = BTreeMap::new();
            while !stop.load(Ordering::SeqCst) {
                *held.lock().unwrap() = Some(device.folder(&["sync"]).spawn().unwrap());
                *said.entry(end_of(&held)).or_default() += 1;
            }
            said
        });
        Self { now, task }
    }

    fn kill(&self) -> bool {
        let mut now = self.now.lock().unwrap();
        let running = now.as_mut();
        running.is_some_and(|child| child.try_wait().unwrap().is_none() && child.kill().is_ok())
    }
}

/// How a sync ended: `killed`, `whole`, or the code of why it did not go on.
fn end_of(held: &Mutex<Option<Child>>) -> String {
    let running = || {
        held.lock()
            .unwrap()
            .as_mut()
            .unwrap()
            .try_wait()
            .unwrap()
            .is_none()
    };
    while running() {
        thread::sleep(Duration::from_millis(10));
    }
    let mut child = held.lock().unwrap().take().unwrap();
    let exit = child.wait().unwrap();
    let (mut said, mut logged) = (String::new(), String::new());
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut logged)
        .unwrap();
    let line: serde_json::Value =
        serde_json::from_str(said.lines().last().unwrap_or("null")).unwrap_or_default();
    match exit.code() {
        None => "killed".to_owned(),
        Some(0) if line["complete"] == true && line["failed"] == serde_json::json!([]) => {
            "whole".to_owned()
        }
        _ => match line["error"]["code"].as_str() {
            Some(code) if exit.code() == Some(1) && PASSING.contains(&code) => code.to_owned(),
            _ => panic!("a sync must not say {exit}: {said} {logged}"),
        },
    }
}

/// Kills and starts again until it was often enough; how often each was killed.
fn kill_at_random(
    world: &mut World,
    syncing: &Syncing,
    kills: u64,
    random: &mut Random,
) -> BTreeMap<String, u64> {
    let mut victims = World::services();
    victims.extend(["sync".to_owned(), "sync".to_owned(), "node".to_owned()]);
    let mut killed = BTreeMap::new();
    while killed.values().sum::<u64>() < kills {
        thread::sleep(random.pause(320));
        let victim = random.one_of(&victims).clone();
        if victim == "sync" {
            if !syncing.kill() {
                continue;
            }
        } else {
            let ended = world.kill(&victim);
            assert!(ended.is_none(), "{ended:?}");
            thread::sleep(random.pause(120));
            world.start(&victim);
        }
        *killed.entry(victim).or_default() += 1;
    }
    killed
}

/// Whether nothing waits any more at either hospital.
fn at_rest(status: &Status) -> bool {
    let waits = status.to_sign + status.signed + status.sealed + status.outbox;
    waits == 0 && status.unassigned.is_empty() && status.waiting_for_card == 0
}

pub(crate) fn come_to_rest(world: &mut World, device: &Device, dropped: &[(PathBuf, Document)]) {
    let services = World::services();
    services.iter().for_each(|service| world.wait_for(service));
    let mut states = Vec::new();
    let rest = eventually(REST, || {
        states = (0..2).map(|hospital| world.status(hospital)).collect();
        let quiet = states
            .iter()
            .all(|state| state.as_ref().is_some_and(at_rest));
        quiet && !dropped.iter().any(|(path, _)| path.exists())
    });
    assert!(rest, "{states:#?}");
    for state in states.iter().flatten() {
        assert!(
            state.held.is_empty() && state.skipped.is_empty(),
            "{state:#?}"
        );
    }
    let synced = eventually(REST, || {
        let synced = told(&mut device.folder(&["sync"]));
        assert_eq!(synced.last()["complete"], true);
        assert_eq!(synced.last()["failed"], serde_json::json!([]));
        synced.last()["new"] == 0
    });
    assert!(synced);
}

/// Everything the folder holds: bodies of records with how many attachments each has.
fn exported(world: &World, device: &Device, name: &str) -> Vec<(String, usize)> {
    let path = world.file(name);
    told(&mut device.folder(&["export", "--out", path.to_str().unwrap()]));
    let mut zip = zip::ZipArchive::new(fs::File::open(path).unwrap()).unwrap();
    let names: Vec<String> = zip
        .file_names()
        .map(|name| name.unwrap().into_owned())
        .collect();
    let records = names
        .iter()
        .filter_map(|name| name.strip_suffix("/record.json"));
    let mut bodies: Vec<(String, usize)> = records
        .map(|folder| {
            let mut body = String::new();
            let mut file = zip.by_name(&format!("{folder}/record.json")).unwrap();
            file.read_to_string(&mut body).unwrap();
            // Beside `record.json`, `record.html` and `record.evidence.cbor`.
            let inside = names
                .iter()
                .filter_map(|name| name.strip_prefix(&format!("{folder}/")));
            let attachments = inside.filter(|name| !name.starts_with("record."));
            (body, attachments.count())
        })
        .collect();
    bodies.sort();
    bodies
}

/// Holds what the folder has to the journal.
fn compare(journal: &Journal, bodies: &[(String, usize)]) {
    let entries = journal.entries();
    let mut found = BTreeSet::new();
    for (body, attachments) in bodies {
        let entry = entries.get(body);
        let entry = entry.unwrap_or_else(|| panic!("nobody sent this: {body}"));
        assert!(found.insert(body), "{} is there twice", entry.name);
        assert_eq!(*attachments, entry.attachments, "{}", entry.name);
    }
    let lost = entries
        .iter()
        .filter(|(body, entry)| entry.acknowledged && !found.contains(body));
    let lost: Vec<&str> = lost.map(|(_, entry)| entry.name.as_str()).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
}

/// Nothing half-written lies anywhere, and each blob of the edges is what its name says.
fn nothing_is_half_there(world: &World) {
    for hospital in ["hospital-1", "hospital-3"] {
        for empty in [
            "fhir",
            "spool/out",
            "spool/in/new",
            "spool/in/tmp",
            "edge/blobs/tmp",
        ] {
            let left = files(&world.file(hospital).join(empty));
            let left: Vec<_> = left
                .iter()
                .filter(|path| !path.ends_with("number"))
                .collect();
            assert!(left.is_empty(), "{left:?}");
        }
        for blob in files(&world.file(hospital).join("edge/blobs")) {
            let digest = Suite::International.hash(&[&fs::read(&blob).unwrap()]);
            assert_eq!(
                blob.file_name().unwrap().to_string_lossy(),
                digest.to_string()
            );
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

/// A follower copies the blocks, checks each certificate and executes everything again.
fn a_follower_reaches_the_same_head(world: &mut World) {
    let config = fs::read(world.config("node")).unwrap();
    let mut config: serde_json::Value = serde_json::from_slice(&config).unwrap();
    let node = world.address("node").unwrap();
    config.as_object_mut().unwrap().remove("engine_key");
    config["follow"] = format!("http://{node}").into();
    config["follow_key"] = "host.key".into();
    config["data_dir"] = "follower".into();
    // The demonstration has ports for three hospitals; the second does not run here.
    config["listen"] = world.address("hospital-2-edge").unwrap().to_string().into();
    fs::write(world.config("follower"), config.to_string()).unwrap();
    world.start("follower");
    world.wait_for("follower");
    let follower = world.address("follower").unwrap();
    let checkpoint = |address, path| ask(address, "GET", path, "", "").filter(|a| a.0 == 200);
    let same = eventually(REST, || {
        let newest = "/v1/checkpoints/latest";
        let heads = (checkpoint(node, newest), checkpoint(follower, newest));
        heads.0.is_some() && heads.0 == heads.1
    });
    assert!(same, "{}", world.log("follower"));
    world.kill("follower");
}

struct Chaos {
    journal: Journal,
    killed: BTreeMap<String, u64>,
    said: BTreeMap<String, u64>,
    dropped: Vec<(PathBuf, Document)>,
}

fn chaos(world: &mut World, device: &Device, kills: u64, random: &mut Random) -> Chaos {
    let (journal, stop) = (Journal::default(), Arc::new(AtomicBool::new(false)));
    let feeders: Vec<_> = (0..2)
        .map(|hospital| Feeder {
            hospital,
            inlet: world.address(&World::service(hospital, "inner")).unwrap(),
            token: world.token(hospital, "feed"),
            watched: world.watched(hospital),
            journal: journal.clone(),
            random: Random::new(random.below(u64::MAX)),
            stop: stop.clone(),
        })
        .map(|feeder| thread::spawn(|| feeder.feed()))
        .collect();
    let syncing = Syncing::start(device.clone(), stop.clone());
    let killed = kill_at_random(world, &syncing, kills, random);
    stop.store(true, Ordering::SeqCst);
    let dropped = feeders
        .into_iter()
        .flat_map(|feeder| feeder.join().unwrap())
        .collect();
    let said = syncing.task.join().unwrap();
    Chaos {
        journal,
        killed,
        said,
        dropped,
    }
}

/// Links the device at both hospitals, each of which has one visit of hers.
fn link(world: &World, device: &Device, journal: &Journal) -> Vec<String> {
    let at = |hospital| {
        for document in documents::visit(hospital, 0) {
            journal.sent(&document);
            drop_file(&world.watched(hospital), &document);
            journal.acknowledged(&document);
        }
        let inner = world.config(&World::service(hospital, "inner"));
        device.link(&inner, PATIENT).card
    };
    (0..2).map(at).collect()
}

#[tokio::test]
async fn whatever_is_killed_nothing_acknowledged_is_lost_and_nothing_is_there_twice() {
    let kills = std::env::var("MEDFOLDER_KILLS")
        .ok()
        .and_then(|n| n.parse().ok());
    let (kills, seed) = (kills.unwrap_or(KILLS), Random::seed());
    println!("MEDFOLDER_SEED={seed}");
    let began = Instant::now();
    let mut world = World::new();
    world.start_all();
    let device = world.device("device");
    device.create();
    let before = Journal::default();
    let cards = link(&world, &device, &before);
    println!("began after {:?}", began.elapsed());
    let done = chaos(&mut world, &device, kills, &mut Random::new(seed));
    println!("killed {:?} after {:?}", done.killed, began.elapsed());
    println!("syncs {:?}", done.said);
    let Chaos {
        journal, dropped, ..
    } = done;
    come_to_rest(&mut world, &device, &dropped);
    dropped
        .iter()
        .for_each(|(_, document)| journal.acknowledged(document));
    journal.also(&before);
    let bodies = exported(&world, &device, "export.zip");
    println!(
        "{} documents, at rest after {:?}",
        bodies.len(),
        began.elapsed()
    );
    compare(&journal, &bodies);
    nothing_is_half_there(&world);
    let told = chain::read(&world, &cards).await;
    assert_eq!(
        (told.sealed.len(), told.records().len()),
        (bodies.len(), bodies.len())
    );
    assert!(told.records().is_superset(&device.records()));
    a_follower_reaches_the_same_head(&mut world);
    // Once more, and nothing changes.
    world.kill_all();
    world.start_all();
    come_to_rest(&mut world, &device, &[]);
    assert_eq!(chain::read(&world, &cards).await.log_size, told.log_size);
    assert_eq!(exported(&world, &device, "again.zip"), bodies);
    println!("done after {:?}", began.elapsed());
}
