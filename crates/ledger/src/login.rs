//! Log-in by challenge: what is signed, and whether a signature answers it.
//!
//! A server (node or edge) hands out a challenge; the holder of a key signs the statement below,
//! which names chain, member, origin, subject, challenge and expiry, so that an answer given to
//! one server is worth nothing at another.
//!
//! ```text
//! statement = [version 0, genesis digest (32), member of the server (16), origin text (≤ 255 bytes),
//!              subject, challenge (32), expires ms]
//! subject   = [0, [card number]] | [1, [grant id]] | [2, [folder number]] | [3, [key id]] | [4, [member id]]
//! answer    = Sign(subject's signing key, "medfolder/login" ‖ 0x00 ‖ CBOR(statement))
//! ```
//! The origin is `scheme://host[:port]` in lower case, without a default port and without a path:
//! the address that the client itself called. The server compares it with its own configuration.

use core::fmt;

use medfolder_crypto::{Digest, Label, PublicKeyBytes, Signature, SigningKey, Suite, to_cbor};
use medfolder_record::{CardNumber, FolderNumber, GrantId, KeyId, MemberId};
use minicbor::{Decode, Encode};
use thiserror::Error;

/// Version of the statement.
pub const LOGIN_VERSION: u8 = 0;
/// Longest lifetime of a challenge in milliseconds.
pub const CHALLENGE_LIFETIME: u64 = 2 * 60 * 1_000;
/// Longest lifetime of a session token in milliseconds.
pub const SESSION_LIFETIME: u64 = 15 * 60 * 1_000;
/// Longest origin in bytes.
pub const MAX_ORIGIN: usize = 255;

/// Who logs in.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Encode,
    Decode,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(tag = "kind", content = "id", rename_all = "lowercase")]
pub enum LoginSubject {
    /// A health card, by its signing key.
    #[n(0)]
    Card(#[n(0)] CardNumber),
    /// A grant, by its grant key.
    #[n(1)]
    Grant(#[n(0)] GrantId),
    /// A folder, by its signing key.
    #[n(2)]
    Folder(#[n(0)] FolderNumber),
    /// An enrolled doctor or other staff, by the enrolled signing key.
    #[n(3)]
    Staff(#[n(0)] KeyId),
    /// A member, by its host key.
    #[n(4)]
    Member(#[n(0)] MemberId),
}

impl fmt::Display for LoginSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoginSubject::Card(id) => write!(f, "card {id}"),
            LoginSubject::Grant(id) => write!(f, "grant {id}"),
            LoginSubject::Folder(id) => write!(f, "folder {id}"),
            LoginSubject::Staff(id) => write!(f, "staff {id}"),
            LoginSubject::Member(id) => write!(f, "member {id}"),
        }
    }
}

/// The public keys that a card or folder shows when its entry holds only their digest.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize,
)]
#[cbor(array)]
pub struct ShownKeys {
    /// Signing key.
    #[n(0)]
    pub signing: PublicKeyBytes,
    /// Encryption key.
    #[n(1)]
    pub encryption: PublicKeyBytes,
}

/// What a log-in signs.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct LoginStatement {
    /// Version of this structure, [`LOGIN_VERSION`].
    #[n(0)]
    pub version: u8,
    /// Digest of the genesis of the chain.
    #[n(1)]
    pub genesis: Digest,
    /// The member that runs the server.
    #[n(2)]
    pub member: MemberId,
    /// Where the client called: `scheme://host[:port]`.
    #[n(3)]
    pub origin: String,
    /// Who logs in.
    #[n(4)]
    pub subject: LoginSubject,
    /// The server's challenge.
    #[n(5)]
    pub challenge: Digest,
    /// When the challenge ends, milliseconds since the Unix epoch, UTC.
    #[n(6)]
    pub expires: u64,
}

/// Why an answer is not taken. Servers tell their peers only [`LoginError::code`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LoginError {
    /// The challenge is over, or was never given for so long.
    #[error("the challenge has expired")]
    Expired,
    /// The statement, key or signature does not fit.
    #[error("the answer does not fit the challenge")]
    Refused,
}

impl LoginError {
    /// Stable code of the error.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            LoginError::Expired => "login.expired",
            LoginError::Refused => "login.refused",
        }
    }
}

impl ShownKeys {
    /// The shown signing key, when the pair is what `subject` (a card or a folder) commits to.
    ///
    /// # Errors
    /// [`LoginError::Refused`] when it is not, or the subject is of another kind.
    pub fn signing_key_of(
        &self,
        suite: Suite,
        subject: LoginSubject,
    ) -> Result<PublicKeyBytes, LoginError> {
        let fits = match subject {
            LoginSubject::Card(number) => {
                CardNumber::of(suite, &self.signing, &self.encryption) == number
            }
            LoginSubject::Folder(number) => {
                FolderNumber::of(suite, &self.signing, &self.encryption) == number
            }
            LoginSubject::Grant(_) | LoginSubject::Staff(_) | LoginSubject::Member(_) => false,
        };
        if fits {
            Ok(self.signing)
        } else {
            Err(LoginError::Refused)
        }
    }
}

impl LoginStatement {
    /// Answers the challenge.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> Signature {
        key.sign(Label::LOGIN, &[&to_cbor(self)])
    }

    /// Checks an answer at `now` (milliseconds since the Unix epoch, UTC) under the subject's key.
    ///
    /// That genesis, member, origin and challenge are the server's own is the server's part: it
    /// builds the statement from what it knows and takes nothing but the signature.
    ///
    /// # Errors
    /// [`LoginError`].
    pub fn verify(
        &self,
        suite: Suite,
        key: &PublicKeyBytes,
        signature: &Signature,
        now: u64,
    ) -> Result<(), LoginError> {
        if now >= self.expires || self.expires.saturating_sub(now) > CHALLENGE_LIFETIME {
            return Err(LoginError::Expired);
        }
        if self.version != LOGIN_VERSION || self.origin.len() > MAX_ORIGIN {
            return Err(LoginError::Refused);
        }
        let key = key.verifying(suite).map_err(|_| LoginError::Refused)?;
        key.verify(Label::LOGIN, &[&to_cbor(self)], signature)
            .map_err(|_| LoginError::Refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use medfolder_crypto::{Secret32, from_cbor};

    const NOW: u64 = 1_800_000_000_000;

    fn keys(suite: Suite) -> (SigningKey, ShownKeys) {
        let signing = SigningKey::from_seed(suite, &Secret32::new([1; 32]));
        let other = SigningKey::from_seed(suite, &Secret32::new([2; 32]));
        let shown = ShownKeys {
            signing: signing.public(),
            encryption: other.public(),
        };
        (signing, shown)
    }

    fn statement(suite: Suite) -> LoginStatement {
        let (_, shown) = keys(suite);
        let card = CardNumber::of(suite, &shown.signing, &shown.encryption);
        LoginStatement {
            version: LOGIN_VERSION,
            genesis: Digest([3; 32]),
            member: MemberId([4; 16]),
            origin: "https://ledger.example".into(),
            subject: LoginSubject::Card(card),
            challenge: Digest([5; 32]),
            expires: NOW + CHALLENGE_LIFETIME,
        }
    }

    #[test]
    fn an_answer_is_taken_before_the_challenge_ends_and_not_from_then_on() {
        for suite in Suite::ALL {
            let (key, shown) = keys(suite);
            let statement = statement(suite);
            let public = shown.signing_key_of(suite, statement.subject).unwrap();
            let answer = statement.sign(&key);
            assert_eq!(statement.verify(suite, &public, &answer, NOW), Ok(()));
            let end = statement.verify(suite, &public, &answer, statement.expires);
            assert_eq!(end, Err(LoginError::Expired));
            let long = statement.verify(suite, &public, &answer, NOW - 1);
            assert_eq!(long, Err(LoginError::Expired));
        }
    }

    #[test]
    fn an_answer_for_another_chain_member_origin_subject_or_challenge_is_refused() {
        let suite = Suite::International;
        let (key, shown) = keys(suite);
        let right = statement(suite);
        let answer = right.sign(&key);
        let changes: [fn(&mut LoginStatement); 6] = [
            |s| s.genesis = Digest([9; 32]),
            |s| s.member = MemberId([9; 16]),
            |s| s.origin.push('x'),
            |s| s.subject = LoginSubject::Folder(FolderNumber(Digest([9; 32]))),
            |s| s.challenge = Digest([9; 32]),
            |s| s.expires -= 1,
        ];
        for change in changes {
            let mut other = right.clone();
            change(&mut other);
            let verdict = other.verify(suite, &shown.signing, &answer, NOW + 1);
            assert_eq!(verdict, Err(LoginError::Refused));
        }
    }

    #[test]
    fn shown_keys_that_another_card_commits_to_are_refused() {
        let suite = Suite::National;
        let (_, shown) = keys(suite);
        let other = LoginSubject::Card(CardNumber(Digest([7; 32])));
        assert_eq!(shown.signing_key_of(suite, other), Err(LoginError::Refused));
    }

    #[test]
    fn the_statement_is_read_back_and_its_bytes_are_pinned() {
        let statement = statement(Suite::International);
        let bytes = to_cbor(&statement);
        assert_eq!(from_cbor::<LoginStatement>(&bytes, 512), Ok(statement));
        assert_eq!(hex::encode(bytes.get(..5).unwrap()), "8700582003");
        let member = to_cbor(&LoginSubject::Member(MemberId([4; 16])));
        assert_eq!(hex::encode(member), format!("82048150{}", "04".repeat(16)));
    }

    #[test]
    fn a_subject_in_json_names_its_kind_and_its_id() {
        let subject = LoginSubject::Member(MemberId([4; 16]));
        let text = serde_json::to_string(&subject).unwrap();
        assert_eq!(
            text,
            format!(r#"{{"kind":"member","id":"{}"}}"#, "04".repeat(16))
        );
        assert_eq!(
            serde_json::from_str::<LoginSubject>(&text).unwrap(),
            subject
        );
    }
}
