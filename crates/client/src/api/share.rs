//! The share host at an edge: making a share with a card's token, keeping it with the grant's key.
//!
//! ```text
//! POST /v1/shares/drafts                       -> Draft                      card token
//! PUT  /v1/shares/drafts/{draft}/files/{k}     JWE text (application/jose)   card token, k = 0, 1, …
//! PUT  /v1/shares/drafts/{draft}/files?first=K one JWE a line, from K on     card token; all or none
//! POST /v1/shares/drafts/{draft}/publish       PublishRequest -> Published   card token; idempotent by grant
//! GET  /v1/shares/held                         HeldAnswer                    token of the card that took over at the desk
//! PUT  /v1/shares/held/{grant}                 ConfirmRequest                the same
//! GET  /v1/shares/{grant}/accesses             AccessesAnswer                signed with the grant key
//! GET  /v1/shares/{grant}/state                ShareState                    signed with the grant key
//! POST /v1/shares/{grant}/passcode             PasscodeRequest -> ShareState signed with the grant key
//! POST /v1/shares/{grant}/revoke · /shorten    EndRequest -> ShareState      signed with the grant key
//! POST /v1/shares/{grant}/extend               EndRequest -> ShareState      signed with the grant key; the host co-signs
//! POST /s/{segment}/status                     StatusRequest -> StatusAnswer the link's status secret
//! ```
//! A request of the owner carries `medfolder-signature: TIME;SIGNATURE`
//! ([`crate::grant_request`] makes and checks it). Readers use plain SMART Health Links.

use core::fmt;

use medfolder_crypto::{Digest, Signature, cbor::bytes_newtype};
use medfolder_record::GrantId;
use serde::{Deserialize, Serialize};

use super::Blob;

/// Largest encrypted file, in bytes of its text: 16 MiB of plaintext, which base64url makes a third
/// longer, and its header.
pub const MAX_FILE: usize = 24 * 1024 * 1024;
/// Most files of one share.
pub const MAX_FILES: usize = 1_024;
/// Header that carries the grant key's signature over a request.
pub const SIGNATURE_HEADER: &str = "medfolder-signature";

/// A share that is being made: 16 random bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DraftId(pub [u8; 16]);

bytes_newtype!(DraftId, 16);

/// A place for a share, not live yet.
#[derive(Clone, Serialize, Deserialize)]
pub struct Draft {
    /// The draft.
    pub draft: DraftId,
    /// What goes into the link: at most 128 characters, with a segment of 32 random bytes.
    pub manifest_url: String,
    /// When the draft is thrown away unless it was published, in milliseconds.
    pub expires: u64,
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Draft {{ {}, manifest_url: …, expires: {} }}",
            self.draft, self.expires
        )
    }
}

/// What one file of a share is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileItem {
    /// Place in the grant's scope of the record it belongs to; absent for the evidence file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<u32>,
}

/// Makes a draft live: the host checks it, co-signs the grant and submits it.
#[derive(Clone, Serialize, Deserialize)]
pub struct PublishRequest {
    /// The Grant, signed with the grant key; the host adds its signature.
    pub transaction: Blob,
    /// The card's signature over the grant, which the host keeps.
    pub consent: Signature,
    /// What readers must say; absent for a share without a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passcode: Option<String>,
    /// How many openings; absent for any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub openings: Option<u32>,
    /// H of the link's status secret.
    pub status_digest: Digest,
    /// One per uploaded file, in their order.
    pub files: Vec<FileItem>,
}

impl fmt::Debug for PublishRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "PublishRequest {{ {} files, passcode: … }}",
            self.files.len()
        )
    }
}

/// The share is live and its grant final.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Published {
    /// The grant, by its key.
    pub grant: GrantId,
    /// Its Grant transaction's place in the log.
    pub position: u64,
    /// When the share ends, in milliseconds.
    pub end: u64,
}

pub use medfolder_ledger::body::AccessOutcome as Outcome;

/// One access as the host recorded it. The digest of `record` is on the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostAccess {
    /// What happened.
    pub outcome: Outcome,
    /// One bit per item of the scope, lowest bit of the first byte first; only for `ended`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<Blob>,
    /// The same for an opening whose session goes on: what it has received so far. The host's word
    /// only, until the session's end is on the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub so_far: Option<Blob>,
    /// CBOR of the share crate's access record: time, session, salt, recipient's words, reader's
    /// value, deadline.
    pub record: Blob,
}

/// All that the host recorded about a share, oldest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AccessesAnswer {
    /// The records.
    pub accesses: Vec<HostAccess>,
}

/// A share of a former card that rests since the card was handed over at the desk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldShare {
    /// The grant.
    pub grant: GrantId,
    /// The Grant transaction, which the new card looks at and signs its consent to.
    pub transaction: Blob,
    /// When the share ends, in milliseconds.
    pub end: u64,
    /// Openings so far.
    pub opened: u32,
}

/// The resting shares that a card may confirm.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HeldAnswer {
    /// The shares.
    pub shares: Vec<HeldShare>,
}

/// The new card lets a share of the former one go on.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ConfirmRequest {
    /// Its signature over the grant, as for a grant of its own.
    pub consent: Signature,
}

pub use medfolder_share::rules::status::{ShareCondition, StatusAnswer};

/// A share as its owner sees it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ShareState {
    /// Whether it opens.
    pub state: ShareCondition,
    /// Since when, in milliseconds.
    pub since: u64,
    /// When it ends or ended, in milliseconds.
    pub end: u64,
    /// Openings so far.
    pub opened: u32,
    /// Openings allowed; absent for any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub openings: Option<u32>,
    /// Passcode tries left; absent without a passcode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tries_left: Option<u32>,
}

/// Sets a new passcode, which comes with new tries.
#[derive(Clone, Serialize, Deserialize)]
pub struct PasscodeRequest {
    /// The new passcode.
    pub passcode: String,
}

impl fmt::Debug for PasscodeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasscodeRequest { … }")
    }
}

/// Moves a share's end: a Revoke, Shorten or Extend signed with the grant key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EndRequest {
    /// The transaction.
    pub transaction: Blob,
}

/// The holder of a link asks why it failed.
#[derive(Clone, Serialize, Deserialize)]
pub struct StatusRequest {
    /// HKDF(link key, "status"), 32 bytes.
    pub secret: Blob,
}

impl fmt::Debug for StatusRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StatusRequest { … }")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_neither_link_nor_passcode_nor_secret() {
        let draft = Draft {
            draft: DraftId([1; 16]),
            manifest_url: "https://h/s/hidden".to_owned(),
            expires: 1,
        };
        let publish = PublishRequest {
            transaction: Blob::default(),
            consent: Signature([0; 64]),
            passcode: Some("hidden".to_owned()),
            openings: None,
            status_digest: Digest::default(),
            files: Vec::new(),
        };
        let passcode = PasscodeRequest {
            passcode: "hidden".to_owned(),
        };
        assert!(!format!("{draft:?}{publish:?}{passcode:?}").contains("hidden"));
    }
}
