//! Contract *evidence*: Anchor, any digest by any member: private chains, data sets, viewer
//! bundles.

use medfolder_crypto::{Digest, Label, Suite};
use medfolder_record::{CardNumber, MemberId};
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
    Seal = 1,
    /// The edge's.
    #[n(2)]
    Host = 2,
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

/// Kind of the anchor by which a hospital says that its seals no longer name a card, because its
/// desk linked another one to the same patient.
pub const CARD_REPLACED: &str = "card-replaced";

/// What is anchored of such a card; it says nothing of the one that follows.
#[must_use]
pub fn card_replaced(suite: Suite, card: &CardNumber) -> Digest {
    suite.hash_labelled(Label::CARD_REPLACED, &[card.as_bytes()])
}

impl Anchor {
    /// That a card was replaced at its hospital's desk. Signed with the seal key.
    #[must_use]
    pub fn of_replaced(suite: Suite, member: MemberId, card: &CardNumber) -> Self {
        Self {
            member,
            by: AnchorKey::Seal,
            digest: card_replaced(suite, card),
            kind: CARD_REPLACED.to_owned(),
        }
    }

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
