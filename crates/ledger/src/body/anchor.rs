//! Contract *evidence*: Anchor, any digest by any member: private chains, data sets, viewer
//! bundles.

use medfolder_crypto::{Digest, Suite};
use medfolder_record::MemberId;
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::Signer;
use crate::member::KeyRole;
use crate::refusal::Refusal;

/// Which key of the member signs an anchor.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "lowercase")]
pub enum AnchorKey {
    /// The inner zone's.
    #[n(1)]
    Seal,
    /// The edge's.
    #[n(2)]
    Host,
}

/// Anchors a digest. Signed by the member's seal or host key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct Anchor {
    /// Who anchors.
    #[n(0)]
    pub member: MemberId,
    /// With which key.
    #[n(1)]
    pub by: AnchorKey,
    /// What.
    #[n(2)]
    pub digest: Digest,
    /// What kind of thing it is, at most 64 bytes, such as `viewer-bundle`.
    #[n(3)]
    pub kind: String,
}

impl Anchor {
    pub(super) fn signers(&self) -> Vec<Signer> {
        let role = match self.by {
            AnchorKey::Seal => KeyRole::Seal,
            AnchorKey::Host => KeyRole::Host,
        };
        vec![Signer::Member(self.member, role)]
    }

    pub(super) fn check(&self, _: Suite) -> Result<(), Refusal> {
        let graphic = self.kind.bytes().all(|byte| byte.is_ascii_graphic());
        if (1..=64).contains(&self.kind.len()) && graphic {
            Ok(())
        } else {
            Err(Refusal::AnchorKind)
        }
    }
}
