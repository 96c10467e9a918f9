//! Records after their seal: replaced, withdrawn, reported of.

use super::world::*;
use crate::body::*;
use crate::event::Alert;
use crate::state::{CardEntry, RecordEntry};
use crate::*;
use medfolder_record::VisitId;

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
