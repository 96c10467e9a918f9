//! A full disk: told by code, nothing lost or half-written, and it goes on when there is room.

use std::path::PathBuf;

use medfolder_crypto::Suite;

use crate::world::{Patient, World, bundle};

const FULL: &str = "storage.full";

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_room_takes_nothing_in_and_loses_nothing() {
    let small = 1 << 20;
    let mut world = World::with(Suite::International, |config| {
        config.tuning.database_bytes = small;
    })
    .await;
    let filler = "血压 128/76 mmHg。".repeat(4_000);
    let document = |n: usize| bundle("P1", &format!("V{n}"), &format!("D{n}"), 1, &filler);
    let mut taken = 0;
    let refused = loop {
        let (status, answer) = world.post_fhir(document(taken)).await;
        if status != 200 {
            break (status, answer["code"].as_str().unwrap().to_owned());
        }
        taken += 1;
        assert!(taken < 100, "the database has no end");
    };
    assert_eq!(refused, (507, FULL.to_owned()));
    // A file stays where it is, and the operator sees why.
    let path = world.watched().join("visit.json");
    std::fs::write(&path, document(taken)).unwrap();
    world
        .until_status("told", |s| s.troubles.contains(FULL))
        .await;
    let status = world.status().await;
    assert_eq!(status.records, taken as u64);
    assert!(status.skipped.is_empty() && path.exists());

    world.halt().await;
    world.config.tuning.database_bytes = 0;
    world.start().await;
    world.one_doctor().await;
    let total = taken as u64 + 1;
    world
        .until_status("taken when there is room", |s| s.records == total)
        .await;
    let patient = Patient::new(&world.chain, 1);
    world.link("P1", &patient).await;
    world
        .until_status("final", |s| {
            s.done_records == total && s.troubles.is_empty()
        })
        .await;
    assert_eq!(world.records_of(&patient).len() as u64, total);
    assert!(!path.exists());
}

/// Lets the next messages and blobs of the outgoing spool meet the device that is always full.
fn fill(world: &World) -> Vec<PathBuf> {
    let tmp = world.config.spool_out.join("tmp");
    let names = (0..256_u64).flat_map(|number| {
        ["delivery", "blob"].map(|kind| tmp.join(format!("{number:016x}.{kind}")))
    });
    let names: Vec<PathBuf> = names.collect();
    for name in &names {
        std::os::unix::fs::symlink("/dev/full", name).unwrap();
    }
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spool_without_room_gets_whole_messages_only_and_goes_on_by_itself() {
    let mut world = World::new(Suite::International).await;
    world.one_doctor().await;
    world.drop_family("wang-xiulan/2020-07-15-pujiang-first-atrial-fibrillation");
    world.until_status("signed", |s| s.signed == 5).await;
    let full = fill(&world);
    let patient = Patient::new(&world.chain, 1);
    world.link("T00351204", &patient).await;
    world
        .until_status("told", |s| s.troubles.contains(FULL))
        .await;
    let status = world.status().await;
    assert_eq!((status.signed, status.sealed, status.outbox), (5, 0, 0));
    assert_eq!(world.edge.deliveries, 0);

    for path in full {
        let _ = std::fs::remove_file(path);
    }
    world
        .until_status("final", |s| s.done_records == 5 && s.troubles.is_empty())
        .await;
    assert_eq!((world.seals().len(), world.edge.deliveries), (1, 1));
    assert_eq!(world.records_of(&patient).len(), 5);
    for part in ["tmp", "blobs"] {
        let left = std::fs::read_dir(world.config.spool_out.join(part)).unwrap();
        assert_eq!(left.count(), 0, "{part}");
    }
}
