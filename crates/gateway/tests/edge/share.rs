//! Shares: grants, uses, ends, and what the ledger and the owner learn.

use medfolder_client::api::share::{Outcome, ShareCondition};
use medfolder_gateway::clock::Clock as _;
use medfolder_ledger::body::{AccessEntry, AccessOutcome, Body, By, Extend, FreezeCard};
use medfolder_share::receipt::{AccessRecord, SignedReceipt};
use medfolder_share::rules::status::{StatusAnswer, status_request};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::chain::{self, MEMBER, NOW};
use crate::sharing::{Shared, Wish};
use crate::world::{HOUR, World, disk_holds, dr_li, json_of, text};

fn entries(world: &World, shared: &Shared) -> Vec<AccessEntry> {
    let batches = world
        .ledger
        .accepted()
        .into_iter()
        .filter_map(|tx| match tx.body {
            Body::AccessBatch(batch) => Some(batch.entries),
            _ => None,
        });
    batches
        .flatten()
        .filter(|entry| entry.grant == shared.grant)
        .collect()
}

async fn reported(world: &World, shared: &Shared, count: usize) -> Vec<AccessEntry> {
    world
        .eventually("the accesses are on the ledger", || async {
            Some(entries(world, shared)).filter(|entries| entries.len() >= count)
        })
        .await
}

#[tokio::test]
async fn a_share_is_live_only_when_its_grant_is_final_and_publishing_twice_is_once() {
    let world = World::new().await;
    let card = world.card().await;
    let shared = world.share(&card, Wish::default()).await;
    let grants = world
        .ledger
        .accepted()
        .into_iter()
        .filter(|tx| matches!(tx.body, Body::Grant(_)));
    assert_eq!(grants.count(), 1);
    assert_eq!(shared.published.end, NOW + HOUR);
    assert_eq!(world.state(&shared).await.state, ShareCondition::Live);
}

#[tokio::test]
async fn nobody_opens_a_share_whose_grant_is_not_final() {
    let world = World::new().await;
    let card = world.card().await;
    let token = world.log_in(&card).await.unwrap();
    let draft = world.draft(&token, false).await;
    let url = world.local(&draft.manifest_url);
    let unpublished = world.http.post(&url).json(&dr_li()).send().await.unwrap();
    assert_eq!(unpublished.status(), StatusCode::NOT_FOUND);
    let link = medfolder_share::LinkKey::from_bytes([1; 32]);
    let jwe = medfolder_share::jwe::encrypt(
        &link,
        crate::world::FHIR,
        b"{}",
        medfolder_share::jwe::Zip::None,
        &mut medfolder_crypto::os_rng(),
    );
    world.upload(&token, &draft, 0, &jwe.unwrap()).await;
    world.ledger.stall(true);
    let wish = Wish {
        items: 1,
        evidence: false,
        ..Wish::default()
    };
    let key = chain::key(world.suite(), 78);
    let request = json!(world.publish_request(&card, &key, &link, &wish, 1));
    let path = format!("/v1/shares/drafts/{}/publish", draft.draft);
    let publishing = world.post(&path, Some(&token), &request);
    let waiting = tokio::time::timeout(std::time::Duration::from_millis(300), publishing).await;
    assert!(waiting.is_err(), "answered before the grant was final");
    let early = world.http.post(&url).json(&dr_li()).send().await.unwrap();
    assert_eq!(early.status(), StatusCode::NOT_FOUND);
    world.ledger.stall(false);
    world.clock.advance(6_000);
    let response = world.post(&path, Some(&token), &request).await;
    assert_eq!(response.status(), StatusCode::OK);
    let open = world.http.post(&url).json(&dr_li()).send().await.unwrap();
    assert_eq!(open.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_grant_without_the_cards_consent_or_the_grant_keys_signature_is_refused() {
    let world = World::new().await;
    let (card, other) = (world.card().await, world.card().await);
    let token = world.log_in(&card).await.unwrap();
    let link = medfolder_share::LinkKey::from_bytes([1; 32]);
    let (key, wish) = (
        chain::key(world.suite(), 79),
        Wish {
            items: 1,
            ..Wish::default()
        },
    );
    let good = world.publish_request(&card, &key, &link, &wish, 1);
    let foreign = world.publish_request(&other, &key, &link, &wish, 1);
    let unsigned = world
        .signed(world.grant(&key, &wish), &[&other.signing])
        .to_bytes();
    let cases = [
        medfolder_client::api::share::PublishRequest {
            consent: foreign.consent,
            ..good.clone()
        },
        medfolder_client::api::share::PublishRequest {
            transaction: unsigned.into(),
            ..good
        },
    ];
    for request in cases {
        let draft = world.draft(&token, false).await;
        let path = format!("/v1/shares/drafts/{}/publish", draft.draft);
        let response = world.post(&path, Some(&token), &json!(request)).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
        assert_eq!(text(&json_of(response).await, "code"), "grant.refused");
    }
}

#[tokio::test]
async fn another_cards_draft_cannot_be_published_or_written() {
    let world = World::new().await;
    let (card, other) = (world.card().await, world.card().await);
    let draft = world
        .draft(&world.log_in(&card).await.unwrap(), false)
        .await;
    let token = world.log_in(&other).await.unwrap();
    assert_eq!(
        world.upload(&token, &draft, 0, "x").await,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn an_opening_counts_once_per_session_and_the_limit_holds() {
    let world = World::new().await;
    let wish = Wish {
        openings: Some(2),
        ..Wish::default()
    };
    let shared = world.share(&world.card().await, wish).await;
    let named = |name: &str| json!({ "recipient": "Dr. Li", "_s": name });
    for _ in 0..3 {
        assert_eq!(
            world.manifest(&shared, named("a")).await.status(),
            StatusCode::OK
        );
    }
    assert_eq!(world.state(&shared).await.opened, 1);
    assert_eq!(
        world.manifest(&shared, named("b")).await.status(),
        StatusCode::OK
    );
    assert_eq!(
        world.manifest(&shared, named("c")).await.status(),
        StatusCode::NOT_FOUND
    );
    // A session that is open goes on.
    let locations = world.open(&shared, named("a")).await;
    assert_eq!(
        reqwest::get(&locations[0]).await.unwrap().status(),
        StatusCode::OK
    );
    assert_eq!(world.state(&shared).await.state, ShareCondition::UsedUp);
}

#[tokio::test]
async fn without_a_session_the_same_reader_within_ten_minutes_is_one_opening() {
    let world = World::new().await;
    let shared = world.share(&world.card().await, Wish::default()).await;
    world.open(&shared, dr_li()).await;
    world.clock.advance(9 * 60_000);
    world.open(&shared, dr_li()).await;
    assert_eq!(world.state(&shared).await.opened, 1);
    world
        .open(&shared, json!({ "recipient": "Nurse Wang" }))
        .await;
    world.clock.advance(2 * 60_000);
    world.open(&shared, dr_li()).await;
    assert_eq!(world.state(&shared).await.opened, 3);
}

#[tokio::test]
async fn every_access_is_on_the_ledger_with_a_receipt_of_the_hosts_record_and_no_name() {
    let world = World::new().await;
    let wish = Wish {
        passcode: Some("123456"),
        ..Wish::default()
    };
    let shared = world.share(&world.card().await, wish).await;
    let wrong = json!({ "recipient": "Marker Person", "passcode": "0000" });
    world.manifest(&shared, wrong).await;
    let right = json!({ "recipient": "Marker Person", "passcode": "123456", "_r": "fresh" });
    let locations = world.open(&shared, right).await;
    reqwest::get(&locations[1]).await.unwrap();
    reqwest::get(&locations[2]).await.unwrap();
    world.clock.advance(11 * 60_000);
    let entries = reported(&world, &shared, 3).await;
    let outcomes: Vec<_> = entries.iter().map(|entry| entry.outcome).collect();
    let expected = [
        AccessOutcome::WrongCode,
        AccessOutcome::Opened,
        AccessOutcome::Ended,
    ];
    assert_eq!(outcomes, expected);
    // Item 1 was received; the evidence file is no item.
    assert_eq!(entries[2].items.positions(), [1]);
    let records = world.accesses(&shared).await.accesses;
    let kinds: Vec<_> = records.iter().map(|record| record.outcome).collect();
    assert_eq!(kinds, [Outcome::WrongCode, Outcome::Opened, Outcome::Ended]);
    for (record, entry) in records.iter().zip(&entries) {
        let record: AccessRecord = medfolder_crypto::from_cbor(&record.record.0, 10_000).unwrap();
        assert_eq!(record.digest(world.suite()), entry.receipt);
        assert_eq!(
            (record.recipient.as_str(), record.host_ms),
            ("Marker Person", entry.time)
        );
    }
    for transaction in world.ledger.accepted() {
        let bytes = transaction.to_bytes();
        assert!(!bytes.windows(6).any(|window| window == b"Marker"));
    }
}

#[tokio::test]
async fn a_reader_who_sends_a_value_gets_the_hosts_signed_word_and_finds_it_on_the_ledger() {
    let world = World::new().await;
    let shared = world.share(&world.card().await, Wish::default()).await;
    let ask = async |value: Option<&str>, session: &str| {
        let mut body = json!({ "recipient": "Dr. Li", "_s": session });
        if let Some(value) = value {
            body["_r"] = value.into();
        }
        json_of(world.manifest(&shared, body).await).await["_receipt"].clone()
    };
    let given = ask(Some("fresh"), "one").await;
    let receipt = SignedReceipt::read(&given).unwrap();
    let now = world.clock.now();
    assert!(receipt.answers("fresh", now) && !receipt.answers("another", now));
    let host = chain::key(world.suite(), 3);
    assert!(receipt.is_signed_by(&host.public()));
    assert_eq!(
        (receipt.genesis, receipt.host),
        (world.chain.digest(), MEMBER)
    );
    assert_eq!(receipt.record.grant, shared.grant);
    // A retry gets the same; nobody else gets hers, and viewers who ask for none get none.
    assert_eq!(ask(Some("fresh"), "one").await, given);
    assert!(ask(Some("guess"), "one").await.is_null());
    assert!(ask(None, "two").await.is_null() && ask(Some(""), "three").await.is_null());
    let entries = reported(&world, &shared, 3).await;
    assert_eq!(entries[0].receipt, receipt.digest);
}

#[tokio::test]
async fn the_owner_sees_at_once_what_an_open_session_has_received_and_then_on_the_ledger() {
    let world = World::new().await;
    let shared = world.share(&world.card().await, Wish::default()).await;
    let locations = world.open(&shared, dr_li()).await;
    let opened = async || world.accesses(&shared).await.accesses[0].clone();
    let so_far = |bits: u8| Some(medfolder_client::api::Blob(vec![bits]));
    for (location, seen) in [(1, so_far(0b10)), (0, so_far(0b11))] {
        reqwest::get(&locations[location]).await.unwrap();
        assert_eq!(opened().await.so_far, seen);
    }
    world.clock.advance(11 * 60_000);
    let entries = reported(&world, &shared, 2).await;
    assert_eq!(entries[1].items.positions(), [0, 1]);
    assert_eq!(opened().await.so_far, None);
}

#[tokio::test]
async fn accesses_are_for_the_grant_key_only() {
    let world = World::new().await;
    let card = world.card().await;
    let mut shared = world.share(&card, Wish::default()).await;
    shared.key = chain::key(world.suite(), 80);
    let response = world
        .owner(&shared, Method::GET, "accesses", Vec::new())
        .await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let path = format!("/v1/shares/{}/accesses", shared.grant);
    assert_eq!(
        world.get(&path, None).await.status(),
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn revoking_ends_the_link_its_locations_and_the_ciphertext() {
    let world = World::new().await;
    let shared = world.share(&world.card().await, Wish::default()).await;
    let locations = world.open(&shared, dr_li()).await;
    let data = world.dir.path().join("edge");
    let marker = shared.files[0].as_bytes();
    assert!(disk_holds(&data, marker));
    assert_eq!(world.revoke(&shared).await.state, ShareCondition::Revoked);
    assert_eq!(
        world.manifest(&shared, dr_li()).await.status(),
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        reqwest::get(&locations[0]).await.unwrap().status(),
        StatusCode::NOT_FOUND
    );
    assert!(!disk_holds(&data, marker));
    let outcomes: Vec<_> = reported(&world, &shared, 3)
        .await
        .iter()
        .map(|entry| entry.outcome)
        .collect();
    assert!(outcomes.contains(&AccessOutcome::Ended) && outcomes.contains(&AccessOutcome::Refused));
}

#[tokio::test]
async fn a_revoke_that_another_node_took_ends_the_share_here() {
    let world = World::new().await;
    let shared = world.share(&world.card().await, Wish::default()).await;
    let revoke = medfolder_ledger::body::Revoke {
        grant: shared.grant,
    };
    world.commit(revoke, &[&shared.key]).unwrap();
    world
        .eventually("the link is dead", || async {
            let status = world.manifest(&shared, dr_li()).await.status();
            (status == StatusCode::NOT_FOUND).then_some(())
        })
        .await;
    assert_eq!(world.state(&shared).await.state, ShareCondition::Revoked);
}

#[tokio::test]
async fn a_revoke_holds_at_once_even_when_the_ledger_is_out_of_reach() {
    let world = World::new().await;
    let shared = world.share(&world.card().await, Wish::default()).await;
    world.ledger.offline(true);
    let revoke = medfolder_ledger::body::Revoke {
        grant: shared.grant,
    };
    let asked = world.end(&shared, "revoke", revoke);
    let _ = tokio::time::timeout(std::time::Duration::from_millis(500), asked).await;
    assert_eq!(
        world.manifest(&shared, dr_li()).await.status(),
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn shortening_and_extending_move_the_end_within_the_rules() {
    let world = World::new().await;
    let shared = world.share(&world.card().await, Wish::default()).await;
    assert_eq!(
        world.shorten(&shared, NOW + 2 * HOUR).await.status(),
        StatusCode::BAD_REQUEST
    );
    let answer = world.shorten(&shared, NOW + HOUR / 2).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(world.state(&shared).await.end, NOW + HOUR / 2);
    let later = Extend {
        grant: shared.grant,
        host: MEMBER,
        present: NOW + HOUR / 2,
        until: NOW + 3 * HOUR,
        scope: None,
    };
    let of_another_end = Extend {
        present: NOW + HOUR,
        ..later.clone()
    };
    let moved = world.end(&shared, "extend", of_another_end).await;
    assert_eq!(text(&json_of(moved).await, "code"), "grant.moved");
    assert_eq!(
        world.end(&shared, "extend", later.clone()).await.status(),
        StatusCode::OK
    );
    assert_eq!(world.state(&shared).await.end, NOW + 3 * HOUR);
    let far = Extend {
        until: NOW + 91 * 24 * HOUR,
        ..later
    };
    assert_eq!(
        world.end(&shared, "extend", far).await.status(),
        StatusCode::BAD_REQUEST
    );
    world.clock.advance(2 * HOUR);
    assert_eq!(
        world.manifest(&shared, dr_li()).await.status(),
        StatusCode::OK
    );
    world.clock.advance(2 * HOUR);
    assert_eq!(
        world.manifest(&shared, dr_li()).await.status(),
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_frozen_card_makes_no_share_and_extends_none() {
    let world = World::new().await;
    let card = world.card().await;
    let shared = world.share(&card, Wish::default()).await;
    let token = world.log_in(&card).await.unwrap();
    let freeze = FreezeCard {
        card: card.number,
        member: MEMBER,
        by: By::Key,
        successor: None,
    };
    world.commit(freeze, &[&card.signing]).unwrap();
    let refused = world
        .eventually("the freeze is known", || async {
            world.log_in(&card).await.err()
        })
        .await;
    assert_eq!(refused, "card.frozen");
    let draft = world
        .post("/v1/shares/drafts", Some(&token), &json!({}))
        .await;
    assert_eq!(draft.status(), StatusCode::FORBIDDEN);
    let later = Extend {
        grant: shared.grant,
        host: MEMBER,
        present: shared.published.end,
        until: NOW + 3 * HOUR,
        scope: None,
    };
    let extend = world.end(&shared, "extend", later).await;
    assert_eq!(text(&json_of(extend).await, "code"), "card.frozen");
    let newer = crate::sharing::file(&shared.link, "{}").into_bytes();
    let newer = world.owner(&shared, Method::PUT, "files/0", newer).await;
    assert_eq!(text(&json_of(newer).await, "code"), "card.frozen");
}

#[tokio::test]
async fn only_the_holder_of_the_link_learns_why_it_failed() {
    let world = World::new().await;
    let shared = world.share(&world.card().await, Wish::default()).await;
    let url = format!("{}/status", shared.url);
    world.revoke(&shared).await;
    let ask = |body: Vec<u8>| world.http.post(&url).body(body).send();
    let secret = status_request(&shared.link).to_vec();
    let answer: StatusAnswer = ask(secret).await.unwrap().json().await.unwrap();
    assert_eq!(answer.state, ShareCondition::Revoked);
    assert!(answer.since.abs_diff(world.clock.now()) < 1_000);
    assert_eq!(answer.host, "City Hospital");
    let other = medfolder_share::LinkKey::from_bytes([5; 32]);
    for body in [status_request(&other).to_vec(), b"{}".to_vec(), Vec::new()] {
        let stranger = crate::world::fingerprint(ask(body).await.unwrap()).await;
        let link = world.manifest(&shared, dr_li()).await;
        assert_eq!(stranger, crate::world::fingerprint(link).await);
    }
}

#[tokio::test]
async fn links_go_on_for_ten_minutes_without_the_ledger_then_stop_until_it_is_back() {
    let world = World::new().await;
    let shared = world
        .share(
            &world.card().await,
            Wish {
                lasts: 3 * HOUR,
                ..Wish::default()
            },
        )
        .await;
    world.ledger.offline(true);
    world.clock.advance(9 * 60_000);
    assert_eq!(
        world.manifest(&shared, dr_li()).await.status(),
        StatusCode::OK
    );
    world.clock.advance(2 * 60_000);
    let stopped = world.manifest(&shared, dr_li()).await;
    assert_eq!(stopped.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(stopped.headers().contains_key("retry-after"));
    world.ledger.offline(false);
    assert_eq!(
        world.manifest(&shared, dr_li()).await.status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_node_that_only_repeats_an_old_head_keeps_no_link_open() {
    let world = World::new().await;
    let wish = Wish {
        lasts: 3 * HOUR,
        ..Wish::default()
    };
    let shared = world.share(&world.card().await, wish).await;
    world.ledger.stall(true);
    world.clock.advance(9 * 60_000);
    let status = world.manifest(&shared, dr_li()).await.status();
    assert_eq!(status, StatusCode::OK);
    world.clock.advance(2 * 60_000);
    let status = world.manifest(&shared, dr_li()).await.status();
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    world.ledger.stall(false);
    let status = world.manifest(&shared, dr_li()).await.status();
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn block_time_ends_a_share_even_when_the_hosts_clock_is_behind() {
    let world = World::new().await;
    let wish = Wish {
        lasts: 5 * 60_000,
        ..Wish::default()
    };
    let shared = world.share(&world.card().await, wish).await;
    world.ledger.run_ahead(6 * 60_000);
    world.ledger.commit(None).unwrap();
    world
        .eventually("the block is known", || async {
            let status = world.manifest(&shared, dr_li()).await.status();
            (status == StatusCode::NOT_FOUND).then_some(())
        })
        .await;
}

#[tokio::test]
async fn whoever_knocks_at_a_dead_link_all_day_does_not_fill_the_ledger() {
    let world = World::new().await;
    let shared = world.share(&world.card().await, Wish::default()).await;
    world.revoke(&shared).await;
    for _ in 0..30 {
        world.manifest(&shared, dr_li()).await;
    }
    let count = world.accesses(&shared).await.accesses.len();
    assert_eq!(count, 1);
}
