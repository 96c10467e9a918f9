//! Seal, Withdraw, Zone report.

use super::world::*;
use crate::body::*;
use crate::event::Alert;
use crate::policy::{DAY, MINUTE};
use crate::state::{CardEntry, RecordEntry, SealEntry};
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

/// A seal of visit 1, and a seal with seq 1 whose first record replaces its record `k`.
fn replacing(world: &mut World, k: u16) -> (Seal, Seal) {
    let card = world.register(A, 1);
    let first = world.seal(card, 1, 0);
    let mut second = world.seal_body(A, card, 1, 1);
    second.leaves[0].replaces = Some(Place {
        visit: first.visit,
        seq: 0,
        k,
    });
    second.earlier = Some(vec![list_of(&first)]);
    (first, second)
}

#[test]
fn a_record_is_replaced_once_and_says_by_which() {
    let mut world = World::new();
    let (first, second) = replacing(&mut world, 2);
    let key = world.seal_key(A);
    world.accept(second.clone(), &[&key]);
    let replaced: RecordEntry = world
        .entry(StateKey::record(world.suite, &A, &first.leaves[2].leaf))
        .unwrap();
    let place = Place {
        visit: first.visit,
        seq: 1,
        k: 0,
    };
    let by = second.leaves[0].leaf;
    assert_eq!(
        replaced,
        RecordEntry::Replaced {
            by,
            place,
            position: 2
        }
    );
    let in_force: Option<RecordEntry> =
        world.entry(StateKey::record(world.suite, &A, &first.leaves[0].leaf));
    assert_eq!(in_force, None);
    let mut third = world.seal_body(A, second.card, 1, 2);
    third.leaves[0].replaces = second.leaves[0].replaces;
    third.earlier = second.earlier;
    assert_eq!(world.refuse(third, &[&key]), Refusal::SealReplacedTwice);
}

#[test]
fn a_replaced_place_wants_its_list_the_right_one_and_no_other() {
    let mut world = World::new();
    let (first, good) = replacing(&mut world, 2);
    let key = world.seal_key(A);
    let mut absent = good.clone();
    absent.earlier = None;
    let mut empty = absent.clone();
    empty.leaves[0].replaces = None;
    empty.earlier = Some(Vec::new());
    let mut beyond = good.clone();
    beyond.leaves[0].replaces = Some(Place {
        visit: first.visit,
        seq: 0,
        k: 3,
    });
    let mut changed = good.clone();
    changed.earlier.as_mut().unwrap()[0].leaves[1] = leaf(7, 7, 7);
    let mut unknown = good.clone();
    unknown.leaves[0].replaces = Some(Place {
        visit: VisitId([8; 16]),
        seq: 0,
        k: 0,
    });
    unknown.earlier.as_mut().unwrap()[0].visit = VisitId([8; 16]);
    let mut needless = good.clone();
    let mut other = needless.earlier.as_ref().unwrap()[0].clone();
    other.visit = VisitId([9; 16]);
    needless.earlier.as_mut().unwrap().push(other);
    let mut unsorted = needless.clone();
    unsorted.earlier.as_mut().unwrap().reverse();
    for (body, refusal) in [
        (absent, Refusal::SealReplacedPlace),
        (empty, Refusal::SealLists),
        (beyond, Refusal::SealReplacedPlace),
        (changed, Refusal::SealReplacedUnknown),
        (unknown, Refusal::SealReplacedUnknown),
        (needless, Refusal::SealLists),
        (unsorted, Refusal::SealLists),
    ] {
        assert_eq!(world.refuse(body, &[&key]), refusal);
    }
    world.accept(good, &[&key]);
}

#[test]
fn a_replaced_record_belongs_to_the_card_or_a_predecessor_and_to_the_hospital() {
    let mut world = World::new();
    let (first, good) = replacing(&mut world, 0);
    let key = world.seal_key(A);
    let other = world.register(A, 2);
    let mut body = Seal {
        card: other,
        visit: VisitId([5; 16]),
        seq: 0,
        ..good.clone()
    };
    body.leaves = vec![SealedLeaf {
        leaf: leaf(5, 0, 0),
        replaces: Some(Place {
            visit: first.visit,
            seq: 0,
            k: 0,
        }),
    }];
    assert_eq!(
        world.refuse(body.clone(), &[&key]),
        Refusal::SealReplacedCard
    );
    let at_b = world.register(B, 3);
    let foreign = Seal {
        member: B,
        card: at_b,
        area: AREA_B,
        ..body.clone()
    };
    let key_b = world.seal_key(B);
    assert_eq!(
        world.refuse(foreign, &[&key_b]),
        Refusal::SealReplacedUnknown
    );
    world.rotate_at_desk(A, 1, 4);
    body.card = world.number(4);
    body.mark = Mark::DeliveredAgain;
    world.accept(body, &[&key]);
}

#[test]
fn a_record_may_replace_one_that_stands_earlier_in_the_same_seal() {
    let mut world = World::new();
    let card = world.register(A, 1);
    let key = world.seal_key(A);
    let own = |k| {
        Some(Place {
            visit: VisitId([1; 16]),
            seq: 0,
            k,
        })
    };
    let mut body = world.seal_body(A, card, 1, 0);
    body.leaves[1].replaces = own(1);
    assert_eq!(
        world.refuse(body.clone(), &[&key]),
        Refusal::SealReplacedPlace
    );
    body.leaves[1].replaces = own(2);
    assert_eq!(
        world.refuse(body.clone(), &[&key]),
        Refusal::SealReplacedPlace
    );
    body.leaves[1].replaces = own(0);
    body.leaves[2].replaces = own(0);
    assert_eq!(
        world.refuse(body.clone(), &[&key]),
        Refusal::SealReplacedTwice
    );
    body.leaves[2].replaces = own(1);
    world.accept(body, &[&key]);
    let status = |k| {
        let key = StateKey::record(world.suite, &A, &leaf(1, 0, k));
        world.entry::<RecordEntry>(key).is_some()
    };
    assert_eq!([status(0), status(1), status(2)], [true, true, false]);
}

#[test]
fn a_hospital_withdraws_its_own_record_once() {
    let mut world = World::new();
    let card = world.register(A, 1);
    let seal = world.seal(card, 1, 0);
    let key = world.seal_key(A);
    let body = Withdraw {
        member: A,
        list: list_of(&seal),
        k: 1,
        reason: WithdrawReason::Wrong,
    };
    let mut beyond = body.clone();
    beyond.k = 3;
    assert_eq!(world.refuse(beyond, &[&key]), Refusal::RecordPlace);
    let mut changed = body.clone();
    changed.list.leaves[0] = leaf(9, 9, 9);
    assert_eq!(world.refuse(changed, &[&key]), Refusal::RecordSeal);
    let mut foreign = body.clone();
    foreign.member = B;
    let key_b = world.seal_key(B);
    assert_eq!(world.refuse(foreign, &[&key_b]), Refusal::RecordSeal);
    world.accept(body.clone(), &[&key]);
    let entry: RecordEntry = world
        .entry(StateKey::record(world.suite, &A, &seal.leaves[1].leaf))
        .unwrap();
    assert_eq!(
        entry,
        RecordEntry::Withdrawn {
            reason: WithdrawReason::Wrong,
            position: 2
        }
    );
    let mut again = body;
    again.reason = WithdrawReason::Erasure;
    assert_eq!(world.refuse(again, &[&key]), Refusal::RecordNotInForce);
    let card_entry: CardEntry = world.entry(StateKey::card(world.suite, &card)).unwrap();
    assert_eq!(card_entry.running.count, 3);
}

#[test]
fn another_hospital_that_seals_a_copy_of_a_leaf_cannot_withdraw_the_original() {
    let mut world = World::new();
    let card = world.register(A, 1);
    let original = world.seal(card, 1, 0);
    let elsewhere = world.register(B, 2);
    let copy = world.seal_body(B, elsewhere, 1, 0);
    let key = world.seal_key(B);
    world.accept(copy.clone(), &[&key]);
    assert_eq!(copy.leaves, original.leaves);
    let body = Withdraw {
        member: B,
        list: list_of(&copy),
        k: 0,
        reason: WithdrawReason::Wrong,
    };
    world.accept(body, &[&key]);
    let at_a: Option<RecordEntry> =
        world.entry(StateKey::record(world.suite, &A, &original.leaves[0].leaf));
    assert_eq!(at_a, None);
}

#[test]
fn an_edge_and_a_patient_report_stored_records() {
    let mut world = World::new();
    let card = world.register(A, 1);
    let seal = world.seal(card, 1, 0);
    let report = |by, what| ZoneReport {
        member: A,
        by,
        list: list_of(&seal),
        findings: vec![Finding { k: 0, what }, Finding { k: 2, what }],
    };
    let host = world.host_key(A);
    let accepted = world.accept(report(ZoneReporter::Edge, ZoneFinding::Changed), &[&host]);
    assert_eq!(accepted.touches.len(), 1);
    assert_eq!(accepted.touches[0].subject, Subject::Card(card));
    assert_eq!(
        accepted.alerts[1],
        Alert::Zone {
            member: A,
            card,
            record: seal.leaves[2].leaf,
            what: ZoneFinding::Changed
        }
    );
    let own = report(ZoneReporter::Card(card), ZoneFinding::Missing);
    let key = world.card(1).signing;
    world.accept(own.clone(), &[&key]);
    world.rotate_at_desk(A, 1, 2);
    let successor = report(ZoneReporter::Card(world.number(2)), ZoneFinding::Missing);
    let key = world.card(2).signing;
    world.accept(successor, &[&key]);
    let stranger = world.register(A, 3);
    let key = world.card(3).signing;
    let body = report(ZoneReporter::Card(stranger), ZoneFinding::Missing);
    assert_eq!(world.refuse(body, &[&key]), Refusal::RecordCard);
    let unknown = report(ZoneReporter::Card(world.number(9)), ZoneFinding::Missing);
    let key = world.card(9).signing;
    assert_eq!(world.refuse(unknown, &[&key]), Refusal::CardUnknown);
}

#[test]
fn a_zone_report_names_records_of_a_sealed_list_in_order() {
    let mut world = World::new();
    let card = world.register(A, 1);
    let seal = world.seal(card, 1, 0);
    let host = world.host_key(A);
    let what = ZoneFinding::Missing;
    let with = |ks: &[u16], list| ZoneReport {
        member: A,
        by: ZoneReporter::Edge,
        list,
        findings: ks.iter().map(|k| Finding { k: *k, what }).collect(),
    };
    for ks in [&[][..], &[1, 0], &[1, 1], &[3]] {
        let body = with(ks, list_of(&seal));
        assert_eq!(world.refuse(body, &[&host]), Refusal::RecordPlace);
    }
    let mut unknown = list_of(&seal);
    unknown.seq = 4;
    assert_eq!(
        world.refuse(with(&[0], unknown), &[&host]),
        Refusal::RecordSeal
    );
}
