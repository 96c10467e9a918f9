//! A patient has another card: corrections and later documents of what the first one has reach the
//! second one by themselves, and the first one's records stay as they are.

use std::collections::BTreeSet;

use medfolder_crypto::Suite;
use medfolder_record::{CardNumber, VisitId};

use crate::world::{Patient, World, bundle, doctor};

/// Two visits, the first of two seals, final for the first card.
async fn world(suite: Suite) -> (World, [Patient; 2]) {
    let mut world = World::new(suite).await;
    world.one_doctor().await;
    let patients = [1, 2].map(|seed| Patient::new(&world.chain, seed));
    for (done, (visit, document)) in [("V1", "D1"), ("V1", "D2"), ("V2", "D3")]
        .iter()
        .enumerate()
    {
        world
            .post_fhir(bundle("P1", visit, document, 1, "first"))
            .await;
        if done == 0 {
            world.link("P1", &patients[0]).await;
        }
        let done = done as u64 + 1;
        world.until_status("final", |s| s.done == done).await;
    }
    (world, patients)
}

/// The second card is the patient's.
async fn links_another(world: &mut World, patient: &Patient) -> CardNumber {
    let card = world.link("P1", patient).await;
    world
        .until("the first card is replaced", async |world| {
            world
                .edge
                .ledger
                .accepted
                .iter()
                .any(|one| matches!(&one.transaction.body, medfolder_ledger::Body::Anchor(_)))
        })
        .await;
    let height = world.edge.ledger.blocks.len() as u64 - 1;
    world
        .until_status("and inner knows", |s| {
            s.head.is_some_and(|head| head.height >= height)
        })
        .await;
    card
}

async fn are_final(world: &mut World, records: u64) {
    world
        .until_status("final", |s| s.done_records == records)
        .await;
    let status = world.status().await;
    assert!(status.held.is_empty(), "{status:?}");
}

fn visits(world: &World, card: CardNumber) -> BTreeSet<VisitId> {
    let seals = world.seals().into_iter();
    let of_card = seals.filter(|(seal, _)| seal.card == card);
    of_card.map(|(seal, _)| seal.visit).collect()
}

/// Three corrections and a later document: first versions, in visits of their own.
async fn have_parted(world: &World, [first, second]: &[Patient; 2]) {
    assert_eq!(world.records_of(first).len(), 3);
    let records = world.records_of(second);
    let roots: BTreeSet<_> = records.iter().map(|record| record.content_root()).collect();
    for record in &records {
        let replaced = record.statement().replaces;
        assert!(replaced.is_none_or(|root| roots.contains(&root)));
    }
    let (old, new) = (
        visits(world, first.number()),
        visits(world, second.number()),
    );
    assert!(old.is_disjoint(&new), "{old:?} {new:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn corrections_and_later_documents_reach_the_card_that_replaced_the_first_one() {
    for suite in Suite::ALL {
        let (mut world, patients) = world(suite).await;
        links_another(&mut world, &patients[1]).await;
        for (document, visit) in [("D1", "V1"), ("D4", "V1"), ("D3", "V2")] {
            let version = if document == "D4" { 1 } else { 2 };
            world
                .post_fhir(bundle("P1", visit, document, version, "later"))
                .await;
        }
        are_final(&mut world, 6).await;
        have_parted(&world, &patients).await;
        assert_eq!(world.records_of(&patients[1]).len(), 3);
        // A correction of the correction replaces that one.
        world.post_fhir(bundle("P1", "V1", "D1", 3, "third")).await;
        are_final(&mut world, 7).await;
        let records = world.records_of(&patients[1]);
        let replaced = records
            .iter()
            .filter_map(|record| record.statement().replaces);
        assert_eq!(replaced.count(), 1);
        have_parted(&world, &patients).await;
        assert!(world.edge.ledger.refused.is_empty());
        // What was delivered before is known as ever.
        let again = world.post_fhir(bundle("P1", "V2", "D3", 1, "first")).await;
        assert_eq!(again.1["new"], 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_its_signer_when_the_card_is_replaced_is_signed_for_the_second_card() {
    let (mut world, patients) = world(Suite::International).await;
    world.stop_signer();
    for version in [2, 3] {
        let text = format!("version {version}");
        world
            .post_fhir(bundle("P1", "V1", "D1", version, &text))
            .await;
    }
    world
        .post_fhir(bundle("P1", "V9", "D9", 1, "elsewhere"))
        .await;
    world.until_status("waiting", |s| s.to_sign == 3).await;
    links_another(&mut world, &patients[1]).await;
    world
        .until_status("waiting again", |s| s.to_sign == 3)
        .await;
    world.start_signer(vec![doctor(Suite::International, 1)]);
    are_final(&mut world, 6).await;
    have_parted(&world, &patients).await;
    let records = world.records_of(&patients[1]);
    let replaced = records
        .iter()
        .filter_map(|record| record.statement().replaces);
    assert_eq!(replaced.count(), 1, "the third version replaces the second");
    assert!(world.edge.ledger.refused.is_empty());
}

/// As when an earlier version linked the second card and sealed for it since.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_block_refuses_as_another_cards_parts_by_itself() {
    let cases = [
        ("V1", "D1", "seal.visit_card"),
        ("V8", "D3", "seal.replaced_card"),
    ];
    for (visit, document, refused) in cases {
        let (mut world, patients) = world(Suite::International).await;
        let path = world.config.data_dir.join("inner.db");
        let db = rusqlite::Connection::open(path).unwrap();
        db.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
        let sources: Vec<(i64, Vec<u8>)> = db
            .prepare("SELECT id, source_ix FROM visits")
            .unwrap()
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        links_another(&mut world, &patients[1]).await;
        world
            .post_fhir(bundle("P1", "V7", "D7", 1, "second card's"))
            .await;
        are_final(&mut world, 4).await;
        for (id, source) in sources {
            db.execute(
                "UPDATE visits SET source_ix = ?2 WHERE id = ?1",
                (id, source),
            )
            .unwrap();
        }
        db.execute("UPDATE records SET parted = 0", []).unwrap();
        db.execute("UPDATE batches SET card = x''", []).unwrap();
        drop(db);
        world
            .post_fhir(bundle("P1", visit, document, 2, "second"))
            .await;
        are_final(&mut world, 5).await;
        assert_eq!(world.edge.ledger.refused, [refused]);
        have_parted(&world, &patients).await;
    }
}
