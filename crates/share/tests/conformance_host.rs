//! SMART Health Links, checklist items 13–31 as far as they are decisions: the rules of a host
//! under a fake clock. Items about HTTP itself are tested at the edge.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests may unwrap"
)]

mod common;

use std::sync::{Arc, Barrier, Mutex};

use common::host::*;
use medfolder_crypto::Secret32;
use medfolder_share::content_type::FHIR_JSON;
use medfolder_share::manifest::{ManifestError, ManifestStatus, RequestError, Source, may_embed};
use medfolder_share::rules::answer::{HttpAnswer, PUBLIC_HEADERS};
use medfolder_share::rules::host::{AccessOutcome, Begin, HostError, Outcome};
use medfolder_share::rules::location::{LOCATION_LIFETIME_MS, Ticket};
use medfolder_share::rules::passcode::{PASSCODE_TRIES, PasscodeState};
use medfolder_share::rules::rate::{RateBucket, RatePolicy};
use medfolder_share::{Manifest, ManifestFile, ManifestRequest, Pepper, ShareState, ShareTerms};

fn wrong(remaining: u32) -> Outcome {
    let access = if remaining == 0 {
        AccessOutcome::Locked
    } else {
        AccessOutcome::WrongCode
    };
    Outcome::Passcode {
        remaining,
        access: Some(access),
    }
}

fn located(n: usize) -> Manifest {
    let file = ManifestFile {
        content_type: FHIR_JSON.into(),
        source: Source::Location("https://edge.example/f".into()),
        last_updated: None,
    };
    Manifest {
        files: vec![file; n],
        status: Some(ManifestStatus::CanChange),
        list: None,
        receipt: None,
    }
}

#[test]
fn item_13_a_manifest_is_json_with_at_least_one_file() {
    let answer = HttpAnswer::manifest(&located(1)).unwrap();
    assert_eq!(
        (answer.status, answer.content_type),
        (200, Some("application/json"))
    );
    assert_eq!(HttpAnswer::manifest(&located(0)), Err(ManifestError::Empty));
}

#[test]
fn item_14_each_file_has_a_known_type_and_exactly_one_source() {
    let json: serde_json::Value = serde_json::from_slice(&located(2).to_json().unwrap()).unwrap();
    for file in json["files"].as_array().unwrap() {
        assert!(file.get("location").is_some() != file.get("embedded").is_some());
    }
    assert_eq!(json["status"], "can-change");
    let mut unknown = located(1);
    unknown.files[0].content_type = "application/pdf".into();
    assert_eq!(unknown.to_json(), Err(ManifestError::ContentType));
}

#[test]
fn item_15_a_file_of_exactly_the_asked_length_may_be_embedded() {
    assert!(may_embed(100, Some(100)) && !may_embed(101, Some(100)));
    assert!(!may_embed(0, Some(0)) && !may_embed(1, Some(0)));
    assert!(may_embed(usize::MAX, None));
}

#[test]
fn item_16_a_file_answer_is_jose() {
    let answer = HttpAnswer::file(b"a..b.c.d".to_vec());
    assert_eq!(
        (answer.status, answer.content_type),
        (200, Some("application/jose"))
    );
}

#[test]
fn item_17_a_location_dies_after_its_lifetime() {
    const { assert!(LOCATION_LIFETIME_MS <= 3_600_000) };
    let ticket = Ticket::issue(2, 1, 1_000);
    let token = ticket.token(&pepper(), &share(1));
    assert_eq!(token.len(), 64);
    let check = |now| Ticket::check(&pepper(), &share(1), &token, now);
    assert_eq!(check(1_000 + LOCATION_LIFETIME_MS - 1), Some(ticket));
    assert_eq!(check(1_000 + LOCATION_LIFETIME_MS), None);
}

#[test]
fn item_17_a_location_of_another_share_or_altered_by_one_character_is_dead() {
    let token = Ticket::issue(2, 1, 1_000).token(&pepper(), &share(1));
    assert_eq!(Ticket::check(&pepper(), &share(2), &token, 1_000), None);
    let other = Pepper::new(Secret32::new([4; 32]));
    assert_eq!(Ticket::check(&other, &share(1), &token, 1_000), None);
    for at in 0..token.len() {
        let mut altered = token.clone().into_bytes();
        altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(altered).unwrap();
        assert_eq!(
            Ticket::check(&pepper(), &share(1), &altered, 1_000),
            None,
            "{at}"
        );
    }
}

#[test]
fn item_19_wrong_passcodes_count_down_one_by_one() {
    let mut state = locked_by("青 1234");
    for remaining in (0..PASSCODE_TRIES).rev() {
        let outcome = request(&mut state, 100, Some("wrong"), &visitor("a"));
        assert_eq!(outcome, wrong(remaining));
        let answer = outcome.answer().unwrap();
        let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(
            (answer.status, json["remainingAttempts"].as_u64()),
            (401, Some(remaining.into()))
        );
    }
    assert_eq!(
        request(&mut state, 100, Some("wrong"), &visitor("a")),
        Outcome::NotFound
    );
}

#[test]
fn item_19_a_missing_passcode_is_401_and_costs_no_try() {
    let mut state = locked_by("1234");
    for _ in 0..20 {
        let outcome = request(&mut state, 100, None, &visitor("a"));
        assert_eq!(
            outcome,
            Outcome::Passcode {
                remaining: PASSCODE_TRIES,
                access: None
            }
        );
        assert_eq!(outcome.access(), None);
    }
    assert!(matches!(
        request(&mut state, 100, Some("1234"), &visitor("a")),
        Outcome::Serve { .. }
    ));
}

#[test]
fn item_20_fifty_parallel_wrong_guesses_get_at_most_five_answers_of_401() {
    let row = Arc::new(Mutex::new(locked_by("1234").to_bytes()));
    let start = Arc::new(Barrier::new(50));
    let guess = |n: u32, row: &Mutex<Vec<u8>>| {
        let transact = |step: &mut dyn FnMut(&mut ShareState)| {
            let mut stored = row.lock().unwrap();
            let mut state = ShareState::from_bytes(&stored).unwrap();
            step(&mut state);
            *stored = state.to_bytes();
        };
        let mut begun = None;
        transact(&mut |state| begun = Some(state.begin(100, true, false)));
        let attempt = match begun.unwrap() {
            Begin::Compare(attempt) => attempt,
            Begin::Decided(outcome) => return outcome,
            Begin::Admit => unreachable!(),
        };
        let mut compared = Some(attempt.compare(&pepper(), &share(1), &format!("{n:04}x")));
        let mut outcome = None;
        let key = visitor(&n.to_string());
        transact(&mut |state| outcome = compared.take().map(|c| state.settle(100, c, &key)));
        outcome.unwrap()
    };
    let outcomes: Vec<Outcome> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..50)
            .map(|n| {
                let (row, start) = (row.clone(), start.clone());
                scope.spawn(move || {
                    start.wait();
                    guess(n, &row)
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let refused = outcomes
        .iter()
        .filter(|o| matches!(o, Outcome::Passcode { .. }))
        .count();
    assert_eq!(refused, 5);
    assert_eq!(
        outcomes.iter().filter(|o| **o == Outcome::NotFound).count(),
        45
    );
    let locks = outcomes
        .iter()
        .filter(|o| o.access() == Some(AccessOutcome::Locked))
        .count();
    assert_eq!(locks, 1);
}

#[test]
fn item_20_a_try_is_gone_before_it_is_compared() {
    let mut state = locked_by("1234");
    for taken in 1..=PASSCODE_TRIES {
        assert!(matches!(state.begin(100, true, false), Begin::Compare(_)));
        // The process dies here: what was stored already lacks the try.
        state = ShareState::from_bytes(&state.to_bytes()).unwrap();
        assert_eq!(state.tries_left(), Some(PASSCODE_TRIES - taken));
    }
    assert!(matches!(
        state.begin(100, true, false),
        Begin::Decided(Outcome::NotFound)
    ));
}

#[test]
fn item_21_the_right_passcode_after_lock_out_is_404_and_success_refills_nothing() {
    let mut state = locked_by("1234");
    for remaining in [4, 3] {
        assert_eq!(
            request(&mut state, 100, Some("wrong"), &visitor("a")),
            wrong(remaining)
        );
    }
    assert!(matches!(
        request(&mut state, 100, Some("1234"), &visitor("a")),
        Outcome::Serve { .. }
    ));
    assert_eq!(state.tries_left(), Some(3));
    for remaining in [2, 1, 0] {
        assert_eq!(
            request(&mut state, 100, Some("wrong"), &visitor("a")),
            wrong(remaining)
        );
    }
    assert_eq!(
        request(&mut state, 100, Some("1234"), &visitor("a")),
        Outcome::NotFound
    );
}

#[test]
fn item_21_only_the_owners_new_passcode_brings_a_new_budget() {
    let mut state = locked_by("1234");
    for _ in 0..PASSCODE_TRIES {
        request(&mut state, 100, Some("wrong"), &visitor("a"));
    }
    state
        .set_passcode(200, &pepper(), &share(1), "5678")
        .unwrap();
    assert_eq!(state.tries_left(), Some(PASSCODE_TRIES));
    assert_eq!(
        request(&mut state, 200, Some("1234"), &visitor("a")),
        wrong(4)
    );
    assert!(matches!(
        request(&mut state, 200, Some("5678"), &visitor("a")),
        Outcome::Serve { .. }
    ));
}

#[test]
fn item_21_a_try_for_the_old_passcode_is_not_given_back_to_the_new_one() {
    let mut state = locked_by("1234");
    let Begin::Compare(attempt) = state.begin(100, true, false) else {
        panic!()
    };
    let compared = attempt.compare(&pepper(), &share(1), "1234");
    state
        .set_passcode(100, &pepper(), &share(1), "5678")
        .unwrap();
    assert!(!matches!(
        state.settle(100, compared, &visitor("a")),
        Outcome::Serve { .. }
    ));
    assert_eq!(state.tries_left(), Some(PASSCODE_TRIES));
}

#[test]
fn item_22_a_lock_out_touches_no_other_share() {
    let (mut one, mut two) = (locked_by("1234"), locked_by("1234"));
    for _ in 0..PASSCODE_TRIES {
        request(&mut one, 100, Some("wrong"), &visitor("a"));
    }
    assert!(matches!(
        request(&mut two, 100, Some("1234"), &visitor("a")),
        Outcome::Serve { .. }
    ));
}

#[test]
fn item_22_equal_passcodes_of_two_shares_are_stored_differently() {
    let of = |n| PasscodeState::new(&pepper(), &share(n), 0, "1234");
    assert_ne!(of(1), of(2));
}

#[test]
fn item_23_expired_revoked_locked_used_up_and_unknown_are_one_answer() {
    let mut revoked = open_share();
    revoked.revoke(50);
    let mut expired = open_share();
    let mut locked = locked_by("1234");
    for _ in 0..PASSCODE_TRIES {
        request(&mut locked, 100, Some("wrong"), &visitor("a"));
    }
    let mut used = ShareState::new(ShareTerms {
        openings_allowed: Some(1),
        ..terms()
    })
    .unwrap();
    request(&mut used, 100, None, &visitor("a"));
    let answers = [
        request(&mut revoked, 100, None, &visitor("b")),
        request(&mut expired, END, None, &visitor("b")),
        request(&mut locked, 100, Some("1234"), &visitor("b")),
        request(&mut used, 100, None, &visitor("b")),
    ];
    for outcome in answers {
        assert_eq!(outcome.answer(), Some(HttpAnswer::not_found()));
        assert_eq!(outcome.access(), Some(AccessOutcome::Refused));
    }
    let body = String::from_utf8(HttpAnswer::not_found().body).unwrap();
    assert!(!body.contains("remaining"));
}

#[test]
fn item_23_a_share_ends_at_its_end_and_not_a_millisecond_later() {
    let mut state = open_share();
    assert!(matches!(
        request(&mut state, END - 1, None, &visitor("a")),
        Outcome::Serve { .. }
    ));
    assert_eq!(
        request(&mut state, END, None, &visitor("a")),
        Outcome::NotFound
    );
}

#[test]
fn item_24_unknown_members_change_nothing() {
    let known = br#"{"recipient":"Dr. Li","passcode":"1","embeddedLengthMax":5}"#;
    let more = br#"{"x":[1],"recipient":"Dr. Li","passcode":"1","embeddedLengthMax":5,"_y":null}"#;
    let (one, two) = (
        ManifestRequest::read(known).unwrap(),
        ManifestRequest::read(more).unwrap(),
    );
    assert_eq!(one.to_json(), two.to_json());
}

#[test]
fn a_blank_recipient_or_bad_json_is_400_before_any_passcode_is_looked_at() {
    let code = |body: &[u8]| ManifestRequest::read(body).unwrap_err();
    assert_eq!(code(br#"{"passcode":"1234"}"#), RequestError::NoRecipient);
    for blank in [
        r#"{"recipient":""}"#,
        "{\"recipient\":\" \\t\"}",
        r#"{"recipient":null}"#,
    ] {
        assert_eq!(code(blank.as_bytes()), RequestError::NoRecipient, "{blank}");
    }
    for bad in [
        r#"{"recipient":7}"#,
        "[]",
        "{",
        "",
        r#"{"recipient":"a","embeddedLengthMax":-1}"#,
        r#"{"recipient":"a","passcode":1234}"#,
    ] {
        assert_eq!(code(bad.as_bytes()), RequestError::Malformed, "{bad}");
    }
    assert_eq!(code(&vec![b' '; 20_000]), RequestError::TooLarge);
    assert_eq!(
        HttpAnswer::bad_request(RequestError::NoRecipient).status,
        400
    );
}

#[test]
fn the_recipients_words_are_cut_and_hold_no_control_characters() {
    let body = serde_json::json!({"recipient": format!("李\n{}", "x".repeat(500))}).to_string();
    let request = ManifestRequest::read(body.as_bytes()).unwrap();
    assert_eq!(request.recipient.chars().count(), 256);
    assert!(request.recipient.starts_with("李x"));
}

#[test]
fn item_25_polling_too_fast_is_429_and_waiting_as_told_helps() {
    let policy = RatePolicy {
        burst: 3,
        interval_ms: 2_500,
    };
    let mut bucket = RateBucket::default();
    for _ in 0..3 {
        bucket.take(&policy, 1_000).unwrap();
    }
    let early = bucket.take(&policy, 1_000).unwrap_err();
    assert_eq!(early.retry_after_seconds, 3);
    let answer = HttpAnswer::too_early(early);
    assert_eq!((answer.status, answer.retry_after), (429, Some(3)));
    assert!(bucket.take(&policy, 1_000).is_err());
    assert!(
        bucket
            .take(&policy, 1_000 + early.retry_after_seconds * 1000)
            .is_ok()
    );
    assert!(bucket.is_idle(60_000));
}

#[test]
fn item_27_a_direct_file_is_one_file_without_passcode_and_answers_no_post() {
    let direct = ShareTerms {
        direct_file: true,
        files: 1,
        items: 1,
        ..terms()
    };
    let mut state = ShareState::new(direct.clone()).unwrap();
    assert!(matches!(
        state.begin(100, false, false),
        Begin::Decided(Outcome::NotFound)
    ));
    assert!(matches!(state.begin(100, false, true), Begin::Admit));
    let passcode = Some(PasscodeState::new(&pepper(), &share(1), 0, "1"));
    let with_passcode = ShareTerms {
        passcode,
        ..direct.clone()
    };
    assert_eq!(
        ShareState::new(with_passcode).unwrap_err(),
        HostError::Terms
    );
    let two_files = ShareTerms { files: 2, ..direct };
    assert_eq!(ShareState::new(two_files).unwrap_err(), HostError::Terms);
    assert!(matches!(
        open_share().begin(100, false, true),
        Begin::Decided(Outcome::NotFound)
    ));
}

#[test]
fn item_28_a_direct_file_without_recipient_counts_no_use() {
    use medfolder_share::manifest::recipient_words;
    assert_eq!(recipient_words(""), Err(RequestError::NoRecipient));
    assert_eq!(open_share().uses(), 0);
}

#[test]
fn item_29_every_answer_carries_the_headers_that_browsers_need() {
    let header = |name| {
        PUBLIC_HEADERS
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, value)| *value)
    };
    assert_eq!(header("access-control-allow-origin"), Some("*"));
    assert_eq!(header("access-control-expose-headers"), Some("retry-after"));
    assert_eq!(header("cache-control"), Some("no-store"));
    assert_eq!(header("access-control-allow-credentials"), None);
}

#[test]
fn item_30_nothing_secret_shows_in_debug() {
    let request =
        ManifestRequest::read(br#"{"recipient":"MARK1","passcode":"MARK2","_s":"MARK3"}"#).unwrap();
    let shown = format!("{request:?} {:?} {:?}", share(1), pepper());
    assert!(!shown.contains("MARK") && !shown.contains("0101") && !shown.contains("AQEB"));
}
