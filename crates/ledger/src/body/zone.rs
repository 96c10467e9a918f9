//! Contract *records*: Zone report, when stored ciphertext changed or vanished (F10).

use medfolder_crypto::Suite;
use medfolder_record::{CardNumber, MemberId};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::{LeafList, Signer};
use crate::member::KeyRole;
use crate::refusal::Refusal;

/// Who reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ZoneReporter {
    /// The edge of the member that stores it, by its host key.
    #[n(1)]
    Edge,
    /// The patient, by the key of the seal's card or of a successor of it.
    #[n(2)]
    Card(#[n(0)] CardNumber),
}

/// What was found.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "lowercase")]
pub enum ZoneFinding {
    /// The bytes are not those that the leaf commits to.
    #[n(1)]
    Changed,
    /// There are none.
    #[n(2)]
    Missing,
}

/// One finding: the k-th leaf of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct Finding {
    /// Index of the leaf.
    #[n(0)]
    pub k: u16,
    /// What was found.
    #[n(1)]
    pub what: ZoneFinding,
}

/// Reports stored records of one seal. Signed by the reporter.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct ZoneReport {
    /// The member that sealed and stores them.
    #[n(0)]
    pub member: MemberId,
    /// Who reports.
    #[n(1)]
    pub by: ZoneReporter,
    /// The seal.
    #[n(2)]
    pub list: LeafList,
    /// Findings, ascending by k, at least one.
    #[n(3)]
    pub findings: Vec<Finding>,
}

impl ZoneReport {
    pub(super) fn signers(&self) -> Vec<Signer> {
        vec![match self.by {
            ZoneReporter::Edge => Signer::Member(self.member, KeyRole::Host),
            ZoneReporter::Card(card) => Signer::Card(card),
        }]
    }

    pub(super) fn check(&self, _: Suite) -> Result<(), Refusal> {
        let sorted = self.findings.is_sorted_by(|a, b| a.k < b.k);
        let inside = self
            .findings
            .iter()
            .all(|f| usize::from(f.k) < self.list.leaves.len());
        if sorted && inside && !self.findings.is_empty() {
            Ok(())
        } else {
            Err(Refusal::RecordPlace)
        }
    }
}
