//! Contract *access*: what a share's host saw. No name is ever on the ledger.
//!
//! ```text
//! AccessBatch  [host, [entry…]]
//! entry        [grant, time, outcome, items, receipt]
//! items        bitmap over the scope's list: bit k mod 8 (least significant first) of byte k div 8
//! receipt      H(host's record of the access), which stays at the host
//! ```

use medfolder_crypto::{Digest, Suite};
use medfolder_record::{GrantId, MemberId};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize, Serializer};

use super::Signer;
use crate::member::KeyRole;
use crate::refusal::Refusal;

/// What came of an attempt.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum AccessOutcome {
    /// The share was opened; the only outcome that counts as a use.
    #[n(1)]
    Opened,
    /// A session ended; `items` says what was fetched.
    #[n(2)]
    Ended,
    /// The code was wrong.
    #[n(3)]
    WrongCode,
    /// Refused: ended, revoked or used up.
    #[n(4)]
    Refused,
    /// Locked after too many wrong codes.
    #[n(5)]
    Locked,
}

/// A bitmap over the list of a grant's scope; hexadecimal in JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Items(pub Vec<u8>);

impl Items {
    /// Longest bitmap in bytes (65,536 items).
    pub const MAX_LEN: usize = 8192;

    /// The bitmap of these positions, without zero bytes at its end.
    #[must_use]
    pub fn of(positions: impl IntoIterator<Item = u16>) -> Self {
        let mut bytes = Vec::new();
        for position in positions {
            let at = usize::from(position / 8);
            if bytes.len() <= at {
                bytes.resize(at.saturating_add(1), 0u8);
            }
            if let Some(byte) = bytes.get_mut(at) {
                *byte |= 1u8 << (position % 8);
            }
        }
        Self(bytes)
    }

    /// Whether it is short enough and ends with a byte that says something: a set of positions has
    /// one bitmap.
    fn is_formed(&self) -> bool {
        self.0.len() <= Self::MAX_LEN && self.0.last() != Some(&0)
    }

    /// The positions that are set, ascending.
    #[must_use]
    pub fn positions(&self) -> Vec<usize> {
        let byte = |at: usize| self.0.get(at).copied().unwrap_or(0);
        (0..self.0.len().saturating_mul(8))
            .filter(|k| byte(k / 8) & (1u8 << (k % 8)) != 0)
            .collect()
    }
}

impl<C> Encode<C> for Items {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Items {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        d.bytes().map(|bytes| Self(bytes.to_vec()))
    }
}

impl Serialize for Items {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&hex::encode(&self.0))
    }
}

/// One access.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct AccessEntry {
    /// The grant.
    #[n(0)]
    pub grant: GrantId,
    /// When, by the host's clock, milliseconds UTC.
    #[n(1)]
    pub time: u64,
    /// What came of it.
    #[n(2)]
    pub outcome: AccessOutcome,
    /// Which items.
    #[n(3)]
    pub items: Items,
    /// Digest of the host's record of it.
    #[n(4)]
    pub receipt: Digest,
}

/// Reports accesses. Signed by the host key of the reporting member: the share's host, or the
/// origin of a large attachment. Never refused for what it reports.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct AccessBatch {
    /// Who reports.
    #[n(0)]
    pub host: MemberId,
    /// What, 1 to [`AccessBatch::MAX_ENTRIES`].
    #[n(1)]
    pub entries: Vec<AccessEntry>,
}

impl AccessBatch {
    /// Most entries of one batch.
    pub const MAX_ENTRIES: usize = 256;

    pub(super) fn signers(&self) -> Vec<Signer> {
        vec![Signer::Member(self.host, KeyRole::Host)]
    }

    pub(super) fn check(&self, _: Suite) -> Result<(), Refusal> {
        let count = (1..=Self::MAX_ENTRIES).contains(&self.entries.len());
        if count && self.entries.iter().all(|entry| entry.items.is_formed()) {
            Ok(())
        } else {
            Err(Refusal::AccessShape)
        }
    }
}
