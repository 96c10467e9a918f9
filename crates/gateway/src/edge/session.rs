//! Log-in of cards at the edge: a challenge, a signature, a token.
//!
//! ```text
//! POST /v1/sessions/challenge   one use, two minutes
//! POST /v1/sessions             the ledger crate's login statement, signed by the card
//! ```
//! Tokens are 32 random bytes, kept as digests in memory: a restart ends all sessions. Every use
//! of a token looks at the card's entry again, so a freeze takes effect at once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use medfolder_crypto::{Digest, PublicKeyBytes, os_rng};
use medfolder_http::Challenges;
use medfolder_ledger::login::{CHALLENGE_LIFETIME, LoginSubject, SESSION_LIFETIME};
use medfolder_record::CardNumber;
use rand_core::Rng as _;

/// Most challenges, of which the oldest makes room, and most sessions, at one time.
const CAPACITY: usize = 100_000;

/// A card that logged in, with the signing key that it showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) card: CardNumber,
    pub(crate) signing: PublicKeyBytes,
}

/// Challenges given and sessions open.
#[derive(Debug)]
pub(crate) struct Sessions {
    challenges: Challenges<Digest, LoginSubject>,
    tokens: Mutex<HashMap<Digest, (Holder, u64)>>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            challenges: Challenges::new(CAPACITY),
            tokens: Mutex::default(),
        }
    }
}

impl Sessions {
    /// Draws a challenge for `subject`.
    pub(crate) fn challenge(&self, subject: LoginSubject, now: u64) -> (Digest, u64) {
        let (challenge, expires) = (Digest(random()), now.saturating_add(CHALLENGE_LIFETIME));
        self.challenges.give(challenge, subject, expires);
        (challenge, expires)
    }

    /// Takes a challenge back: whom it was for and when it ends. It can be taken once.
    pub(crate) fn take(&self, challenge: &Digest) -> Option<(LoginSubject, u64)> {
        self.challenges.take(challenge)
    }

    /// Opens a session: the token and when it ends.
    pub(crate) fn open(&self, holder: Holder, now: u64) -> Option<(String, u64)> {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= CAPACITY {
            tokens.retain(|_, (_, expires)| now < *expires);
        }
        if tokens.len() >= CAPACITY {
            return None;
        }
        let (token, expires) = (hex::encode(random()), now.saturating_add(SESSION_LIFETIME));
        tokens.insert(hidden(&token), (holder, expires));
        Some((token, expires))
    }

    /// Who holds this token.
    pub(crate) fn holder(&self, token: &str, now: u64) -> Option<Holder> {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens
            .get(&hidden(token))
            .filter(|(_, expires)| now < *expires)
            .map(|(holder, _)| *holder)
    }
}

fn hidden(token: &str) -> Digest {
    medfolder_crypto::Suite::International.hash(&[token.as_bytes()])
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    os_rng().fill_bytes(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_taken_once_and_a_token_ends() {
        let sessions = Sessions::default();
        let card = CardNumber(Digest([1; 32]));
        let (challenge, _) = sessions.challenge(LoginSubject::Card(card), 0);
        assert!(sessions.take(&challenge).is_some() && sessions.take(&challenge).is_none());
        let signing = PublicKeyBytes::new(&[2; 32]).unwrap();
        let holder = Holder { card, signing };
        let (token, expires) = sessions.open(holder, 0).unwrap();
        assert_eq!(sessions.holder(&token, expires - 1), Some(holder));
        assert_eq!(sessions.holder(&token, expires), None);
        assert_eq!(sessions.holder("another", 0), None);
    }
}
