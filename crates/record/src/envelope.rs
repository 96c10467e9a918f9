//! The envelope: what an exchange zone stores of a record, audited without a key.
//!
//! ```text
//! envelope = [ 0, core (bytes), content root (32), signatures digest (32), sealed content (bytes) ]
//! ```
//! Attachments lie beside it as blobs, named by their ciphertext root; key slots lie beside it too.
//! The audit recomputes the leaf and the digest of the sealed content, and so covers every byte.

use crate::check::Check;
use crate::id::{ContentRoot, RecordId};
use crate::limits::{FORMAT_VERSION, MAX_CORE, MAX_ENVELOPE};
use crate::record_core::{self, Core};
use crate::version::is_other_version;
use medfolder_crypto::{Digest, Suite};
use minicbor::decode::{Decoder, Error};
use minicbor::{Encoder, encode};

const ENVELOPE_ITEMS: u64 = 5;

/// An envelope, read but not yet checked against anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    core: Core,
    core_bytes: &'a [u8],
    content_root: ContentRoot,
    signatures: Digest,
    sealed: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// Reads an envelope strictly.
    ///
    /// # Errors
    /// [`Check::Version`] for another version, [`Check::Envelope`] for every other encoding or length.
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, Check> {
        if bytes.len() > MAX_ENVELOPE {
            return Err(Check::Envelope);
        }
        let envelope = Self::decode(bytes).map_err(|_| match is_other_version(bytes) {
            true => Check::Version,
            false => Check::Envelope,
        })?;
        // Canonical: heads as short as possible, nothing left over.
        if envelope.encoded_length() == bytes.len() {
            Ok(envelope)
        } else {
            Err(Check::Envelope)
        }
    }

    fn decode(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut d = Decoder::new(bytes);
        if d.array()? != Some(ENVELOPE_ITEMS) || d.u8()? != FORMAT_VERSION {
            return Err(Error::message("no envelope of a known version"));
        }
        let core_bytes = d.bytes()?;
        Ok(Self {
            core: Core::from_bytes(core_bytes).map_err(|_| Error::message("core"))?,
            core_bytes,
            content_root: d.decode()?,
            signatures: d.decode()?,
            sealed: d.bytes()?,
        })
    }

    fn encoded_length(&self) -> usize {
        // Array head, version, two byte strings of 32 with heads of two bytes.
        let fixed = 2 + 2 * 34;
        let (core, sealed) = (self.core_bytes.len(), self.sealed.len());
        [fixed, head_length(core), core, head_length(sealed), sealed]
            .iter()
            .sum()
    }

    /// What everybody may know of the record.
    #[must_use]
    pub const fn core(&self) -> &Core {
        &self.core
    }

    /// The core's bytes.
    #[must_use]
    pub const fn core_bytes(&self) -> &'a [u8] {
        self.core_bytes
    }

    /// The content root that the leaf commits to.
    #[must_use]
    pub const fn content_root(&self) -> ContentRoot {
        self.content_root
    }

    /// The digest of the signatures that the leaf commits to.
    #[must_use]
    pub const fn signatures_digest(&self) -> Digest {
        self.signatures
    }

    /// The encrypted content.
    #[must_use]
    pub const fn sealed(&self) -> &'a [u8] {
        self.sealed
    }

    /// The digest of the core.
    #[must_use]
    pub fn core_digest(&self, suite: Suite) -> Digest {
        record_core::core_digest(suite, self.core_bytes)
    }

    /// The leaf that this envelope has.
    #[must_use]
    pub fn leaf(&self, suite: Suite) -> RecordId {
        record_core::leaf(
            suite,
            &self.core_digest(suite),
            &self.content_root,
            &self.signatures,
        )
    }

    /// Checks every byte against the leaf that a seal lists, without a key.
    ///
    /// # Errors
    /// [`Check::Leaf`] or [`Check::SealedContent`].
    pub fn audit(self, suite: Suite, leaf: &RecordId) -> Result<Audited<'a>, Check> {
        if self.leaf(suite) != *leaf {
            return Err(Check::Leaf);
        }
        if suite.hash(&[self.sealed]) != self.core.sealed {
            return Err(Check::SealedContent);
        }
        Ok(Audited {
            suite,
            id: *leaf,
            envelope: self,
        })
    }
}

/// An envelope whose every byte is the one that was sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audited<'a> {
    pub(crate) suite: Suite,
    pub(crate) id: RecordId,
    pub(crate) envelope: Envelope<'a>,
}

impl<'a> Audited<'a> {
    /// The envelope.
    #[must_use]
    pub const fn envelope(&self) -> &Envelope<'a> {
        &self.envelope
    }
}

/// Writes an envelope.
pub(crate) fn write(
    core: &[u8],
    content_root: &ContentRoot,
    signatures: &Digest,
    sealed: &[u8],
) -> Vec<u8> {
    let length = [core.len(), sealed.len(), 128].iter().sum();
    let mut e = Encoder::new(Vec::with_capacity(length));
    let done = (|| -> Result<(), encode::Error<_>> {
        e.array(ENVELOPE_ITEMS)?
            .u8(FORMAT_VERSION)?
            .bytes(core)?
            .encode(content_root)?;
        e.encode(signatures)?.bytes(sealed)?.ok()
    })();
    // Writing to a vector cannot fail.
    debug_assert!(done.is_ok() && core.len() <= MAX_CORE);
    e.into_writer()
}

/// Length of the shortest head of a byte string.
const fn head_length(length: usize) -> usize {
    match length {
        0..=23 => 1,
        24..=0xff => 2,
        0x100..=0xffff => 3,
        0x1_0000..=0xffff_ffff => 5,
        _ => 9,
    }
}
