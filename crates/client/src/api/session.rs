//! Log-in at a node or an edge: a challenge, a signature, a token of at most 15 minutes.
//!
//! ```text
//! POST /v1/sessions/challenge   ChallengeRequest -> Challenge       one use, two minutes
//! POST /v1/sessions             SessionRequest   -> Session         then `authorization: Bearer TOKEN`
//! ```
//! What is signed, and over which bytes: the ledger crate's login statement.

use core::fmt;

use medfolder_crypto::{Digest, Signature};
use medfolder_record::MemberId;
use serde::{Deserialize, Serialize};

/// Whose key answers the challenge. JSON: `{"kind":"card","id":"1…"}`.
pub use medfolder_ledger::login::{LoginSubject as Subject, ShownKeys};

/// Asks for a challenge.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChallengeRequest {
    /// Who wants to log in.
    pub subject: Subject,
}

/// A challenge, to be answered once and before it expires.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Challenge {
    /// 32 random bytes.
    pub challenge: Digest,
    /// When the challenge ends, in milliseconds; part of what is signed.
    pub expires: u64,
    /// The member whose server this is; part of what is signed.
    pub member: MemberId,
}

/// The answer to a challenge.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SessionRequest {
    /// Who logs in.
    pub subject: Subject,
    /// The subject's public keys where the ledger holds only their digest: those of a card or folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<ShownKeys>,
    /// The challenge that is answered.
    pub challenge: Digest,
    /// Signature over the login statement.
    pub signature: Signature,
}

/// An open session.
#[derive(Clone, Serialize, Deserialize)]
pub struct Session {
    /// 32 random bytes, base64url; only for the `authorization` header.
    pub token: String,
    /// When the token ends, in milliseconds.
    pub expires: u64,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session {{ token: …, expires: {} }}", self.expires)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_written_with_its_kind_and_id() {
        let member = Subject::Member(MemberId([1; 16]));
        let json = serde_json::to_string(&member).unwrap();
        assert_eq!(
            json,
            format!("{{\"kind\":\"member\",\"id\":\"{}\"}}", "01".repeat(16))
        );
        assert_eq!(serde_json::from_str::<Subject>(&json).unwrap(), member);
    }

    #[test]
    fn debug_hides_the_token() {
        let session = Session {
            token: "top-secret".to_owned(),
            expires: 7,
        };
        assert!(!format!("{session:?}").contains("top-secret"));
    }
}
