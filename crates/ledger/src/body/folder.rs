//! Contract *registration*, folders: a folder and its storage area, unique and persistent.

use medfolder_crypto::{Digest, PublicKeyBytes, Suite};
use medfolder_record::{AreaId, FolderNumber, MemberId};
use minicbor::{Decode, Encode};
use serde::Serialize;

use super::{Signer, check_encryption_key, check_signing_key};
use crate::member::KeyRole;
use crate::refusal::Refusal;

/// Registers a folder. Signed by its key, then by the host key of the area's member, which
/// co-signs after a card login.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct RegisterFolder {
    /// The folder's signature key.
    #[n(0)]
    pub signing: PublicKeyBytes,
    /// The folder's encryption key.
    #[n(1)]
    pub encryption: PublicKeyBytes,
    /// The member that keeps the state log.
    #[n(2)]
    pub member: MemberId,
    /// Its storage area that holds it.
    #[n(3)]
    pub area: AreaId,
}

impl RegisterFolder {
    /// The folder's number.
    #[must_use]
    pub fn number(&self, suite: Suite) -> FolderNumber {
        FolderNumber::of(suite, &self.signing, &self.encryption)
    }

    pub(super) fn signers(&self) -> Vec<Signer> {
        vec![
            Signer::Key(self.signing),
            Signer::Member(self.member, KeyRole::Host),
        ]
    }

    pub(super) fn check(&self, suite: Suite) -> Result<(), Refusal> {
        check_signing_key(suite, &self.signing)?;
        check_encryption_key(suite, &self.encryption)
    }
}

/// Anchors a head of the state log, so that a rolled-back copy is noticed. Signed by the folder.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct SetFolderHead {
    /// The folder.
    #[n(0)]
    pub folder: FolderNumber,
    /// Number of log entries under this head; grows.
    #[n(1)]
    pub length: u64,
    /// Digest of the head.
    #[n(2)]
    pub head: Digest,
}

impl SetFolderHead {
    pub(super) fn signers(&self) -> Vec<Signer> {
        vec![Signer::Folder(self.folder)]
    }

    pub(super) const fn check(&self, _: Suite) -> Result<(), Refusal> {
        Ok(())
    }
}
