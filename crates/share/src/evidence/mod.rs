//! The evidence pack: what proves one record to anybody, offline, in one file.
//!
//! ```text
//! pack  = CBOR [ 0, genesis digest (32), core digest (32), content root (32), signatures (bytes),
//!                statement (a disclosed piece), shown, seal (bytes, the stored T_M), receipt of the seal,
//!                sealed (entry proof), status (entry proof), member (entry proof), [ [key id (32), entry proof] … ], genesis file | null ]
//! shown = [0, [ H(body) (32), [ salt of piece 1 … ], [ attachment piece (bytes) … ],
//!               [ [ media type, file (bytes) ] … ], body (bytes) | null ]]                              the whole record
//!       | [1, [[ disclosed piece … ]]]                                                                   single entries
//! ```
//! A pack shows one leaf of one seal and never a card's list. It holds the salt of each piece that
//! it shows, never the content salt, from which the others' could be derived. With a whole record the
//! body usually travels beside the pack; whoever has it cuts it anew and compares. The files that the
//! hospital's own system signed go along with a whole record; one that is the body is not repeated.
//!
//! Format: `docs/formats/evidence.md`. Source: sharing design, “Evidence and credentials”.

mod carried;
mod make;
mod report;
mod sentence;
mod verify;

use medfolder_crypto::{CborError, Digest, from_cbor, to_cbor};
use medfolder_ledger::proof::{EntryProof, Receipt};
use medfolder_record::{CarriedFile, ContentRoot, Disclosure, KeyId, Version, is_other_version};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

#[cfg(not(target_arch = "wasm32"))]
pub use carried::carried;
pub use make::{MakeError, Making};
pub use report::{
    CarriedSigned, CheckResult, EvidenceCheck, Outcome, Report, SealState, Signed, Standing, Trust,
};

/// Longest pack in bytes: a body, carried files, signatures, salts and some proofs.
pub const MAX_LEN: usize = 42 << 20;

/// What proves one record.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Evidence {
    #[n(0)]
    version: Version,
    /// The chain.
    #[n(1)]
    pub genesis: Digest,
    /// H(core): where the record stands, without saying it.
    #[n(2)]
    pub core: Digest,
    /// The content root.
    #[n(3)]
    pub content: ContentRoot,
    /// All signatures under the leaf, encoded as the leaf commits to them.
    #[n(4)]
    pub signatures: ByteVec,
    /// Piece 0 with its path.
    #[n(5)]
    pub statement: Disclosure,
    /// What is shown of the rest.
    #[n(6)]
    pub shown: Shown,
    /// The stored bytes of the seal.
    #[n(7)]
    pub seal: ByteVec,
    /// That the seal was accepted.
    #[n(8)]
    pub receipt: Receipt,
    /// The seal's entry: its place in the log and its block time.
    #[n(9)]
    pub sealed: EntryProof,
    /// The record's own entry: absent while it is in force.
    #[n(10)]
    pub status: EntryProof,
    /// The entry of the hospital, with its seal keys.
    #[n(11)]
    pub member: EntryProof,
    /// The entries of all signers.
    #[n(12)]
    pub staff: Vec<StaffProof>,
    /// The genesis file, for a reader that does not have it; it proves nothing by itself.
    #[n(13)]
    pub genesis_file: Option<ByteVec>,
}

/// A signer's key and its entry on the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct StaffProof {
    /// The key.
    #[n(0)]
    pub key: KeyId,
    /// Its entry.
    #[n(1)]
    pub proof: EntryProof,
}

/// What is shown of a record besides its statement.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Shown {
    /// All of it.
    #[n(0)]
    Whole(#[n(0)] Whole),
    /// Single entries and attachments, each with its path.
    #[n(1)]
    Pieces(#[n(0)] Vec<Disclosure>),
}

/// A whole record.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Whole {
    /// H(body), in the chain's suite.
    #[n(0)]
    pub body: Digest,
    /// Salts of pieces 1, 2, …: the body's, then the attachments'.
    #[n(1)]
    pub salts: Vec<Digest>,
    /// The attachments' pieces.
    #[n(2)]
    pub attachments: Vec<ByteVec>,
    /// The files that carried signatures sign, without the body.
    #[n(3)]
    pub files: Vec<CarriedFile>,
    /// The body, where it does not travel beside the pack.
    #[n(4)]
    pub bytes: Option<ByteVec>,
}

/// Bytes that are no evidence pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// Not the strict encoding.
    #[error("this is not an evidence pack: {0}")]
    Encoding(#[from] CborError),
    /// Another version than this program knows.
    #[error("an evidence pack of a version that this program does not know")]
    Version,
}

impl EvidenceError {
    /// Stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Encoding(_) => "evidence.encoding",
            Self::Version => "evidence.version",
        }
    }
}

impl Evidence {
    /// Reads a pack strictly; verifies nothing.
    ///
    /// # Errors
    /// [`EvidenceError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EvidenceError> {
        if is_other_version(bytes) {
            return Err(EvidenceError::Version);
        }
        Ok(from_cbor(bytes, MAX_LEN)?)
    }

    /// The pack's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        to_cbor(self)
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_carried;
#[cfg(test)]
mod vectors;
#[cfg(test)]
#[expect(dead_code, reason = "the client's tests use the rest of it")]
mod world;
