//! The edge with a real node: HTTP, log-in with the host key, certified blocks.

use std::sync::Arc;

use medfolder_client::api::share::ShareCondition;
use medfolder_client::keyfile;
use medfolder_crypto::Secret32;
use medfolder_gateway::certified::Certified;
use medfolder_gateway::clock::{Clock, ManualClock};
use medfolder_gateway::edge::ledger::{Ledger, Nodes};
use medfolder_gateway::spool::Out;
use medfolder_ledger::Transaction;
use medfolder_ledger::body::{AccessOutcome, Body};
use medfolder_node::{Running, Seams};
use reqwest::StatusCode;
use serde_json::json;
use tokio::sync::watch;

use crate::chain::{self, MEMBER};
use crate::hospital::{self, send};
use crate::sharing::Wish;
use crate::world::{World, dr_li};

struct NodeClock(Arc<ManualClock>);

impl medfolder_node::clock::Clock for NodeClock {
    fn now(&self) -> u64 {
        self.0.now()
    }
}

pub(crate) async fn node(world: &World) -> (Running, watch::Sender<bool>) {
    let engine = world.dir.path().join("engine.key");
    keyfile::write(&engine, &Secret32::new([21; 32])).unwrap();
    let config = json!({
        "genesis": world.dir.path().join("genesis"),
        "data_dir": world.dir.path().join("node"),
        "listen": "127.0.0.1:0",
        "member": MEMBER,
        "engine_key": engine,
        "state": { "buckets": 4_096, "cache_mib": 4 },
    });
    let (stop, stopped) = watch::channel(false);
    let clock: Arc<dyn medfolder_node::clock::Clock> = Arc::new(NodeClock(world.clock.clone()));
    let seams = Seams {
        clock: Some(clock),
        ..Seams::default()
    };
    let config = serde_json::from_value(config).unwrap();
    (
        medfolder_node::serve_with(config, seams, stopped)
            .await
            .unwrap(),
        stop,
    )
}

pub(crate) fn nodes(world: &World, node: &Running) -> Arc<Nodes> {
    let clock = world.clock.clone();
    let clock = medfolder_client::clock::Clock::of(move || clock.now());
    let key = chain::key(world.suite(), 3);
    let urls = ["http://127.0.0.1:1".to_owned(), node.url(false)];
    Arc::new(Nodes::new(&urls, &world.chain, MEMBER, key, clock).unwrap())
}

pub(crate) async fn accepted(nodes: &Nodes) -> Vec<Transaction> {
    let mut blocks = Vec::new();
    loop {
        let bytes = nodes.blocks(blocks.len() as u64, 200).await.unwrap();
        let more = Certified::read_all(&bytes).unwrap();
        if more.is_empty() {
            break;
        }
        blocks.extend(more);
    }
    let transactions = blocks.into_iter().flat_map(|one| one.block.transactions);
    transactions
        .filter(|tx| tx.result == 0)
        .map(|tx| Transaction::from_bytes(&tx.bytes).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visit_is_sealed_fetched_shared_and_revoked_on_a_real_ledger() {
    let mut world = World::new().await;
    let (node, _stop) = node(&world).await;
    let nodes = nodes(&world, &node);
    world.move_to(nodes.clone()).await;

    let card = world.new_card();
    send(&world, Out::Tx(world.registration(&card).to_bytes()));
    world
        .eventually("the card logs in", || async {
            world.log_in(&card).await.ok()
        })
        .await;

    let visit = hospital::visit(&world, &card, 70, b"picture");
    send(&world, Out::Delivery(visit.delivery.clone()));
    let is_seal = |tx: &Transaction| matches!(&tx.body, Body::Seal(seal) if seal.visit == visit.id);
    world
        .eventually("the visit is sealed", || async {
            accepted(&nodes).await.iter().any(is_seal).then_some(())
        })
        .await;
    let token = world.log_in(&card).await.unwrap();
    let path = format!("/v1/zone/records/{}/envelope", visit.records[0]);
    let envelope = world.get(&path, Some(&token)).await.bytes().await.unwrap();
    assert_eq!(envelope, visit.envelopes[0]);

    let shared = world.share(&card, Wish::default()).await;
    let locations = world.open(&shared, dr_li()).await;
    assert_eq!(
        reqwest::get(&locations[0]).await.unwrap().status(),
        StatusCode::OK
    );
    assert_eq!(world.revoke(&shared).await.state, ShareCondition::Revoked);
    let outcomes = || async {
        let entries = accepted(&nodes)
            .await
            .into_iter()
            .filter_map(|tx| match tx.body {
                Body::AccessBatch(batch) => Some(batch.entries),
                _ => None,
            });
        entries
            .flatten()
            .map(|entry| entry.outcome)
            .collect::<Vec<_>>()
    };
    let expected = [AccessOutcome::Opened, AccessOutcome::Ended];
    world
        .eventually("both entries", || async {
            (outcomes().await == expected).then_some(())
        })
        .await;
    let revoked = accepted(&nodes)
        .await
        .iter()
        .any(|tx| matches!(tx.body, Body::Revoke(_)));
    assert!(revoked);
}
