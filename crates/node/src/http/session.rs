//! Challenges and sessions, in memory: a restart ends them and clients log in again.
//!
//! A challenge answers once, within two minutes; a token lasts at most 15 minutes and is kept only
//! as its digest, so that a memory dump gives no session away.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use medfolder_client::api::session::Subject;
use medfolder_crypto::{Digest, Secret32, Suite, os_rng};
use medfolder_http::Challenges;
use medfolder_ledger::login::{CHALLENGE_LIFETIME, SESSION_LIFETIME};

/// Open challenges, of which the oldest makes room, and open sessions, of which more are refused
/// until some have ended.
const MOST: usize = 100_000;

/// All challenges and sessions of this process.
pub(crate) struct Sessions {
    suite: Suite,
    challenges: Challenges<Digest, Subject>,
    sessions: Mutex<HashMap<Digest, (Subject, u64)>>,
}

impl Sessions {
    pub(crate) fn new(suite: Suite) -> Self {
        Self {
            suite,
            challenges: Challenges::new(MOST),
            sessions: Mutex::default(),
        }
    }

    /// A fresh challenge for `subject` and its end.
    pub(crate) fn challenge(&self, subject: Subject, now: u64) -> (Digest, u64) {
        let challenge = Digest(*Secret32::random(&mut os_rng()).expose());
        let expires = now + CHALLENGE_LIFETIME;
        self.challenges.give(challenge, subject, expires);
        (challenge, expires)
    }

    /// Uses a challenge up; its end, when it was given to `subject` and is still open.
    pub(crate) fn take(&self, challenge: &Digest, subject: Subject, now: u64) -> Option<u64> {
        let (owner, expires) = self.challenges.take(challenge)?;
        (owner == subject && now < expires).then_some(expires)
    }

    /// Opens a session: its token and end; `None` when too many are open.
    pub(crate) fn open(&self, subject: Subject, now: u64) -> Option<(String, u64)> {
        let secret = Secret32::random(&mut os_rng());
        let token = URL_SAFE_NO_PAD.encode(secret.expose());
        let expires = now + SESSION_LIFETIME;
        let mut sessions = self.lock();
        if sessions.len() >= MOST {
            sessions.retain(|_, (_, expires)| now < *expires);
        }
        if sessions.len() >= MOST {
            return None;
        }
        sessions.insert(self.digest(&token), (subject, expires));
        Some((token, expires))
    }

    /// Whose token this is.
    pub(crate) fn subject(&self, token: &str, now: u64) -> Option<Subject> {
        let (subject, expires) = *self.lock().get(&self.digest(token))?;
        (now < expires).then_some(subject)
    }

    fn digest(&self, token: &str) -> Digest {
        self.suite.hash(&[token.as_bytes()])
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, (Subject, u64)>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use medfolder_record::MemberId;

    const NOW: u64 = 1_000;
    const ME: Subject = Subject::Member(MemberId([1; 16]));

    #[test]
    fn a_challenge_answers_once_for_its_subject_and_in_time() {
        let sessions = Sessions::new(Suite::International);
        let (challenge, end) = sessions.challenge(ME, NOW);
        assert_eq!(sessions.take(&challenge, ME, NOW), Some(end));
        assert_eq!(sessions.take(&challenge, ME, NOW), None);
        let (challenge, _) = sessions.challenge(ME, NOW);
        assert_eq!(
            sessions.take(&challenge, Subject::Member(MemberId([2; 16])), NOW),
            None
        );
        let (challenge, end) = sessions.challenge(ME, NOW);
        assert_eq!(sessions.take(&challenge, ME, end), None);
    }

    #[test]
    fn a_token_names_its_subject_for_fifteen_minutes() {
        let sessions = Sessions::new(Suite::National);
        let (token, end) = sessions.open(ME, NOW).unwrap();
        assert_eq!(end - NOW, SESSION_LIFETIME);
        assert_eq!(sessions.subject(&token, end - 1), Some(ME));
        assert_eq!(sessions.subject(&token, end), None);
        assert_eq!(sessions.subject("other", NOW), None);
    }
}
