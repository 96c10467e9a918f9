//! What inner zone and signer say to each other: records to sign, and the answers.
//!
//! ```text
//! GET  /v1/worklist?keys=K,K…&after=ID&limit=N   [ 0, [ item … ] ]           CBOR
//! GET  /v1/worklist/{id}                   item                               CBOR
//! GET  /v1/worklist/{id}/attachments/{j}   the attachment's bytes
//! POST /v1/worklist/answers                [ 0, [ [id, answer] … ] ] → [ 0, [ code | null … ] ]   CBOR
//!
//! item    [ id, key id (32), statement, body, [ attachment … ], content salt (32) ]
//! answer  [0, [signature]] | [1, [code]]
//! ```
//! An item holds no digest to sign: the signer computes the content root from what it was shown.

use medfolder_record::{Attachment, DoctorSignature, KeyId};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

/// Version byte of these messages.
pub const VERSION: u8 = 0;
/// Most items of one answer.
pub const MAX_ITEMS: usize = 256;
/// Bodies of one answer stop after this many bytes; one item always fits.
pub const MAX_BODIES: usize = 8 << 20;
/// Longest list, in bytes.
pub const MAX_LIST: usize = 64 << 20;

/// A record that waits for its author's signature.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Item {
    /// Number of the record in the inner zone.
    #[n(0)]
    pub id: u64,
    /// The key that shall sign.
    #[n(1)]
    pub key: KeyId,
    /// The encoded statement.
    #[n(2)]
    pub statement: ByteVec,
    /// The FHIR document.
    #[n(3)]
    pub body: ByteVec,
    /// What is signed of the attachments.
    #[n(4)]
    pub attachments: Vec<Attachment>,
    /// The content salt.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub salt: [u8; 32],
}

impl core::fmt::Debug for Item {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Item({}, {} bytes)", self.id, self.body.len())
    }
}

/// Items for the keys that were asked for.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Items {
    /// [`VERSION`].
    #[n(0)]
    pub version: u8,
    /// The items.
    #[n(1)]
    pub items: Vec<Item>,
}

/// What the signer says of one item.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Answer {
    /// The signature.
    #[n(0)]
    Signed(#[n(0)] DoctorSignature),
    /// It does not sign, for a reason with this stable code; the visit is held.
    #[n(1)]
    Refused(#[n(0)] String),
}

/// An item's answer.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Answered {
    /// The item.
    #[n(0)]
    pub id: u64,
    /// The answer.
    #[n(1)]
    pub answer: Answer,
}

/// Answers to several items.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Answers {
    /// [`VERSION`].
    #[n(0)]
    pub version: u8,
    /// The answers.
    #[n(1)]
    pub answers: Vec<Answered>,
}

/// What became of each answer, in order: taken, or a stable code.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Taken {
    /// [`VERSION`].
    #[n(0)]
    pub version: u8,
    /// `None`: taken.
    #[n(1)]
    pub codes: Vec<Option<String>>,
}
