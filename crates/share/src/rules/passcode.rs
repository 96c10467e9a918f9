//! Passcodes at the host: five tries for a link's life.
//!
//! ```text
//! mac = HMAC-SHA-256(pepper, "medfolder/share-passcode" ‖ 0 ‖ share id ‖ generation, 4 bytes ‖ passcode)
//! ```
//! The passcode is taken in NFKC without white space, as every keyboard may write it.
//!
//! The host stores the mac, never the passcode. A try is taken durably *before* it is compared
//! and given back on success, so that parallel guesses cannot exceed the budget and a crash can
//! only cost a try. Success refills nothing; the owner's new passcode starts a new generation
//! with a new budget. Argon2id would be a denial of service on a public door.

use std::fmt;

use medfolder_crypto::{Digest, Label, Secret32, Suite, typed};
use minicbor::{Decode, Encode};
use subtle::ConstantTimeEq as _;

use super::id::ShareId;

/// Tries for the life of a passcode.
pub const PASSCODE_TRIES: u32 = 5;
/// Shortest and longest passcode in characters, as it is compared.
pub const PASSCODE_CHARACTERS: std::ops::RangeInclusive<usize> = 4..=64;

/// Whether a passcode may be set.
#[must_use]
pub fn passcode_fits(text: &str) -> bool {
    PASSCODE_CHARACTERS.contains(&typed::code(text).chars().count())
}

/// The host's own secret, made once, never leaving it. Wiped on drop; `Debug` hides it.
pub struct Pepper(Secret32);

impl Pepper {
    /// Takes over the host's secret.
    pub fn new(secret: Secret32) -> Self {
        Self(secret)
    }

    pub(crate) fn mac(&self, label: Label, parts: &[&[u8]]) -> Digest {
        let mut all: Vec<&[u8]> = vec![label.as_bytes(), &[0]];
        all.extend_from_slice(parts);
        Suite::International.hmac(self.0.expose(), &all)
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper(hidden)")
    }
}

/// What the host stores of a passcode.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct PasscodeState {
    #[n(0)]
    mac: Digest,
    #[n(1)]
    generation: u32,
    #[n(2)]
    remaining: u32,
    /// When the last try was taken, milliseconds.
    #[n(3)]
    locked_ms: Option<u64>,
}

impl PasscodeState {
    /// A passcode with a full budget.
    pub fn new(pepper: &Pepper, share: &ShareId, generation: u32, passcode: &str) -> Self {
        let mac = passcode_mac(pepper, share, generation, passcode);
        Self {
            mac,
            generation,
            remaining: PASSCODE_TRIES,
            locked_ms: None,
        }
    }

    /// The owner's new passcode: a new secret, a new budget.
    pub fn renewed(&self, pepper: &Pepper, share: &ShareId, passcode: &str) -> Self {
        Self::new(pepper, share, self.generation.saturating_add(1), passcode)
    }

    /// Tries left.
    pub fn remaining(&self) -> u32 {
        self.remaining
    }

    /// Since when no try is left.
    pub fn locked_ms(&self) -> Option<u64> {
        self.locked_ms
    }

    /// Takes one try; `None` when there is none.
    pub(crate) fn take(&mut self, now_ms: u64) -> Option<Attempt> {
        self.remaining = self.remaining.checked_sub(1)?;
        if self.remaining == 0 {
            self.locked_ms = Some(now_ms);
        }
        Some(Attempt {
            mac: self.mac,
            generation: self.generation,
            last: self.remaining == 0,
        })
    }

    /// Gives a try back after success, unless the owner has set another passcode meanwhile.
    pub(crate) fn give_back(&mut self, compared: &Compared) {
        if compared.generation == self.generation && self.remaining < PASSCODE_TRIES {
            self.remaining = self.remaining.saturating_add(1);
            self.locked_ms = None;
        }
    }

    pub(crate) fn is_current(&self, compared: &Compared) -> bool {
        compared.generation == self.generation
    }
}

/// A try that was taken and is durable. Consumed by comparing.
#[derive(Debug)]
#[must_use = "a taken try must be compared and settled"]
pub struct Attempt {
    mac: Digest,
    generation: u32,
    last: bool,
}

impl Attempt {
    /// Compares a guess in constant time.
    pub fn compare(self, pepper: &Pepper, share: &ShareId, guess: &str) -> Compared {
        let guessed = passcode_mac(pepper, share, self.generation, guess);
        let right = bool::from(guessed.0.ct_eq(&self.mac.0));
        Compared {
            right,
            last: self.last,
            generation: self.generation,
        }
    }
}

/// The result of a comparison. Consumed by settling.
#[derive(Debug)]
#[must_use = "a compared try must be settled"]
pub struct Compared {
    pub(crate) right: bool,
    /// This try took the last of the budget.
    pub(crate) last: bool,
    generation: u32,
}

fn passcode_mac(pepper: &Pepper, share: &ShareId, generation: u32, passcode: &str) -> Digest {
    let (generation, passcode) = (generation.to_be_bytes(), typed::code(passcode));
    pepper.mac(
        Label::SHARE_PASSCODE,
        &[share.as_bytes(), &generation, passcode.as_bytes()],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passcode_is_the_same_from_every_keyboard() {
        let (pepper, share) = (
            Pepper::new(Secret32::new([1; 32])),
            ShareId::from_bytes([2; 32]),
        );
        let kept = PasscodeState::new(&pepper, &share, 0, "493817");
        for (typed, right) in [("４９３８１７", true), ("493 817", true), ("493818", false)] {
            let attempt = kept.clone().take(0).unwrap();
            assert_eq!(
                attempt.compare(&pepper, &share, typed).right,
                right,
                "{typed}"
            );
        }
    }
}
