//! The two spools between the zones of a hospital: messages as files in a directory.
//!
//! A folder, a ferry or a push may carry them; there is no port from one zone to the other.
//!
//! ```text
//! DIR/tmp/<name>                     being written; worth nothing after a crash, unless its writer
//!                                    noted its name durably (staged)
//! DIR/new/<number:016x>.<kind>       complete: [0, message], strict CBOR, and SHA-256 of that; read in
//!                                    order of number
//! DIR/blobs/<digest>                 large ciphertext that a delivery names; complete before the delivery is
//! DIR/bad/<name>                     what could not be read or was refused, kept for the engineer; the
//!                                    oldest go first
//! DIR/number                         numbers below this one may be in use
//!
//! out   delivery | tx | answer | wanted     inner → edge
//! in    blocks | claim | refused            edge → inner
//! ```
//!
//! A writer makes a message durable before it says so: write, fsync, rename, fsync of the folder.
//! A reader deletes a message after its effect is durable, blobs first; after a crash in between
//! it meets the message again, so every effect is idempotent by content: a delivery whose seal is
//! stored already needs its blobs no more. What stands in a message is hostile until checked. The
//! digest at a file's end is against disks: whatever byte changed, of a key slot too, the message is
//! set aside and its sender told, who has what it takes to say it again.

mod reader;
mod writer;

use medfolder_crypto::{Digest, Suite, to_cbor};
use medfolder_record::{MemberId, RecordId};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use thiserror::Error;

pub use reader::{Item, Reader};
pub use writer::{Unsent, Writer};

/// Version byte of every message.
pub const VERSION: u8 = 0;
/// Longest message, in bytes.
pub const MAX_MESSAGE: usize = 96 << 20;
/// Longest blob, in bytes.
pub const MAX_BLOB: u64 = 8 << 30;
/// Most unread messages that a reader keeps in `bad/`.
pub const MAX_BAD: usize = 64;

/// Why a spool cannot be used. A message that cannot be read is an [`Item::Bad`], not an error.
#[derive(Debug, Error)]
pub enum SpoolError {
    /// The file system refused; nothing was promised.
    #[error("the spool's folder cannot be read or written")]
    Io(#[from] std::io::Error),
    /// A message or blob above the limit.
    #[error("the message is larger than the spool allows")]
    TooLarge,
    /// A delivery names a blob that is not there, or of another size.
    #[error("a file that the delivery names is missing")]
    NoBlob,
    /// A message of a newer version; it stays first in line.
    #[error("a newer version wrote this message")]
    Version,
}

impl SpoolError {
    /// Stable code of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Io(_) => "spool.io",
            Self::TooLarge => "spool.too_large",
            Self::NoBlob => "spool.no_blob",
            Self::Version => "spool.version",
        }
    }
}

/// A message of one direction.
pub trait Message: Encode<()> + for<'b> Decode<'b, ()> {
    /// The file's ending.
    fn kind(&self) -> &'static str;
    /// Blobs that are deleted with the message.
    fn blobs(&self) -> &[BlobRef] {
        &[]
    }
}

/// From the inner zone to the edge.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Out {
    /// A sealed visit.
    #[n(0)]
    Delivery(#[n(0)] Delivery),
    /// A transaction to submit as it stands.
    #[n(1)]
    Tx(#[cbor(n(0), with = "minicbor::bytes")] Vec<u8>),
    /// What the front desk decided about a claim.
    #[n(2)]
    Answer(#[n(0)] DeskAnswer),
    /// Blocks are missing from this height on: they are handed in again.
    #[n(3)]
    Wanted(#[n(0)] u64),
}

/// A seal with all that the exchange zone keeps for it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Delivery {
    /// T_M, encoded, with the seal's signature. Submitted only when all below is stored.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub transaction: Vec<u8>,
    /// Encoded envelopes, in the order of the seal's leaves. When a T_M lapses, the same leaves
    /// are signed again and come as [`Out::Tx`]: all of this is stored already.
    #[n(1)]
    pub envelopes: Vec<ByteVec>,
    /// The seal key, wrapped to the card that T_M names.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub slot: Vec<u8>,
    /// Attachments, as files in `blobs/`.
    #[n(3)]
    pub attachments: Vec<BlobRef>,
}

/// An attachment's ciphertext in `blobs/`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct BlobRef {
    /// The record that it belongs to.
    #[n(0)]
    pub record: RecordId,
    /// Its place among the record's attachments, from 0.
    #[n(1)]
    pub index: u32,
    /// Digest of the ciphertext (the suite's hash); hexadecimal, it is the file's name.
    #[n(2)]
    pub digest: Digest,
    /// Bytes.
    #[n(3)]
    pub size: u64,
}

/// The front desk's answer to a claim.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct DeskAnswer {
    /// The claim's number, as the edge gave it.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub claim: [u8; 16],
    /// Confirmed or refused.
    #[n(1)]
    pub outcome: DeskOutcome,
}

/// What became of a claim.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum DeskOutcome {
    /// The desk confirmed; T_R with both signatures goes out as [`Out::Tx`] before this answer.
    #[n(0)]
    Confirmed {
        /// Identifier of T_R.
        #[n(0)]
        transaction: Digest,
    },
    /// Refused, with a stable code such as `desk.code_expired`.
    #[n(1)]
    Refused {
        /// The code.
        #[n(0)]
        code: String,
    },
    /// The desk still decides; confirming would replace a card that the patient has here.
    #[n(2)]
    Replaces {
        /// Block time of that card's registration in milliseconds, 0 unknown.
        #[n(0)]
        since: u64,
    },
}

/// From the edge to the inner zone; hostile until checked.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum In {
    /// Consecutive blocks, each encoded with its certificate as the node serves them.
    #[n(0)]
    Blocks(#[n(0)] Vec<ByteVec>),
    /// A patient's wish to link her card.
    #[n(1)]
    Claim(#[n(0)] CardClaim),
    /// A message from the inner zone was not taken.
    #[n(2)]
    Refused(#[n(0)] Refused),
}

/// A message that the edge could not read or did not take: it is not stored, and comes again only when
/// the inner zone sends it again.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Refused {
    /// Name of its file.
    #[n(0)]
    pub name: String,
    /// Identifier of its transaction, where that could be read.
    #[n(1)]
    pub transaction: Option<Digest>,
    /// Stable code of the reason.
    #[n(2)]
    pub code: String,
}

/// T_R with the card's signature, and the proof that its sender read the code at the desk.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct CardClaim {
    /// Number that the edge gave this claim, to be repeated in the answer.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub claim: [u8; 16],
    /// The member that the card is for.
    #[n(1)]
    pub member: MemberId,
    /// T_R, encoded, signed by the card only.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub transaction: Vec<u8>,
    /// HMAC(code, label ‖ 0 ‖ genesis digest ‖ encoded T_R body); see `medfolder_client::desk_code`.
    #[n(3)]
    pub mac: Digest,
}

impl Out {
    /// Ending of a delivery's file.
    pub const DELIVERY: &'static str = "delivery";
}

impl Message for Out {
    fn kind(&self) -> &'static str {
        match self {
            Self::Delivery(_) => Self::DELIVERY,
            Self::Tx(_) => "tx",
            Self::Answer(_) => "answer",
            Self::Wanted(_) => "wanted",
        }
    }

    fn blobs(&self) -> &[BlobRef] {
        match self {
            Self::Delivery(delivery) => &delivery.attachments,
            Self::Tx(_) | Self::Answer(_) | Self::Wanted(_) => &[],
        }
    }
}

impl In {
    /// Ending of a file of blocks.
    pub const BLOCKS: &'static str = "blocks";
}

impl Message for In {
    fn kind(&self) -> &'static str {
        match self {
            Self::Blocks(_) => Self::BLOCKS,
            Self::Claim(_) => "claim",
            Self::Refused(_) => "refused",
        }
    }
}

/// Version and message: what a file holds before its digest.
#[derive(Encode, Decode)]
#[cbor(array)]
struct Framed<M> {
    #[n(0)]
    version: u8,
    #[n(1)]
    message: M,
}

/// A file of this version.
fn to_file<M: Message>(message: &M) -> Vec<u8> {
    let mut bytes = to_cbor(&Framed {
        version: VERSION,
        message,
    });
    let digest = digest(&bytes);
    bytes.extend_from_slice(&digest.0);
    bytes
}

/// What a file holds before its digest; `None` when a byte of it changed. Every version ends so.
fn whole(file: &[u8]) -> Option<&[u8]> {
    let (bytes, end) = file.split_last_chunk::<DIGEST>()?;
    (digest(bytes).0 == *end).then_some(bytes)
}

const DIGEST: usize = 32;

fn digest(bytes: &[u8]) -> Digest {
    // On every chain: a disk's byte changes without looking at the suite.
    Suite::International.hash(&[bytes])
}

const NEW: &str = "new";
const TMP: &str = "tmp";
const BLOBS: &str = "blobs";
const BAD: &str = "bad";

/// `<number:016x>.<kind>`; nothing else is a message's name.
fn number_of(name: &str) -> Option<u64> {
    let (number, kind) = name.split_once('.')?;
    let plain = number.len() == 16
        && number
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        && kind.bytes().all(|b| b.is_ascii_lowercase());
    if !plain {
        return None;
    }
    u64::from_str_radix(number, 16).ok()
}

fn sync_dir(path: &std::path::Path) -> std::io::Result<()> {
    std::fs::File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests;
