//! What a signer looks at before it signs: whose record this is, and what it really contains.
//!
//! The content root is computed here, from statement, body, attachments and content salt. There
//! is no way to hand a digest to a signer.

use medfolder_crypto::{Digest, Secret32, Suite};
use medfolder_record::{
    ContentError, ContentSalt, Custody, DoctorSignature, Draft, MemberId, Statement, StatementError,
};
use thiserror::Error;

use super::keyfile::DoctorKey;
use crate::worklist::Item;

/// Why a signer does not sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The statement cannot be read.
    #[error("the statement cannot be read: {0}")]
    Statement(#[from] StatementError),
    /// The statement names another member.
    #[error("the statement names another hospital")]
    OtherMember,
    /// The statement names another author, or none.
    #[error("the statement names another author")]
    OtherAuthor,
    /// Statement, body and attachments make no content.
    #[error("the record is not well-formed: {0}")]
    Content(#[from] ContentError),
    /// An attachment's bytes are not those that the record names.
    #[error("an attachment is not the one that the record names")]
    Attachment,
    /// The body cannot be shown to the doctor as what the statement says it is.
    #[error("the body's media type cannot be shown")]
    MediaType,
}

impl Refusal {
    /// Stable code of the refusal.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Statement(_) => "signer.statement",
            Self::OtherMember => "signer.other_member",
            Self::OtherAuthor => "signer.other_author",
            Self::Content(_) => "signer.content",
            Self::Attachment => "signer.attachment",
            Self::MediaType => "signer.media_type",
        }
    }
}

/// For whom and on which chain a signer signs.
#[derive(Debug, Clone, Copy)]
pub struct Chain {
    /// The consortium's suite.
    pub suite: Suite,
    /// The genesis digest.
    pub genesis: Digest,
    /// The member whose doctors these are.
    pub member: MemberId,
}

/// Media type of every body that is signed.
pub const BODY_MEDIA_TYPE: &str = "application/fhir+json";

/// Signs one record, or says why not.
///
/// # Errors
/// [`Refusal`].
pub fn sign(
    chain: &Chain,
    key: &DoctorKey,
    item: &Item,
    now: u64,
) -> Result<DoctorSignature, Refusal> {
    let statement = Statement::from_bytes(&item.statement)?;
    check_names(chain, key, &statement)?;
    let salt = ContentSalt::new(Secret32::new(item.salt));
    let draft = Draft::new(
        chain.suite,
        salt,
        statement,
        &item.body,
        item.attachments.clone(),
    )?;
    let root = draft.content_root();
    Ok(DoctorSignature::sign(
        key.signing(),
        &chain.genesis,
        &root,
        now,
        Custody::FileKey,
    ))
}

fn check_names(chain: &Chain, key: &DoctorKey, statement: &Statement) -> Result<(), Refusal> {
    if statement.member != chain.member {
        return Err(Refusal::OtherMember);
    }
    let own = statement.author.key == Some(key.public().key_id())
        && statement.author.name == key.public().name;
    if !own {
        return Err(Refusal::OtherAuthor);
    }
    if statement.media_type != BODY_MEDIA_TYPE {
        return Err(Refusal::MediaType);
    }
    Ok(())
}
