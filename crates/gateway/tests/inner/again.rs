//! What happens to a delivery between inner zone and edge: damaged, cut, taken away, refused. It comes
//! once more with the same leaves and the same T_M, and the status says so until it is final.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use medfolder_crypto::Suite;
use medfolder_gateway::clock::Clock;
use medfolder_gateway::inner::Status;
use medfolder_gateway::spool::{In, Refused};
use serde_json::json;

use crate::world::{Patient, World, bundle, doctor};

const VISIT: &str = "wang-xiulan/2020-07-15-pujiang-first-atrial-fibrillation";
const TROUBLE: &str = "inner.delivery_refused";

async fn linked(suite: Suite) -> (World, Patient) {
    let mut world = World::new(suite).await;
    world.one_doctor().await;
    let patient = Patient::new(&world.chain, 1);
    world
        .post_fhir(bundle("T00351204", "V1", "D1", 1, "one"))
        .await;
    world.link("T00351204", &patient).await;
    world.until_status("final", |s| s.done == 1).await;
    world.edge.stalled = true;
    world.edge.submitted.clear();
    (world, patient)
}

/// Hands over the visit; its five records are signed when all are here, and so in one seal.
async fn is_signed_at_once(world: &mut World) {
    world.stop_signer();
    world.drop_family(VISIT);
    world.until_status("all are here", |s| s.to_sign == 5).await;
    world.start_signer(vec![doctor(world.chain.suite(), 1)]);
}

fn files(world: &World, part: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(world.config.spool_out.join(part)).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// The one delivery that lies in the spool while the edge is away.
async fn delivery(world: &World) -> PathBuf {
    let started = Instant::now();
    loop {
        let sealed = world.status().await;
        match files(world, "new").as_slice() {
            [one] if sealed.outbox == 0 => return one.clone(),
            _ => assert!(started.elapsed().as_secs() < 30, "{sealed:?}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Whether the inner zone has taken in all that the edge said.
fn is_read(world: &World) -> bool {
    let incoming = fs::read_dir(world.config.spool_in.join("new")).unwrap();
    incoming.count() == 0
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let third = bytes.len() / 3;
    bytes[third] ^= 1;
    fs::write(path, bytes).unwrap();
}

fn is_told(status: &Status, code: &str) -> bool {
    let retried = status.retried.iter().any(|visit| visit.reason == code);
    retried && status.troubles.contains(TROUBLE)
}

/// The ledger takes what was submitted; all is final, open, and nothing troubles any more.
async fn comes_to_rest(world: &mut World, patient: &Patient, (seals, records): (usize, usize)) {
    world.edge.stalled = false;
    let submitted: BTreeSet<_> = world.edge.submitted.drain(..).collect();
    world.edge.ledger.commit(submitted.into_iter().collect());
    let done = |s: &Status| s.done == seals as u64 && s.retried.is_empty();
    world.until_status("final", done).await;
    assert!(!world.status().await.troubles.contains(TROUBLE));
    assert_eq!(world.records_of(patient).len(), records);
    assert_eq!(world.seals().len(), seals);
    assert!(world.edge.ledger.refused.is_empty());
    world
        .until("nothing is left in the spool", async |world| {
            files(world, "blobs").is_empty() && files(world, "new").is_empty()
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_of_which_a_byte_changed_comes_again_with_the_same_leaves() {
    type Harm = (fn(&World, &Path), &'static str);
    let cases: [(Suite, Harm); 5] = [
        (Suite::International, (|_, file| flip(file), "spool.bad")),
        (Suite::National, (|_, file| flip(file), "spool.bad")),
        (
            Suite::International,
            (|_, file| fs::write(file, []).unwrap(), "spool.bad"),
        ),
        (
            Suite::International,
            (
                |world, _| flip(&files(world, "blobs")[0]),
                "delivery.attachment",
            ),
        ),
        (
            Suite::International,
            (
                |world, _| fs::remove_file(&files(world, "blobs")[0]).unwrap(),
                "delivery.attachment",
            ),
        ),
    ];
    for (suite, (harm, code)) in cases {
        let (mut world, patient) = linked(suite).await;
        is_signed_at_once(&mut world).await;
        let file = delivery(&world).await;
        let before = fs::read(&file).unwrap();
        harm(&world, &file);
        let harmed = fs::read(&file).unwrap();
        world.until_status("told", |s| is_told(s, code)).await;
        world
            .until("it came again", async |world| world.edge.deliveries == 2)
            .await;
        assert!(is_told(&world.status().await, code));
        let kept = world
            .config
            .spool_out
            .join("bad")
            .join(file.file_name().unwrap());
        assert_eq!(fs::read(kept).unwrap(), harmed);
        let [tx] = &world.edge.submitted[..] else {
            panic!("one T_M")
        };
        assert!(
            before.windows(tx.len()).any(|window| window == tx),
            "the same T_M"
        );
        comes_to_rest(&mut world, &patient, (2, 6)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_vanished_is_missed_when_its_seal_lapses() {
    let (mut world, patient) = linked(Suite::International).await;
    is_signed_at_once(&mut world).await;
    let file = delivery(&world).await;
    fs::remove_file(file).unwrap();
    files(&world, "blobs")
        .iter()
        .for_each(|blob| fs::remove_file(blob).unwrap());
    world.halt().await;
    world.start().await;
    world.clock.advance(world.config.tuning.seal_validity + 1);
    world.edge.ledger.commit(Vec::new());
    world
        .until_status("told", |s| is_told(s, "delivery.not_stored"))
        .await;
    world
        .until("it came", async |world| world.edge.deliveries == 2)
        .await;
    comes_to_rest(&mut world, &patient, (2, 6)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_that_takes_nothing_is_asked_less_and_less_often() {
    let (mut world, patient) = linked(Suite::International).await;
    world.edge.stalled = false;
    world.edge.refuses = Some("delivery.envelope");
    world
        .post_fhir(bundle("T00351204", "V2", "D2", 1, "two"))
        .await;
    for (tries, pause) in [(2, 1_000), (3, 8_000), (4, 64_000)] {
        world
            .until("refused", async |world| {
                world.edge.refused == tries && is_read(world)
            })
            .await;
        world.clock.advance(pause - 1);
        // Rounds of work go by: another visit's way shows that.
        world.edge.refuses = None;
        let visit = format!("other-{tries}");
        world
            .post_fhir(bundle("T00351204", &visit, &visit, 1, "other"))
            .await;
        let others = world.status().await.done + 1;
        world
            .until_status("the other is final", |s| s.done == others)
            .await;
        assert_eq!(world.edge.refused, tries);
        assert!(is_told(&world.status().await, "delivery.envelope"));
        world.edge.refuses = Some("delivery.envelope");
        world.clock.advance(1);
    }
    world
        .until("refused", async |world| {
            world.edge.refused == 5 && is_read(world)
        })
        .await;
    world.edge.refuses = None;
    world.clock.advance(512_000);
    comes_to_rest(&mut world, &patient, (5, 5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_edge_says_of_other_messages_or_in_other_words_changes_nothing() {
    let (mut world, patient) = linked(Suite::International).await;
    world
        .post_fhir(bundle("T00351204", "V2", "D2", 1, "two"))
        .await;
    let file = delivery(&world).await;
    let name = |name: &str| Refused {
        name: name.to_owned(),
        transaction: None,
        code: "made up by the edge \u{1b}[31m".to_owned(),
    };
    for other in ["", "0000000000000000.tx", "../../inner/inner.db"] {
        world.edge.send(In::Refused(name(other)));
    }
    // Until it says so of one that waits: then it comes again, and the code is one of ours.
    let own = file.file_name().unwrap().to_str().unwrap();
    world.edge.send(In::Refused(name(own)));
    world
        .until_status("told", |s| is_told(s, "delivery.refused"))
        .await;
    world
        .until("both came", async |world| world.edge.deliveries == 3)
        .await;
    let tx: BTreeSet<_> = world.edge.submitted.iter().collect();
    assert_eq!(tx.len(), 1, "the same T_M");
    comes_to_rest(&mut world, &patient, (2, 2)).await;
}

/// As after an update from a version that kept no seal key: nobody can make the same leaves again.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_made_again_is_sealed_anew_only_after_its_seal_lapsed_and_somebody_says_so()
{
    let (mut world, patient) = linked(Suite::International).await;
    world
        .post_fhir(bundle("T00351204", "V2", "D2", 1, "two"))
        .await;
    let file = delivery(&world).await;
    let db = rusqlite::Connection::open(world.config.data_dir.join("inner.db")).unwrap();
    db.execute("UPDATE batches SET seal_key = x''", []).unwrap();
    drop(db);
    flip(&file);
    world
        .until_status("told", |s| is_told(s, "delivery.unrepeatable"))
        .await;
    let before = world.desk("held/retry", json!({})).await.1;
    assert_eq!(
        before["records"], 0,
        "the first T_M could still become final"
    );
    world.clock.advance(world.config.tuning.seal_validity + 1);
    world.edge.ledger.commit(Vec::new());
    world.until_status("held", |s| s.held.len() == 1).await;
    assert_eq!(world.edge.deliveries, 1);
    let after = world.desk("held/retry", json!({})).await.1;
    assert_eq!(after["records"], 1);
    world
        .until("sealed anew", async |world| world.edge.deliveries == 2)
        .await;
    comes_to_rest(&mut world, &patient, (2, 2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_that_were_damaged_or_lost_on_their_way_are_asked_for_again() {
    let mut world = World::new(Suite::International).await;
    world.until_status("genesis", |s| s.head.is_some()).await;
    let harms: [fn(&Path); 3] = [
        flip,
        |file| fs::write(file, []).unwrap(),
        |file| fs::remove_file(file).unwrap(),
    ];
    for harm in harms {
        world.halt().await;
        world.edge.ledger.commit(Vec::new());
        world.edge.relay();
        let incoming = world.config.spool_in.join("new");
        let files: Vec<_> = fs::read_dir(incoming).unwrap().collect();
        assert_eq!(files.len(), 1);
        harm(&files[0].as_ref().unwrap().path());
        world.clock.advance(1);
        world.edge.ledger.commit(Vec::new());
        world.edge.relay();
        world.start().await;
        let height = world.edge.ledger.blocks.len() as u64 - 1;
        world
            .until_status("all blocks are here", |s| {
                s.head.is_some_and(|head| head.height == height) && s.troubles.is_empty()
            })
            .await;
        assert!(world.status().await.head.unwrap().time <= world.clock.now() + 10);
    }
}
