//! Encrypted attachments: chunks of 64 KiB that stream, each verifiable by itself.
//!
//! ```text
//! padded     attachment ‖ zeros up to padmé(size), at least 1 KiB
//! chunk i    AEAD(attachment key_j, nonce, AAD = core up to k, bytes i · 65,536 … of padded) = ciphertext ‖ tag (16)
//! nonce      i (11, big-endian) ‖ last flag (1): 1 for the last chunk, else 0
//! blob       chunk 0 ‖ chunk 1 ‖ …                       all but the last have 65,552 bytes
//! root       Merkle root of RFC 6962 over the chunks     leaf = H(0x00 ‖ ciphertext ‖ tag)
//! ```
//! The true size stands in the signed piece. The flag ends the stream, so that none can be cut;
//! the construction is STREAM (Hoang, Reyhanitabar, Rogaway, Vizár, CRYPTO 2015).

mod audit;
mod open;
mod seal;

pub use audit::{BlobAudit, check_chunk};
pub use open::{AttachmentOpener, StoredAttachment};
pub use seal::{AttachmentSealer, SizeDiffers};

use crate::limits::MAX_ATTACHMENT;
use crate::padding::padded_length;
use medfolder_crypto::aead::{NONCE_LEN, TAG_LEN};

/// Plaintext bytes of every chunk but the last.
pub const CHUNK_LEN: usize = 64 * 1024;
/// Bytes of every encrypted chunk but the last.
pub const SEALED_CHUNK_LEN: usize = CHUNK_LEN + TAG_LEN;

/// The length of the blob of an attachment of `size` bytes.
#[must_use]
pub const fn blob_length(size: u64) -> u64 {
    let padded = padded_length(if size > MAX_ATTACHMENT {
        MAX_ATTACHMENT
    } else {
        size
    });
    let chunks = padded.div_ceil(CHUNK_LEN as u64);
    padded.saturating_add(chunks.saturating_mul(TAG_LEN as u64))
}

/// How many chunks a blob of `length` bytes has.
#[must_use]
pub const fn chunk_count(length: u64) -> u64 {
    length.div_ceil(SEALED_CHUNK_LEN as u64)
}

/// The length of encrypted chunk `index` in a blob of `length` bytes; 0 when there is none.
#[must_use]
pub const fn sealed_chunk_length(length: u64, index: u64) -> usize {
    let rest = length.saturating_sub(index.saturating_mul(SEALED_CHUNK_LEN as u64));
    if rest < SEALED_CHUNK_LEN as u64 {
        rest as usize
    } else {
        SEALED_CHUNK_LEN
    }
}

fn nonce(index: u64, last: bool) -> [u8; NONCE_LEN] {
    let [a, b, c, d, e, f, g, h] = index.to_be_bytes();
    [0, 0, 0, a, b, c, d, e, f, g, h, u8::from(last)]
}
