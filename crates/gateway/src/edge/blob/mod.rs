//! Where ciphertext lies: a store of byte strings under the digest of their content.
//!
//! ```text
//! name = H(bytes) with the consortium's hash, so equal content is one blob and a name is a check
//! ```
//!
//! A directory serves today ([`Directory`]); an object store or a content-addressed network can
//! stand behind the same four operations.

mod directory;

pub use directory::Directory;

use std::io::{Read, Seek};

use medfolder_crypto::Digest;

use crate::full::is_full;

/// Why a store failed. None of these says what a blob held.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// Reading or writing failed; after a failed write the blob may or may not be there, and
    /// putting it again is right in both cases.
    #[error("the blob store failed")]
    Io(std::io::Error),
    /// No room left; nothing was stored.
    #[error("the disk is full")]
    Full,
    /// The bytes do not hash to the name they were to be stored under.
    #[error("the content does not have the digest it was announced with")]
    Digest,
    /// More bytes than the caller allowed.
    #[error("the content is longer than allowed")]
    TooLong,
}

impl BlobError {
    /// Stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Io(_) => "blob.io",
            Self::Full => "storage.full",
            Self::Digest => "blob.digest",
            Self::TooLong => "blob.too_long",
        }
    }
}

impl From<std::io::Error> for BlobError {
    fn from(error: std::io::Error) -> Self {
        if is_full(&error) {
            Self::Full
        } else {
            Self::Io(error)
        }
    }
}

/// A readable, seekable blob.
pub trait BlobReader: Read + Seek + Send {}
impl<T: Read + Seek + Send> BlobReader for T {}

/// An open blob and its length in bytes.
pub struct OpenBlob {
    /// The content.
    pub reader: Box<dyn BlobReader>,
    /// Its length in bytes.
    pub length: u64,
}

impl std::fmt::Debug for OpenBlob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OpenBlob({} bytes)", self.length)
    }
}

/// Content to store, and the most bytes of it that are taken.
pub type Source<'a> = (&'a mut dyn Read, u64);

/// Content-addressed storage of ciphertext.
///
/// `put_all` returns only when the content would survive a crash. `get` does not check the digest:
/// readers that care hash what they read, and the audit reads everything.
pub trait Blobs: Send + Sync + 'static {
    /// Stores everything that the sources yield; the name and length of each, in order.
    ///
    /// # Errors
    /// [`BlobError`]; nothing is left under a name unless it is whole.
    fn put_all(&self, sources: &mut [Source<'_>]) -> Result<Vec<(Digest, u64)>, BlobError>;

    /// Stores everything that `source` yields, at most `limit` bytes, and names it.
    ///
    /// # Errors
    /// [`BlobError`]; nothing is left under a name unless it is whole.
    fn put(&self, source: &mut dyn Read, limit: u64) -> Result<(Digest, u64), BlobError> {
        let stored = self.put_all(&mut [(source, limit)])?;
        let missing = || BlobError::Io(std::io::ErrorKind::NotFound.into());
        stored.into_iter().next().ok_or_else(missing)
    }

    /// Opens a blob; `None` when there is none of this name.
    ///
    /// # Errors
    /// [`BlobError::Io`].
    fn get(&self, name: &Digest) -> Result<Option<OpenBlob>, BlobError>;

    /// Removes a blob; a missing one is no error.
    ///
    /// # Errors
    /// [`BlobError::Io`].
    fn delete(&self, name: &Digest) -> Result<(), BlobError>;

    /// Names of all blobs, in order.
    ///
    /// # Errors
    /// [`BlobError::Io`].
    fn list(&self) -> Result<Vec<Digest>, BlobError>;
}
