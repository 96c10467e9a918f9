//! Decrypting an attachment, as it streams by or one chunk at a time.

use super::{
    BlobAudit, CHUNK_LEN, blob_length, check_chunk, chunk_count, nonce, sealed_chunk_length,
};
use crate::check::Check;
use crate::content::Attachment;
use crate::keys::RecordKey;
use crate::open::Record;
use crate::record_core::{Blob, Place};
use medfolder_crypto::{AeadKey, Digest, Hasher, Suite, Wiped};

/// An attachment of a record together with all that is needed to open it.
#[derive(Clone, Copy, Debug)]
pub struct StoredAttachment<'a> {
    key: &'a RecordKey,
    place: &'a Place,
    j: u32,
    piece: &'a Attachment,
    blob: &'a Blob,
}

impl Record {
    /// Attachment `j` (from 0); none when there is no such one.
    #[must_use]
    pub fn attachment(&self, j: u32) -> Option<StoredAttachment<'_>> {
        let piece = self.attachments().get(j as usize)?;
        let blob = self.core().attachments.get(j as usize)?;
        Some(StoredAttachment {
            key: self.key(),
            place: &self.core().place,
            j,
            piece,
            blob,
        })
    }
}

impl StoredAttachment<'_> {
    /// What was signed of it.
    #[must_use]
    pub const fn piece(&self) -> &Attachment {
        self.piece
    }

    /// Its blob in the exchange zone.
    #[must_use]
    pub const fn blob(&self) -> &Blob {
        self.blob
    }

    /// Starts to open the whole attachment.
    ///
    /// # Errors
    /// [`Check::AttachmentBlob`] when blob and signed size do not belong together.
    pub fn opener(&self) -> Result<AttachmentOpener, Check> {
        if blob_length(self.piece.size) != self.blob.length {
            return Err(Check::AttachmentBlob);
        }
        Ok(AttachmentOpener {
            chunks: self.chunks(),
            piece: self.piece.clone(),
            blob: *self.blob,
            audit: BlobAudit::new(self.key.suite()),
            hasher: self.key.suite().hasher(),
            buffer: Vec::new(),
            index: 0,
        })
    }

    /// Opens one chunk, proven by its path.
    ///
    /// # Errors
    /// [`Check::AttachmentBlob`] or [`Check::Attachment`].
    pub fn open_chunk(&self, index: u64, sealed: &[u8], path: &[Digest]) -> Result<Wiped, Check> {
        if blob_length(self.piece.size) != self.blob.length {
            return Err(Check::AttachmentBlob);
        }
        let suite: Suite = self.key.suite();
        check_chunk(suite, self.blob, index, sealed, path)?;
        self.chunks()
            .open(self.piece.size, self.blob.length, index, sealed)
    }

    fn chunks(&self) -> Chunks {
        Chunks {
            key: self.key.attachment(self.j),
            aad: self.place.associated_data(),
        }
    }
}

struct Chunks {
    key: AeadKey,
    aad: Vec<u8>,
}

impl Chunks {
    /// Opens a chunk and takes its padding off.
    fn open(&self, size: u64, length: u64, index: u64, sealed: &[u8]) -> Result<Wiped, Check> {
        let last = index.saturating_add(1) == chunk_count(length);
        let opened = self.key.open(&nonce(index, last), &self.aad, sealed);
        let mut plaintext = opened.map_err(|_| Check::AttachmentBlob)?;
        let rest = size.saturating_sub(index.saturating_mul(CHUNK_LEN as u64));
        let kept = rest.min(plaintext.len() as u64) as usize;
        let padding = plaintext.get(kept..).unwrap_or_default();
        if padding.iter().any(|byte| *byte != 0) {
            return Err(Check::Attachment);
        }
        plaintext.truncate(kept);
        Ok(plaintext)
    }
}

/// Opens one attachment as its blob streams by; its memory is one chunk.
///
/// Each chunk that comes out was made by the sealer of the record; that all of them are the
/// attachment which was signed is known only once [`AttachmentOpener::finish`] says so.
pub struct AttachmentOpener {
    chunks: Chunks,
    piece: Attachment,
    blob: Blob,
    audit: BlobAudit,
    hasher: Hasher,
    buffer: Vec<u8>,
    index: u64,
}

impl core::fmt::Debug for AttachmentOpener {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "AttachmentOpener(chunk {})", self.index)
    }
}

impl AttachmentOpener {
    /// Takes the blob's next bytes and appends plaintext to `out`.
    ///
    /// # Errors
    /// [`Check::AttachmentBlob`] or [`Check::Attachment`] for the first chunk that does not open.
    pub fn push(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Check> {
        self.audit.push(bytes);
        while !bytes.is_empty() {
            let target = sealed_chunk_length(self.blob.length, self.index);
            let room = target.saturating_sub(self.buffer.len());
            if room == 0 {
                return Err(Check::AttachmentBlob);
            }
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            bytes = later;
            self.buffer.extend_from_slice(now);
            if self.buffer.len() == target {
                self.chunk(out)?;
            }
        }
        Ok(())
    }

    fn chunk(&mut self, out: &mut Vec<u8>) -> Result<(), Check> {
        let opened =
            self.chunks
                .open(self.piece.size, self.blob.length, self.index, &self.buffer)?;
        self.hasher.update(&opened);
        out.extend_from_slice(&opened);
        self.buffer.clear();
        self.index = self.index.saturating_add(1);
        Ok(())
    }

    /// Checks that all of it came and that it is what was signed.
    ///
    /// # Errors
    /// [`Check::AttachmentBlob`] or [`Check::Attachment`].
    pub fn finish(self) -> Result<(), Check> {
        self.audit.check(&self.blob)?;
        let signed = self.hasher.finish() == self.piece.digest;
        if signed {
            Ok(())
        } else {
            Err(Check::Attachment)
        }
    }
}
