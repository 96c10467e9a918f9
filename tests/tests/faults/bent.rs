//! What stands between a folder and honest servers changes one thing of what they say: leaf, proof,
//! checkpoint, certificate, core, slot, what statement and signatures hash to, each by itself. The
//! folder names it, keeps nothing of it, goes on with another node, and has everything once it is
//! told the truth.

use crate::documents::{self, Document, PATIENT};
use crate::kills::{come_to_rest, drop_file};
use crate::proxy::Proxy;
use crate::world::World;
use medfolder_client::api::ledger::{ConsistencyAnswer, StateAnswer};
use medfolder_client::api::zone::FetchItem;
use medfolder_client::clock::Clock;
use medfolder_crypto::{Secret32, from_cbor, to_cbor};
use medfolder_folder::records::Filter;
use medfolder_folder::sync::{Cancel, SyncOptions, SyncReport};
use medfolder_folder::{Folder, FolderError, Trust, Unlock, Vault};
use medfolder_ledger::proof::{EntryProof, HistoryItem, HistoryPage};
use minicbor::Decoder;
use minicbor::encode::Encode;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// One patient's words, brought back on as many devices as there are cases.
struct Patient {
    world: World,
    words: String,
    genesis: Vec<u8>,
    runtime: tokio::runtime::Runtime,
    devices: AtomicUsize,
}

impl Patient {
    fn vault(&self) -> Vault {
        let number = self.devices.fetch_add(1, Ordering::SeqCst);
        let place = self.world.file(&format!("device-{number}"));
        Vault::create(&place, &Unlock::Key(Secret32::new([7; 32]))).unwrap()
    }

    fn folder<'v>(&self, vault: &'v Vault, nodes: &[&str]) -> Folder<'v> {
        let ledger: Vec<String> = nodes.iter().map(|node| (*node).to_owned()).collect();
        let trust = Trust {
            genesis: &self.genesis,
            ledger: &ledger,
        };
        let now = Clock::system().now();
        vault.restore_folder("a", &self.words, &trust, now).unwrap()
    }

    fn sync(&self, folder: &Folder<'_>) -> Result<SyncReport, FolderError> {
        let options = SyncOptions {
            clock: Clock::system(),
            progress: &|_| (),
            cancel: Cancel::default(),
        };
        self.runtime.block_on(folder.sync(&options))
    }

    /// Everything arrives and passes every check.
    fn syncs_all(&self, folder: &Folder<'_>, records: usize) {
        let report = self.sync(folder).unwrap();
        assert!(report.complete && report.failed.is_empty(), "{report:?}");
        assert_eq!(verified(folder), records);
    }

    fn refused(&self, folder: &Folder<'_>) -> String {
        self.sync(folder).unwrap_err().code().to_owned()
    }
}

fn verified(folder: &Folder<'_>) -> usize {
    let all = Filter {
        all_versions: true,
        ..Filter::default()
    };
    let listed = folder.list(&all).unwrap().records;
    let verified = listed
        .iter()
        .filter(|record| record.state == medfolder_folder::records::State::Verified);
    verified.count()
}

/// Changes the last byte of a part's encoding within the whole's.
fn bend(whole: &mut [u8], part: &impl Encode<()>) {
    let part = to_cbor(part);
    let at = whole.windows(part.len()).position(|bytes| bytes == part);
    whole[at.unwrap() + part.len() - 1] ^= 1;
}

type Change<T> = fn(&T, &mut Vec<u8>);

/// Changes a list's page.
fn page(change: Change<HistoryPage>) -> impl Fn(&mut Vec<u8>) + Send + Sync {
    move |body| {
        if let Ok(page) = HistoryPage::from_bytes(body) {
            change(&page, body);
        }
    }
}

/// Changes a proof that stands in JSON.
fn staff(change: Change<EntryProof>) -> impl Fn(&mut Vec<u8>) + Send + Sync {
    move |body| {
        let mut answer: StateAnswer = serde_json::from_slice(body).unwrap();
        let proof = EntryProof::from_bytes(&answer.proof.0).unwrap();
        change(&proof, &mut answer.proof.0);
        *body = serde_json::to_vec(&answer).unwrap();
    }
}

type Bend = Box<dyn Fn(&mut Vec<u8>) + Send + Sync>;

fn boxed(bend: impl Fn(&mut Vec<u8>) + Send + Sync + 'static) -> Bend {
    Box::new(bend)
}

/// Of a node's answers: what is changed, where, how, and what the folder says.
fn of_a_node() -> Vec<(&'static str, &'static str, Bend, &'static str)> {
    const LIST: &str = "/entries?";
    vec![
        (
            "leaf",
            LIST,
            boxed(page(|page, body| {
                if let Some(HistoryItem::Transaction(last)) = page.items.last() {
                    let stored: minicbor::bytes::ByteVec = last.stored.clone().into();
                    bend(body, &stored);
                }
            })),
            "proof.incomplete",
        ),
        (
            "proof",
            LIST,
            boxed(page(|page, body| bend(body, &page.entry.state))),
            "proof.state",
        ),
        (
            "checkpoint",
            LIST,
            boxed(page(|page, body| {
                bend(body, &page.entry.checkpoint.header);
            })),
            "block.certificate",
        ),
        (
            "certificate",
            LIST,
            boxed(page(|page, body| {
                bend(body, &page.entry.checkpoint.certificate);
            })),
            "block.certificate",
        ),
        (
            "encoding",
            LIST,
            boxed(|body: &mut Vec<u8>| body[0] ^= 0x40),
            "proof.encoding",
        ),
        (
            "length",
            LIST,
            boxed(|body: &mut Vec<u8>| body.truncate(body.len() / 2)),
            "ledger.unreachable",
        ),
        (
            "a doctor's key",
            "/v1/staff/",
            boxed(staff(|proof, body| bend(body, &proof.state))),
            "proof.state",
        ),
    ]
}

/// Changes each envelope of an edge's answer in one of its parts.
fn envelopes(part: u64) -> impl Fn(&mut Vec<u8>) + Send + Sync + 'static {
    items(move |item| {
        if let FetchItem::Envelope { envelope, .. } = item {
            let mut decoder = Decoder::new(envelope);
            decoder.array().unwrap();
            (0..=part).for_each(|_| decoder.skip().unwrap());
            let end = decoder.position();
            envelope[end - 1] ^= 1;
        }
    })
}

fn items(
    change: impl Fn(&mut FetchItem) + Send + Sync + 'static,
) -> impl Fn(&mut Vec<u8>) + Send + Sync + 'static {
    move |body| {
        let mut decoder = Decoder::new(body);
        let mut bent = Vec::new();
        while decoder.position() < body.len() {
            let mut item: FetchItem = decoder.decode().unwrap();
            change(&mut item);
            bent.extend(to_cbor(&item));
        }
        *body = bent;
    }
}

/// Of an edge's answers: what is changed, how, and which check names each record.
fn of_an_edge() -> Vec<(&'static str, Bend, &'static str)> {
    let slot = |item: &mut FetchItem| {
        if let FetchItem::Slot { slot, .. } = item {
            *slot.last_mut().unwrap() ^= 1;
        }
    };
    let missing = |item: &mut FetchItem| {
        if let FetchItem::Envelope { record, .. } = *item {
            *item = FetchItem::MissingRecord { record };
        }
    };
    vec![
        ("core", boxed(envelopes(1)), "record.leaf"),
        ("statement", boxed(envelopes(2)), "record.leaf"),
        ("signatures", boxed(envelopes(3)), "record.leaf"),
        (
            "sealed content",
            boxed(envelopes(4)),
            "record.sealed_content",
        ),
        ("slot", boxed(items(slot)), "record.slot"),
        ("presence", boxed(items(missing)), "zone.missing"),
    ]
}

/// Hands a visit over; where its documents were put.
fn deliver(world: &World, number: u32) -> Vec<(PathBuf, Document)> {
    let documents = documents::visit(0, number).into_iter();
    let dropped = documents.map(|document| (drop_file(&world.watched(0), &document), document));
    dropped.collect()
}

/// Why attachments cannot be read.
fn unread(folder: &Folder<'_>) -> Vec<String> {
    let listed = folder.list(&Filter::default()).unwrap().records;
    let shown = listed.iter().map(|listed| listed.record.to_string());
    let failed = shown.flat_map(|name| {
        let record = folder.open_record(&name).unwrap().record;
        let pieces = 0..record.attachments().len() as u32;
        let read = pieces.map(|j| folder.read_attachment(&record, j).err());
        read.flatten().collect::<Vec<_>>()
    });
    failed.map(|error| error.code().to_owned()).collect()
}

/// Files of attachments that a vault keeps, and whether anything half written lies there.
fn blobs(vault: &Vault) -> (Vec<PathBuf>, bool) {
    let files = fs::read_dir(vault.directory().join("blobs"));
    let paths = files.into_iter().flatten().map(|file| file.unwrap().path());
    let (whole, rest): (Vec<_>, Vec<_>) =
        paths.partition(|path| path.extension().is_some_and(|ending| ending == "blob"));
    (whole, !rest.is_empty())
}

#[test]
fn what_is_changed_on_its_way_is_named_and_kept_by_nobody_and_the_next_node_or_sync_goes_on() {
    let mut world = World::new();
    let node = Proxy::before(&world, "node");
    let edge = Proxy::before(&world, &World::service(0, "edge"));
    world.start_all();
    let device = world.device("device");
    let words = device.create();
    let visits = [0, 1].map(|number| deliver(&world, number)).concat();
    device.link(&world.config(&World::service(0, "inner")), PATIENT);
    come_to_rest(&mut world, &device, &visits);
    let genesis = fs::read(world.file("genesis.cbor")).unwrap();
    let mut patient = Patient {
        words,
        genesis,
        runtime: tokio::runtime::Runtime::new().unwrap(),
        devices: AtomicUsize::new(0),
        world,
    };
    let honest = device.ledger.clone();
    let records = {
        let vault = patient.vault();
        let folder = patient.folder(&vault, &[&honest]);
        let records = patient.sync(&folder).unwrap().verified;
        assert!(records > 3 && verified(&folder) == records);
        records
    };

    changed_nodes(&patient, &node, &honest, records);
    changed_edges(&patient, &edge, &honest, records);
    broken_files(&patient, &edge, &honest, records);
    changed_consistency(&mut patient, &node, &device, records);
}

fn changed_nodes(patient: &Patient, node: &Proxy, honest: &str, records: usize) {
    for (what, path, bend, code) in of_a_node() {
        node.bend(path, bend);
        let (vault, second) = (patient.vault(), patient.vault());
        let folder = patient.folder(&vault, &[&node.url]);
        assert_eq!(patient.refused(&folder), code, "{what}");
        assert_eq!(verified(&folder), 0, "{what}");
        patient.syncs_all(&patient.folder(&second, &[&node.url, honest]), records);
        node.be_honest();
        patient.syncs_all(&folder, records);
    }
}

fn changed_edges(patient: &Patient, edge: &Proxy, honest: &str, records: usize) {
    const FETCH: &str = "/v1/zone/fetch";
    // Once, by whoever stood between for a moment: asked again, the hospital is not accused.
    let first = AtomicBool::new(true);
    let bend = envelopes(1);
    edge.bend(FETCH, move |body: &mut Vec<u8>| {
        if first.swap(false, Ordering::SeqCst) {
            bend(body);
        }
    });
    let vault = patient.vault();
    let folder = patient.folder(&vault, &[honest]);
    let report = patient.sync(&folder).unwrap();
    assert_eq!((report.verified, report.reported), (records, 0));
    assert!(report.failed.is_empty(), "{report:?}");

    edge.bend(FETCH, |body: &mut Vec<u8>| body.truncate(body.len() - 9));
    let vault = patient.vault();
    let folder = patient.folder(&vault, &[honest]);
    assert_eq!(patient.refused(&folder), "http.interrupted");
    edge.be_honest();
    patient.syncs_all(&folder, records);

    for (what, bend, check) in of_an_edge() {
        edge.bend(FETCH, bend);
        let vault = patient.vault();
        let folder = patient.folder(&vault, &[honest]);
        let report = patient.sync(&folder).unwrap();
        assert_eq!(
            (report.verified, report.failed.len()),
            (0, records),
            "{what}"
        );
        for failure in &report.failed {
            assert_eq!(failure.check, check, "{what}");
        }
        edge.be_honest();
        patient.syncs_all(&folder, records);
    }
}

fn broken_files(patient: &Patient, edge: &Proxy, honest: &str, records: usize) {
    edge.bend("/attachments/", |body: &mut Vec<u8>| {
        body.truncate(body.len() / 2);
    });
    let vault = patient.vault();
    let folder = patient.folder(&vault, &[honest]);
    assert_eq!(patient.refused(&folder), "http.interrupted");
    assert_eq!(blobs(&vault), (Vec::new(), false));
    assert_eq!(verified(&folder), records);
    edge.bend("/attachments/", |body: &mut Vec<u8>| body[0] ^= 1);
    let report = patient.sync(&folder).unwrap();
    assert!(!report.failed.is_empty() && blobs(&vault) == (Vec::new(), false));
    edge.be_honest();
    patient.syncs_all(&folder, records);
    let (files, half) = blobs(&vault);
    assert!(!files.is_empty() && !half);
    // What this device lost or spoilt afterwards is told, and fetched anew.
    fs::remove_file(&files[0]).unwrap();
    assert_eq!(unread(&folder), ["attachment.waiting"]);
    patient.syncs_all(&folder, records);
    let kept = fs::read(&files[0]).unwrap();
    fs::write(&files[0], [&kept[..1], &kept].concat()).unwrap();
    assert_eq!(unread(&folder).len(), 1);
    patient.syncs_all(&folder, records);
    assert!(unread(&folder).is_empty() && fs::read(&files[0]).unwrap() == kept);

    // A disk that has no room for the file, though for the database.
    let full = patient.vault();
    let folder = patient.folder(&full, &[honest]);
    fs::create_dir_all(full.directory().join("blobs")).unwrap();
    for file in &files {
        let part = full
            .directory()
            .join("blobs")
            .join(file.file_name().unwrap());
        std::os::unix::fs::symlink("/dev/full", part.with_extension("part")).unwrap();
    }
    for _ in &files {
        assert_eq!(patient.refused(&folder), "vault.storage_full");
        assert_eq!(verified(&folder), records);
        assert!(folder.failures().unwrap().is_empty());
    }
    patient.syncs_all(&folder, records);
    assert_eq!(blobs(&full).0.len(), files.len());
}

fn changed_consistency(
    patient: &mut Patient,
    node: &Proxy,
    device: &medfolder_tests::Device,
    records: usize,
) {
    let (vault, second) = (patient.vault(), patient.vault());
    let alone = patient.folder(&vault, &[&node.url]);
    let both = patient.folder(&second, &[&node.url, &device.ledger]);
    patient.syncs_all(&alone, records);
    patient.syncs_all(&both, records);
    let known = alone.checkpoint().unwrap();
    let more = deliver(&patient.world, 3);
    come_to_rest(&mut patient.world, device, &more);
    node.bend("/proofs/consistency", |body: &mut Vec<u8>| {
        let mut answer: ConsistencyAnswer = serde_json::from_slice(body).unwrap();
        let proof: medfolder_ledger::log::ConsistencyProof =
            from_cbor(&answer.proof.0, 8_192).unwrap();
        bend(&mut answer.proof.0, &proof);
        *body = serde_json::to_vec(&answer).unwrap();
    });
    assert_eq!(patient.refused(&alone), "proof.consistency");
    assert_eq!(alone.checkpoint().unwrap(), known);
    assert_eq!(verified(&alone), records);
    patient.syncs_all(&both, records + more.len());
    node.be_honest();
    patient.syncs_all(&alone, records + more.len());
}
