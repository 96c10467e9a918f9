//! One caller's flood does not reach the others: each test is an attack of somebody who may ask.

use medfolder_client::api::share::{MAX_FILE, ShareCondition};
use medfolder_crypto::Suite;
use medfolder_gateway::spool::Out;
use medfolder_ledger::Transaction;
use medfolder_ledger::body::{AccessOutcome, Body, RegisterCard};
use reqwest::StatusCode;

use crate::chain::MEMBER;
use crate::hospital::send;
use crate::real;
use crate::sharing::Wish;
use crate::world::{HOUR, World, disk_holds, dr_li, tuning};

#[tokio::test]
async fn what_nodes_refuse_holds_up_nothing_that_comes_after_it() {
    let world = World::new().await;
    let card = world.card().await;
    // More than are sent at a time: registrations that the hospital did not sign.
    let new = world.new_card();
    for _ in 0..300 {
        let body = RegisterCard {
            member: MEMBER,
            signing: new.signing.public(),
            encryption: new.encryption.public().to_bytes(),
            consent: world.consent(),
        };
        world.clock.advance(1);
        send(
            &world,
            Out::Tx(world.signed(body, &[&new.signing]).to_bytes()),
        );
    }
    world.deliver(&card, 90).await;
    assert!(world.ledger.refused() >= 300);
    // Each comes up again in its turn.
    let before = world.ledger.refused();
    world.clock.advance(10_000);
    world
        .eventually("all are sent again", || async {
            (world.ledger.refused() >= before + 300).then_some(())
        })
        .await;
}

#[tokio::test]
async fn a_share_whose_state_is_damaged_keeps_no_other_from_ending() {
    let world = World::new().await;
    let card = world.card().await;
    let broken = world.share(&card, Wish::default()).await;
    let whole = world.share(&card, Wish::default()).await;
    let lasts = 90 * HOUR;
    let last = world
        .share(
            &card,
            Wish {
                lasts,
                ..Wish::default()
            },
        )
        .await;
    for shared in [&broken, &whole] {
        world.open(shared, dr_li()).await;
    }
    let index = rusqlite::Connection::open(world.dir.path().join("edge/index.db")).unwrap();
    let spoil = "UPDATE share SET state = x'00' WHERE grant_id = ?1";
    assert_eq!(index.execute(spoil, [broken.grant.as_bytes()]).unwrap(), 1);
    assert_eq!(world.revoke(&whole).await.state, ShareCondition::Revoked);
    let data = world.dir.path().join("edge/blobs");
    assert!(!disk_holds(&data, whole.files[0].as_bytes()));
    let ended = |tx: &Transaction| match &tx.body {
        Body::AccessBatch(batch) => batch
            .entries
            .iter()
            .any(|entry| entry.grant == whole.grant && entry.outcome == AccessOutcome::Ended),
        _ => false,
    };
    world
        .eventually("the end of its session is on the ledger", || async {
            world.ledger.accepted().iter().any(ended).then_some(())
        })
        .await;
    // What cannot be read any more is over at its end like any other.
    world.clock.advance(26 * HOUR);
    world.ledger.commit(None).unwrap();
    world.revoke(&last).await;
    assert!(!disk_holds(&data, broken.files[0].as_bytes()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_nothing_but_separators_costs_little_more_memory_than_it_is_long() {
    let mut world = World::without_edge(Suite::International, tuning());
    let (node, _stop) = real::node(&world).await;
    let edge = world.launch(&node.url(false)).await;
    let card = world.new_card();
    send(&world, Out::Tx(world.registration(&card).to_bytes()));
    let log_in = || async { world.log_in(&card).await.ok() };
    let token = world.eventually("the card logs in", log_in).await;
    let draft = world.draft(&token, false).await;
    for separator in ["\n", "."] {
        let path = format!("/v1/shares/drafts/{}/files?first=0", draft.draft);
        let body = separator.repeat(MAX_FILE);
        let request = world.http.put(world.at(&path)).bearer_auth(&token);
        let answer = request.body(body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    }
    let peak = edge.peak();
    assert!(peak < 10 * MAX_FILE as u64, "{} MiB", peak >> 20);
}
