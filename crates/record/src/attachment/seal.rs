//! Encrypting an attachment as it streams by.

use super::{CHUNK_LEN, nonce};
use crate::keys::RecordKey;
use crate::limits::MAX_ATTACHMENT;
use crate::padding::padded_length;
use crate::record_core::{Blob, Place};
use medfolder_crypto::{AeadKey, Digest, Hasher, Suite, Wiped, merkle};
use thiserror::Error;

/// More or fewer bytes came than were announced, or more than an attachment may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the attachment has another size than announced, or is above 16 GiB")]
pub struct SizeDiffers;

impl SizeDiffers {
    /// Stable code of the error.
    #[must_use]
    pub const fn code(self) -> &'static str {
        "attachment.size"
    }
}

/// Encrypts one attachment; its memory is one chunk.
pub struct AttachmentSealer {
    suite: Suite,
    key: AeadKey,
    aad: Vec<u8>,
    size: u64,
    received: u64,
    /// Padded bytes that are still to be encrypted, those in the buffer included.
    remaining: u64,
    buffer: Wiped,
    hasher: Hasher,
    leaves: Vec<Digest>,
    length: u64,
}

impl core::fmt::Debug for AttachmentSealer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "AttachmentSealer({} of {} bytes)",
            self.received, self.size
        )
    }
}

impl AttachmentSealer {
    /// Starts attachment `j` (from 0) of the record at `place`, of exactly `size` bytes.
    ///
    /// # Errors
    /// [`SizeDiffers`] when that is more than an attachment may have.
    pub fn new(key: &RecordKey, place: &Place, j: u32, size: u64) -> Result<Self, SizeDiffers> {
        if size > MAX_ATTACHMENT {
            return Err(SizeDiffers);
        }
        Ok(Self {
            suite: key.suite(),
            key: key.attachment(j),
            aad: place.associated_data(),
            size,
            received: 0,
            remaining: padded_length(size),
            buffer: Wiped::new(Vec::with_capacity(CHUNK_LEN)),
            hasher: key.suite().hasher(),
            leaves: Vec::new(),
            length: 0,
        })
    }

    /// Takes the attachment's next bytes and appends finished chunks to `out`.
    ///
    /// # Errors
    /// [`SizeDiffers`] when more bytes come than were announced.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), SizeDiffers> {
        self.received = self.received.saturating_add(bytes.len() as u64);
        if self.received > self.size {
            return Err(SizeDiffers);
        }
        self.hasher.update(bytes);
        self.fill(bytes, out);
        Ok(())
    }

    /// Pads, encrypts the rest, and gives the digest of the attachment and its blob.
    ///
    /// # Errors
    /// [`SizeDiffers`] when fewer bytes came than were announced.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<(Digest, Blob), SizeDiffers> {
        if self.received != self.size {
            return Err(SizeDiffers);
        }
        let zeros = [0; 4096];
        while self.remaining > 0 {
            let missing = self.remaining.saturating_sub(self.buffer.len() as u64);
            let now = missing.min(zeros.len() as u64) as usize;
            self.fill(zeros.get(..now).unwrap_or_default(), out);
        }
        let root = merkle::root(self.suite, &self.leaves);
        Ok((
            self.hasher.finish(),
            Blob {
                root,
                length: self.length,
            },
        ))
    }

    fn fill(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        loop {
            let target = self.remaining.min(CHUNK_LEN as u64) as usize;
            let room = target.saturating_sub(self.buffer.len()).min(bytes.len());
            let (now, later) = bytes.split_at(room);
            bytes = later;
            self.buffer.extend_from_slice(now);
            if self.buffer.len() < target || target == 0 {
                return;
            }
            self.chunk(out);
        }
    }

    fn chunk(&mut self, out: &mut Vec<u8>) {
        self.remaining = self.remaining.saturating_sub(self.buffer.len() as u64);
        let nonce = nonce(self.leaves.len() as u64, self.remaining == 0);
        let sealed = self.key.seal(&nonce, &self.aad, &self.buffer);
        self.leaves.push(merkle::leaf_hash(self.suite, &[&sealed]));
        self.length = self.length.saturating_add(sealed.len() as u64);
        out.extend_from_slice(&sealed);
        self.buffer.clear();
    }
}
