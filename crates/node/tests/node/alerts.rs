//! Contract *monitor* at its boundary: what is reported to a node raises the alert that its members
//! read, and what is as it should be raises none.

use crate::support::{Node, start};
use medfolder_client::api::ledger::AlertsAnswer;
use medfolder_crypto::{Digest, Secret32, SigningKey, Suite};
use medfolder_ledger::body::{
    AccessBatch, AccessEntry, AccessOutcome, Consent, Finding, Grant, Grantee, Items, LeafList,
    Scope, ZoneFinding, ZoneReport, ZoneReporter,
};
use medfolder_ledger::policy::{AlertThresholds, HOUR, MINUTE, Policy};
use medfolder_ledger::{Body, Transaction};
use medfolder_node::bench::fixture::Fixture;
use medfolder_node::clock::{Clock as _, SystemClock};
use medfolder_record::GrantId;
use std::sync::Arc;

/// Codes and subjects of what a transaction raised, oldest first.
async fn raised(node: &Node, body: impl Into<Body>) -> Vec<(String, String)> {
    // The same report at another moment is another transaction.
    node.clock.advance(1);
    let host = &node.fixture.hospitals[0].host;
    let stored = node.fixture.signed(body, node.clock.now(), &[Some(host)]);
    let status = node.submit(stored).await.unwrap();
    assert!(status.position.is_some(), "{status:?}");
    let (door, height) = (
        node.member_door(),
        node.running().ledger.head().header.height,
    );
    let alerts: AlertsAnswer = door.get("v1/alerts").await.unwrap();
    let new = alerts.alerts.into_iter().rev();
    new.filter(|alert| alert.height == height)
        .map(|alert| (alert.code, alert.subject))
        .collect()
}

/// A grant to the other hospital, from now on for an hour, to be opened three times.
async fn granted(node: &Node) -> GrantId {
    let (fixture, now) = (&node.fixture, node.clock.now());
    let key = SigningKey::from_seed(fixture.chain.suite(), &Secret32::new([9; 32]));
    let consent = &fixture.chain.policy().consent_texts[0];
    let grant = Grant {
        key: key.public(),
        host: fixture.hospitals[0].id,
        grantee: Grantee::Member(fixture.hospitals[1].id),
        scope: Scope {
            digest: Digest([5; 32]),
            items: 2,
        },
        from: now,
        until: now + HOUR,
        late: false,
        consent: Consent {
            digest: consent.digest,
            version: consent.version,
            language: consent.language.clone(),
            time: now,
        },
        uses: Some(3),
    };
    let id = grant.id(fixture.chain.suite());
    let keys = [Some(&key), Some(&fixture.hospitals[0].host)];
    let status = node
        .submit(fixture.signed(grant, now, &keys))
        .await
        .unwrap();
    assert!(status.position.is_some(), "{status:?}");
    id
}

async fn started(dir: &std::path::Path) -> Node {
    let policy = Policy {
        alerts: AlertThresholds {
            wrong_codes_per_hour: 2,
            openings_per_grantee_per_day: 2,
        },
        ..Policy::default()
    };
    let fixture = Fixture::with(Suite::International, SystemClock.now() - 10_000, policy);
    start(dir, &Arc::new(fixture.unwrap())).await
}

#[tokio::test]
async fn every_access_that_is_not_as_it_should_be_is_an_alert_that_members_read() {
    use AccessOutcome::{Ended, Locked, Opened, WrongCode};
    let dir = tempfile::tempdir().unwrap();
    let mut node = started(dir.path()).await;
    let grant = granted(&node).await;
    let unknown = GrantId(Digest([6; 32]));
    let reader = node.fixture.hospitals[1].id.to_string();
    let now = node.clock.now();
    let (before, ahead) = (now - 1, now + 6 * MINUTE);
    for (grant, outcome, receipt, time, code) in [
        (grant, Opened, 1, now, ""),
        (grant, Opened, 2, now, "access.volume"),
        (grant, WrongCode, 3, now, ""),
        (grant, WrongCode, 4, now, "access.wrong_codes"),
        (grant, Locked, 5, now, "access.locked"),
        (grant, Opened, 1, now, "access.repeated"),
        (grant, Opened, 6, ahead, "access.ahead"),
        (grant, Opened, 7, now, "access.over_count"),
        (grant, Opened, 8, before, "access.after_end"),
        (grant, Ended, 9, now - 11 * MINUTE, "access.late"),
        (grant, Ended, 10, now, ""),
        (unknown, Opened, 11, now, "access.grant_unknown"),
    ] {
        let entry = AccessEntry {
            grant,
            time,
            outcome,
            items: Items::default(),
            receipt: Digest([receipt; 32]),
        };
        let batch = AccessBatch {
            host: node.fixture.hospitals[0].id,
            entries: vec![entry],
        };
        let subject = match code {
            "access.volume" => reader.clone(),
            _ => grant.to_string(),
        };
        let expected = (!code.is_empty()).then(|| (code.to_owned(), subject));
        let raised = raised(&node, batch).await;
        assert_eq!(raised, Vec::from_iter(expected), "receipt {receipt}");
    }
    node.stop().await;
}

#[tokio::test]
async fn what_an_edge_lost_or_changed_is_an_alert_that_names_the_record() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = started(dir.path()).await;
    let card = node.registered(1).await;
    let stored = node.fixture.seal(&card, 0, 3, node.clock.now());
    node.submit(stored.clone()).await.unwrap();
    let Body::Seal(seal) = Transaction::from_bytes(&stored).unwrap().body else {
        panic!("a seal")
    };
    let leaves: Vec<_> = seal.leaves.iter().map(|sealed| sealed.leaf).collect();
    let report = ZoneReport {
        member: seal.member,
        by: ZoneReporter::Edge,
        list: LeafList {
            visit: seal.visit,
            seq: seal.seq,
            leaves: leaves.clone(),
        },
        findings: [(0, ZoneFinding::Changed), (2, ZoneFinding::Missing)]
            .map(|(k, what)| Finding { k, what })
            .to_vec(),
    };
    let expected = [("zone.changed", leaves[0]), ("zone.missing", leaves[2])];
    let expected = expected.map(|(code, record)| (code.to_owned(), record.to_string()));
    assert_eq!(raised(&node, report).await, expected);
    node.stop().await;
}
