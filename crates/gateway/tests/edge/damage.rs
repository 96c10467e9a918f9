//! Messages of the spool that a disk changed or that do not fit: kept aside, and the inner zone is told
//! which and why. A disk that only cannot be read at present is no finding of the audit.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use medfolder_crypto::{Digest, Suite};
use medfolder_gateway::certified::Certified;
use medfolder_gateway::edge::blob::{BlobError, Blobs, Directory, OpenBlob, Source};
use medfolder_gateway::spool::{In, Out, Refused};
use medfolder_ledger::Transaction;
use medfolder_ledger::body::ZoneFinding;
use serde_json::json;

use crate::hospital::{self, Visit, send};
use crate::relay::from_edge;
use crate::sharing::Wish;
use crate::world::{World, tuning};
use crate::zone::{blob_path, change_one_byte, reported};

fn spool(world: &World, part: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(world.dir.path().join("out").join(part)).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// What the edge says that it did not take; the rest of what it says is passed over.
async fn refused(world: &World) -> Refused {
    world
        .eventually("the inner zone is told", || async {
            from_edge(world)
                .into_iter()
                .find_map(|message| match message {
                    In::Refused(refused) => Some(refused),
                    _ => None,
                })
        })
        .await
}

fn id(world: &World, visit: &Visit) -> Digest {
    let transaction = Transaction::from_bytes(&visit.delivery.transaction).unwrap();
    Digest(transaction.id(&world.chain).0)
}

#[tokio::test]
async fn a_message_that_a_disk_changed_is_kept_aside_and_named_to_the_inner_zone() {
    let mut world = World::without_edge(Suite::International, tuning());
    let card = world.new_card();
    world.register(&card);
    let [whole, bent] = [40, 41].map(|seed| hospital::visit(&world, &card, seed, b"picture"));
    send(&world, Out::Delivery(bent.delivery.clone()));
    send(&world, Out::Delivery(whole.delivery.clone()));
    let path = spool(&world, "new").remove(0);
    let mut bytes = fs::read(&path).unwrap();
    // A byte of the slot: nobody but the patient could tell.
    let slot = bytes
        .windows(bent.slot.len())
        .position(|part| part == bent.slot);
    bytes[slot.unwrap() + bent.slot.len() - 1] ^= 1;
    fs::write(&path, &bytes).unwrap();
    world.restart().await;
    let told = refused(&world).await;
    let name = path.file_name().unwrap().to_str().unwrap();
    assert_eq!((told.name.as_str(), told.transaction), (name, None));
    assert_eq!(told.code, "spool.bad");
    let kept = world.dir.path().join("out/bad").join(name);
    world
        .eventually("it is kept", || async {
            fs::read(&kept).ok().filter(|kept| *kept == bytes)
        })
        .await;
    world
        .eventually("what follows is sealed", || async {
            world.is_sealed(whole.id).then_some(())
        })
        .await;
    // The same leaves once more, under another name: the attachment still lies there.
    send(&world, Out::Delivery(bent.delivery.clone()));
    world
        .eventually("it is sealed", || async {
            world.is_sealed(bent.id).then_some(())
        })
        .await;
}

#[tokio::test]
async fn a_delivery_that_does_not_fit_its_seal_is_kept_aside_and_named_by_its_transaction() {
    let world = World::new().await;
    let card = world.card().await;
    let mut visit = hospital::visit(&world, &card, 42, b"picture");
    visit.delivery.envelopes.swap(0, 1);
    send(&world, Out::Delivery(visit.delivery.clone()));
    let told = refused(&world).await;
    assert_eq!(told.transaction, Some(id(&world, &visit)));
    assert_eq!(told.code, "delivery.envelope");
    world
        .eventually("it is kept", || async {
            let bad = spool(&world, "bad");
            (spool(&world, "new").is_empty() && bad.len() == 1).then_some(())
        })
        .await;
    assert_eq!(spool(&world, "blobs").len(), 1);
    assert!(!world.is_sealed(visit.id));

    // The same leaves signed again, of which nothing is stored.
    send(&world, Out::Tx(visit.delivery.transaction.clone()));
    let told = refused(&world).await;
    assert_eq!(told.transaction, Some(id(&world, &visit)));
    assert_eq!(told.code, "delivery.not_stored");

    visit.delivery.envelopes.swap(0, 1);
    send(&world, Out::Delivery(visit.delivery.clone()));
    world
        .eventually("it is sealed", || async {
            world.is_sealed(visit.id).then_some(())
        })
        .await;
}

#[tokio::test]
async fn an_edge_whose_index_is_gone_or_broken_does_not_start_and_sweeps_no_ciphertext() {
    let mut world = World::new().await;
    let card = world.card().await;
    world.deliver(&card, 43).await;
    let index = world.dir.path().join("edge/index.db");
    world.stop().await;
    let db = rusqlite::Connection::open(&index).unwrap();
    let cut = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
    assert_eq!(cut, Ok(0));
    drop(db);
    let whole = fs::read(&index).unwrap();
    let mut torn = whole.clone();
    torn[8_192..12_288].fill(0xFF);
    let cases = [
        (None, "index.missing"),
        (Some(&whole[..0]), "index.missing"),
        (Some(&whole[..whole.len() / 2]), "index.damaged"),
        (Some(&torn[..]), "index.damaged"),
    ];
    for (content, code) in cases {
        match content {
            Some(bytes) => fs::write(&index, bytes).unwrap(),
            None => fs::remove_file(&index).unwrap(),
        }
        let nowhere = ([127, 0, 0, 1], 0).into();
        assert_eq!(world.start_at(nowhere).await, code);
    }
    fs::write(&index, whole).unwrap();
    world.restart().await;
    let audit = world.audit().await;
    assert_eq!(
        (&audit["records"], &audit["missing"]),
        (&json!(2), &json!(0))
    );
}

#[tokio::test]
async fn blocks_that_the_inner_zone_misses_are_handed_in_again() {
    let world = World::new().await;
    world.card().await;
    world.card().await;
    let heights = |world: &World| -> Vec<u64> {
        let blocks = from_edge(world)
            .into_iter()
            .filter_map(|message| match message {
                In::Blocks(blocks) => Some(blocks),
                _ => None,
            });
        let read = |block: Vec<u8>| Certified::read_all(&block).unwrap().remove(0);
        let blocks = blocks.flatten().map(|block| read(block.into()));
        blocks.map(|one| one.block.header.height).collect()
    };
    assert_eq!(heights(&world), [0, 1, 2]);
    send(&world, Out::Wanted(1));
    world
        .eventually("they come again", || async {
            (heights(&world) == [1, 2]).then_some(())
        })
        .await;
    world.card().await;
    assert_eq!(heights(&world), [3], "once");
    send(&world, Out::Wanted(9));
    world.card().await;
    assert_eq!(
        heights(&world),
        [4],
        "what is not there yet comes by itself"
    );
}

/// A disk that is there and cannot be read at present.
struct Unreadable {
    directory: Directory,
    /// Whether it fails when a blob is opened, or when it is read.
    fails: Arc<[AtomicBool; 2]>,
}

/// A file on it.
struct Failing;

impl std::io::Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::from_raw_os_error(5))
    }
}

impl std::io::Seek for Failing {
    fn seek(&mut self, _: std::io::SeekFrom) -> std::io::Result<u64> {
        Ok(0)
    }
}

impl Blobs for Unreadable {
    fn put_all(&self, sources: &mut [Source<'_>]) -> Result<Vec<(Digest, u64)>, BlobError> {
        self.directory.put_all(sources)
    }

    fn get(&self, name: &Digest) -> Result<Option<OpenBlob>, BlobError> {
        let open = self.directory.get(name)?;
        match self.fails.each_ref().map(|one| one.load(Ordering::SeqCst)) {
            [true, _] => Err(BlobError::Io(std::io::ErrorKind::PermissionDenied.into())),
            [_, true] => Ok(open.map(|open| OpenBlob {
                reader: Box::new(Failing),
                ..open
            })),
            _ => Ok(open),
        }
    }

    fn delete(&self, name: &Digest) -> Result<(), BlobError> {
        self.directory.delete(name)
    }

    fn list(&self) -> Result<Vec<Digest>, BlobError> {
        self.directory.list()
    }
}

#[tokio::test]
async fn what_cannot_be_read_at_present_is_counted_and_accuses_nobody() {
    let fails: Arc<[AtomicBool; 2]> = Arc::default();
    let mut world = World::without_edge(Suite::International, tuning());
    let blobs = world.dir.path().join("edge/blobs");
    world.blobs = Some(Arc::new(Unreadable {
        directory: Directory::open(&blobs, Suite::International).unwrap(),
        fails: fails.clone(),
    }));
    world.restart().await;
    let card = world.card().await;
    let visit = world.deliver(&card, 24).await;
    world.share(&card, Wish::default()).await;
    let counts = async || {
        let seen = world.audit().await;
        ["changed", "missing", "broken_files", "unread"].map(|name| seen[name].as_u64())
    };
    for how in &*fails {
        how.store(true, Ordering::SeqCst);
        // Two records, and three files of a share.
        assert_eq!(counts().await, [0, 0, 0, 5].map(Some));
        how.store(false, Ordering::SeqCst);
    }
    change_one_byte(&blob_path(&world, &visit.envelopes[1]));
    assert_eq!(counts().await, [1, 0, 0, 0].map(Some));
    reported(&world, &[(visit.records[1], ZoneFinding::Changed)]).await;
}
