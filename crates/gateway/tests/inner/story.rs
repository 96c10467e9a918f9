//! Delivery to sealed, opened by the patient.

use medfolder_crypto::Suite;
use medfolder_ledger::body::Mark;

use crate::ledger::NOW;
use crate::world::{MRN, Patient, World, bundle, doctor};

async fn from_folder_to_patient(suite: Suite) {
    let mut world = World::new(suite).await;
    world.one_doctor().await;
    world.drop_family("li-min/2019-03-12-pujiang-first-prenatal-booking");
    world
        .until_status("all signed", |s| {
            s.records == 3 && s.to_sign == 0 && s.signed == 3
        })
        .await;
    let li_min = Patient::new(&world.chain, 1);
    let (_, number) = first_number(&world).await;
    world.link(&number, &li_min).await;
    world
        .until_status("sealed and final", |s| s.done_records == 3)
        .await;

    let records = world.records_of(&li_min);
    assert_eq!(records.len(), 3);
    assert!(
        records
            .iter()
            .all(|record| record.statement().patient_number == "T00417883"
                || !record.statement().patient_number.is_empty())
    );
    let with_files: Vec<_> = records
        .iter()
        .filter(|r| !r.attachments().is_empty())
        .collect();
    assert!(!with_files.is_empty());
    for record in with_files {
        for j in 0..record.attachments().len() as u32 {
            let stored = record.attachment(j).unwrap();
            let mut opener = stored.opener().unwrap();
            let (mut plain, blob) = (Vec::new(), &world.edge.blobs[&(record.id(), j)]);
            opener.push(blob, &mut plain).unwrap();
            opener.finish().unwrap();
            assert_eq!(plain.len() as u64, stored.piece().size);
        }
    }
    // Nothing of the delivery is left in the watched folder.
    let mut files = Vec::new();
    list(&world.watched(), &mut files);
    assert_eq!(files, Vec::<std::path::PathBuf>::new());
    // The visit waited for a card.
    assert!(
        world
            .seals()
            .iter()
            .all(|(seal, _)| seal.mark == Mark::Late)
    );
}

fn list(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            list(&path, found)
        } else {
            found.push(path)
        }
    }
}

/// The patient number that the sample files give this patient here.
async fn first_number(_: &World) -> (String, String) {
    let manifest = std::fs::read(crate::world::family().join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let people = manifest["people"].as_array().unwrap();
    let li_min = people.iter().find(|one| one["folder"] == "li-min").unwrap();
    let mrn = li_min["mrn"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["system"] == MRN)
        .unwrap();
    (MRN.to_owned(), mrn["value"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visit_goes_from_the_watched_folder_to_the_patients_device() {
    from_folder_to_patient(Suite::International).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_holds_on_a_national_chain() {
    from_folder_to_patient(Suite::National).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correction_is_a_later_seal_that_replaces_the_first_version() {
    let mut world = World::new(Suite::International).await;
    world.one_doctor().await;
    let patient = Patient::new(&world.chain, 1);
    let first = bundle("P1", "V1", "D1", 1, "first");
    assert_eq!(world.post_fhir(first.clone()).await.1["new"], 1);
    world.link("P1", &patient).await;
    world
        .until_status("v1 is final", |s| s.done_records == 1)
        .await;
    assert_eq!(
        world
            .post_fhir(bundle("P1", "V1", "D1", 2, "second"))
            .await
            .1["new"],
        1
    );
    world
        .until_status("v2 is final", |s| s.done_records == 2)
        .await;

    let seals: Vec<_> = world.seals().into_iter().map(|(seal, _)| seal).collect();
    assert_eq!((seals[0].seq, seals[1].seq), (0, 1));
    assert_eq!(seals[0].visit, seals[1].visit);
    let place = seals[1].leaves[0].replaces.unwrap();
    assert_eq!(
        seals[1].replaced_leaf(&place),
        Some(seals[0].leaves[0].leaf)
    );
    let records = world.records_of(&patient);
    assert_eq!(
        records[1].statement().replaces,
        Some(records[0].content_root())
    );

    // The same file again is recognised and changes nothing.
    let again = world.post_fhir(first).await;
    assert_eq!((again.0, again.1["new"].as_u64()), (200, Some(0)));
    assert_eq!(world.status().await.records, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correction_may_stand_in_the_same_seal() {
    let mut world = World::new(Suite::International).await;
    world.one_doctor().await;
    world.stop_signer();
    for version in [1, 2] {
        world
            .post_fhir(bundle("P1", "V1", "D1", version, &format!("v{version}")))
            .await;
    }
    let patient = Patient::new(&world.chain, 1);
    world.link("P1", &patient).await;
    world.start_signer(vec![crate::world::doctor(Suite::International, 1)]);
    world.until_status("final", |s| s.done_records == 2).await;
    let seals = world.seals();
    assert_eq!(seals.len(), 1);
    assert_eq!(seals[0].0.leaves[1].replaces.unwrap().k, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correction_of_what_was_never_delivered_waits_a_while_and_then_stands_alone() {
    let mut world = World::new(Suite::International).await;
    world.one_doctor().await;
    let patient = Patient::new(&world.chain, 1);
    let corrects = |document: &str| {
        let relates = format!(
            r#""relatesTo":[{{"code":"replaces","targetIdentifier":{{"system":"urn:test:version","value":"{document}.v1"}}}}],"status":"final","#
        );
        let text = String::from_utf8(bundle("P1", document, document, 2, "second")).unwrap();
        text.replacen(r#""status":"final","#, &relates, 1)
            .into_bytes()
    };
    // The first version of one comes later, that of the other never.
    for document in ["D1", "D2"] {
        assert_eq!(world.post_fhir(corrects(document)).await.0, 200);
    }
    world.link("P1", &patient).await;
    let unknown = world.status().await.unassigned;
    assert_eq!(unknown.get("record.replaces_unknown"), Some(&2));
    world.post_fhir(bundle("P1", "D1", "D1", 1, "first")).await;
    world
        .until_status("one is whole", |s| s.done_records == 2)
        .await;
    world.clock.advance(11 * 60_000);
    world
        .until_status("so is the other", |s| s.done_records == 3)
        .await;
    let replacing = |world: &World| {
        let seals = world.seals().into_iter().flat_map(|(seal, _)| seal.leaves);
        seals.filter(|leaf| leaf.replaces.is_some()).count()
    };
    assert_eq!(replacing(&world), 1);
    // What it replaces comes after all: it is an older version, not a newer one.
    world.post_fhir(bundle("P1", "D2", "D2", 1, "first")).await;
    world.until_status("final", |s| s.done_records == 4).await;
    assert_eq!(replacing(&world), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn visits_before_linking_are_sealed_in_the_order_of_their_dates() {
    let mut world = World::new(Suite::International).await;
    world.one_doctor().await;
    let dated = |visit: &str, date: &str| {
        let text = String::from_utf8(bundle("P1", visit, visit, 1, visit)).unwrap();
        text.replace("2026-03-01", date).into_bytes()
    };
    for (visit, date) in [
        ("V2", "2024-05-01"),
        ("V3", "2025-05-01"),
        ("V1", "2023-05-01"),
    ] {
        assert_eq!(world.post_fhir(dated(visit, date)).await.0, 200);
    }
    world
        .until_status("they wait for a card", |s| s.waiting_for_card == 3)
        .await;
    let patient = Patient::new(&world.chain, 1);
    world.link("P1", &patient).await;
    world.until_status("final", |s| s.done == 3).await;
    let records = world.records_of(&patient);
    let starts: Vec<i64> = records
        .iter()
        .map(|r| r.statement().times.visit_start)
        .collect();
    assert!(starts.is_sorted() && starts.len() == 3);
    // With a card, a visit is sealed at once and not late.
    world.post_fhir(dated("V4", "2026-05-01")).await;
    world.until_status("final", |s| s.done == 4).await;
    assert_eq!(world.seals()[3].0.mark, Mark::None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lapsed_seal_is_signed_again_over_the_same_leaves() {
    let mut world = World::new(Suite::International).await;
    world.one_doctor().await;
    let patient = Patient::new(&world.chain, 1);
    world.post_fhir(bundle("P1", "V1", "D1", 1, "text")).await;
    world.edge.lose_next = true;
    world.link("P1", &patient).await;
    world
        .until_status("in the spool", |s| s.sealed == 1 && s.outbox == 0)
        .await;
    world
        .until("delivered", async |world| world.edge.deliveries == 1)
        .await;
    let lost = medfolder_ledger::Transaction::from_bytes(world.edge.submitted.last().unwrap());
    let lost = lost.unwrap();
    world.clock.advance(2 * 3_600_000);
    world.edge.ledger.commit(Vec::new());
    world.until_status("final after all", |s| s.done == 1).await;
    let (seal, at) = world.seals().remove(0);
    let medfolder_ledger::Body::Seal(first) = lost.body else {
        panic!("not a seal")
    };
    assert_eq!(seal.leaves, first.leaves);
    assert!(seal.time >= NOW + 2 * 3_600_000 && at.time >= seal.time);
    assert_eq!(world.edge.deliveries, 1);
    assert_eq!(world.records_of(&patient).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_corrects_a_visit_that_was_forgotten_is_sealed_as_a_first_version() {
    const DAY: u64 = 24 * 3_600_000;
    let mut world = World::new(Suite::International).await;
    world.one_doctor().await;
    let patient = Patient::new(&world.chain, 1);
    world.post_fhir(bundle("P1", "V1", "D1", 1, "text")).await;
    world.until_status("signed", |s| s.signed == 1).await;
    world.clock.advance(20 * DAY);
    world.post_fhir(bundle("P1", "V2", "D1", 2, "more")).await;
    world.until_status("both signed", |s| s.signed == 2).await;
    // Nobody linked a card for thirty days: the first visit is forgotten at the next start.
    world.clock.advance(11 * DAY);
    world.edge.ledger.commit(Vec::new());
    world.halt().await;
    world.start().await;
    world.until_status("forgotten", |s| s.records == 1).await;
    world.start_signer(vec![doctor(Suite::International, 1)]);
    world.link("P1", &patient).await;
    world.until_status("final", |s| s.done == 1).await;
    let records = world.records_of(&patient);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].statement().replaces, None);
}
