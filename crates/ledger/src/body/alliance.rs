//! Contract *alliance*: what a member changes of its own entry.
//!
//! Members, their votes and policy come from genesis.

use medfolder_crypto::{PublicKeyBytes, Suite};
use medfolder_record::{AreaId, MemberId};
use minicbor::{Decode, Encode};
use serde::Serialize;

use super::{Signer, check_encryption_key, check_signing_key};
use crate::genesis::is_url;
use crate::member::{KeyRole, is_p256, is_tls};
use crate::refusal::Refusal;

/// Replaces one of a member's keys. Signed by the present alliance key, then by the new key if
/// its role signs transactions.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct RotateMemberKey {
    /// Whose key.
    #[n(0)]
    pub member: MemberId,
    /// Which of them; not `consensus`, which belongs to the engine's epochs.
    #[n(1)]
    pub role: KeyRole,
    /// The new key.
    #[n(2)]
    pub key: PublicKeyBytes,
}

impl RotateMemberKey {
    pub(super) fn signers(&self) -> Vec<Signer> {
        let mut signers = vec![Signer::Member(self.member, KeyRole::Alliance)];
        if matches!(self.role, KeyRole::Alliance | KeyRole::Seal | KeyRole::Host) {
            signers.push(Signer::Key(self.key));
        }
        signers
    }

    pub(super) fn check(&self, suite: Suite) -> Result<(), Refusal> {
        match self.role {
            KeyRole::Alliance | KeyRole::Seal | KeyRole::Host => {
                check_signing_key(suite, &self.key)
            }
            KeyRole::Receive => check_encryption_key(suite, &self.key),
            KeyRole::Tls => is_tls(&self.key).then_some(()).ok_or(Refusal::Key),
            KeyRole::Credential => is_p256(&self.key).then_some(()).ok_or(Refusal::Key),
            KeyRole::Consensus => Err(Refusal::AllianceConsensusKey),
        }
    }
}

/// Makes a storage area or moves it. Signed by the member's host key: the edge runs the store.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct SetStorageArea {
    /// The area.
    #[n(0)]
    pub area: AreaId,
    /// Whose it is, for good.
    #[n(1)]
    pub member: MemberId,
    /// Base URLs, best first, 1 to 8.
    #[n(2)]
    pub endpoints: Vec<String>,
}

impl SetStorageArea {
    /// Most endpoints of one area.
    pub const MAX_ENDPOINTS: usize = 8;

    pub(super) fn signers(&self) -> Vec<Signer> {
        vec![Signer::Member(self.member, KeyRole::Host)]
    }

    pub(super) fn check(&self, _: Suite) -> Result<(), Refusal> {
        let count = (1..=Self::MAX_ENDPOINTS).contains(&self.endpoints.len());
        if count && self.endpoints.iter().all(|url| is_url(url)) {
            Ok(())
        } else {
            Err(Refusal::AreaEndpoints)
        }
    }
}
