//! What a host decides over a share's life: openings, locations, sessions' ends, status, ends.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests may unwrap"
)]

mod common;

use common::host::*;
use medfolder_share::rules::host::{AccessOutcome, HostError, MAX_OPENINGS, Outcome};
use medfolder_share::rules::location::{LOCATION_LIFETIME_MS, Ticket};
use medfolder_share::rules::opening::{
    IDLE_END_MS, OpeningKey, SESSION_WINDOW_MS, VISITOR_WINDOW_MS,
};
use medfolder_share::rules::status::{ShareCondition, status_request};
use medfolder_share::{LinkKey, ShareState, ShareTerms};

#[test]
fn a_session_is_one_opening_and_its_retries_are_free() {
    let mut state = ShareState::new(ShareTerms {
        openings_allowed: Some(2),
        ..terms()
    })
    .unwrap();
    let session = |s: &str| OpeningKey::session(&pepper(), &share(1), s);
    let first = request(&mut state, 100, None, &session("one"));
    assert_eq!(
        first,
        Outcome::Serve {
            opening: 1,
            new: true
        }
    );
    assert_eq!(first.access(), Some(AccessOutcome::Opened));
    let again = request(
        &mut state,
        100 + SESSION_WINDOW_MS - 1,
        None,
        &session("one"),
    );
    assert_eq!(
        again,
        Outcome::Serve {
            opening: 1,
            new: false
        }
    );
    assert_eq!(again.access(), None);
    assert_eq!(
        request(&mut state, 200, None, &session("two")),
        Outcome::Serve {
            opening: 2,
            new: true
        }
    );
    assert_eq!(
        request(&mut state, 300, None, &session("three")),
        Outcome::NotFound
    );
    assert_eq!(
        request(&mut state, 300, None, &session("two")),
        Outcome::Serve {
            opening: 2,
            new: false
        }
    );
    assert_eq!(state.uses(), 2);
}

#[test]
fn a_session_name_that_is_handed_on_does_not_undo_the_limit() {
    let mut state = ShareState::new(ShareTerms {
        openings_allowed: Some(1),
        ..terms()
    })
    .unwrap();
    let key = OpeningKey::session(&pepper(), &share(1), "one");
    request(&mut state, 100, None, &key);
    assert_eq!(
        request(&mut state, 100 + SESSION_WINDOW_MS, None, &key),
        Outcome::NotFound
    );
}

#[test]
fn without_a_session_name_recipient_and_address_stand_for_ten_minutes() {
    let mut state = open_share();
    let key = |name, address| OpeningKey::visitor(&pepper(), &share(1), name, address);
    let new = |outcome: Outcome| matches!(outcome, Outcome::Serve { new: true, .. });
    assert!(new(request(&mut state, 0, None, &key("a", "1"))));
    assert!(!new(request(
        &mut state,
        VISITOR_WINDOW_MS - 1,
        None,
        &key("a", "1")
    )));
    assert!(new(request(
        &mut state,
        VISITOR_WINDOW_MS,
        None,
        &key("a", "1")
    )));
    assert!(new(request(
        &mut state,
        VISITOR_WINDOW_MS,
        None,
        &key("a", "2")
    )));
    assert!(new(request(
        &mut state,
        VISITOR_WINDOW_MS,
        None,
        &key("b", "1")
    )));
    assert_ne!(key("ab", "c"), key("a", "bc"));
}

#[test]
fn a_wrong_passcode_counts_no_opening() {
    let mut state = locked_by("1234");
    request(&mut state, 100, Some("wrong"), &visitor("a"));
    request(&mut state, 100, None, &visitor("a"));
    assert_eq!(state.uses(), 0);
}

#[test]
fn revoking_kills_outstanding_locations_and_a_used_up_share_keeps_open_sessions() {
    let mut state = ShareState::new(ShareTerms {
        openings_allowed: Some(1),
        ..terms()
    })
    .unwrap();
    request(&mut state, 100, None, &visitor("a"));
    let tickets = state.tickets(1, 100);
    assert_eq!(tickets.len(), 3);
    assert!(state.fetch(150, &tickets[0]));
    state.revoke(200);
    assert!(!state.fetch(201, &tickets[1]));
}

#[test]
fn a_ticket_for_a_file_or_opening_that_does_not_exist_is_refused() {
    let mut state = open_share();
    request(&mut state, 100, None, &visitor("a"));
    assert!(!state.fetch(150, &Ticket::issue(3, 1, 100)));
    assert!(!state.fetch(150, &Ticket::issue(0, 2, 100)));
}

#[test]
fn the_end_of_a_session_reports_the_items_once_without_the_evidence_file() {
    let mut state = open_share();
    request(
        &mut state,
        100,
        None,
        &OpeningKey::session(&pepper(), &share(1), "one"),
    );
    for ticket in state.tickets(1, 100).iter().skip(1) {
        assert!(state.fetch(200, ticket));
    }
    assert!(state.take_endings(200 + IDLE_END_MS - 1).is_empty());
    let endings = state.take_endings(200 + IDLE_END_MS);
    assert_eq!(endings.len(), 1);
    assert_eq!(endings[0].received.positions().collect::<Vec<_>>(), [1]);
    assert_eq!(
        endings[0].session,
        OpeningKey::session(&pepper(), &share(1), "one").digest()
    );
    assert!(state.take_endings(END - 1).is_empty());
}

#[test]
fn a_location_outlives_its_session_by_its_own_lifetime() {
    let mut state = open_share();
    let last = VISITOR_WINDOW_MS - 1;
    request(&mut state, 0, None, &visitor("a"));
    request(&mut state, last, None, &visitor("a"));
    let tickets = state.tickets(1, last);
    assert_eq!(state.take_endings(VISITOR_WINDOW_MS).len(), 1);
    request(&mut state, VISITOR_WINDOW_MS + 1, None, &visitor("b"));
    assert!(state.fetch(last + LOCATION_LIFETIME_MS - 1, &tickets[0]));
    assert_eq!(state.take_endings(last + LOCATION_LIFETIME_MS).len(), 1);
}

#[test]
fn a_link_that_everybody_opens_keeps_so_many_sessions_and_no_more() {
    let mut state = open_share();
    let session = |n: usize| OpeningKey::session(&pepper(), &share(1), &n.to_string());
    let new = |outcome: Outcome| matches!(outcome, Outcome::Serve { new: true, .. });
    for n in 0..MAX_OPENINGS {
        assert!(new(state.admit(100, &session(n))));
    }
    let full = state.clone();
    let busy = state.admit(101, &session(MAX_OPENINGS));
    assert_eq!((&busy, busy.access()), (&Outcome::Busy, None));
    assert_eq!(busy.answer().unwrap().status, 429);
    assert_eq!(state, full, "nothing is counted");
    assert!(ShareState::from_bytes(&state.to_bytes()).is_ok());
    assert!(!new(state.admit(102, &session(0))), "who is in stays in");
    // Those that are over make room once their ends are reported.
    let later = 100 + IDLE_END_MS;
    assert_eq!(state.admit(later, &session(MAX_OPENINGS)), Outcome::Busy);
    assert_eq!(state.take_endings(later).len(), MAX_OPENINGS - 1);
    assert!(new(state.admit(later, &session(MAX_OPENINGS))));
    assert!(!new(state.admit(later, &session(0))));
}

#[test]
fn a_host_that_looks_when_the_next_session_ends_misses_none() {
    let mut state = open_share();
    assert_eq!(state.next_ending_ms(), None);
    request(&mut state, 100, None, &visitor("a"));
    request(&mut state, 300, None, &visitor("b"));
    for due in [100, 300].map(|opened| opened + IDLE_END_MS) {
        assert_eq!(state.next_ending_ms(), Some(due));
        assert!(state.take_endings(due - 1).is_empty());
        assert_eq!(state.take_endings(due).len(), 1);
    }
    assert_eq!(state.next_ending_ms(), None);
    let late = END - 5;
    request(&mut state, late, None, &visitor("c"));
    assert_eq!(
        state.next_ending_ms(),
        Some(END),
        "the share's end is theirs"
    );
    state.revoke(late + 1);
    assert_eq!(state.next_ending_ms(), Some(0));
    assert_eq!(state.take_endings(late + 1).len(), 1);
}

#[test]
fn revoking_ends_open_sessions_so_that_their_items_are_reported_at_once() {
    let mut state = open_share();
    request(&mut state, 100, None, &visitor("a"));
    state.fetch(150, &Ticket::issue(0, 1, 100));
    state.revoke(160);
    assert_eq!(state.take_endings(160).len(), 1);
}

#[test]
fn only_a_holder_of_the_link_learns_why_it_failed() {
    let mut state = open_share();
    state.revoke(500);
    let key = LinkKey::from_bytes([7; 32]);
    let answer = state
        .status(900, &status_request(&key), "仁济医院")
        .unwrap();
    assert_eq!(
        (answer.state, answer.since, answer.end),
        (ShareCondition::Revoked, 500, END)
    );
    assert_eq!(
        (answer.state.code(), answer.host.as_str()),
        (Some("share.revoked"), "仁济医院")
    );
    let stranger = LinkKey::from_bytes([8; 32]);
    for body in [
        status_request(&stranger).as_slice(),
        b"{}",
        b"",
        b"{\"secret\":7}",
    ] {
        assert!(state.status(900, body, "仁济医院").is_none());
    }
}

#[test]
fn the_status_answer_names_each_reason_and_since_when() {
    let key = LinkKey::from_bytes([7; 32]);
    let ask = |state: &ShareState, now| {
        let answer = state.status(now, &status_request(&key), "h").unwrap();
        (answer.state, answer.since)
    };
    assert_eq!(ask(&open_share(), 900), (ShareCondition::Live, 10));
    assert_eq!(ask(&open_share(), END + 5), (ShareCondition::Expired, END));
    let mut used = ShareState::new(ShareTerms {
        openings_allowed: Some(1),
        ..terms()
    })
    .unwrap();
    request(&mut used, 300, None, &visitor("a"));
    assert_eq!(ask(&used, 900), (ShareCondition::UsedUp, 300));
    let mut locked = locked_by("1234");
    for now in 1..=5 {
        request(&mut locked, now, Some("wrong"), &visitor("a"));
    }
    assert_eq!(ask(&locked, 900), (ShareCondition::Locked, 5));
}

#[test]
fn an_end_can_be_moved_until_it_has_come() {
    let mut state = open_share();
    state.set_end(100, 5_000).unwrap();
    state.set_end(4_999, 9_000).unwrap();
    assert_eq!(state.set_end(9_000, 99_000), Err(HostError::Ended));
    let mut revoked = open_share();
    revoked.revoke(1);
    assert_eq!(revoked.set_end(2, 99_000), Err(HostError::Ended));
    assert_eq!(revoked.condition(3), (ShareCondition::Revoked, 1));
    revoked.revoke(7);
    assert_eq!(revoked.condition(8), (ShareCondition::Revoked, 1));
}

#[test]
fn terms_that_cannot_be_served_are_refused() {
    for bad in [
        ShareTerms {
            files: 0,
            items: 0,
            ..terms()
        },
        ShareTerms {
            items: 4,
            ..terms()
        },
        ShareTerms {
            openings_allowed: Some(0),
            ..terms()
        },
    ] {
        assert_eq!(ShareState::new(bad).unwrap_err(), HostError::Terms);
    }
}
