//! A node whose clock is wrong by a day: what it says, and that it goes on when the clock is right.

use std::time::Duration;

use medfolder_client::http::HttpError;
use medfolder_crypto::Suite;
use medfolder_ledger::policy::DAY;
use medfolder_node::clock::Clock as _;

use crate::support::{Node, chain, start};

/// Waits until the node says that it is well, or not.
async fn healthy(node: &Node, wanted: bool) {
    let health = node.path("healthz");
    for _ in 0..500 {
        let answer: Result<serde_json::Value, HttpError> = node.http.get(&health, None).await;
        let well = answer.err().and_then(|error| error.status()) != Some(503);
        if well == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the node's health did not change");
}

async fn refused(node: &Node, stored: &[u8]) -> String {
    let error = node.submit(stored.to_vec()).await.unwrap_err();
    error.code().to_owned()
}

#[tokio::test]
async fn a_clock_behind_the_last_block_stops_the_engine_and_a_right_one_starts_it_again() {
    let (dir, fixture) = chain(Suite::International);
    let mut node = start(dir.path(), &fixture).await;
    node.registered(1).await;
    let now = node.clock.now();
    node.clock.set(now - DAY);
    healthy(&node, false).await;
    let stored = fixture.register(&fixture.card(2), now);
    assert_eq!(refused(&node, &stored).await, "engine.clock_behind");
    assert_eq!(node.card_page(1, 0).await.items.len(), 1, "reading goes on");
    node.clock.set(now + 1);
    healthy(&node, true).await;
    assert_eq!(node.submit(stored).await.unwrap().position, Some(1));
    node.stop().await;
}

#[tokio::test]
async fn a_clock_a_day_ahead_shows_in_refusals_and_in_the_head_and_stops_the_engine_when_mended() {
    let (dir, fixture) = chain(Suite::International);
    let mut node = start(dir.path(), &fixture).await;
    node.registered(1).await;
    let now = node.clock.now();
    let mut heads = node.running().ledger.watch();
    heads.borrow_and_update();
    node.clock.set(now + DAY);
    heads.changed().await.unwrap();
    assert_eq!(heads.borrow().header.time, now + DAY);
    let stored = fixture.register(&fixture.card(2), now);
    assert_eq!(refused(&node, &stored).await, "transaction.expired");
    node.clock.set(now);
    healthy(&node, false).await;
    assert_eq!(refused(&node, &stored).await, "engine.clock_behind");
    node.clock.set(now + DAY + 1);
    healthy(&node, true).await;
    let later = fixture.register(&fixture.card(2), now + DAY);
    assert_eq!(node.submit(later).await.unwrap().position, Some(1));
    node.stop().await;
}
