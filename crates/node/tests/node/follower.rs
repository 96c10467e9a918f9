//! A second, reading process: copies blocks, checks certificates, executes again.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{Node, chain, start, start_with};
use medfolder_crypto::Suite;
use medfolder_ledger::Checkpoint;
use medfolder_node::bench::fixture::Fixture;
use medfolder_node::clock::Clock as _;
use medfolder_node::{Config, Seams};

async fn follow(dir: &std::path::Path, fixture: &Arc<Fixture>, node: &Node) -> Node {
    let config: Config = fixture
        .install_follower(dir, node.running().url(false))
        .unwrap();
    start_with(fixture, config, Seams::default()).await
}

async fn reaches(follower: &Node, head: &Checkpoint) -> bool {
    let mut heads = follower.running().ledger.watch();
    let there = heads.wait_for(|own| own.header.height >= head.header.height);
    tokio::time::timeout(Duration::from_secs(20), there)
        .await
        .is_ok()
}

#[tokio::test]
async fn a_follower_comes_to_the_same_head_and_serves_the_same_proofs_but_takes_no_transactions() {
    for suite in Suite::ALL {
        let (dir, fixture) = chain(suite);
        let second = tempfile::tempdir().unwrap();
        let mut node = start(dir.path(), &fixture).await;
        let card = node.registered(1).await;
        let mut follower = follow(second.path(), &fixture, &node).await;
        for visit in 0..4 {
            node.submit(fixture.seal(&card, visit, 2, node.clock.now()))
                .await
                .unwrap();
        }
        let head = node.running().ledger.head();
        assert!(reaches(&follower, &head).await);
        assert_eq!(*follower.running().ledger.head(), *head);
        assert_eq!(follower.card_page(1, 0).await, node.card_page(1, 0).await);
        let stored = fixture.register(&fixture.card(2), node.clock.now());
        assert_eq!(
            follower.submit(stored).await.unwrap_err().code(),
            "node.follower"
        );
        follower.stop().await;
        node.stop().await;
    }
}

#[tokio::test]
async fn a_follower_goes_on_where_it_stopped() {
    let (dir, fixture) = chain(Suite::International);
    let second = tempfile::tempdir().unwrap();
    let mut node = start(dir.path(), &fixture).await;
    node.registered(1).await;
    let mut follower = follow(second.path(), &fixture, &node).await;
    assert!(reaches(&follower, &node.running().ledger.head()).await);
    follower.stop().await;
    node.registered(2).await;
    let mut follower = follow(second.path(), &fixture, &node).await;
    assert!(reaches(&follower, &node.running().ledger.head()).await);
    follower.stop().await;
    node.stop().await;
}

#[cfg(feature = "lying")]
mod lying {
    use super::*;
    use medfolder_ledger::block::proves_fork;
    use medfolder_ledger::{Running, Subject};
    use medfolder_node::lying::Lie;

    #[tokio::test]
    async fn a_node_that_hides_the_newest_entry_cannot_prove_the_list() {
        let (dir, fixture) = chain(Suite::International);
        let mut config = fixture.install(dir.path()).unwrap();
        config.lie = Some(Lie::HideNewest);
        let mut node = start_with(&fixture, config, Seams::default()).await;
        let card = node.registered(1).await;
        node.submit(fixture.seal(&card, 0, 2, node.clock.now()))
            .await
            .unwrap();
        let subject = Subject::Card(card.number);
        let known = Running::start(Suite::International, &subject);
        let page = node.card_page(1, 0).await;
        assert!(
            page.verify_complete(&fixture.chain, &subject, &known)
                .is_err()
        );
        node.stop().await;
    }

    #[tokio::test]
    async fn a_rewritten_history_is_proven_by_two_certificates_and_stops_followers() {
        let (dir, fixture) = chain(Suite::International);
        let second = tempfile::tempdir().unwrap();
        let mut node = start(dir.path(), &fixture).await;
        for n in 1..=3 {
            node.registered(n).await;
        }
        let old = node.running().ledger.checkpoint(2).unwrap().unwrap();
        let mut follower = follow(second.path(), &fixture, &node).await;
        assert!(reaches(&follower, &node.running().ledger.head()).await);
        node.stop().await;
        follower.stop().await;
        let mut config = fixture.install(dir.path()).unwrap();
        config.lie = Some(Lie::RewriteFrom { height: 2 });
        let mut node = start_with(&fixture, config, Seams::default()).await;
        let new = node.running().ledger.checkpoint(2).unwrap().unwrap();
        assert!(proves_fork(&fixture.chain, &old, &new).unwrap());
        for n in 4..=6 {
            node.registered(n).await;
        }
        let mut follower = follow(second.path(), &fixture, &node).await;
        let failed = async {
            while follower.running().ledger.failure() != Some("ledger.fork") {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), failed)
            .await
            .unwrap();
        let alerts = follower.running().ledger.alerts(1).unwrap();
        assert_eq!(alerts[0].code, "ledger.fork");
        follower.stop().await;
        node.stop().await;
    }

    #[tokio::test]
    async fn a_liar_serves_an_old_head_and_a_second_node_shows_it() {
        let (dir, fixture) = chain(Suite::International);
        let second = tempfile::tempdir().unwrap();
        let mut node = start(dir.path(), &fixture).await;
        for n in 1..=3 {
            node.registered(n).await;
        }
        let mut config = fixture
            .install_follower(second.path(), node.running().url(false))
            .unwrap();
        config.lie = Some(Lie::OldHead { height: 2 });
        let mut liar = start_with(&fixture, config, Seams::default()).await;
        let at_two = node.running().ledger.checkpoint(2).unwrap().unwrap();
        assert!(reaches(&liar, &at_two).await);
        let (old, new) = (liar.running().ledger.head(), node.running().ledger.head());
        assert_eq!((old.header.height, new.header.height), (2, 3));
        liar.stop().await;
        node.stop().await;
    }
}
