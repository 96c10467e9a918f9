//! Running digests: what makes the list of a card, a grant or a folder provably whole.
//!
//! ```text
//! d₀ = H("medfolder/running-digest" ‖ 0 ‖ id)          dₙ = H(dₙ₋₁ ‖ step)
//! step of a transaction  = H("medfolder/transaction-step" ‖ 0 ‖ leaf ‖ position (8) ‖ block time (8))
//! step of an access      = H("medfolder/access-step" ‖ 0 ‖ CBOR [host, entry, class, block time])
//! ```
//! So whoever is shown a list is shown where and when each of its transactions was accepted, and
//! judges a doctor's key by that. An access batch concerns many grants; a step per entry shows each grant its own entries and
//! nobody else's.

use medfolder_crypto::{Digest, Label, Suite, merkle, to_cbor};
use medfolder_record::{CardNumber, FolderNumber, GrantId, MemberId};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::StateKey;
use crate::body::AccessEntry;

/// How many steps there were, and their digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(array)]
pub struct Running {
    /// Number of steps.
    #[n(0)]
    pub count: u64,
    /// dₙ.
    #[n(1)]
    pub digest: Digest,
}

impl Running {
    /// d₀ of a card, grant or folder.
    #[must_use]
    pub fn start(suite: Suite, subject: &Subject) -> Self {
        let digest = suite.hash_labelled(Label::RUNNING_DIGEST, &[subject.as_bytes()]);
        Self { count: 0, digest }
    }

    /// After one more step.
    #[must_use]
    pub fn step(&self, suite: Suite, step: &Digest) -> Self {
        Self {
            count: self.count.saturating_add(1),
            digest: suite.hash(&[&self.digest.0, &step.0]),
        }
    }
}

/// What a running digest is of.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// A card: T_R, seals, withdrawals, zone reports, freezes, hand-overs, closing.
    #[n(1)]
    Card(#[n(0)] CardNumber),
    /// A grant: Grant, Extend, Shorten, Revoke, accesses.
    #[n(2)]
    Grant(#[n(0)] GrantId),
    /// A folder: registration and heads.
    #[n(3)]
    Folder(#[n(0)] FolderNumber),
}

impl Subject {
    /// The subject's 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Card(number) => number.as_bytes(),
            Self::Grant(id) => id.as_bytes(),
            Self::Folder(number) => number.as_bytes(),
        }
    }

    /// Key of its entry in the state.
    #[must_use]
    pub fn state_key(&self, suite: Suite) -> StateKey {
        match self {
            Self::Card(number) => StateKey::card(suite, number),
            Self::Grant(id) => StateKey::grant(suite, id),
            Self::Folder(number) => StateKey::folder(suite, number),
        }
    }
}

/// One transaction as a list holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionStep {
    /// The transaction as the log holds it.
    pub stored: Vec<u8>,
    /// Its position in the log.
    pub position: u64,
    /// Block time.
    pub block_time: u64,
}

impl TransactionStep {
    /// The step of the running digest.
    #[must_use]
    pub fn digest(&self, suite: Suite) -> Digest {
        let leaf = merkle::leaf_hash(suite, &[&self.stored]);
        Self::digest_of(suite, &leaf, self.position, self.block_time)
    }

    /// The same, from the transaction's leaf hash.
    pub(crate) fn digest_of(suite: Suite, leaf: &Digest, position: u64, time: u64) -> Digest {
        let parts: &[&[u8]] = &[&leaf.0, &position.to_be_bytes(), &time.to_be_bytes()];
        suite.hash_labelled(Label::TRANSACTION_STEP, parts)
    }
}

/// How the contract classified an access.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum AccessClass {
    /// As it should be.
    #[n(0)]
    InWindow,
    /// Reported later than the receipt's deadline.
    #[n(1)]
    Late,
    /// Opened before the beginning or after the end, or after the revocation.
    #[n(2)]
    AfterEnd,
    /// Opened more often than the grant allows.
    #[n(3)]
    OverCount,
    /// The host's time lies ahead of block time.
    #[n(4)]
    Ahead,
    /// A receipt that was reported before; it counts nothing.
    #[n(5)]
    Repeated,
}

/// One access as a grant's list holds it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct AccessStep {
    /// Who reported it.
    #[n(0)]
    pub host: MemberId,
    /// What.
    #[n(1)]
    pub entry: AccessEntry,
    /// The contract's word on it.
    #[n(2)]
    pub class: AccessClass,
    /// Block time.
    #[n(3)]
    pub block_time: u64,
}

impl AccessStep {
    /// The step of the running digest.
    #[must_use]
    pub fn digest(&self, suite: Suite) -> Digest {
        suite.hash_labelled(Label::ACCESS_STEP, &[&to_cbor(self)])
    }
}
