//! Keys of the state's entries.
//!
//! | kind | entry | id |
//! |---|---|---|
//! | 1 | member | member id |
//! | 2 | storage area | area id |
//! | 3 | staff | key id |
//! | 4 | folder | folder number |
//! | 5 | card | card number |
//! | 6 | seal | member id ‖ visit id ‖ seq (4 bytes, big-endian) |
//! | 7 | record, once replaced or withdrawn | member id ‖ record id |
//! | 8 | grant | grant id |
//! | 9 | receipt | host's member id ‖ receipt digest |
//! | 10 | anchor | member id ‖ number of its key (1) ‖ digest |
//!
//! A record's key holds the sealing member: otherwise another member could seal a copy of the leaf
//! and withdraw that, and the record would look withdrawn. A receipt's holds the host: otherwise
//! another member could report it first, and the host's own would count as repeated. An anchor's
//! holds the key, so that what a stolen edge anchors is never taken for the inner zone's word.

use crate::body::AnchorKey;
use medfolder_crypto::{Digest, Label, Suite};
use medfolder_record::{
    AreaId, CardNumber, FolderNumber, GrantId, KeyId, MemberId, RecordId, VisitId,
};

/// A key of the state: 32 bytes, evenly spread.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateKey(pub [u8; 32]);

medfolder_crypto::cbor::bytes_newtype!(StateKey, 32);

impl StateKey {
    fn of(suite: Suite, kind: u8, id: &[&[u8]]) -> Self {
        let mut hasher = suite.hasher();
        hasher.update(Label::STATE_KEY.as_bytes());
        hasher.update(&[0, kind]);
        id.iter().for_each(|part| hasher.update(part));
        let Digest(bytes) = hasher.finish();
        Self(bytes)
    }

    /// Key of a member's entry.
    #[must_use]
    pub fn member(suite: Suite, id: &MemberId) -> Self {
        Self::of(suite, 1, &[id.as_bytes()])
    }

    /// Key of a storage area's entry.
    #[must_use]
    pub fn area(suite: Suite, id: &AreaId) -> Self {
        Self::of(suite, 2, &[id.as_bytes()])
    }

    /// Key of a staff entry.
    #[must_use]
    pub fn staff(suite: Suite, id: &KeyId) -> Self {
        Self::of(suite, 3, &[id.as_bytes()])
    }

    /// Key of a folder's entry.
    #[must_use]
    pub fn folder(suite: Suite, number: &FolderNumber) -> Self {
        Self::of(suite, 4, &[number.as_bytes()])
    }

    /// Key of a card's entry.
    #[must_use]
    pub fn card(suite: Suite, number: &CardNumber) -> Self {
        Self::of(suite, 5, &[number.as_bytes()])
    }

    /// Key of a seal's entry.
    #[must_use]
    pub fn seal(suite: Suite, member: &MemberId, visit: &VisitId, seq: u32) -> Self {
        Self::of(
            suite,
            6,
            &[member.as_bytes(), visit.as_bytes(), &seq.to_be_bytes()],
        )
    }

    /// Key of the entry that a record has once it was replaced or withdrawn.
    #[must_use]
    pub fn record(suite: Suite, member: &MemberId, record: &RecordId) -> Self {
        Self::of(suite, 7, &[member.as_bytes(), record.as_bytes()])
    }

    /// Key of a grant's entry.
    #[must_use]
    pub fn grant(suite: Suite, id: &GrantId) -> Self {
        Self::of(suite, 8, &[id.as_bytes()])
    }

    /// Key of the entry of an access receipt that `host` reported.
    #[must_use]
    pub fn receipt(suite: Suite, host: &MemberId, receipt: &Digest) -> Self {
        Self::of(suite, 9, &[host.as_bytes(), &receipt.0])
    }

    /// Key of the entry of a digest that the member anchored with this key.
    #[must_use]
    pub fn anchor(suite: Suite, member: &MemberId, by: AnchorKey, digest: &Digest) -> Self {
        Self::of(suite, 10, &[member.as_bytes(), &[by as u8], &digest.0])
    }
}
