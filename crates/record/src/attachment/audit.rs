//! Auditing a blob without a key: root and length as its chunks stream by, or one chunk by its path.

use super::{SEALED_CHUNK_LEN, chunk_count, sealed_chunk_length};
use crate::check::Check;
use crate::record_core::Blob;
use medfolder_crypto::{Digest, Suite, merkle};

/// Computes root and length of a blob that streams by.
#[derive(Debug)]
pub struct BlobAudit {
    suite: Suite,
    buffer: Vec<u8>,
    length: u64,
    leaves: Vec<Digest>,
}

impl BlobAudit {
    /// Starts with an empty blob.
    #[must_use]
    pub const fn new(suite: Suite) -> Self {
        Self {
            suite,
            buffer: Vec::new(),
            length: 0,
            leaves: Vec::new(),
        }
    }

    /// Takes the blob's next bytes.
    pub fn push(&mut self, mut bytes: &[u8]) {
        self.length = self.length.saturating_add(bytes.len() as u64);
        while !bytes.is_empty() {
            let room = SEALED_CHUNK_LEN.saturating_sub(self.buffer.len());
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            bytes = later;
            if now.len() == SEALED_CHUNK_LEN {
                self.leaves.push(merkle::leaf_hash(self.suite, &[now]));
                continue;
            }
            self.buffer.extend_from_slice(now);
            if self.buffer.len() == SEALED_CHUNK_LEN {
                self.leaf();
            }
        }
    }

    fn leaf(&mut self) {
        self.leaves
            .push(merkle::leaf_hash(self.suite, &[&self.buffer]));
        self.buffer.clear();
    }

    /// Root, length, and the leaf hashes, from which paths of single chunks follow.
    #[must_use]
    pub fn finish(mut self) -> (Blob, Vec<Digest>) {
        if !self.buffer.is_empty() {
            self.leaf();
        }
        let root = merkle::root(self.suite, &self.leaves);
        (
            Blob {
                root,
                length: self.length,
            },
            self.leaves,
        )
    }

    /// Checks what streamed by against the blob that a core names.
    ///
    /// # Errors
    /// [`Check::AttachmentBlob`].
    pub fn check(self, expected: &Blob) -> Result<(), Check> {
        if self.finish().0 == *expected {
            Ok(())
        } else {
            Err(Check::AttachmentBlob)
        }
    }
}

/// Checks one encrypted chunk against the blob that a core names, by its path.
///
/// # Errors
/// [`Check::AttachmentBlob`].
pub fn check_chunk(
    suite: Suite,
    blob: &Blob,
    index: u64,
    sealed: &[u8],
    path: &[Digest],
) -> Result<(), Check> {
    let leaf = merkle::leaf_hash(suite, &[sealed]);
    let root = merkle::root_from_path(suite, leaf, index, chunk_count(blob.length), path);
    let sized = sealed.len() == sealed_chunk_length(blob.length, index);
    if sized && root == Some(blob.root) {
        Ok(())
    } else {
        Err(Check::AttachmentBlob)
    }
}
