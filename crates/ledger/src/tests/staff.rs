//! Enrol, Rotate, Revoke.

use super::world::*;
use crate::body::*;
use crate::policy::DAY;
use crate::state::StaffEntry;
use crate::*;
use medfolder_crypto::Suite;

fn staff(world: &World, owner: u8) -> StaffEntry {
    world
        .entry(StateKey::staff(world.suite, &world.staff_id(owner)))
        .unwrap()
}

#[test]
fn a_doctor_is_enrolled_once_by_the_seal_key_of_a_hospital_in_good_standing() {
    let mut world = World::new();
    let key = world.seal_key(A);
    let body = world.enrolment(A, 1);
    assert_eq!(
        world.refuse(body.clone(), &[&world.host_key(A)]),
        Refusal::Signature
    );
    world.accept(body, &[&key]);
    assert_eq!(staff(&world, 1).end, None);
    let again = world.enrolment(B, 1);
    let key_b = world.seal_key(B);
    assert_eq!(world.refuse(again, &[&key_b]), Refusal::StaffExists);
    for (member, refusal) in [
        (SUSPENDED, Refusal::MemberSuspended),
        (INSURER, Refusal::MemberRole),
    ] {
        let (body, key) = (world.enrolment(member, 2), world.seal_key(member));
        assert_eq!(world.refuse(body, &[&key]), refusal);
    }
}

#[test]
fn a_validity_that_is_empty_or_over_is_refused() {
    let mut world = World::new();
    let key = world.seal_key(A);
    let empty = EnrolStaff {
        until: START,
        ..world.enrolment(A, 1)
    };
    assert_eq!(world.refuse(empty, &[&key]), Refusal::StaffValidity);
    world.pass(2 * DAY);
    let over = EnrolStaff {
        until: START + DAY,
        ..world.enrolment(A, 1)
    };
    assert_eq!(world.refuse(over, &[&key]), Refusal::StaffValidity);
}

fn rotation(world: &World, from: u8, to: u8) -> RotateStaff {
    let new = keys(world.suite, to, 0x30);
    RotateStaff {
        member: A,
        key: world.staff_id(from),
        signing: new.public,
        encryption: new.encryption,
        until: START + 900 * DAY,
        proof: world.possession(A, &new),
    }
}

#[test]
fn a_key_seen_on_its_way_is_enrolled_by_no_other_member_and_not_beside_another_key() {
    for suite in Suite::ALL {
        let mut world = World::of(suite);
        let (key, key_b) = (world.seal_key(A), world.seal_key(B));
        let genuine = world.enrolment(A, 1);
        let squatted = EnrolStaff {
            member: B,
            ..genuine.clone()
        };
        assert_eq!(world.refuse(squatted, &[&key_b]), Refusal::StaffPossession);
        let beside = EnrolStaff {
            encryption: keys(suite, 2, 0x30).encryption,
            ..genuine.clone()
        };
        assert_eq!(world.refuse(beside, &[&key]), Refusal::StaffPossession);
        world.accept(world.enrolment(B, 7), &[&key_b]);
        let rotated = RotateStaff {
            member: B,
            key: world.staff_id(7),
            signing: genuine.signing,
            encryption: genuine.encryption,
            until: genuine.until,
            proof: genuine.proof,
        };
        assert_eq!(world.refuse(rotated, &[&key_b]), Refusal::StaffPossession);
        world.accept(genuine, &[&key]);
    }
}

#[test]
fn a_rotated_key_ends_and_its_successor_keeps_role_and_commitment() {
    let mut world = World::new();
    let key = world.seal_key(A);
    world.accept(world.enrolment(A, 1), &[&key]);
    world.accept(rotation(&world, 1, 2), &[&key]);
    let (old, new) = (staff(&world, 1), staff(&world, 2));
    let end = old.end.unwrap();
    assert_eq!(
        (end.position, end.reason, end.successor),
        (1, RevokeReason::Ended, Some(world.staff_id(2)))
    );
    assert_eq!(
        (new.role, new.commitment, new.position, new.end),
        (old.role, old.commitment, 1, None)
    );
    let again = rotation(&world, 1, 3);
    assert_eq!(world.refuse(again, &[&key]), Refusal::StaffEnded);
    let taken = rotation(&world, 2, 1);
    assert_eq!(world.refuse(taken, &[&key]), Refusal::StaffExists);
    let unknown = rotation(&world, 9, 3);
    assert_eq!(world.refuse(unknown, &[&key]), Refusal::StaffUnknown);
    let foreign = RotateStaff {
        member: B,
        proof: world.possession(B, &keys(world.suite, 3, 0x30)),
        ..rotation(&world, 2, 3)
    };
    let key_b = world.seal_key(B);
    assert_eq!(world.refuse(foreign, &[&key_b]), Refusal::StaffMember);
    let over = RotateStaff {
        until: START,
        ..rotation(&world, 2, 3)
    };
    assert_eq!(world.refuse(over, &[&key]), Refusal::StaffValidity);
}

#[test]
fn an_ended_key_may_still_be_declared_compromised_and_not_the_other_way_round() {
    let mut world = World::new();
    let key = world.seal_key(A);
    world.accept(world.enrolment(A, 1), &[&key]);
    let revoke = |reason| RevokeStaff {
        member: A,
        key: world.staff_id(1),
        reason,
    };
    let (ended, compromised) = (
        revoke(RevokeReason::Ended),
        revoke(RevokeReason::Compromised),
    );
    world.accept(ended.clone(), &[&key]);
    world.pass(1);
    assert_eq!(world.refuse(ended.clone(), &[&key]), Refusal::StaffEnded);
    world.accept(compromised.clone(), &[&key]);
    assert_eq!(
        staff(&world, 1).end.unwrap().reason,
        RevokeReason::Compromised
    );
    world.pass(1);
    assert_eq!(world.refuse(ended, &[&key]), Refusal::StaffEnded);
    assert_eq!(world.refuse(compromised, &[&key]), Refusal::StaffEnded);
    let unknown = RevokeStaff {
        member: A,
        key: world.staff_id(9),
        reason: RevokeReason::Ended,
    };
    assert_eq!(world.refuse(unknown, &[&key]), Refusal::StaffUnknown);
}

#[test]
fn a_suspended_hospital_still_ends_keys() {
    let mut world = World::new();
    let key = world.seal_key(SUSPENDED);
    let body = RevokeStaff {
        member: SUSPENDED,
        key: world.staff_id(1),
        reason: RevokeReason::Compromised,
    };
    assert_eq!(world.refuse(body, &[&key]), Refusal::StaffUnknown);
}

#[test]
fn a_key_is_judged_as_of_the_seal_and_ends_where_it_ended_first() {
    let mut world = World::new();
    let key = world.seal_key(A);
    world.accept(world.enrolment(A, 1), &[&key]);
    let compromised = |world: &World, sealed_at| {
        staff(world, 1)
            .staff_key(world.suite, sealed_at)
            .unwrap()
            .ended
            .map(|end| (end.position, end.compromised))
    };
    assert_eq!(compromised(&world, 9), None);
    let revoke = |reason| RevokeStaff {
        member: A,
        key: world.staff_id(1),
        reason,
    };
    let (ended, declared) = (
        revoke(RevokeReason::Ended),
        revoke(RevokeReason::Compromised),
    );
    world.accept(ended, &[&key]);
    assert_eq!(compromised(&world, 9), Some((1, false)));
    world.accept(declared, &[&key]);
    assert_eq!(
        compromised(&world, 1),
        Some((1, false)),
        "sealed before it was declared"
    );
    assert_eq!(compromised(&world, 2), Some((1, true)));
    let mut world = World::new();
    world.accept(world.enrolment(A, 1), &[&key]);
    let reason = RevokeReason::Compromised;
    world.accept(
        RevokeStaff {
            member: A,
            key: world.staff_id(1),
            reason,
        },
        &[&key],
    );
    assert_eq!(compromised(&world, 1), Some((1, true)));
}
