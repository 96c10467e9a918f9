//! The interface, at its boundary: a real node on loopback, every answer checked as a client would.

use crate::support::{chain, start};
use medfolder_client::api::ledger::{
    AlertsAnswer, CheckpointAnswer, ConsistencyAnswer, MembersAnswer, StateAnswer, Stats,
    TransactionState, TransactionStatus,
};
use medfolder_crypto::{Suite, from_cbor};
use medfolder_ledger::body::{By, FreezeCard};
use medfolder_ledger::log::ConsistencyProof;
use medfolder_ledger::proof::{EntryProof, Receipt, RefusalProof, verify_consistency};
use medfolder_ledger::state::MemberEntry;
use medfolder_ledger::{Checkpoint, Running, StateKey, Subject};
use medfolder_node::clock::Clock as _;

#[tokio::test]
async fn a_final_transaction_comes_with_a_receipt_that_proves_its_position() {
    for suite in Suite::ALL {
        let (dir, fixture) = chain(suite);
        let mut node = start(dir.path(), &fixture).await;
        let stored = fixture.register(&fixture.card(1), node.clock.now());
        let status = node.submit(stored.clone()).await.unwrap();
        assert_eq!(status.state, TransactionState::Final);
        let receipt = Receipt::from_bytes(&status.receipt.unwrap().0).unwrap();
        assert_eq!(
            receipt.verify(&fixture.chain, &stored).unwrap(),
            status.position.unwrap()
        );
        let path = node.path(&format!("v1/transactions/{}", status.id));
        let again: TransactionStatus = node.http.get(&path, None).await.unwrap();
        assert_eq!(
            (again.state, again.position),
            (status.state, status.position)
        );
        node.stop().await;
    }
}

#[tokio::test]
async fn the_same_transaction_twice_has_one_place() {
    let (dir, fixture) = chain(Suite::International);
    let mut node = start(dir.path(), &fixture).await;
    let stored = fixture.register(&fixture.card(1), node.clock.now());
    let (first, second) = tokio::join!(node.submit(stored.clone()), node.submit(stored.clone()));
    let third = node.submit(stored).await.unwrap();
    assert_eq!(first.unwrap().position, Some(0));
    assert_eq!(second.unwrap().position, Some(0));
    assert_eq!(third.position, Some(0));
    assert_eq!(node.running().ledger.head().header.log_size, 1);
    node.stop().await;
}

#[tokio::test]
async fn a_card_reads_its_whole_list_with_proof_and_nobody_elses() {
    let (dir, fixture) = chain(Suite::International);
    let mut node = start(dir.path(), &fixture).await;
    let card = node.registered(1).await;
    node.registered(2).await;
    for visit in 0..5 {
        node.submit(fixture.seal(&card, visit, 8, node.clock.now()))
            .await
            .unwrap();
    }
    let page = node.card_page(1, 0).await;
    let subject = Subject::Card(card.number);
    let start = Running::start(Suite::International, &subject);
    let verified = page
        .verify_complete(&fixture.chain, &subject, &start)
        .unwrap();
    assert_eq!(verified.known.count, 6);
    let rest = node.card_page(1, 6).await;
    assert!(
        rest.verify_complete(&fixture.chain, &subject, &verified.known)
            .is_ok()
    );
    let path = format!("v1/cards/{}/entries", card.number);
    let other = node
        .card_door(2)
        .get_bytes(&path, 1 << 20)
        .await
        .unwrap_err();
    assert_eq!(other.code(), "policy.refused");
    let nobody = node
        .http
        .get::<serde_json::Value>(&node.path(&path), None)
        .await
        .unwrap_err();
    assert_eq!(nobody.code(), "session.missing");
    assert!(node.member_door().get_bytes(&path, 1 << 20).await.is_ok());
    node.stop().await;
}

#[tokio::test]
async fn a_refused_transaction_is_in_a_block_with_its_code_and_changes_nothing() {
    let (dir, fixture) = chain(Suite::International);
    let mut node = start(dir.path(), &fixture).await;
    let card = node.registered(1).await;
    // The second registration has another time of consent and so another id.
    let second = fixture.register(&card, node.clock.now() - 1);
    let status = node.submit(second.clone()).await.unwrap();
    assert_eq!(status.state, TransactionState::Refused);
    assert_eq!(status.code.as_deref(), Some("card.exists"));
    let proof = RefusalProof::from_bytes(&status.refusal.unwrap().0).unwrap();
    let proven = proof.verify(&fixture.chain, &second).unwrap();
    assert_eq!(proven.code(), "card.exists");
    let other = fixture.register(&card, node.clock.now() - 2);
    assert!(proof.verify(&fixture.chain, &other).is_err());
    assert_eq!(node.running().ledger.head().header.log_size, 1);
    let stats: Stats = node.member_door().get("v1/stats").await.unwrap();
    assert_eq!((stats.log_size, stats.refused), (1, 1));
    node.stop().await;
}

#[tokio::test]
async fn malformed_wrongly_signed_and_unknown_transactions_never_reach_a_block() {
    let (dir, fixture) = chain(Suite::International);
    let mut node = start(dir.path(), &fixture).await;
    let now = node.clock.now();
    let card = fixture.card(1);
    let mut forged = fixture.register(&card, now);
    *forged.last_mut().unwrap() ^= 1;
    let freeze = FreezeCard {
        card: card.number,
        member: fixture.hospitals[0].id,
        by: By::Key,
        successor: None,
    };
    let unknown = fixture.signed(freeze, now, &[Some(&card.signing)]);
    let late = fixture.register(&card, now - 2 * medfolder_ledger::policy::DAY);
    for (stored, code) in [
        (vec![1, 2, 3], "transaction.malformed"),
        (forged, "signature.invalid"),
        (unknown, "card.unknown"),
        (late, "transaction.expired"),
    ] {
        let error = node.submit(stored).await.unwrap_err();
        assert_eq!((error.code(), error.status()), (code, Some(422)));
    }
    assert_eq!(node.running().ledger.head().header.height, 0);
    node.stop().await;
}

#[tokio::test]
async fn checkpoints_members_and_consistency_are_public_and_hold() {
    let (dir, fixture) = chain(Suite::International);
    let mut node = start(dir.path(), &fixture).await;
    let (chain, suite) = (&fixture.chain, Suite::International);
    for n in 0..7 {
        node.registered(n).await;
    }
    let at = async |height: &str| {
        let path = node.path(&format!("v1/checkpoints/{height}"));
        let answer: CheckpointAnswer = node.http.get(&path, None).await.unwrap();
        Checkpoint::from_bytes(&answer.checkpoint.0).unwrap()
    };
    let (old, new) = (at("3").await, at("latest").await);
    let path = format!(
        "v1/proofs/consistency?from={}&to={}",
        old.header.log_size, new.header.log_size
    );
    let answer: ConsistencyAnswer = node.http.get(&node.path(&path), None).await.unwrap();
    let proof: ConsistencyProof = from_cbor(&answer.proof.0, 1 << 16).unwrap();
    verify_consistency(chain, &old, &new, &proof).unwrap();
    let members: MembersAnswer = node.http.get(&node.path("v1/members"), None).await.unwrap();
    for answer in members.members {
        let proof = EntryProof::from_bytes(&answer.proof.0).unwrap();
        let key = StateKey::member(suite, &answer.member);
        let entry: MemberEntry = proof.verify(chain, &key).unwrap().unwrap();
        assert_eq!(entry.member.id, answer.member);
    }
    let path = format!("v1/records/{}?member={}", "11".repeat(32), "01".repeat(16));
    let record: StateAnswer = node.http.get(&node.path(&path), None).await.unwrap();
    let proof = EntryProof::from_bytes(&record.proof.0).unwrap();
    let (member, record) = (
        "01".repeat(16).parse().unwrap(),
        "11".repeat(32).parse().unwrap(),
    );
    assert_eq!(proof.record_status(chain, &member, &record).unwrap(), None);
    node.stop().await;
}

#[tokio::test]
async fn blocks_alerts_and_statistics_are_for_members() {
    let (dir, fixture) = chain(Suite::International);
    let mut node = start(dir.path(), &fixture).await;
    let card = node.registered(1).await;
    let freeze = FreezeCard {
        card: card.number,
        member: fixture.hospitals[0].id,
        by: By::Key,
        successor: None,
    };
    let now = node.clock.now();
    node.submit(fixture.signed(freeze, now, &[Some(&card.signing)]))
        .await
        .unwrap();
    for path in [
        "v1/blocks?from=0",
        "v1/blocks/1",
        "v1/alerts",
        "v1/stats",
        "v1/events",
    ] {
        let error = node
            .card_door(1)
            .get_bytes(path, 1 << 20)
            .await
            .unwrap_err();
        assert_eq!(error.code(), "policy.refused", "{path}");
    }
    let member = node.member_door();
    assert!(
        member
            .get_bytes("v1/blocks?from=0", 1 << 20)
            .await
            .unwrap()
            .len()
            > 500
    );
    assert_eq!(
        member
            .get_bytes("v1/blocks/9", 1 << 20)
            .await
            .unwrap_err()
            .code(),
        "http.not_found"
    );
    let alerts: AlertsAnswer = member.get("v1/alerts").await.unwrap();
    assert_eq!(alerts.alerts[0].code, "card.frozen");
    assert_eq!(alerts.alerts[0].subject, card.number.to_string());
    node.stop().await;
}

#[tokio::test]
async fn an_idle_ledger_makes_a_heartbeat_when_its_time_has_come() {
    let (dir, fixture) = chain(Suite::International);
    let mut node = start(dir.path(), &fixture).await;
    node.registered(1).await;
    let mut heads = node.running().ledger.watch();
    heads.borrow_and_update();
    node.clock.advance(fixture.chain.policy().windows.heartbeat);
    heads.changed().await.unwrap();
    assert_eq!(heads.borrow().header.height, 2);
    assert_eq!(heads.borrow().header.log_size, 1);
    node.stop().await;
}

#[tokio::test]
async fn everything_is_there_after_a_restart_and_a_replay_is_still_known() {
    let (dir, fixture) = chain(Suite::National);
    let mut node = start(dir.path(), &fixture).await;
    let card = node.registered(1).await;
    let stored = fixture.seal(&card, 1, 3, node.clock.now());
    let before = node.submit(stored.clone()).await.unwrap();
    let head = node.running().ledger.head();
    node.stop().await;
    let mut node = start(dir.path(), &fixture).await;
    assert_eq!(node.running().ledger.head(), head);
    let again = node.submit(stored).await.unwrap();
    assert_eq!((again.id, again.position), (before.id, before.position));
    assert_eq!(node.card_page(1, 0).await.items.len(), 2);
    node.stop().await;
}
