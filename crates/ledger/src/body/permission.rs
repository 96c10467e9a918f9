//! Contract *permission*: grants, the ledger's side of a share.
//!
//! A grant has a key of its own, so that nobody reads from the ledger whose it is. The host, a
//! member that serves the share, co-signs only after a card login and keeps the card's consent.

use medfolder_crypto::{Digest, Label, PublicKeyBytes, Suite};
use medfolder_record::{FolderNumber, GrantId, KeyId, MemberId};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::{Consent, Signer, check_signing_key};
use crate::member::KeyRole;
use crate::refusal::Refusal;

/// A grant's id: H("medfolder/grant-id" ‖ 0 ‖ grant key).
#[must_use]
pub fn grant_id(suite: Suite, key: &PublicKeyBytes) -> GrantId {
    GrantId(suite.hash_labelled(Label::GRANT_ID, &[key.as_bytes()]))
}

/// Who may open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grantee {
    /// Whoever has the link and its code.
    #[n(1)]
    Bearer,
    /// A member, by its receive key.
    #[n(2)]
    Member(#[n(0)] MemberId),
    /// An enrolled doctor.
    #[n(3)]
    Staff(#[n(0)] KeyId),
    /// Another folder.
    #[n(4)]
    Folder(#[n(0)] FolderNumber),
}

/// What is lent: a salted digest of the ordered list of record ids, and how many they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(array)]
pub struct Scope {
    /// H("medfolder/grant-scope" ‖ 0 ‖ salt ‖ CBOR list of record ids).
    #[n(0)]
    pub digest: Digest,
    /// Length of the list.
    #[n(1)]
    pub items: u16,
}

impl Scope {
    /// The scope of `records` under a salt of 32 bytes that only grantor and host know.
    #[must_use]
    pub fn of(suite: Suite, salt: &[u8; 32], records: &[medfolder_record::RecordId]) -> Self {
        let list = medfolder_crypto::to_cbor(&records);
        Self {
            digest: suite.hash_labelled(Label::GRANT_SCOPE, &[salt, &list]),
            items: u16::try_from(records.len()).unwrap_or(u16::MAX),
        }
    }
}

/// Begins a share. Signed by the grant key, then by the host key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct Grant {
    /// The grant's signature key; its id is [`grant_id`].
    #[n(0)]
    pub key: PublicKeyBytes,
    /// The member that serves it.
    #[n(1)]
    pub host: MemberId,
    /// Who may open.
    #[n(2)]
    pub grantee: Grantee,
    /// What is lent.
    #[n(3)]
    pub scope: Scope,
    /// First moment, milliseconds UTC.
    #[n(4)]
    pub from: u64,
    /// First moment after the end.
    #[n(5)]
    pub until: u64,
    /// A room grant that was kept while the ledger was out of reach.
    #[n(6)]
    pub late: bool,
    /// The consent that the patient gave.
    #[n(7)]
    pub consent: Consent,
    /// Most openings; absent for no limit.
    #[n(8)]
    pub uses: Option<u32>,
}

impl Grant {
    /// The grant's id.
    #[must_use]
    pub fn id(&self, suite: Suite) -> GrantId {
        grant_id(suite, &self.key)
    }

    pub(super) fn signers(&self) -> Vec<Signer> {
        vec![
            Signer::Key(self.key),
            Signer::Member(self.host, KeyRole::Host),
        ]
    }

    pub(super) fn check(&self, suite: Suite) -> Result<(), Refusal> {
        check_signing_key(suite, &self.key)?;
        if self.from >= self.until || self.uses == Some(0) || self.scope.items == 0 {
            return Err(Refusal::GrantShape);
        }
        Ok(())
    }
}

/// Lengthens a share's window or its list. Signed by the grant key, then by the host key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct Extend {
    /// The grant.
    #[n(0)]
    pub grant: GrantId,
    /// Its host.
    #[n(1)]
    pub host: MemberId,
    /// The present end, so that one that is held back does not undo a Shorten.
    #[n(2)]
    pub present: u64,
    /// The new end; not before the present one.
    #[n(3)]
    pub until: u64,
    /// A longer list.
    #[n(4)]
    pub scope: Option<Scope>,
}

impl Extend {
    pub(super) fn signers(&self) -> Vec<Signer> {
        vec![
            Signer::Grant(self.grant),
            Signer::Member(self.host, KeyRole::Host),
        ]
    }

    pub(super) const fn check(&self, _: Suite) -> Result<(), Refusal> {
        Ok(())
    }
}

/// Ends a share earlier. Signed by the grant key alone; any node takes it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct Shorten {
    /// The grant.
    #[n(0)]
    pub grant: GrantId,
    /// The new end; before the present one.
    #[n(1)]
    pub until: u64,
}

impl Shorten {
    pub(super) fn signers(&self) -> Vec<Signer> {
        vec![Signer::Grant(self.grant)]
    }

    pub(super) const fn check(&self, _: Suite) -> Result<(), Refusal> {
        Ok(())
    }
}

/// Ends a share now. Signed by the grant key alone; any node takes it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct Revoke {
    /// The grant.
    #[n(0)]
    pub grant: GrantId,
}

impl Revoke {
    pub(super) fn signers(&self) -> Vec<Signer> {
        vec![Signer::Grant(self.grant)]
    }

    pub(super) const fn check(&self, _: Suite) -> Result<(), Refusal> {
        Ok(())
    }
}
