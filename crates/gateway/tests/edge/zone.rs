//! The exchange zone: who gets what, what is taken in, and the audit.

use std::path::{Path, PathBuf};

use medfolder_client::api::zone::FetchItem;
use medfolder_gateway::spool::Out;
use medfolder_ledger::body::{Body, By, FreezeCard, RotateCard, ZoneFinding, ZoneReporter};
use medfolder_ledger::login::LoginSubject;
use medfolder_record::{KeySlot, RecordId, SlotPlace};
use reqwest::StatusCode;
use serde_json::json;

use crate::chain::{self, MEMBER};
use crate::hospital::{self, TITLE, Visit, send};
use crate::world::{Card, HOUR, World, disk_holds, json_of, text};

const DAY: u64 = 24 * HOUR;

async fn fetch(world: &World, token: &str, visit: &Visit, more: &[RecordId]) -> Vec<FetchItem> {
    let records: Vec<_> = visit.records.iter().chain(more).collect();
    let body = json!({ "records": records, "seals": [{ "visit": visit.id, "seq": 0 }] });
    let response = world.post("/v1/zone/fetch", Some(token), &body).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "application/cbor");
    let bytes = response.bytes().await.unwrap();
    let mut decoder = minicbor::Decoder::new(&bytes);
    let mut items = Vec::new();
    while decoder.position() < bytes.len() {
        items.push(decoder.decode().unwrap());
    }
    items
}

#[tokio::test]
async fn a_card_fetches_its_slots_and_envelopes_and_hears_what_is_missing() {
    for suite in medfolder_crypto::Suite::ALL {
        let world = World::with(suite, crate::world::tuning()).await;
        let card = world.card().await;
        let visit = world.deliver(&card, 1).await;
        let token = world.log_in(&card).await.unwrap();
        let unknown = RecordId(medfolder_crypto::Digest([0xee; 32]));
        let items = fetch(&world, &token, &visit, &[unknown]).await;
        let envelope = |n: usize| FetchItem::Envelope {
            record: visit.records[n],
            envelope: visit.envelopes[n].clone(),
        };
        let slot = FetchItem::Slot {
            visit: visit.id,
            seq: 0,
            slot: visit.slot.clone(),
        };
        let missing = FetchItem::MissingRecord { record: unknown };
        assert_eq!(items, [slot, envelope(0), envelope(1), missing]);
    }
}

#[tokio::test]
async fn another_cards_records_look_like_none() {
    let world = World::new().await;
    let (card, other) = (world.card().await, world.card().await);
    let visit = world.deliver(&card, 2).await;
    let token = world.log_in(&other).await.unwrap();
    let items = fetch(&world, &token, &visit, &[]).await;
    assert!(matches!(items[0], FetchItem::MissingSlot { .. }));
    assert!(
        items[1..]
            .iter()
            .all(|item| matches!(item, FetchItem::MissingRecord { .. }))
    );
    let record = visit.records[0];
    let unknown = RecordId(medfolder_crypto::Digest([0xee; 32]));
    let mut answers = Vec::new();
    for id in [record, unknown] {
        let path = format!("/v1/zone/records/{id}/envelope");
        answers.push(crate::world::fingerprint(world.get(&path, Some(&token)).await).await);
    }
    assert_eq!((answers[0].0, &answers[0]), (404, &answers[1]));
    let path = format!("/v1/zone/records/{record}/envelope");
    assert_eq!(
        world.get(&path, None).await.status(),
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn an_attachment_streams_whole_and_in_ranges() {
    let world = World::new().await;
    let card = world.card().await;
    let visit = world.deliver(&card, 3).await;
    let token = world.log_in(&card).await.unwrap();
    let path = format!("/v1/zone/records/{}/attachments/0", visit.records[0]);
    let whole = world.get(&path, Some(&token)).await;
    assert_eq!(whole.headers()["accept-ranges"], "bytes");
    assert_eq!(whole.bytes().await.unwrap(), visit.blob);
    let part = world
        .http
        .get(world.at(&path))
        .bearer_auth(&token)
        .header("range", "bytes=65552-131103")
        .send()
        .await
        .unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    let range = format!("bytes 65552-131103/{}", visit.blob.len());
    assert_eq!(part.headers()["content-range"], range.as_str());
    assert_eq!(part.bytes().await.unwrap(), visit.blob[65_552..131_104]);
    let beyond = format!("/v1/zone/records/{}/attachments/1", visit.records[0]);
    assert_eq!(
        world.get(&beyond, Some(&token)).await.status(),
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_login_for_another_address_or_an_answer_given_twice_is_refused() {
    let world = World::new().await;
    let card = world.card().await;
    let relayed = world.log_in_at(&card, "https://evil.example").await;
    assert_eq!(relayed, Err("login.refused".into()));
    let stranger = world.new_card();
    assert_eq!(world.log_in(&stranger).await, Err("login.refused".into()));
    // A challenge that was taken is one that nobody knows, as after a restart: asking again helps.
    let asked = json!({ "subject": LoginSubject::Card(card.number) });
    let challenge = json_of(world.post("/v1/sessions/challenge", None, &asked).await).await;
    let answer = world.login(&card, "https://edge.example", &challenge);
    let first = world.post("/v1/sessions", None, &answer).await;
    assert!(first.status().is_success());
    let second = world.post("/v1/sessions", None, &answer).await;
    assert_eq!(second.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(json_of(second).await["code"], "login.expired");
}

#[tokio::test]
async fn a_token_ends_after_fifteen_minutes() {
    let world = World::new().await;
    let card = world.card().await;
    let token = world.log_in(&card).await.unwrap();
    world.clock.advance(15 * 60_000);
    let response = world.post("/v1/zone/fetch", Some(&token), &json!({})).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(text(&json_of(response).await, "code"), "session.required");
}

async fn frozen(world: &World, card: &Card, successor: Option<&Card>) {
    let successor = successor.map(|card| card.number);
    let freeze = FreezeCard {
        card: card.number,
        member: MEMBER,
        by: By::Key,
        successor,
    };
    world.commit(freeze, &[&card.signing]).unwrap();
    world
        .eventually("the freeze is known", || async {
            world.log_in(card).await.err()
        })
        .await;
}

#[tokio::test]
async fn a_freeze_stops_a_session_that_is_open() {
    let world = World::new().await;
    let card = world.card().await;
    let token = world.log_in(&card).await.unwrap();
    frozen(&world, &card, None).await;
    let response = world.post("/v1/zone/fetch", Some(&token), &json!({})).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(text(&json_of(response).await, "code"), "card.frozen");
}

/// The desk gives the patient another card; gives its token.
async fn rotated(world: &World, card: &Card, next: &Card) -> String {
    let rotate = RotateCard {
        card: card.number,
        member: MEMBER,
        by: By::Desk,
        signing: next.signing.public(),
        encryption: next.encryption.public().to_bytes(),
    };
    let seal = chain::key(world.suite(), 2);
    world.commit(rotate, &[&next.signing, &seal]).unwrap();
    world
        .eventually("the successor logs in", || async {
            world.log_in(next).await.ok()
        })
        .await
}

/// A card's own slot for what was sealed to one before it.
async fn put_slot(world: &World, card: &Card, visit: &Visit) -> Vec<u8> {
    let place = SlotPlace {
        member: MEMBER,
        card: card.number,
        visit: visit.id,
        seq: 0,
    };
    let (to, mut rng) = (card.encryption.public(), medfolder_crypto::os_rng());
    let own = KeySlot::make(&place, &to, &visit.key, &mut rng);
    let own = own.unwrap().to_bytes();
    let token = world.log_in(card).await.unwrap();
    let path = world.at(&format!("/v1/zone/slots/{}/0", visit.id));
    let put = world.http.put(path).bearer_auth(&token).body(own.clone());
    assert_eq!(put.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    own
}

/// Which of these visits the edge still has a slot of for this card.
fn kept(world: &World, card: &Card, visits: &[Visit]) -> Vec<usize> {
    let index = rusqlite::Connection::open(world.dir.path().join("edge/index.db")).unwrap();
    let mut find = index
        .prepare("SELECT 1 FROM slot WHERE visit = ?1 AND card = ?2")
        .unwrap();
    let numbers = 0..visits.len();
    numbers
        .filter(|n| {
            find.exists((visits[*n].id.0, card.number.as_bytes()))
                .unwrap()
        })
        .collect()
}

#[tokio::test]
async fn an_old_cards_slot_goes_thirty_days_after_a_later_card_has_its_own_and_never_without() {
    let mut world = World::new().await;
    let (card, next, last) = (world.card().await, world.new_card(), world.new_card());
    let mut visits = Vec::new();
    for seed in [30, 31, 32, 33] {
        visits.push(world.deliver(&card, seed).await);
    }
    rotated(&world, &card, &next).await;
    put_slot(&world, &next, &visits[0]).await;
    world.clock.advance(2 * DAY);
    put_slot(&world, &next, &visits[1]).await;
    assert_eq!(kept(&world, &card, &visits), [0, 1, 2, 3]);
    // What is 31 days old by then, what is 29, and what the next card has none of.
    world.clock.advance(29 * DAY);
    world.restart().await;
    until_kept(&world, &card, &visits, &[1, 2, 3]).await;
    assert_eq!(kept(&world, &next, &visits), [0, 1]);
    let token = world.log_in(&next).await.unwrap();
    for (visit, own) in [(&visits[0], true), (&visits[2], false)] {
        let items = fetch(&world, &token, visit, &[]).await;
        let slot =
            matches!(&items[0], FetchItem::Slot { slot, .. } if (*slot == visit.slot) != own);
        assert!(slot, "{own}");
    }

    // The card after the next one counts as well.
    rotated(&world, &next, &last).await;
    put_slot(&world, &last, &visits[2]).await;
    world.clock.advance(31 * DAY);
    world.restart().await;
    until_kept(&world, &card, &visits, &[3]).await;
    assert_eq!(kept(&world, &next, &visits), [0, 1]);
    assert_eq!(kept(&world, &last, &visits), [2]);
}

async fn until_kept(world: &World, card: &Card, visits: &[Visit], expected: &[usize]) {
    world
        .eventually("what is old is pruned", || async {
            (kept(world, card, visits) == expected).then_some(())
        })
        .await;
}

#[tokio::test]
async fn a_successor_reads_what_was_sealed_to_cards_before_and_puts_its_own_slots() {
    let world = World::new().await;
    let (card, next) = (world.card().await, world.new_card());
    let visit = world.deliver(&card, 4).await;
    let path = format!("/v1/zone/slots/{}/0", visit.id);
    // What was sealed to a card, its own token does not overwrite.
    let token = world.log_in(&card).await.unwrap();
    let mut damaged = visit.slot.clone();
    *damaged.last_mut().unwrap() ^= 1;
    let put = world.http.put(world.at(&path)).bearer_auth(&token);
    let put = put.body(damaged).send().await.unwrap();
    assert_eq!(put.status(), StatusCode::NOT_FOUND);
    let back = world.get(&path, Some(&token)).await;
    assert_eq!(back.bytes().await.unwrap(), visit.slot);
    let token = rotated(&world, &card, &next).await;
    assert_eq!(world.log_in(&card).await, Err("card.rotated".into()));
    let items = fetch(&world, &token, &visit, &[]).await;
    assert_eq!(items.len(), 3);
    assert!(matches!(&items[0], FetchItem::Slot { slot, .. } if *slot == visit.slot));
    let own = put_slot(&world, &next, &visit).await;
    let back = world.get(&path, Some(&token)).await;
    assert_eq!(back.bytes().await.unwrap(), own);
    // Another card's slot does not get in.
    let put = world
        .http
        .put(world.at(&path))
        .bearer_auth(&token)
        .body(visit.slot.clone());
    assert_eq!(put.send().await.unwrap().status(), StatusCode::BAD_REQUEST);
}

/// A delivery that is refused, and that nothing of it is sealed: the good one behind it is.
async fn is_refused(world: &World, card: &Card, seed: u8, change: impl Fn(&mut Visit)) {
    let mut bad = hospital::visit(world, card, seed, b"picture");
    change(&mut bad);
    send(world, Out::Delivery(bad.delivery.clone()));
    world.deliver(card, seed + 100).await;
    assert!(!world.is_sealed(bad.id));
}

#[tokio::test]
async fn what_does_not_recompute_to_the_seals_leaves_is_never_submitted() {
    let world = World::new().await;
    let card = world.card().await;
    let other = world.card().await;
    is_refused(&world, &card, 10, |visit| {
        let mut envelope = visit.envelopes[0].clone();
        let last = envelope.len() - 1;
        envelope[last] ^= 1;
        visit.delivery.envelopes[0] = envelope.into();
    })
    .await;
    is_refused(&world, &card, 11, |visit| {
        visit.delivery.envelopes.swap(0, 1)
    })
    .await;
    is_refused(&world, &card, 12, |visit| {
        visit.delivery.envelopes.pop();
    })
    .await;
    is_refused(&world, &card, 13, |visit| {
        visit.delivery.attachments.clear()
    })
    .await;
    let foreign = hospital::visit(&world, &other, 14, b"picture");
    is_refused(&world, &card, 15, |visit| {
        visit.delivery.slot = foreign.slot.clone()
    })
    .await;
    is_refused(&world, &card, 16, |visit| {
        visit.delivery.transaction = vec![0x85]
    })
    .await;
}

#[tokio::test]
async fn the_same_leaves_signed_again_need_no_second_delivery() {
    let world = World::new().await;
    let card = world.card().await;
    world.ledger.stall(true);
    let visit = hospital::visit(&world, &card, 17, b"picture");
    send(&world, Out::Delivery(visit.delivery.clone()));
    let spool = world.dir.path().join("out/new");
    world
        .eventually("the delivery is taken", || async {
            (std::fs::read_dir(&spool).unwrap().count() == 0).then_some(())
        })
        .await;
    // The first T_M lapses; inner signs the same leaves again.
    world.clock.advance(2 * crate::world::HOUR);
    world.ledger.commit(None).unwrap();
    world.ledger.stall(false);
    let old = medfolder_ledger::Transaction::from_bytes(&visit.delivery.transaction).unwrap();
    let again = world
        .signed(old.body, &[&chain::key(world.suite(), 2)])
        .to_bytes();
    send(&world, Out::Tx(again));
    world
        .eventually("it is sealed", || async {
            world.is_sealed(visit.id).then_some(())
        })
        .await;
}

#[tokio::test]
async fn a_seal_signed_again_goes_nowhere_when_its_envelopes_never_arrived() {
    let world = World::new().await;
    let card = world.card().await;
    let lost = hospital::visit(&world, &card, 18, b"lost on the ferry");
    send(&world, Out::Tx(lost.delivery.transaction.clone()));
    // What comes after it is delivered, so it was looked at and not submitted.
    let after = world.deliver(&card, 19).await;
    assert!(world.is_sealed(after.id));
    assert!(!world.is_sealed(lost.id));
}

#[tokio::test]
async fn nothing_on_the_edges_disk_says_what_a_record_is() {
    let world = World::new().await;
    let card = world.card().await;
    world.deliver(&card, 18).await;
    for marker in [
        TITLE,
        "P-MARKER",
        "BODY-MARKER",
        "34108-1",
        "胸片",
        "心内科",
    ] {
        assert!(!disk_holds(world.dir.path(), marker.as_bytes()), "{marker}");
    }
}

pub(crate) fn blob_path(world: &World, content: &[u8]) -> PathBuf {
    let name = world.suite().hash(&[content]).to_string();
    world
        .dir
        .path()
        .join("edge/blobs")
        .join(&name[..2])
        .join(name)
}

pub(crate) fn change_one_byte(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

fn reports(world: &World) -> Vec<(RecordId, ZoneFinding)> {
    let mut found = Vec::new();
    for transaction in world.ledger.accepted() {
        if let Body::ZoneReport(report) = transaction.body {
            assert_eq!(report.by, ZoneReporter::Edge);
            let named = |k: u16| report.list.leaves[usize::from(k)];
            found.extend(report.findings.iter().map(|f| (named(f.k), f.what)));
        }
    }
    found
}

pub(crate) async fn reported(world: &World, expected: &[(RecordId, ZoneFinding)]) {
    world
        .eventually("the report is on the ledger", || async {
            (reports(world) == expected).then_some(())
        })
        .await;
}

#[tokio::test]
async fn the_audit_reports_a_changed_envelope_once_and_the_monitor_is_alerted() {
    let world = World::new().await;
    let card = world.card().await;
    let visit = world.deliver(&card, 19).await;
    let clean = world.audit().await;
    assert_eq!(
        (&clean["records"], &clean["changed"], &clean["missing"]),
        (&json!(2), &json!(0), &json!(0))
    );
    change_one_byte(&blob_path(&world, &visit.envelopes[1]));
    assert_eq!(world.audit().await["changed"], 1);
    let expected = [(visit.records[1], ZoneFinding::Changed)];
    reported(&world, &expected).await;
    assert_eq!(world.ledger.alerts(), 1);
    world.audit().await;
    world.audit().await;
    world.deliver(&card, 20).await;
    assert_eq!(reports(&world), expected);
}

#[tokio::test]
async fn the_audit_reports_a_changed_attachment_and_a_vanished_envelope() {
    let world = World::new().await;
    let card = world.card().await;
    let visit = world.deliver(&card, 21).await;
    change_one_byte(&blob_path(&world, &visit.blob));
    std::fs::remove_file(blob_path(&world, &visit.envelopes[1])).unwrap();
    let seen = world.audit().await;
    assert_eq!((&seen["changed"], &seen["missing"]), (&json!(1), &json!(1)));
    let expected = [
        (visit.records[0], ZoneFinding::Changed),
        (visit.records[1], ZoneFinding::Missing),
    ];
    reported(&world, &expected).await;
    let token = world.log_in(&card).await.unwrap();
    let items = fetch(&world, &token, &visit, &[]).await;
    assert!(matches!(items[2], FetchItem::MissingRecord { .. }));
}

#[tokio::test]
async fn a_vanished_attachment_and_swapped_envelopes_are_found() {
    let world = World::new().await;
    let card = world.card().await;
    let (visit, other) = (
        world.deliver(&card, 22).await,
        world.deliver(&card, 23).await,
    );
    std::fs::remove_file(blob_path(&world, &visit.blob)).unwrap();
    let (one, two) = (
        blob_path(&world, &visit.envelopes[1]),
        blob_path(&world, &other.envelopes[1]),
    );
    std::fs::write(&one, &other.envelopes[1]).unwrap();
    std::fs::write(&two, &visit.envelopes[1]).unwrap();
    let seen = world.audit().await;
    assert_eq!((&seen["changed"], &seen["missing"]), (&json!(2), &json!(1)));
}
