//! Contract *records*: T_M, the hospital's seal over a visit's records, and Withdraw.
//!
//! ```text
//! Seal     [member, card, visit, seq, area, policy, time, mark, [leaf…], [list…]?]
//! leaf     [leaf, place?]                place = [visit, seq, k] of the record that it replaces
//! list     [visit, seq, [leaf…]]         the leaves of an earlier seal that a place names
//! ```
//! A seal entry on the ledger holds only H(its leaves); so whoever names an earlier leaf brings
//! that seal's list, and the leaf is the k-th of it. A place in the same seal needs no list.

use medfolder_crypto::{Digest, Label, Suite, to_cbor};
use medfolder_record::{AreaId, CardNumber, MemberId, RecordId, VisitId};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

use super::Signer;
use crate::member::KeyRole;
use crate::refusal::Refusal;

/// What a seal says about its delay.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// Sealed within a day.
    #[n(0)]
    None,
    /// Sealed later.
    #[n(1)]
    Late,
    /// Delivered again from the legal record; implies late.
    #[n(2)]
    DeliveredAgain,
}

/// Where a record was sealed: the k-th leaf of a seal.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
#[cbor(array)]
pub struct Place {
    /// The visit.
    #[n(0)]
    pub visit: VisitId,
    /// The seal's number in the visit.
    #[n(1)]
    pub seq: u32,
    /// Index of the leaf.
    #[n(2)]
    pub k: u16,
}

/// The leaves of an earlier seal of the same member, as its entry commits to them.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct LeafList {
    /// The visit.
    #[n(0)]
    pub visit: VisitId,
    /// The seal's number in the visit.
    #[n(1)]
    pub seq: u32,
    /// All its leaves, in order.
    #[n(2)]
    pub leaves: Vec<RecordId>,
}

impl LeafList {
    /// What the seal's entry holds.
    #[must_use]
    pub fn digest(&self, suite: Suite) -> Digest {
        leaves_digest(suite, &self.leaves)
    }
}

/// H("medfolder/seal-leaves" ‖ 0 ‖ CBOR list of leaves): what a seal's entry holds of its list.
#[must_use]
pub fn leaves_digest(suite: Suite, leaves: &[RecordId]) -> Digest {
    suite.hash_labelled(Label::SEAL_LEAVES, &[&to_cbor(&leaves)])
}

/// One record of a seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct SealedLeaf {
    /// The record's id.
    #[n(0)]
    pub leaf: RecordId,
    /// The record that it replaces.
    #[n(1)]
    pub replaces: Option<Place>,
}

/// T_M: seals records of a visit. Signed by the hospital's seal key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct Seal {
    /// The hospital.
    #[n(0)]
    pub member: MemberId,
    /// The card that the records are encrypted for.
    #[n(1)]
    pub card: CardNumber,
    /// The visit.
    #[n(2)]
    pub visit: VisitId,
    /// 0, 1, … within the visit.
    #[n(3)]
    pub seq: u32,
    /// Where the ciphertext lies.
    #[n(4)]
    pub area: AreaId,
    /// Number of the release policy.
    #[n(5)]
    pub policy: u16,
    /// When it was sealed (claimed), milliseconds UTC.
    #[n(6)]
    pub time: u64,
    /// Whether it is late.
    #[n(7)]
    pub mark: Mark,
    /// The records, 1 to [`Seal::MAX_LEAVES`].
    #[n(8)]
    pub leaves: Vec<SealedLeaf>,
    /// Lists of the earlier seals that `replaces` names, ascending by visit and seq, each needed.
    #[n(9)]
    pub earlier: Option<Vec<LeafList>>,
}

impl Seal {
    /// Most records of one seal.
    pub const MAX_LEAVES: usize = 512;

    /// The leaves alone, in order.
    #[must_use]
    pub fn leaf_ids(&self) -> Vec<RecordId> {
        self.leaves.iter().map(|sealed| sealed.leaf).collect()
    }

    /// The lists of earlier seals.
    #[must_use]
    pub fn earlier_lists(&self) -> &[LeafList] {
        self.earlier.as_deref().unwrap_or_default()
    }

    /// The leaf at a place that one of this seal's records replaces; `None` if its list is absent.
    #[must_use]
    pub fn replaced_leaf(&self, place: &Place) -> Option<RecordId> {
        let k = usize::from(place.k);
        if (place.visit, place.seq) == (self.visit, self.seq) {
            return self.leaves.get(k).map(|sealed| sealed.leaf);
        }
        let list = self
            .earlier_lists()
            .iter()
            .find(|list| (list.visit, list.seq) == (place.visit, place.seq))?;
        list.leaves.get(k).copied()
    }

    pub(super) fn signers(&self) -> Vec<Signer> {
        vec![Signer::Member(self.member, KeyRole::Seal)]
    }

    pub(super) fn check(&self, _: Suite) -> Result<(), Refusal> {
        if self.leaves.is_empty() || self.leaves.len() > Self::MAX_LEAVES {
            return Err(Refusal::SealCount);
        }
        let unique: BTreeSet<_> = self.leaves.iter().map(|sealed| sealed.leaf).collect();
        if unique.len() != self.leaves.len() {
            return Err(Refusal::SealDuplicate);
        }
        self.check_places()
    }

    fn check_places(&self) -> Result<(), Refusal> {
        let lists = self.earlier_lists();
        let sorted = lists.is_sorted_by(|a, b| (a.visit, a.seq) < (b.visit, b.seq));
        // An empty list has another encoding: absent.
        if !sorted || self.earlier.as_ref().is_some_and(Vec::is_empty) {
            return Err(Refusal::SealLists);
        }
        let mut named = BTreeSet::new();
        for (index, sealed) in self.leaves.iter().enumerate() {
            let Some(place) = &sealed.replaces else {
                continue;
            };
            let own = (place.visit, place.seq) == (self.visit, self.seq);
            if own && usize::from(place.k) >= index {
                return Err(Refusal::SealReplacedPlace);
            }
            self.replaced_leaf(place)
                .ok_or(Refusal::SealReplacedPlace)?;
            if !own {
                named.insert((place.visit, place.seq));
            }
        }
        if named.len() == lists.len() {
            Ok(())
        } else {
            Err(Refusal::SealLists)
        }
    }
}

/// Why a hospital withdraws a record.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum WithdrawReason {
    /// It was filed for the wrong person or visit.
    #[n(1)]
    WrongPerson,
    /// What it says is wrong and nothing replaces it.
    #[n(2)]
    Wrong,
    /// Erasure was asked for and granted.
    #[n(3)]
    Erasure,
}

/// Withdraws a record. Signed by the seal key of the hospital that sealed it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct Withdraw {
    /// The hospital.
    #[n(0)]
    pub member: MemberId,
    /// The seal that holds the record.
    #[n(1)]
    pub list: LeafList,
    /// Index of the record in that list.
    #[n(2)]
    pub k: u16,
    /// Why.
    #[n(3)]
    pub reason: WithdrawReason,
}

impl Withdraw {
    /// The record.
    #[must_use]
    pub fn leaf(&self) -> Option<RecordId> {
        self.list.leaves.get(usize::from(self.k)).copied()
    }

    pub(super) fn signers(&self) -> Vec<Signer> {
        vec![Signer::Member(self.member, KeyRole::Seal)]
    }

    pub(super) fn check(&self, _: Suite) -> Result<(), Refusal> {
        self.leaf().map(drop).ok_or(Refusal::RecordPlace)
    }
}
