//! One caller's flood does not reach the others: each test is an attack of somebody who may ask.

use medfolder_gateway::spool::Out;
use medfolder_ledger::body::RegisterCard;

use crate::chain::MEMBER;
use crate::hospital::send;
use crate::world::World;

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
