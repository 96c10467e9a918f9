//! An edge that was stopped goes on where it was.

use medfolder_gateway::spool::Out;
use medfolder_ledger::body::Body;
use reqwest::StatusCode;

use crate::hospital::{self, send};
use crate::sharing::Wish;
use crate::world::{World, dr_li};

fn count(world: &World, wanted: impl Fn(&Body) -> bool) -> usize {
    world
        .ledger
        .accepted()
        .iter()
        .filter(|tx| wanted(&tx.body))
        .count()
}

#[tokio::test]
async fn a_delivery_taken_before_a_stop_is_sealed_after_it_and_once() {
    let mut world = World::new().await;
    let card = world.card().await;
    world.ledger.offline(true);
    let visit = hospital::visit(&world, &card, 50, b"picture");
    send(&world, Out::Delivery(visit.delivery.clone()));
    let spool = world.dir.path().join("out/new");
    world
        .eventually("the delivery is taken", || async {
            (std::fs::read_dir(&spool).unwrap().count() == 0).then_some(())
        })
        .await;
    world.restart().await;
    // A crash between storing and forgetting: the message comes again, its blobs are gone.
    send_message_only(&world, &visit);
    world.ledger.offline(false);
    world.clock.advance(6_000);
    let id = visit.id;
    world
        .eventually("it is sealed", || async {
            world.is_sealed(id).then_some(())
        })
        .await;
    world.restart().await;
    world.deliver(&card, 51).await;
    assert_eq!(
        count(
            &world,
            |body| matches!(body, Body::Seal(seal) if seal.visit == id)
        ),
        1
    );
    assert_eq!(world.audit().await["records"], 4);
}

fn send_message_only(world: &World, visit: &hospital::Visit) {
    let path = world.dir.path().join("out/blobs");
    send(world, Out::Delivery(visit.delivery.clone()));
    assert_eq!(std::fs::read_dir(path).unwrap().count(), 0);
}

#[tokio::test]
async fn shares_openings_and_unreported_accesses_survive_a_stop() {
    let mut world = World::new().await;
    let card = world.card().await;
    let shared = world
        .share(
            &card,
            Wish {
                openings: Some(1),
                ..Wish::default()
            },
        )
        .await;
    world.ledger.offline(true);
    let locations = world.open(&shared, dr_li()).await;
    let before = world.at("");
    world.restart().await;
    let moved = |url: &str| url.replace(&before, &world.at(""));
    world.ledger.offline(false);
    let location = moved(&locations[0]);
    world
        .eventually("the old location works", || async {
            let status = reqwest::get(&location).await.unwrap().status();
            (status == StatusCode::OK).then_some(())
        })
        .await;
    assert_eq!(
        world.manifest(&shared, dr_li()).await.status(),
        StatusCode::OK
    );
    let stranger = serde_json::json!({ "recipient": "Nurse Wang" });
    assert_eq!(
        world.manifest(&shared, stranger).await.status(),
        StatusCode::NOT_FOUND
    );
    world
        .eventually("both accesses are reported, once each", || async {
            let entries: usize = world
                .ledger
                .accepted()
                .iter()
                .map(|tx| match &tx.body {
                    Body::AccessBatch(batch) => batch.entries.len(),
                    _ => 0,
                })
                .sum();
            (entries == 2).then_some(())
        })
        .await;
}

#[tokio::test]
async fn a_batch_that_lapsed_is_reported_anew_and_no_access_twice() {
    let world = World::new().await;
    let wish = Wish {
        lasts: 20 * crate::world::HOUR,
        ..Wish::default()
    };
    let shared = world.share(&world.card().await, wish).await;
    world.ledger.stall(true);
    world.open(&shared, dr_li()).await;
    let held = || async { (world.ledger.held() > 0).then_some(()) };
    world.eventually("the batch was sent", held).await;
    world.clock.advance(2 * crate::world::HOUR);
    world.ledger.stall(false);
    world.ledger.commit(None).unwrap();
    let opened = || {
        let transactions = world.ledger.accepted();
        let entries = transactions.into_iter().filter_map(|tx| match tx.body {
            Body::AccessBatch(batch) => Some(batch.entries),
            _ => None,
        });
        entries
            .flatten()
            .filter(|e| e.outcome == medfolder_ledger::body::AccessOutcome::Opened)
            .count()
    };
    world
        .eventually("the opening is reported", || async {
            (opened() > 0).then_some(())
        })
        .await;
    world
        .open(&shared, serde_json::json!({ "recipient": "another" }))
        .await;
    world
        .eventually("the next one, too", || async {
            (opened() == 2).then_some(())
        })
        .await;
}

#[tokio::test]
async fn ciphertext_that_no_record_names_is_gone_after_a_restart() {
    let mut world = World::new().await;
    let card = world.card().await;
    let stray = world.suite().hash(&[b"stray"]).to_string();
    let folder = world.dir.path().join("edge/blobs").join(&stray[..2]);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(&stray), b"stray").unwrap();
    let kept = world.deliver(&card, 53).await;
    world.restart().await;
    assert!(!folder.join(&stray).exists());
    assert_eq!(world.audit().await["missing"], 0);
    assert_eq!(kept.records.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_that_is_cut_off_anywhere_loses_nothing_and_seals_nothing_twice() {
    let mut world = World::new().await;
    let card = world.card().await;
    let shared = world.share(&card, Wish::default()).await;
    let mut visits = Vec::new();
    for round in 0..25_u8 {
        let visit = hospital::visit(&world, &card, 100 + round, &[round; 70_000]);
        send(&world, Out::Delivery(visit.delivery.clone()));
        visits.push(visit);
        // Somewhere within the work on a delivery, another place each round.
        let place = std::time::Duration::from_micros(u64::from(round) * 1_700);
        tokio::time::sleep(place).await;
        world.crash().await;
    }
    for visit in &visits {
        let id = visit.id;
        let sealed = || async { world.is_sealed(id).then_some(()) };
        world.eventually("each visit is sealed", sealed).await;
    }
    assert_eq!(
        count(&world, |body| matches!(body, Body::Seal(_))),
        visits.len()
    );
    let seen = world.audit().await;
    assert_eq!(
        (&seen["records"], &seen["changed"]),
        (&50.into(), &0.into())
    );
    assert_eq!(
        (&seen["missing"], &seen["broken_files"]),
        (&0.into(), &0.into())
    );
    let state = world.state(&shared).await.state;
    assert_eq!(state, medfolder_client::api::share::ShareCondition::Live);
}

#[tokio::test]
async fn a_second_edge_on_the_same_data_does_not_start() {
    let world = World::new().await;
    assert!(world.try_start().await.is_none());
}

#[tokio::test]
async fn an_address_that_another_program_listens_on_is_named() {
    let world = World::new().await;
    assert_eq!(world.start_at(world.addr).await, "edge.address_in_use");
}
