//! Making a record: a draft is shown and signed, then sealed.
//!
//! ```text
//! Draft::new(salt, statement, body, attachments) ── content root ──▶ signer
//! Draft::seal(seal key, place, signatures, files, blobs)  ──▶ envelope, leaf
//! ```
//! Inner and signer both make the draft, each from the same four inputs, so a signer never takes a
//! digest from anybody.

use crate::carried::{CarriedFile, files_match};
use crate::content::{Attachment, ContentError, ContentSalt, ContentTree};
use crate::envelope;
use crate::id::{ContentRoot, RecordId};
use crate::keys::RecordKey;
use crate::limits::MAX_STORAGE_ADDRESS;
use crate::record_core::{self, Blob, Core, Place};
use crate::sealed::Parts;
use crate::signature::Signatures;
use crate::statement::Statement;
use medfolder_crypto::{Digest, Suite};
use thiserror::Error;

/// Content that is ready to be signed.
#[derive(Debug)]
pub struct Draft<'a> {
    suite: Suite,
    salt: ContentSalt,
    statement: Statement,
    statement_bytes: Vec<u8>,
    body: &'a [u8],
    attachments: Vec<Attachment>,
    tree: ContentTree,
}

/// Why a draft cannot be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SealError {
    /// The place names another member or visit than the statement.
    #[error("the statement names another member or visit")]
    Place,
    /// No signature, or too many.
    #[error("a record bears one to sixteen signatures")]
    Signatures,
    /// The statement names an author who did not sign.
    #[error("the author named did not sign")]
    Author,
    /// Files and carried signatures do not belong together.
    #[error("carried files and their signatures do not belong together")]
    Files,
    /// Not one blob for each attachment.
    #[error("each attachment needs one encrypted blob")]
    Blobs,
    /// More than a record may hold.
    #[error("the record is too long")]
    TooLong,
}

impl SealError {
    /// Stable code of the error.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Place => "seal.place",
            Self::Signatures => "seal.signatures",
            Self::Author => "seal.author",
            Self::Files => "seal.files",
            Self::Blobs => "seal.blobs",
            Self::TooLong => "seal.too_long",
        }
    }
}

/// What goes into a seal beside the draft.
#[derive(Debug)]
pub struct Sealing<'a> {
    /// The key of this record.
    pub key: &'a RecordKey,
    /// Where the record will stand.
    pub place: Place,
    /// All signatures.
    pub signatures: &'a Signatures,
    /// Files of the hospital's system.
    pub files: &'a [CarriedFile],
    /// One encrypted blob for each attachment, in order.
    pub blobs: Vec<Blob>,
    /// Network-storage address, encrypted by [`seal_storage_address`](crate::record_core::seal_storage_address).
    pub storage_address: Option<Vec<u8>>,
}

/// A sealed record, ready for the exchange zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedRecord {
    /// The leaf for the seal's list; the record's id.
    pub id: RecordId,
    /// The encoded envelope.
    pub envelope: Vec<u8>,
}

impl<'a> Draft<'a> {
    /// Checks statement, body and attachments and computes the content root.
    ///
    /// # Errors
    /// [`ContentError`] for the first rule broken.
    pub fn new(
        suite: Suite,
        salt: ContentSalt,
        statement: Statement,
        body: &'a [u8],
        attachments: Vec<Attachment>,
    ) -> Result<Self, ContentError> {
        statement.check()?;
        if statement.attachments as usize != attachments.len() {
            return Err(ContentError::AttachmentCount);
        }
        let statement_bytes = statement.to_bytes();
        let tree = ContentTree::build(suite, &salt, &statement_bytes, body, &attachments)?;
        Ok(Self {
            suite,
            salt,
            statement,
            statement_bytes,
            body,
            attachments,
            tree,
        })
    }

    /// What a doctor signs.
    #[must_use]
    pub fn content_root(&self) -> ContentRoot {
        self.tree.root()
    }

    /// The leaves below the content root; they hold nothing of the body.
    #[must_use]
    pub fn into_tree(self) -> ContentTree {
        self.tree
    }

    /// The statement.
    #[must_use]
    pub const fn statement(&self) -> &Statement {
        &self.statement
    }

    /// Encrypts the draft with its signatures and computes the leaf.
    ///
    /// # Errors
    /// [`SealError`]; the signatures themselves are not verified here.
    pub fn seal(&self, sealing: Sealing<'_>) -> Result<SealedRecord, SealError> {
        self.check(&sealing)?;
        let Sealing {
            key,
            place,
            signatures,
            files,
            blobs,
            storage_address,
        } = sealing;
        let signatures = signatures.to_bytes();
        let parts = Parts {
            salt: &self.salt,
            statement: &self.statement_bytes,
            body: self.body,
            attachments: &self.attachments,
            signatures: &signatures,
            files,
        };
        let sealed = parts.seal(key, &place).ok_or(SealError::TooLong)?;
        let core = Core {
            place,
            sealed: self.suite.hash(&[&sealed]),
            attachments: blobs,
            storage_address,
            commitment: key.commitment(),
        };
        Ok(self.finish(
            &core.to_bytes(),
            &Signatures::digest(self.suite, &signatures),
            &sealed,
        ))
    }

    fn finish(&self, core: &[u8], signatures: &Digest, sealed: &[u8]) -> SealedRecord {
        let root = self.content_root();
        let core_digest = record_core::core_digest(self.suite, core);
        let id = record_core::leaf(self.suite, &core_digest, &root, signatures);
        SealedRecord {
            id,
            envelope: envelope::write(core, &root, signatures, sealed),
        }
    }

    fn check(&self, sealing: &Sealing<'_>) -> Result<(), SealError> {
        let Sealing {
            place,
            signatures,
            files,
            blobs,
            storage_address,
            ..
        } = sealing;
        if place.member != self.statement.member || place.visit != self.statement.visit {
            return Err(SealError::Place);
        }
        if signatures.0.is_empty() || signatures.check().is_err() {
            return Err(SealError::Signatures);
        }
        let author = self.statement.author.key;
        if author.is_some_and(|author| !signatures.native().any(|s| s.key == author)) {
            return Err(SealError::Author);
        }
        if !files_match(self.suite, files, signatures.carried()) {
            return Err(SealError::Files);
        }
        if blobs.len() != self.attachments.len() {
            return Err(SealError::Blobs);
        }
        let addressed = storage_address
            .as_ref()
            .is_none_or(|a| a.len() <= MAX_STORAGE_ADDRESS);
        addressed.then_some(()).ok_or(SealError::TooLong)
    }
}
