//! Random sequences of transactions: the same digest twice, and proofs that verify.

use super::world::*;
use crate::body::*;
use crate::state::Running;
use crate::*;
use medfolder_crypto::Suite;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Act {
    Register(u8),
    Seal(u8, u8, u32),
    Freeze(u8),
    Lift(u8),
    Rotate(u8, u8),
    Grant(u8),
    Revoke(u8),
    Access(u8, u8),
    Wait(u32),
}

fn act() -> impl Strategy<Value = Act> {
    let owner = 1u8..5;
    prop_oneof![
        owner.clone().prop_map(Act::Register),
        (owner.clone(), 1u8..4, 0u32..3).prop_map(|(card, visit, seq)| Act::Seal(card, visit, seq)),
        owner.clone().prop_map(Act::Freeze),
        owner.clone().prop_map(Act::Lift),
        (owner.clone(), owner.clone()).prop_map(|(from, to)| Act::Rotate(from, to)),
        owner.clone().prop_map(Act::Grant),
        owner.clone().prop_map(Act::Revoke),
        (owner, any::<u8>()).prop_map(|(grant, receipt)| Act::Access(grant, receipt)),
        (1u32..10_000_000).prop_map(Act::Wait),
    ]
}

fn perform(world: &mut World, act: &Act) {
    let (seal, host) = (world.seal_key(A), world.host_key(A));
    let grant_id = |world: &World, owner| grant_id(world.suite, &world.grant_key(owner).public);
    let transaction = match *act {
        Act::Register(owner) => {
            world.signed(world.t_r(A, owner), &[&world.card(owner).signing, &seal])
        }
        Act::Seal(card, visit, seq) => {
            world.signed(world.seal_body(A, world.number(card), visit, seq), &[&seal])
        }
        Act::Freeze(owner) => {
            let card = world.number(owner);
            let body = FreezeCard {
                card,
                member: A,
                by: By::Key,
                successor: None,
            };
            world.signed(body, &[&world.card(owner).signing])
        }
        Act::Lift(owner) => world.signed(
            LiftFreeze {
                card: world.number(owner),
                member: A,
            },
            &[&seal],
        ),
        Act::Rotate(from, to) => {
            let body = world.rotation(A, from, to, By::Desk);
            world.signed(body, &[&world.card(to).signing, &seal])
        }
        Act::Grant(owner) => world.signed(
            world.grant_body(owner),
            &[&world.grant_key(owner).signing, &host],
        ),
        Act::Revoke(owner) => {
            let grant = grant_id(world, owner);
            world.signed(Revoke { grant }, &[&world.grant_key(owner).signing])
        }
        Act::Access(owner, receipt) => {
            let entry = world.access(grant_id(world, owner), AccessOutcome::Opened, receipt);
            world.signed(
                AccessBatch {
                    host: A,
                    entries: vec![entry],
                },
                &[&host],
            )
        }
        Act::Wait(milliseconds) => return world.pass(milliseconds.into()),
    };
    world.submit(&transaction);
}

fn run(suite: Suite, acts: &[Act]) -> World {
    let mut world = World::of(suite);
    acts.iter().for_each(|act| perform(&mut world, act));
    world
}

fn check_proofs(world: &World) {
    for (position, stored) in world.stored.iter().enumerate() {
        let position = position as u64;
        assert_eq!(
            world.receipt(position).verify(&world.chain, stored),
            Ok(position)
        );
    }
    for touch in &world.touches {
        let subject = touch.subject;
        let page = world.page(subject, 0, u64::MAX);
        let known = Running::start(world.suite, &subject);
        page.verify_complete(&world.chain, &subject, &known)
            .unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_same_transactions_give_the_same_header_and_all_proofs_verify(
        acts in prop::collection::vec(act(), 1..30),
    ) {
        let world = run(Suite::International, &acts);
        prop_assert_eq!(&run(Suite::International, &acts).header, &world.header);
        check_proofs(&world);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3))]
    #[test]
    fn and_so_they_do_on_a_national_chain(acts in prop::collection::vec(act(), 1..12)) {
        let world = run(Suite::National, &acts);
        prop_assert_eq!(&run(Suite::National, &acts).header, &world.header);
        check_proofs(&world);
    }
}

proptest! {
    #[test]
    fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let world = World::new();
        let _ = Prepared::new(&world.chain, bytes.clone(), &world.state);
        let _ = Block::from_bytes(&bytes);
        let _ = Checkpoint::from_bytes(&bytes);
        let _ = crate::proof::HistoryPage::from_bytes(&bytes);
        let _ = crate::proof::Receipt::from_bytes(&bytes);
        let _ = Chain::from_bytes(&bytes);
    }
}
