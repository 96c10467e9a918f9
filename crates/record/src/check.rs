//! The checks that a record passes, each by a name that is shown to its owner when it fails.

use crate::pieces::PiecesError;
use crate::statement::StatementError;
use thiserror::Error;

/// The check that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Check {
    /// The envelope is of a version that this program does not know.
    #[error("the record is of a version that this program does not know")]
    Version,
    /// The envelope or its core is not of this format.
    #[error("the stored envelope is damaged")]
    Envelope,
    /// The envelope does not have the leaf that the seal lists.
    #[error("the hospital's seal does not match this record")]
    Leaf,
    /// The encrypted content is not the one that the core names.
    #[error("the encrypted content was changed or swapped")]
    SealedContent,
    /// The core names another chain.
    #[error("the record belongs to another ledger")]
    Genesis,
    /// The core names another hospital.
    #[error("the record belongs to another hospital")]
    Member,
    /// The core names another card.
    #[error("the record belongs to another card")]
    Card,
    /// The core names another visit.
    #[error("the record belongs to another visit")]
    Visit,
    /// The core names another seal of the visit.
    #[error("the record belongs to another seal of the visit")]
    Seq,
    /// The core names another place in the seal.
    #[error("the record stands at another place of its seal")]
    Position,
    /// The key slot is for another card or place, or was changed.
    #[error("the key of this seal cannot be opened with this card")]
    Slot,
    /// The key is not the one that the core commits to.
    #[error("the key does not belong to this record")]
    KeyCommitment,
    /// The encrypted content does not open under its key.
    #[error("the encrypted content does not open")]
    Decrypt,
    /// What was decrypted is not of this format.
    #[error("the decrypted content is not of this format")]
    Content,
    /// The statement is not of this format.
    #[error("the record's statement is refused: {0}")]
    Statement(StatementError),
    /// The statement names another hospital than the core.
    #[error("the record's statement names another hospital")]
    StatementMember,
    /// The statement names another visit than the core.
    #[error("the record's statement names another visit")]
    StatementVisit,
    /// The body breaks a rule.
    #[error("the record's body is refused: {0}")]
    Body(PiecesError),
    /// Statement, content and core name different attachments.
    #[error("the record's attachments are not those that its statement names")]
    Attachments,
    /// Statement, body and attachments do not give the content root under the leaf.
    #[error("the content is not the one that was signed")]
    ContentRoot,
    /// The signatures are not those under the leaf.
    #[error("the signatures are not those that were sealed")]
    Signatures,
    /// The record bears no signature.
    #[error("the record is not signed")]
    Unsigned,
    /// The statement names an author who did not sign.
    #[error("the author named did not sign the record")]
    Author,
    /// The ledger does not know the signer's key.
    #[error("the signer's key is not on the ledger")]
    SignerUnknown,
    /// The signer's key belongs to another member.
    #[error("the signer's key belongs to another hospital")]
    SignerMember,
    /// The signer's key did not count when the record was sealed.
    #[error("the signer's key was not valid when the record was sealed")]
    SignerValidity,
    /// The claimed time lies outside the key's validity or after the seal.
    #[error("the signature's claimed time is impossible")]
    SignatureTime,
    /// A doctor's signature does not hold.
    #[error("the doctor's signature does not match this record")]
    Signature,
    /// A carried file and its signature do not belong together.
    #[error("a signed file of the hospital's system is missing or was changed")]
    CarriedFile,
    /// An encrypted attachment is not the one that the core names.
    #[error("the encrypted attachment was changed or swapped")]
    AttachmentBlob,
    /// A decrypted attachment is not the one that was signed.
    #[error("the attachment is not the one that was signed")]
    Attachment,
    /// The record replaced is not the one that the statement names.
    #[error("the record replaces another one than its seal says")]
    Replaced,
}

impl Check {
    /// Stable code of the check.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Version => "record.version",
            Self::Envelope => "record.envelope",
            Self::Leaf => "record.leaf",
            Self::SealedContent => "record.sealed_content",
            Self::Genesis => "record.genesis",
            Self::Member => "record.member",
            Self::Card => "record.card",
            Self::Visit => "record.visit",
            Self::Seq => "record.seq",
            Self::Position => "record.position",
            Self::Slot => "record.slot",
            Self::KeyCommitment => "record.key_commitment",
            Self::Decrypt => "record.decrypt",
            Self::Content => "record.content",
            Self::Statement(_) => "record.statement",
            Self::StatementMember => "record.statement_member",
            Self::StatementVisit => "record.statement_visit",
            Self::Body(_) => "record.body",
            Self::Attachments => "record.attachments",
            Self::ContentRoot => "record.content_root",
            Self::Signatures => "record.signatures",
            Self::Unsigned => "record.unsigned",
            Self::Author => "record.author",
            Self::SignerUnknown => "record.signer_unknown",
            Self::SignerMember => "record.signer_member",
            Self::SignerValidity => "record.signer_validity",
            Self::SignatureTime => "record.signature_time",
            Self::Signature => "record.signature",
            Self::CarriedFile => "record.carried_file",
            Self::AttachmentBlob => "record.attachment_blob",
            Self::Attachment => "record.attachment",
            Self::Replaced => "record.replaced",
        }
    }

    /// Every code, for tables of messages.
    pub const CODES: [&'static str; 32] = [
        "record.version",
        "record.envelope",
        "record.leaf",
        "record.sealed_content",
        "record.genesis",
        "record.member",
        "record.card",
        "record.visit",
        "record.seq",
        "record.position",
        "record.slot",
        "record.key_commitment",
        "record.decrypt",
        "record.content",
        "record.statement",
        "record.statement_member",
        "record.statement_visit",
        "record.body",
        "record.attachments",
        "record.content_root",
        "record.signatures",
        "record.unsigned",
        "record.author",
        "record.signer_unknown",
        "record.signer_member",
        "record.signer_validity",
        "record.signature_time",
        "record.signature",
        "record.carried_file",
        "record.attachment_blob",
        "record.attachment",
        "record.replaced",
    ];
}
