//! One share as an edge runs it, for tests of the host's rules.

use medfolder_crypto::Secret32;
use medfolder_share::rules::host::{Begin, Outcome};
use medfolder_share::rules::opening::OpeningKey;
use medfolder_share::rules::passcode::PasscodeState;
use medfolder_share::rules::status::status_digest;
use medfolder_share::{LinkKey, Pepper, ShareId, ShareState, ShareTerms};

pub const END: u64 = 1_000_000_000;

pub fn pepper() -> Pepper {
    Pepper::new(Secret32::new([3; 32]))
}

pub fn share(n: u8) -> ShareId {
    ShareId::from_bytes([n; 32])
}

pub fn terms() -> ShareTerms {
    ShareTerms {
        created_ms: 10,
        ends_ms: END,
        openings_allowed: None,
        passcode: None,
        items: 2,
        files: 3,
        status_digest: status_digest(&LinkKey::from_bytes([7; 32])),
        direct_file: false,
    }
}

pub fn open_share() -> ShareState {
    ShareState::new(terms()).unwrap()
}

pub fn locked_by(passcode: &str) -> ShareState {
    let passcode = Some(PasscodeState::new(&pepper(), &share(1), 0, passcode));
    ShareState::new(ShareTerms {
        passcode,
        ..terms()
    })
    .unwrap()
}

pub fn visitor(name: &str) -> OpeningKey {
    OpeningKey::visitor(&pepper(), &share(1), name, "192.0.2.1")
}

/// One request as an edge runs it; the state goes through its stored form between the steps.
pub fn request(
    state: &mut ShareState,
    now: u64,
    passcode: Option<&str>,
    key: &OpeningKey,
) -> Outcome {
    let outcome = match state.begin(now, passcode.is_some(), false) {
        Begin::Decided(outcome) => return outcome,
        Begin::Admit => state.admit(now, key),
        Begin::Compare(attempt) => {
            *state = ShareState::from_bytes(&state.to_bytes()).unwrap();
            let compared = attempt.compare(&pepper(), &share(1), passcode.unwrap_or_default());
            state.settle(now, compared, key)
        }
    };
    *state = ShareState::from_bytes(&state.to_bytes()).unwrap();
    outcome
}
