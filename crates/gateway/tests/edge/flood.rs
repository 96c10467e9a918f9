//! One caller's flood does not reach the others: each test is an attack of somebody who may ask.

use medfolder_client::api::share::MAX_FILE;
use medfolder_crypto::Suite;
use medfolder_gateway::spool::Out;
use medfolder_ledger::body::RegisterCard;
use reqwest::StatusCode;

use crate::chain::MEMBER;
use crate::hospital::send;
use crate::real;
use crate::world::{World, tuning};

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
