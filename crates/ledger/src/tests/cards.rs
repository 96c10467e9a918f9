//! T_R, freeze, lift, hand-over, closing.

use super::world::*;
use crate::body::*;
use crate::policy::{HOUR, MINUTE};
use crate::state::{CardEntry, CardStatus};
use crate::*;
use medfolder_record::CardNumber;

fn status(world: &World, card: CardNumber) -> CardStatus {
    world
        .entry::<CardEntry>(StateKey::card(world.suite, &card))
        .unwrap()
        .status
}

fn freeze(card: CardNumber, by: By, successor: Option<CardNumber>) -> FreezeCard {
    FreezeCard {
        card,
        member: A,
        by,
        successor,
    }
}

#[test]
fn a_card_is_registered_once_by_card_and_seal_key_together() {
    let mut world = World::new();
    let card = world.register(A, 1);
    assert_eq!(status(&world, card), CardStatus::Active);
    world.pass(1);
    let (body, key, seal) = (world.t_r(A, 1), world.card(1).signing, world.seal_key(A));
    assert_eq!(world.refuse(body, &[&key, &seal]), Refusal::CardExists);
    let (body, seal) = (world.t_r(B, 1), world.seal_key(B));
    assert_eq!(world.refuse(body, &[&key, &seal]), Refusal::CardExists);
}

#[test]
fn an_edge_that_swaps_in_its_own_card_lacks_the_seal_keys_signature() {
    let mut world = World::new();
    let (thief, host) = (world.card(6).signing, world.host_key(A));
    let body = world.t_r(A, 6);
    assert_eq!(world.refuse(body, &[&thief, &host]), Refusal::Signature);
}

#[test]
fn only_a_hospital_in_good_standing_registers_cards() {
    let mut world = World::new();
    let card = world.card(1).signing;
    for (member, refusal) in [
        (SUSPENDED, Refusal::MemberSuspended),
        (INSURER, Refusal::MemberRole),
        (NOBODY, Refusal::MemberUnknown),
    ] {
        let (body, seal) = (world.t_r(member, 1), world.seal_key(member));
        assert_eq!(world.refuse(body, &[&card, &seal]), refusal);
    }
}

#[test]
fn the_consent_is_one_of_the_policys_texts_and_not_from_the_future() {
    let mut world = World::new();
    let (card, seal) = (world.card(1).signing, world.seal_key(A));
    type Change = fn(&mut Consent);
    let changes: [(Change, Refusal); 4] = [
        (|c| c.digest.0[0] ^= 1, Refusal::ConsentUnknown),
        (|c| c.version = 2, Refusal::ConsentUnknown),
        (|c| c.language = "en".to_owned(), Refusal::ConsentUnknown),
        (|c| c.time = START + 6 * MINUTE, Refusal::ConsentTime),
    ];
    for (change, refusal) in changes {
        let mut body = world.t_r(A, 1);
        change(&mut body.consent);
        assert_eq!(world.refuse(body, &[&card, &seal]), refusal);
    }
}

#[test]
fn keys_that_are_none_of_the_suite_are_refused() {
    let mut world = World::new();
    let (card, seal) = (world.card(1).signing, world.seal_key(A));
    let mut body = world.t_r(A, 1);
    body.encryption = keys(medfolder_crypto::Suite::National, 1, 1).encryption;
    assert_eq!(world.refuse(body, &[&card, &seal]), Refusal::Key);
    let mut body = world.t_r(A, 1);
    body.signing = keys(medfolder_crypto::Suite::National, 1, 1).public;
    assert_eq!(world.refuse(body, &[&card, &seal]), Refusal::Key);
}

#[test]
fn the_desk_replaces_a_freeze_by_key_and_nothing_else_replaces_one() {
    let mut world = World::new();
    let card = world.register(A, 1);
    let (key, desk) = (world.card(1).signing, world.seal_key(A));
    let thief = Some(world.number(8));
    world.accept(freeze(card, By::Key, thief), &[&key]);
    world.pass(HOUR);
    let again = freeze(card, By::Key, None);
    assert_eq!(world.refuse(again, &[&key]), Refusal::CardFreezePending);
    world.accept(freeze(card, By::Desk, Some(world.number(2))), &[&desk]);
    assert!(matches!(
        status(&world, card),
        CardStatus::Frozen(f) if f.by == By::Desk && f.successor == Some(world.number(2))
    ));
    world.pass(HOUR);
    assert_eq!(
        world.refuse(freeze(card, By::Desk, None), &[&desk]),
        Refusal::CardFreezePending
    );
    assert_eq!(
        world.refuse(freeze(card, By::Key, None), &[&key]),
        Refusal::CardFreezePending
    );
}

#[test]
fn a_freeze_wants_a_known_card_of_that_hospital_and_another_successor() {
    let mut world = World::new();
    let card = world.register(A, 1);
    let (key, desk) = (world.card(1).signing, world.seal_key(A));
    let own = freeze(card, By::Key, Some(card));
    assert_eq!(world.refuse(own, &[&key]), Refusal::CardSuccessor);
    let unknown = freeze(world.number(9), By::Desk, None);
    assert_eq!(world.refuse(unknown, &[&desk]), Refusal::CardUnknown);
    let elsewhere = FreezeCard {
        member: B,
        ..freeze(card, By::Desk, None)
    };
    let desk_b = world.seal_key(B);
    assert_eq!(world.refuse(elsewhere, &[&desk_b]), Refusal::CardMember);
    let stranger = world.card(7).signing;
    assert_eq!(
        world.refuse(freeze(card, By::Key, None), &[&stranger]),
        Refusal::Signature
    );
}

#[test]
fn only_the_desk_lifts_a_freeze() {
    let mut world = World::new();
    let card = world.register(A, 1);
    let (key, desk) = (world.card(1).signing, world.seal_key(A));
    let lift = LiftFreeze { card, member: A };
    assert_eq!(world.refuse(lift.clone(), &[&desk]), Refusal::CardNotFrozen);
    world.pass(1);
    world.accept(freeze(card, By::Key, None), &[&key]);
    assert_eq!(world.refuse(lift.clone(), &[&key]), Refusal::Signature);
    world.pass(1);
    world.accept(lift, &[&desk]);
    assert_eq!(status(&world, card), CardStatus::Active);
}

#[test]
fn the_named_successor_completes_after_72_hours_of_block_time() {
    let mut world = World::new();
    let card = world.register(A, 1);
    let (key, next) = (world.card(1).signing, world.card(2).signing);
    let rotate = world.rotation(A, 1, 2, By::Key);
    assert_eq!(
        world.refuse(rotate.clone(), &[&next]),
        Refusal::CardNotFrozen
    );
    world.pass(1);
    world.accept(freeze(card, By::Key, Some(world.number(2))), &[&key]);
    let frozen_at = world.header.time;
    world.time = frozen_at + 72 * HOUR - 1;
    assert_eq!(
        world.refuse(rotate.clone(), &[&next]),
        Refusal::CardFreezeWaits
    );
    let other = world.rotation(A, 1, 3, By::Key);
    world.time = frozen_at + 72 * HOUR;
    assert_eq!(
        world.refuse(other, &[&world.card(3).signing]),
        Refusal::CardSuccessor
    );
    world.pass(1);
    world.accept(rotate, &[&next]);
    let position = world.log.size() - 1;
    let successor = world.number(2);
    assert_eq!(
        status(&world, card),
        CardStatus::Rotated {
            successor,
            by: By::Key,
            position
        }
    );
    let entry: CardEntry = world
        .entry(StateKey::card(world.suite, &successor))
        .unwrap();
    assert_eq!(
        (entry.predecessor, entry.generation, entry.running.count),
        (Some(card), 1, 1)
    );
}

#[test]
fn a_freeze_without_successor_waits_for_the_desk() {
    let mut world = World::new();
    let card = world.register(A, 1);
    world.accept(freeze(card, By::Key, None), &[&world.card(1).signing]);
    world.pass(500 * HOUR);
    let next = world.card(2).signing;
    let body = world.rotation(A, 1, 2, By::Key);
    assert_eq!(world.refuse(body, &[&next]), Refusal::CardSuccessor);
    world.pass(1);
    world.rotate_at_desk(A, 1, 2);
}

#[test]
fn the_desk_hands_over_at_any_time_with_the_successors_signature() {
    let mut world = World::new();
    let card = world.register(A, 1);
    let desk = world.seal_key(A);
    let body = world.rotation(A, 1, 2, By::Desk);
    assert_eq!(world.refuse(body, &[&desk, &desk]), Refusal::Signature);
    world.rotate_at_desk(A, 1, 2);
    assert!(matches!(
        status(&world, card),
        CardStatus::Rotated { by: By::Desk, .. }
    ));
    world.pass(1);
    let again = world.rotation(A, 1, 3, By::Desk);
    let next = world.card(3).signing;
    assert_eq!(world.refuse(again, &[&next, &desk]), Refusal::CardRotated);
}

#[test]
fn a_successor_is_new_or_a_free_card_of_the_same_hospital() {
    let mut world = World::new();
    let desk = world.seal_key(A);
    world.register(A, 1);
    world.register(A, 2);
    world.register(B, 3);
    world.register(A, 4);
    let own = world.rotation(A, 1, 1, By::Desk);
    assert_eq!(
        world.refuse(own, &[&world.card(1).signing, &desk]),
        Refusal::CardSuccessor
    );
    let elsewhere = world.rotation(A, 1, 3, By::Desk);
    assert_eq!(
        world.refuse(elsewhere, &[&world.card(3).signing, &desk]),
        Refusal::CardSuccessor
    );
    world.rotate_at_desk(A, 1, 2);
    let taken = world.rotation(A, 4, 2, By::Desk);
    assert_eq!(
        world.refuse(taken, &[&world.card(2).signing, &desk]),
        Refusal::CardSuccessor
    );
    let ended = world.rotation(A, 4, 1, By::Desk);
    assert_eq!(
        world.refuse(ended, &[&world.card(1).signing, &desk]),
        Refusal::CardSuccessor
    );
}

#[test]
fn a_card_has_at_most_64_predecessors() {
    let mut world = World::new();
    world.register(A, 100);
    for owner in 100..164 {
        world.rotate_at_desk(A, owner, owner + 1);
        world.pass(1);
    }
    let body = world.rotation(A, 164, 165, By::Desk);
    let (next, desk) = (world.card(165).signing, world.seal_key(A));
    assert_eq!(
        world.refuse(body, &[&next, &desk]),
        Refusal::CardGenerations
    );
}

#[test]
fn a_card_is_closed_by_its_key_or_the_desk_and_a_frozen_one_by_the_desk_only() {
    let mut world = World::new();
    let close = |card, by| CloseCard {
        card,
        member: A,
        by,
    };
    let desk = world.seal_key(A);
    let first = world.register(A, 1);
    world.accept(close(first, By::Key), &[&world.card(1).signing]);
    assert_eq!(status(&world, first), CardStatus::Closed { position: 1 });
    world.pass(1);
    assert_eq!(
        world.refuse(close(first, By::Desk), &[&desk]),
        Refusal::CardClosed
    );
    let second = world.register(A, 2);
    let key = world.card(2).signing;
    world.accept(freeze(second, By::Key, None), &[&key]);
    assert_eq!(
        world.refuse(close(second, By::Key), &[&key]),
        Refusal::CardFrozen
    );
    world.accept(close(second, By::Desk), &[&desk]);
}

#[test]
fn a_suspended_hospitals_desk_still_protects_its_patients() {
    let mut genesis = genesis(medfolder_crypto::Suite::International);
    let mut world = World::new();
    let card = world.register(A, 1);
    // The same state under a genesis in which A is suspended: policy asks the member's entry.
    genesis.members[0].standing = Standing::Suspended;
    let entry = crate::state::MemberEntry::admitted(genesis.members[0].clone());
    let key = StateKey::member(world.suite, &A);
    world
        .state
        .write([(key, medfolder_crypto::to_cbor(&entry))]);
    let desk = world.seal_key(A);
    world.accept(freeze(card, By::Desk, None), &[&desk]);
    world.accept(LiftFreeze { card, member: A }, &[&desk]);
    world.rotate_at_desk(A, 1, 2);
    let body = world.seal_body(A, world.number(2), 1, 0);
    assert_eq!(world.refuse(body, &[&desk]), Refusal::MemberSuspended);
}
