//! Grant, Extend, Shorten, Revoke.

use super::world::*;
use crate::body::*;
use crate::policy::{DAY, HOUR, MINUTE};
use crate::*;
use medfolder_crypto::{Digest, Suite};
use medfolder_record::{FolderNumber, GrantId};

fn refuse_grant(world: &mut World, body: Grant) -> Refusal {
    let (key, host) = (world.grant_key(1).signing, world.host_key(body.host));
    world.pass(1);
    world.refuse(body, &[&key, &host])
}

fn accept_grant(world: &mut World, owner: u8, body: Grant) {
    let (key, host) = (world.grant_key(owner).signing, world.host_key(body.host));
    world.accept(body, &[&key, &host]);
}

#[test]
fn a_grant_is_made_once_by_grant_key_and_host_together() {
    let mut world = World::new();
    let id = world.grant(1);
    let entry = world.grant_entry(&id);
    assert_eq!(
        (entry.used, entry.uses, entry.running.count),
        (0, Some(2), 1)
    );
    assert!(entry.live(START + HOUR) && !entry.live(entry.until) && !entry.live(entry.from - 1));
    let again = Grant {
        uses: None,
        ..world.grant_body(1)
    };
    assert_eq!(refuse_grant(&mut world, again), Refusal::GrantExists);
    let body = world.grant_body(2);
    let (key, seal) = (world.grant_key(2).signing, world.seal_key(A));
    assert_eq!(world.refuse(body, &[&key, &seal]), Refusal::Signature);
}

#[test]
fn only_a_hospital_in_good_standing_hosts() {
    let mut world = World::new();
    for (host, refusal) in [
        (SUSPENDED, Refusal::MemberSuspended),
        (INSURER, Refusal::MemberRole),
    ] {
        let body = Grant {
            host,
            ..world.grant_body(1)
        };
        assert_eq!(refuse_grant(&mut world, body), refusal);
    }
}

#[test]
fn a_grant_has_a_window_records_and_openings() {
    let mut world = World::new();
    let good = world.grant_body(1);
    let bodies = [
        Grant {
            until: good.from,
            ..good.clone()
        },
        Grant {
            uses: Some(0),
            ..good.clone()
        },
        Grant {
            scope: Scope {
                items: 0,
                ..good.scope
            },
            ..good.clone()
        },
    ];
    for body in bodies {
        assert_eq!(refuse_grant(&mut world, body), Refusal::GrantShape);
    }
    let mut consent = good.clone();
    consent.consent.version = 9;
    assert_eq!(refuse_grant(&mut world, consent), Refusal::ConsentUnknown);
}

#[test]
fn a_window_is_at_most_ninety_days_and_not_past() {
    let mut world = World::new();
    world.pass(DAY);
    let with = |world: &World, from, until| Grant {
        from,
        until,
        ..world.grant_body(1)
    };
    let now = world.time;
    let long = with(&world, now, now + 90 * DAY + 1);
    assert_eq!(refuse_grant(&mut world, long), Refusal::GrantWindow);
    let far = with(&world, now + 80 * DAY, now + 91 * DAY);
    assert_eq!(refuse_grant(&mut world, far), Refusal::GrantWindow);
    let past = with(&world, now - 2 * HOUR, now);
    assert_eq!(refuse_grant(&mut world, past), Refusal::GrantPast);
    let now = world.time;
    let booked = with(&world, now + 5 * DAY, now + 90 * DAY);
    accept_grant(&mut world, 1, booked);
}

#[test]
fn a_late_room_grant_lasts_a_day_began_before_and_may_be_handed_in_for_a_week() {
    let mut world = World::new();
    world.pass(20 * DAY);
    let with = |world: &World, from, until| Grant {
        from,
        until,
        late: true,
        ..world.grant_body(1)
    };
    let now = world.time;
    let long = with(&world, now - 2 * DAY, now - DAY + 1);
    assert_eq!(refuse_grant(&mut world, long), Refusal::GrantWindow);
    let future = with(&world, now + HOUR, now + 2 * HOUR);
    assert_eq!(refuse_grant(&mut world, future), Refusal::GrantFuture);
    let old = with(&world, now - 8 * DAY, now - 8 * DAY + HOUR);
    assert_eq!(refuse_grant(&mut world, old), Refusal::GrantPast);
    // Valid-until a week ahead: only for this type.
    let week = |world: &World, body: Grant| {
        Unsigned::new(body, world.time + 7 * DAY).signed_by(
            &world.chain,
            &[&world.grant_key(1).signing, &world.host_key(A)],
        )
    };
    let prompt = week(&world, world.grant_body(1));
    assert_eq!(world.submit(&prompt), Outcome::Refused(Refusal::ValidUntil));
    world.pass(1);
    let late = week(&world, with(&world, now - 2 * DAY, now - DAY));
    assert!(matches!(world.submit(&late), Outcome::Accepted(_)));
}

#[test]
fn a_grantee_with_keys_has_them_on_the_ledger() {
    let mut world = World::new();
    let seal = world.seal_key(A);
    world.accept(world.enrolment(A, 1), &[&seal]);
    world.accept(world.enrolment(A, 2), &[&seal]);
    let key = world.staff_id(2);
    world.accept(
        RevokeStaff {
            member: A,
            key,
            reason: RevokeReason::Ended,
        },
        &[&seal],
    );
    let unknown = FolderNumber(Digest([1; 32]));
    for grantee in [
        Grantee::Member(NOBODY),
        Grantee::Staff(world.staff_id(3)),
        Grantee::Staff(world.staff_id(2)),
        Grantee::Folder(unknown),
    ] {
        let body = Grant {
            grantee,
            ..world.grant_body(1)
        };
        assert_eq!(refuse_grant(&mut world, body), Refusal::GrantGrantee);
    }
    let known = [Grantee::Member(INSURER), Grantee::Staff(world.staff_id(1))];
    for (owner, grantee) in (1..).zip(known) {
        let body = Grant {
            grantee,
            ..world.grant_body(owner)
        };
        accept_grant(&mut world, owner, body);
    }
}

fn extension(world: &World, id: GrantId, until: u64) -> Extend {
    let entry: Option<crate::state::GrantEntry> = world.entry(StateKey::grant(world.suite, &id));
    Extend {
        grant: id,
        host: A,
        present: entry.map_or(until, |entry| entry.until),
        until,
        scope: None,
    }
}

fn refuse_extension(world: &mut World, body: Extend) -> Refusal {
    let (key, host) = (world.grant_key(1).signing, world.host_key(body.host));
    world.pass(1);
    world.refuse(body, &[&key, &host])
}

#[test]
fn a_grant_is_extended_by_window_or_by_a_longer_list() {
    let mut world = World::new();
    let id = world.grant(1);
    let until = world.grant_entry(&id).until;
    let shorter = extension(&world, id, until - 1);
    assert_eq!(refuse_extension(&mut world, shorter), Refusal::GrantEarlier);
    let long = extension(&world, id, START + 91 * DAY);
    assert_eq!(refuse_extension(&mut world, long), Refusal::GrantWindow);
    let nothing = extension(&world, id, until);
    assert_eq!(refuse_extension(&mut world, nothing), Refusal::GrantScope);
    let same = Extend {
        scope: Some(Scope {
            digest: Digest([5; 32]),
            items: 3,
        }),
        ..extension(&world, id, until)
    };
    assert_eq!(
        refuse_extension(&mut world, same.clone()),
        Refusal::GrantScope
    );
    let foreign = Extend {
        host: B,
        ..extension(&world, id, until + DAY)
    };
    assert_eq!(refuse_extension(&mut world, foreign), Refusal::GrantHost);
    let scope = Scope {
        digest: Digest([5; 32]),
        items: 4,
    };
    let (key, host) = (world.grant_key(1).signing, world.host_key(A));
    world.accept(
        Extend {
            scope: Some(scope),
            ..same
        },
        &[&key, &host],
    );
    let longer = extension(&world, id, until + DAY);
    world.accept(longer, &[&key, &host]);
    let entry = world.grant_entry(&id);
    assert_eq!(
        (entry.scope, entry.until, entry.running.count),
        (scope, until + DAY, 3)
    );
    let unknown = extension(&world, GrantId(Digest([1; 32])), until);
    assert_eq!(world.refuse(unknown, &[&key, &host]), Refusal::GrantUnknown);
}

#[test]
fn an_extension_that_was_held_back_does_not_undo_a_shortening() {
    let mut world = World::new();
    let id = world.grant(1);
    let (key, host) = (world.grant_key(1).signing, world.host_key(A));
    let until = world.grant_entry(&id).until;
    let held_back = extension(&world, id, until + DAY);
    let shorten = Shorten {
        grant: id,
        until: until - HOUR,
    };
    world.accept(shorten, &[&key]);
    let refusal = refuse_extension(&mut world, held_back.clone());
    assert_eq!(refusal, Refusal::GrantMoved);
    let anew = extension(&world, id, until + DAY);
    world.accept(anew, &[&key, &host]);
    assert_eq!(world.grant_entry(&id).until, until + DAY);
    // Nor does one that was held back behind another extension.
    assert_eq!(refuse_extension(&mut world, held_back), Refusal::GrantMoved);
}

#[test]
fn an_ended_or_revoked_grant_is_not_extended() {
    let mut world = World::new();
    let id = world.grant(1);
    world.pass(DAY);
    let late = extension(&world, id, world.time + DAY);
    assert_eq!(refuse_extension(&mut world, late), Refusal::GrantEnded);
    let mut world = World::new();
    let id = world.grant(1);
    world.accept(Revoke { grant: id }, &[&world.grant_key(1).signing]);
    let revoked = extension(&world, id, START + 2 * DAY);
    assert_eq!(refuse_extension(&mut world, revoked), Refusal::GrantRevoked);
}

#[test]
fn the_grant_key_alone_shortens_and_revokes() {
    for suite in Suite::ALL {
        let mut world = World::of(suite);
        let id = world.grant(1);
        let key = world.grant_key(1).signing;
        let until = world.grant_entry(&id).until;
        let shorten = |until| Shorten { grant: id, until };
        assert_eq!(world.refuse(shorten(until), &[&key]), Refusal::GrantLater);
        world.accept(shorten(until - HOUR), &[&key]);
        assert_eq!(world.grant_entry(&id).until, until - HOUR);
        let stranger = world.grant_key(2).signing;
        assert_eq!(
            world.refuse(Revoke { grant: id }, &[&stranger]),
            Refusal::Signature
        );
        world.pass(MINUTE);
        world.accept(Revoke { grant: id }, &[&key]);
        assert_eq!(world.grant_entry(&id).revoked, Some(world.header.time));
        assert!(!world.grant_entry(&id).live(world.time));
        world.pass(MINUTE);
        assert_eq!(
            world.refuse(Revoke { grant: id }, &[&key]),
            Refusal::GrantRevoked
        );
        assert_eq!(world.refuse(shorten(START), &[&key]), Refusal::GrantRevoked);
        let unknown = GrantId(Digest([1; 32]));
        assert_eq!(
            world.refuse(Revoke { grant: unknown }, &[&key]),
            Refusal::GrantUnknown
        );
        let body = Shorten {
            grant: unknown,
            until,
        };
        assert_eq!(world.refuse(body, &[&key]), Refusal::GrantUnknown);
    }
}
