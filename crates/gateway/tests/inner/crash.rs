//! Hostile spools, restarts, and a machine that stops anywhere.

use std::path::{Path, PathBuf};

use medfolder_crypto::Suite;
use medfolder_gateway::certified::Certified;
use medfolder_gateway::spool::In;

use crate::ledger::MEMBER;
use crate::world::{Patient, World, bundle};

#[tokio::test(flavor = "multi_thread")]
async fn blocks_that_do_not_verify_change_nothing() {
    let mut world = World::new(Suite::International).await;
    world
        .until_status("genesis is known", |s| {
            s.head.is_some_and(|head| head.height == 0)
        })
        .await;
    let doctor = crate::world::doctor(Suite::International, 1);
    // The enrolment is in a block, and the edge shows other blocks first.
    world.edge.stalled = true;
    let person = world.person(&doctor, &MEMBER, "YS-0001");
    world.desk("staff", person).await;
    world
        .until("submitted", async |world| world.edge.submitted.len() == 1)
        .await;
    let enrol = world.edge.submitted[0].clone();
    world.edge.ledger.commit(vec![enrol]);
    let honest = world.edge.ledger.blocks[1].clone();
    let mut refused: Certified = minicbor::decode(&honest).unwrap();
    refused.block.transactions[0].result = 5;
    let mut other_time: Certified = minicbor::decode(&honest).unwrap();
    other_time.block.header.time += 1;
    let mut uncertified: Certified = minicbor::decode(&honest).unwrap();
    let medfolder_ledger::Certificate::Embedded { ed25519, .. } = &mut uncertified.certificate;
    ed25519.0[0] ^= 1;
    for lie in [&refused, &other_time, &uncertified] {
        world.edge.send(In::Blocks(vec![lie.to_bytes().into()]));
    }
    world
        .edge
        .send(In::Blocks(vec![b"garbage".to_vec().into()]));
    std::fs::write(
        world.config.spool_in.join("new/00000000000000ff.blocks"),
        b"garbage",
    )
    .unwrap();
    let bad = world.config.spool_in.join("bad/00000000000000ff.blocks");
    let empty = |world: &World| {
        std::fs::read_dir(world.config.spool_in.join("new"))
            .unwrap()
            .count()
            == 0
    };
    let started = std::time::Instant::now();
    while !(empty(&world) && bad.exists()) {
        assert!(started.elapsed().as_secs() < 30);
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(world.status().await.head.unwrap().height, 0);
    world.edge.relay();
    world
        .until_status("the honest block counts", |s| s.head.unwrap().height == 1)
        .await;
    let staff = world.get("desk", "staff").await.1;
    assert_eq!(staff[0]["state"], "enrolled");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inner_zone_goes_on_where_it_stopped_and_takes_nothing_twice() {
    let mut world = World::new(Suite::International).await;
    world.one_doctor().await;
    let patient = Patient::new(&world.chain, 1);
    world.stop_signer();
    for visit in 0..6 {
        let (visit, document) = (format!("V{visit}"), format!("D{visit}"));
        world
            .post_fhir(bundle("P1", &visit, &document, 1, &visit))
            .await;
    }
    world.halt().await;
    world.start().await;
    assert_eq!(world.status().await.to_sign, 6);
    world.start_signer(vec![crate::world::doctor(Suite::International, 1)]);
    world.until_status("signed", |s| s.signed == 6).await;
    world.stop_signer();
    world.halt().await;
    world.start().await;
    world.edge.stalled = true;
    world.link_stalled("P1", &patient).await;
    world
        .until_status("sealed", |s| s.sealed == 6 && s.outbox == 0)
        .await;
    world.halt().await;
    world.start().await;
    world.edge.stalled = false;
    let submitted = world.edge.submitted.clone();
    world.edge.ledger.commit(submitted);
    world.until_status("final", |s| s.done == 6).await;
    assert_eq!(world.seals().len(), 6);
    assert_eq!(world.records_of(&patient).len(), 6);
    assert!(world.edge.ledger.refused.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_inner_zones_never_share_a_data_folder() {
    let world = World::new(Suite::International).await;
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    let second = medfolder_gateway::inner::serve(world.config.clone(), stopped).await;
    assert_eq!(second.unwrap_err().code(), "inner.config");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visit_whose_stored_file_is_damaged_keeps_no_other_back_and_leaves_nothing_in_the_spool()
{
    let mut world = World::new(Suite::International).await;
    world.one_doctor().await;
    world.drop_family("wang-xiulan/2020-07-15-pujiang-first-atrial-fibrillation");
    world.until_status("signed", |s| s.signed == 5).await;
    world.drop_family("wang-xiulan/2020-07-29-pujiang-first-inr");
    world.until_status("signed", |s| s.signed == 7).await;
    let files = world.config.data_dir.join("files");
    let stored = std::fs::read_dir(files)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let mut bytes = std::fs::read(&stored).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&stored, bytes).unwrap();
    let patient = Patient::new(&world.chain, 1);
    world.link("T00351204", &patient).await;
    world
        .until_status("the other is final", |s| s.done_records == 2)
        .await;
    assert_eq!(world.status().await.signed, 5);
    let blobs = world.config.spool_out.join("blobs");
    world
        .until("the spool is empty", async |_| {
            std::fs::read_dir(&blobs).unwrap().count() == 0
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zone_whose_database_is_gone_or_broken_does_not_start_and_removes_nothing() {
    let mut world = World::new(Suite::International).await;
    world.one_doctor().await;
    world.drop_family("wang-xiulan/2020-07-15-pujiang-first-atrial-fibrillation");
    world.until_status("signed", |s| s.signed == 5).await;
    world.halt().await;
    let database = world.config.data_dir.join("inner.db");
    let db = rusqlite::Connection::open(&database).unwrap();
    let cut = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
    assert_eq!(cut, Ok(0));
    drop(db);
    let whole = std::fs::read(&database).unwrap();
    let stored = left(&world.config.data_dir.join("files"));
    assert!(!stored.is_empty());
    let mut torn = whole.clone();
    torn[8_192..12_288].fill(0xFF);
    let cases = [
        (None, "inner.database_missing"),
        (Some(&whole[..0]), "inner.database_missing"),
        (Some(&whole[..whole.len() / 2]), "inner.database_damaged"),
        (Some(&torn[..]), "inner.database_damaged"),
        (Some(&b"a text".repeat(900)[..]), "inner.database_damaged"),
    ];
    for (content, code) in cases {
        match content {
            Some(bytes) => std::fs::write(&database, bytes).unwrap(),
            None => std::fs::remove_file(&database).unwrap(),
        }
        let (_stop, stopped) = tokio::sync::watch::channel(false);
        let started = medfolder_gateway::inner::serve(world.config.clone(), stopped).await;
        assert_eq!(started.unwrap_err().code(), code);
        assert_eq!(left(&world.config.data_dir.join("files")), stored);
    }
    std::fs::write(&database, whole).unwrap();
    world.start().await;
    let patient = Patient::new(&world.chain, 1);
    world.link("T00351204", &patient).await;
    world.until_status("final", |s| s.done_records == 5).await;
}

/// A machine that stops after a file was stored and before it was removed leaves it for the next
/// start, with all that it names.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_stored_before_is_removed_with_the_files_it_names_and_no_others() {
    const VISIT: &str = "wang-xiulan/2020-07-15-pujiang-first-atrial-fibrillation";
    let mut world = World::new(Suite::International).await;
    let folder = world.watched().join(VISIT);
    let image = folder.join("attachments/ecg-2020-07-15.png");
    world.drop_family(VISIT);
    world.until_status("taken", |s| s.records == 5).await;
    world
        .until("removed", async |_| left(&folder).is_empty())
        .await;
    world.halt().await;
    world.drop_family(VISIT);
    let size = std::fs::metadata(&image).unwrap().len();
    world.start().await;
    world
        .until("removed again", async |_| left(&folder).is_empty())
        .await;
    world.halt().await;
    world.drop_family(VISIT);
    let other = vec![7; size as usize];
    std::fs::write(&image, &other).unwrap();
    world.start().await;
    world
        .until("the documents are removed", async |_| {
            left(&folder) == [image.clone()]
        })
        .await;
    assert_eq!(std::fs::read(&image).unwrap(), other);
    let status = world.status().await;
    assert_eq!((status.records, status.skipped.len()), (5, 0));
}

/// All files below a folder.
fn left(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => left(&path),
            false => vec![path],
        })
        .collect()
}
