//! What the ledger refuses: what may pass goes on by itself, the rest waits for a person.

use medfolder_crypto::Suite;
use medfolder_gateway::clock::{Clock, ManualClock};
use medfolder_ledger::{Body, Transaction, Unsigned};
use medfolder_record::RecordId;
use serde_json::json;

use crate::ledger::{NOW, SEAL_SEED};
use crate::world::{Patient, World, bundle};

async fn linked() -> (World, Patient) {
    let mut world = World::new(Suite::International).await;
    world.one_doctor().await;
    let patient = Patient::new(&world.chain, 1);
    world.post_fhir(bundle("P1", "V1", "D1", 1, "one")).await;
    world.link("P1", &patient).await;
    world.until_status("final", |s| s.done == 1).await;
    (world, patient)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seal_ahead_of_the_ledgers_clock_is_signed_again_until_it_is_not() {
    let (mut world, patient) = linked().await;
    let ledgers = ManualClock::at(NOW);
    world.edge.ledger.clock = ledgers.clone();
    world.clock.advance(600_000);
    world.post_fhir(bundle("P1", "V2", "D2", 1, "two")).await;
    world
        .until_status("refused for now", |s| s.retried.len() == 1)
        .await;
    let status = world.status().await;
    assert_eq!(status.retried[0].reason, "seal.ahead");
    assert!(status.held.is_empty() && status.sealed == 1);
    ledgers.advance(600_000);
    world.edge.ledger.commit(Vec::new());
    world
        .until_status("final", |s| s.done == 2 && s.retried.is_empty())
        .await;
    assert_eq!(world.edge.ledger.refused, ["seal.ahead"]);
    assert_eq!(world.edge.deliveries, 2);
    assert_eq!(world.records_of(&patient).len(), 2);
}

/// A visit of patient P1, whose card is linked, that the ledger refuses for good.
pub async fn refused_for_good(world: &mut World) {
    world.edge.stalled = true;
    world.edge.submitted.clear();
    world.post_fhir(bundle("P1", "V2", "D2", 1, "two")).await;
    world
        .until("submitted", async |world| world.edge.submitted.len() == 1)
        .await;
    // Somebody with the same seal key sealed this visit already, as after a restored backup.
    let ours = world.edge.submitted.remove(0);
    let Body::Seal(mut seal) = Transaction::from_bytes(&ours).unwrap().body else {
        panic!("not a seal")
    };
    seal.leaves[0].leaf = RecordId(medfolder_crypto::Digest([1; 32]));
    let key = medfolder_crypto::SigningKey::from_seed(
        Suite::International,
        &medfolder_crypto::Secret32::new(SEAL_SEED),
    );
    let other = Unsigned::new(seal, world.clock.now() + 60_000).signed_by(&world.chain, &[&key]);
    world.edge.ledger.commit(vec![other.to_bytes(), ours]);
    world.edge.stalled = false;
    world.until_status("held", |s| s.held.len() == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seal_refused_for_good_is_held_with_its_code_and_tried_when_asked() {
    let (mut world, _) = linked().await;
    refused_for_good(&mut world).await;
    let held = world.status().await.held.remove(0);
    assert_eq!((held.record, held.reason.as_str()), (0, "seal.seq"));
    let (status, retried) = world.desk("held/retry", json!({})).await;
    assert_eq!((status, &retried["records"]), (200, &json!(1)));
    world
        .until("tried again", async |world| world.edge.deliveries == 3)
        .await;
    world
        .until_status("held again", |s| s.held.len() == 1)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_with_another_signature_decides_nothing_about_a_card() {
    let mut world = World::new(Suite::International).await;
    world.one_doctor().await;
    let patient = Patient::new(&world.chain, 1);
    world.post_fhir(bundle("P1", "V1", "D1", 1, "one")).await;
    world.edge.stalled = true;
    let ours = world.confirm_stalled("P1", &patient).await;
    let mut copy = ours[0].clone();
    *copy.last_mut().unwrap() ^= 1;
    world.edge.ledger.commit(vec![copy]);
    assert_eq!(world.edge.ledger.refused, ["signature.invalid"]);
    world.edge.ledger.commit(ours);
    world.edge.stalled = false;
    world.until_status("final", |s| s.done == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_is_out_of_reach_is_told_and_nothing_is_given_up() {
    let (mut world, _) = linked().await;
    assert!(world.status().await.troubles.is_empty());
    world.edge.stalled = true;
    world.post_fhir(bundle("P1", "V2", "D2", 1, "two")).await;
    world.until_status("sealed", |s| s.sealed == 1).await;
    world.clock.advance(10 * 60_000);
    let troubles = world.status().await.troubles;
    assert!(troubles.contains("inner.ledger_old"), "{troubles:?}");
    world.edge.stalled = false;
    let submitted = world.edge.submitted.clone();
    world.edge.ledger.commit(submitted);
    world
        .until_status("final", |s| s.done == 2 && s.troubles.is_empty())
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_key_that_was_not_heard_is_signed_again() {
    let mut world = World::new(Suite::International).await;
    let doctor = crate::world::doctor(Suite::International, 1);
    world.enrol(&doctor, "YS-0001").await;
    world.edge.stalled = true;
    let path = format!("staff/{}/revoke", doctor.public().key_id());
    world.desk(&path, json!({"reason": "compromised"})).await;
    world
        .until("lost", async |world| world.edge.submitted.len() == 2)
        .await;
    world.edge.submitted.clear();
    world.edge.stalled = false;
    world.clock.advance(2 * 3_600_000);
    world.edge.ledger.commit(Vec::new());
    world
        .until("revoked on the ledger", async |world| {
            let last = world.edge.ledger.accepted.last();
            last.is_some_and(|one| matches!(one.transaction.body, Body::RevokeStaff(_)))
        })
        .await;
}
