//! Access batches: never refused for what they report, each entry classified.

use super::world::*;
use crate::body::*;
use crate::event::{Alert, Step};
use crate::policy::{DAY, HOUR, MINUTE};
use crate::state::{AccessClass, ReceiptEntry};
use crate::*;
use medfolder_crypto::Digest;
use medfolder_record::{GrantId, MemberId};

fn report(world: &mut World, host: MemberId, entries: Vec<AccessEntry>) -> Vec<AccessClass> {
    let key = world.host_key(host);
    let accepted = world.accept(AccessBatch { host, entries }, &[&key]);
    let classes = accepted.touches.iter().map(|touch| match &touch.step {
        Step::Access { access, .. } => access.class,
        Step::Transaction { .. } => panic!("a batch is no step of a grant as a whole"),
    });
    classes.collect()
}

#[test]
fn each_access_is_classified_and_only_openings_count() {
    let mut world = World::new();
    let id = world.grant(1);
    world.pass(MINUTE);
    let classes = report(
        &mut world,
        A,
        vec![
            access(id, AccessOutcome::WrongCode, 1, START + MINUTE),
            access(id, AccessOutcome::Opened, 2, START + MINUTE),
            access(id, AccessOutcome::Ended, 3, START + MINUTE),
            access(id, AccessOutcome::Opened, 4, START + MINUTE),
            access(id, AccessOutcome::Opened, 5, START + MINUTE),
            access(id, AccessOutcome::Refused, 6, START + MINUTE),
        ],
    );
    use AccessClass::{InWindow, OverCount};
    assert_eq!(
        classes,
        [InWindow, InWindow, InWindow, InWindow, OverCount, InWindow]
    );
    let entry = world.grant_entry(&id);
    assert_eq!((entry.used, entry.running.count), (3, 7));
    assert!(!entry.live(world.time));
}

fn access(grant: GrantId, outcome: AccessOutcome, receipt: u8, time: u64) -> AccessEntry {
    AccessEntry {
        grant,
        time,
        outcome,
        items: Items::default(),
        receipt: Digest([receipt; 32]),
    }
}

#[test]
fn an_end_that_is_set_into_the_past_accuses_no_host_of_what_it_opened_before() {
    let mut world = World::new();
    let id = world.grant(1);
    let key = world.grant_key(1).signing;
    world.pass(HOUR);
    let opened_at = world.time;
    world.pass(MINUTE);
    let (grant, until) = (id, START);
    world.accept(Shorten { grant, until }, &[&key]);
    let ended = world.grant_entry(&id).until;
    assert_eq!(ended, world.header.time);
    let classes = report(
        &mut world,
        A,
        vec![
            access(id, AccessOutcome::Opened, 1, opened_at),
            access(id, AccessOutcome::Opened, 2, ended),
        ],
    );
    assert_eq!(classes, [AccessClass::InWindow, AccessClass::AfterEnd]);
    // What is over already does not go on because it is shortened.
    world.pass(HOUR);
    world.accept(Shorten { grant, until }, &[&key]);
    assert_eq!(world.grant_entry(&id).until, ended);
}

#[test]
fn an_opening_outside_its_window_or_reported_late_says_so() {
    let mut world = World::new();
    let id = world.grant(1);
    let until = world.grant_entry(&id).until;
    let opened = AccessOutcome::Opened;
    world.time = until;
    let classes = report(
        &mut world,
        A,
        vec![
            access(id, opened, 4, until - 1),
            access(id, opened, 1, START - 1),
            access(id, opened, 2, until),
            access(id, AccessOutcome::Refused, 3, until),
            access(id, AccessOutcome::Refused, 5, until - 10 * MINUTE - 1),
            access(id, AccessOutcome::Ended, 6, until - 10 * MINUTE),
            access(id, opened, 7, until + 5 * MINUTE + 1),
        ],
    );
    use AccessClass::{AfterEnd, Ahead, InWindow, Late};
    assert_eq!(
        classes,
        [
            InWindow, AfterEnd, AfterEnd, InWindow, Late, InWindow, Ahead
        ]
    );
    let alerts = world
        .alerts
        .iter()
        .filter(|alert| matches!(alert, Alert::Access { .. }))
        .count();
    assert_eq!(alerts, 4);
}

#[test]
fn an_opening_after_the_revocation_is_after_the_end() {
    let mut world = World::new();
    let id = world.grant(1);
    world.pass(MINUTE);
    world.accept(Revoke { grant: id }, &[&world.grant_key(1).signing]);
    let revoked = world.header.time;
    world.pass(MINUTE);
    let entries = vec![
        access(id, AccessOutcome::Opened, 1, revoked - 1),
        access(id, AccessOutcome::Opened, 2, revoked),
    ];
    let classes = report(&mut world, A, entries);
    assert_eq!(classes, [AccessClass::InWindow, AccessClass::AfterEnd]);
}

#[test]
fn a_receipt_is_found_once_reported_and_counts_once() {
    let mut world = World::new();
    let id = world.grant(1);
    let entry = world.access(id, AccessOutcome::Opened, 9);
    report(&mut world, A, vec![entry.clone()]);
    let key = StateKey::receipt(world.suite, &A, &entry.receipt);
    let receipt: ReceiptEntry = world.entry(key).unwrap();
    assert_eq!(
        receipt,
        ReceiptEntry {
            grant: id,
            host: A,
            position: 1,
            outcome: AccessOutcome::Opened,
        }
    );
    world.pass(1);
    assert_eq!(
        report(&mut world, A, vec![entry.clone()]),
        [AccessClass::Repeated]
    );
    assert_eq!(world.grant_entry(&id).used, 1);
    assert_eq!(world.entry::<ReceiptEntry>(key), Some(receipt));
    let never = StateKey::receipt(world.suite, &A, &Digest([8; 32]));
    assert_eq!(world.entry::<ReceiptEntry>(never), None);
}

#[test]
fn a_member_that_reports_a_hosts_receipt_first_takes_nothing_from_the_host() {
    let mut world = World::new();
    let id = world.grant(1);
    let genuine = world.access(id, AccessOutcome::Opened, 9);
    let seen = AccessEntry {
        outcome: AccessOutcome::WrongCode,
        ..genuine.clone()
    };
    report(&mut world, B, vec![seen]);
    assert_eq!(
        report(&mut world, A, vec![genuine.clone()]),
        [AccessClass::InWindow]
    );
    assert_eq!(world.grant_entry(&id).used, 1);
    let key = StateKey::receipt(world.suite, &A, &genuine.receipt);
    let receipt: ReceiptEntry = world.entry(key).unwrap();
    assert_eq!((receipt.host, receipt.position), (A, 2));
}

#[test]
fn whoever_asks_for_a_receipt_learns_which_outcome_the_host_reported() {
    let mut world = World::new();
    let id = world.grant(1);
    let denied = world.access(id, AccessOutcome::Refused, 9);
    report(&mut world, A, vec![denied.clone()]);
    let opened = AccessEntry {
        outcome: AccessOutcome::Opened,
        ..denied.clone()
    };
    assert_eq!(report(&mut world, A, vec![opened]), [AccessClass::Repeated]);
    let key = StateKey::receipt(world.suite, &A, &denied.receipt);
    let receipt: ReceiptEntry = world.entry(key).unwrap();
    assert_eq!(receipt.outcome, AccessOutcome::Refused);
}

#[test]
fn the_origin_of_an_attachment_reports_without_using_the_grant_up() {
    let mut world = World::new();
    let id = world.grant(1);
    let (first, second) = (
        world.access(id, AccessOutcome::Opened, 1),
        world.access(id, AccessOutcome::Opened, 2),
    );
    report(&mut world, A, vec![first, second]);
    let third = world.access(id, AccessOutcome::Opened, 3);
    assert_eq!(report(&mut world, B, vec![third]), [AccessClass::InWindow]);
    assert_eq!(world.grant_entry(&id).used, 2);
}

#[test]
fn an_access_of_an_unknown_grant_is_taken_and_raises_an_alert() {
    let mut world = World::new();
    let unknown = GrantId(Digest([1; 32]));
    let entry = world.access(unknown, AccessOutcome::Opened, 1);
    assert_eq!(report(&mut world, A, vec![entry]), []);
    let receipt = Digest([1; 32]);
    assert_eq!(
        world.alerts,
        [Alert::GrantUnknown {
            grant: unknown,
            host: A,
            receipt
        }]
    );
}

#[test]
fn an_access_that_came_before_its_grant_is_reported_again_after_it() {
    let mut world = World::new();
    let id = grant_id(world.suite, &world.grant_key(1).public);
    let entry = world.access(id, AccessOutcome::Opened, 1);
    assert_eq!(report(&mut world, A, vec![entry.clone()]), []);
    world.pass(1);
    world.grant(1);
    let mut again = entry;
    again.time = world.time;
    assert_eq!(report(&mut world, A, vec![again]), [AccessClass::InWindow]);
    assert_eq!(world.grant_entry(&id).used, 1);
}

#[test]
fn a_suspended_host_still_reports_and_others_do_not_report_at_all() {
    let mut world = World::new();
    let id = world.grant(1);
    let entry = world.access(id, AccessOutcome::Opened, 1);
    report(&mut world, SUSPENDED, vec![entry.clone()]);
    let key = world.host_key(INSURER);
    let body = AccessBatch {
        host: INSURER,
        entries: vec![entry],
    };
    assert_eq!(world.refuse(body, &[&key]), Refusal::MemberRole);
}

#[test]
fn a_batch_is_bounded() {
    let mut world = World::new();
    let id = world.grant(1);
    let key = world.host_key(A);
    let entry = world.access(id, AccessOutcome::Opened, 1);
    let batch = |entries| AccessBatch { host: A, entries };
    assert_eq!(world.refuse(batch(vec![]), &[&key]), Refusal::AccessShape);
    let many = vec![entry.clone(); 257];
    assert_eq!(world.refuse(batch(many), &[&key]), Refusal::AccessShape);
    let long = AccessEntry {
        items: Items(vec![1; 8193]),
        ..entry
    };
    assert_eq!(
        world.refuse(batch(vec![long]), &[&key]),
        Refusal::AccessShape
    );
    // The same items with a byte that says nothing: a second encoding.
    let padded = AccessEntry {
        items: Items(vec![5, 0]),
        ..world.access(id, AccessOutcome::Opened, 1)
    };
    assert_eq!(
        world.refuse(batch(vec![padded]), &[&key]),
        Refusal::AccessShape
    );
}

#[test]
fn wrong_codes_and_locks_raise_an_alert() {
    let mut world = World::new();
    let id = world.grant(1);
    let entries = vec![
        world.access(id, AccessOutcome::WrongCode, 1),
        world.access(id, AccessOutcome::Locked, 2),
    ];
    report(&mut world, A, entries);
    let alert = |locked| Alert::Code {
        grant: id,
        host: A,
        locked,
    };
    assert_eq!(world.alerts, [alert(false), alert(true)]);
}

#[test]
fn a_bitmap_gives_back_its_positions() {
    for positions in [vec![], vec![0], vec![7, 8], vec![0, 9, 300]] {
        let items = Items::of(positions.iter().map(|p| *p as u16));
        assert_eq!(items.positions(), positions);
    }
    assert_eq!(Items::of([0, 2, 9]).0, [0b101, 0b10]);
}

#[test]
fn a_grant_without_a_limit_lives_until_its_end_however_often_it_was_opened() {
    let mut world = World::new();
    let body = Grant {
        uses: None,
        until: START + 3 * DAY,
        ..world.grant_body(1)
    };
    let id = body.id(world.suite);
    let (key, host) = (world.grant_key(1).signing, world.host_key(A));
    world.accept(body, &[&key, &host]);
    let entries = (0..200)
        .map(|n| world.access(id, AccessOutcome::Opened, n))
        .collect();
    let classes = report(&mut world, A, entries);
    assert!(classes.iter().all(|class| *class == AccessClass::InWindow));
    assert!(world.grant_entry(&id).live(START + DAY));
}
