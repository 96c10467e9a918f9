//! Seals: who makes them, of which card, when, in which order.

use super::world::*;
use crate::body::*;
use crate::policy::{DAY, MINUTE};
use crate::state::{CardEntry, SealEntry};
use crate::*;
use medfolder_record::{AreaId, VisitId};

#[test]
fn a_seal_leaves_an_entry_of_its_own_and_a_step_of_the_card() {
    let mut world = World::new();
    let card = world.register(A, 1);
    let seal = world.seal(card, 1, 0);
    let entry: SealEntry = world
        .entry(StateKey::seal(world.suite, &A, &seal.visit, 0))
        .unwrap();
    let leaves = leaves_digest(world.suite, &seal.leaf_ids());
    assert_eq!(
        entry,
        SealEntry {
            card,
            position: 1,
            time: world.header.time,
            leaves
        }
    );
    let card_entry: CardEntry = world.entry(StateKey::card(world.suite, &card)).unwrap();
    assert_eq!(card_entry.running.count, 2);
}

#[test]
fn a_seal_touches_two_keys_however_many_records_it_holds() {
    let mut world = World::new();
    let card = world.register(A, 1);
    let mut body = world.seal_body(A, card, 1, 0);
    body.leaves = (0..200)
        .map(|k| SealedLeaf {
            leaf: leaf(9, 9, k),
            replaces: None,
        })
        .collect();
    let prepared = world
        .prepare(&world.signed(body, &[&world.seal_key(A)]))
        .unwrap();
    let executed = execute(
        &world.chain,
        &world.state,
        &world.recent,
        START + 9,
        1,
        &[prepared],
    )
    .unwrap();
    assert_eq!(executed.writes.len(), 2);
}

#[test]
fn only_a_hospital_in_good_standing_seals() {
    let mut world = World::new();
    let card = world.register(A, 1);
    let body = |world: &World, member| {
        let mut body = world.seal_body(member, card, 1, 0);
        body.area = AREA_A;
        body
    };
    for (member, refusal) in [
        (SUSPENDED, Refusal::MemberSuspended),
        (INSURER, Refusal::MemberRole),
        (NOBODY, Refusal::MemberUnknown),
    ] {
        let (body, key) = (body(&world, member), world.seal_key(member));
        assert_eq!(world.refuse(body, &[&key]), refusal);
    }
}

#[test]
fn a_seal_wants_a_card_of_this_hospital_that_is_in_use() {
    let mut world = World::new();
    let key = world.seal_key(A);
    let unknown = world.seal_body(A, world.number(1), 1, 0);
    assert_eq!(world.refuse(unknown, &[&key]), Refusal::CardUnknown);
    let elsewhere = world.register(B, 2);
    let body = world.seal_body(A, elsewhere, 1, 0);
    assert_eq!(world.refuse(body, &[&key]), Refusal::CardMember);
    let rotated = world.register(A, 3);
    world.rotate_at_desk(A, 3, 4);
    let body = world.seal_body(A, rotated, 1, 0);
    assert_eq!(world.refuse(body, &[&key]), Refusal::CardRotated);
    let closed = world.register(A, 5);
    world.accept(
        CloseCard {
            card: closed,
            member: A,
            by: By::Desk,
        },
        &[&key],
    );
    let body = world.seal_body(A, closed, 1, 0);
    assert_eq!(world.refuse(body, &[&key]), Refusal::CardClosed);
}

#[test]
fn a_frozen_card_still_takes_seals() {
    let mut world = World::new();
    let card = world.register(A, 1);
    let freeze = FreezeCard {
        card,
        member: A,
        by: By::Key,
        successor: None,
    };
    world.accept(freeze, &[&world.card(1).signing]);
    world.seal(card, 1, 0);
}

#[test]
fn seals_of_a_visit_are_numbered_without_gap_and_once() {
    let mut world = World::new();
    let card = world.register(A, 1);
    let key = world.seal_key(A);
    let second = world.seal_body(A, card, 1, 1);
    assert_eq!(world.refuse(second, &[&key]), Refusal::SealSeq);
    world.seal(card, 1, 0);
    let mut again = world.seal_body(A, card, 1, 0);
    again.policy = 3;
    assert_eq!(world.refuse(again, &[&key]), Refusal::SealSeq);
    world.seal(card, 1, 1);
    // Another hospital's visit of the same id is another visit.
    let elsewhere = world.register(B, 2);
    let body = world.seal_body(B, elsewhere, 1, 0);
    let key = world.seal_key(B);
    world.accept(body, &[&key]);
}

#[test]
fn a_visit_stays_with_its_card_or_goes_to_a_successor() {
    let mut world = World::new();
    let card = world.register(A, 1);
    let other = world.register(A, 2);
    let key = world.seal_key(A);
    world.seal(card, 1, 0);
    let body = world.seal_body(A, other, 1, 1);
    assert_eq!(world.refuse(body, &[&key]), Refusal::SealVisitCard);
    world.rotate_at_desk(A, 1, 3);
    world.rotate_at_desk(A, 3, 4);
    let body = world.seal_body(A, world.number(4), 1, 1);
    world.accept(body, &[&key]);
}

#[test]
fn a_seals_time_is_never_five_minutes_ahead_and_a_day_behind_only_when_marked() {
    let mut world = World::new();
    let card = world.register(A, 1);
    world.pass(3 * DAY);
    let key = world.seal_key(A);
    let at = |world: &World, time, mark| Seal {
        time,
        mark,
        ..world.seal_body(A, card, 1, 0)
    };
    for mark in [Mark::None, Mark::Late, Mark::DeliveredAgain] {
        let body = at(&world, world.time + 5 * MINUTE + 1, mark);
        assert_eq!(world.refuse(body, &[&key]), Refusal::SealAhead);
        world.pass(1);
    }
    let body = at(&world, world.time - DAY - 1, Mark::None);
    assert_eq!(world.refuse(body, &[&key]), Refusal::SealBehind);
    world.pass(1);
    let cases = [
        (world.time + 5 * MINUTE, Mark::None, 1),
        (world.time - DAY + 10, Mark::None, 2),
        (world.time - 2 * DAY, Mark::Late, 3),
        (world.time - 2 * DAY, Mark::DeliveredAgain, 4),
    ];
    for (time, mark, visit) in cases {
        let body = Seal {
            visit: VisitId([visit; 16]),
            ..at(&world, time, mark)
        };
        world.accept(body, &[&key]);
    }
}

#[test]
fn area_and_release_policy_must_be_known_and_the_hospitals() {
    let mut world = World::new();
    let card = world.register(A, 1);
    let key = world.seal_key(A);
    let with = |area, policy| Seal {
        area,
        policy,
        ..world.seal_body(A, card, 1, 0)
    };
    let bodies = [
        (with(AreaId([9; 16]), 0), Refusal::AreaUnknown),
        (with(AREA_B, 0), Refusal::AreaMember),
        (with(AREA_A, 1), Refusal::SealPolicy),
    ];
    for (body, refusal) in bodies {
        assert_eq!(world.refuse(body, &[&key]), refusal);
    }
}

#[test]
fn a_seal_holds_one_to_512_different_records() {
    let mut world = World::new();
    let card = world.register(A, 1);
    let key = world.seal_key(A);
    let with = |count: u16| {
        let leaves = (0..count).map(|k| SealedLeaf {
            leaf: leaf(k.to_be_bytes()[0], 0, k.to_be_bytes()[1]),
            replaces: None,
        });
        Seal {
            leaves: leaves.collect(),
            ..world.seal_body(A, card, 1, 0)
        }
    };
    let (none, most, more) = (with(0), with(512), with(513));
    assert_eq!(world.refuse(none, &[&key]), Refusal::SealCount);
    assert_eq!(world.refuse(more, &[&key]), Refusal::SealCount);
    let mut twice = world.seal_body(A, card, 1, 0);
    twice.leaves[1] = twice.leaves[0];
    assert_eq!(world.refuse(twice, &[&key]), Refusal::SealDuplicate);
    world.accept(most, &[&key]);
}
