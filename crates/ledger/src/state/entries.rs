//! Entries of the state; each is a strict CBOR array in field order.
//!
//! `position` is an index in the log of accepted transactions; times are block times in
//! milliseconds UTC unless said otherwise.

use medfolder_crypto::{Digest, KeyError, PublicKeyBytes, Suite};
use medfolder_record::{
    AreaId, CardNumber, Ended, GrantId, KeyId, MemberId, RecordId, SealedAt, StaffKey,
};
use minicbor::{Decode, Encode};
use serde::Serialize;

use super::Running;
use crate::body::{
    AccessOutcome, By, Grantee, Place, RevokeReason, Scope, StaffRole, WithdrawReason,
};
use crate::member::{KeyRole, Member, MemberKeys, Standing};

/// A key that a member had before.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct KeyHistory {
    /// Which of its keys.
    #[n(0)]
    pub role: KeyRole,
    /// The key.
    #[n(1)]
    pub key: PublicKeyBytes,
    /// First position at which it no longer held.
    #[n(2)]
    pub to: u64,
}

/// A member.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct MemberEntry {
    /// As admitted, with its present keys.
    #[n(0)]
    pub member: Member,
    /// Keys that it had, in the order in which they ended.
    #[n(1)]
    pub past: Vec<KeyHistory>,
}

impl MemberEntry {
    /// The entry of a member of genesis.
    #[must_use]
    pub const fn admitted(member: Member) -> Self {
        Self {
            member,
            past: Vec::new(),
        }
    }

    /// Whether it is in good standing.
    #[must_use]
    pub fn good(&self) -> bool {
        self.member.standing == Standing::Good
    }

    /// Its present keys.
    #[must_use]
    pub const fn keys(&self) -> &MemberKeys {
        &self.member.keys
    }

    /// The signing key of a role as it was when the transaction at `position` was accepted.
    #[must_use]
    pub fn key_at(&self, role: KeyRole, position: u64) -> Option<&PublicKeyBytes> {
        let past = self
            .past
            .iter()
            .find(|past| past.role == role && position < past.to);
        past.map_or_else(|| self.keys().signing(role), |past| Some(&past.key))
    }
}

/// A storage area.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct AreaEntry {
    /// Whose it is.
    #[n(0)]
    pub member: MemberId,
    /// Base URLs, best first.
    #[n(1)]
    pub endpoints: Vec<String>,
}

/// How and when a staff key ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct StaffEnd {
    /// Position of the transaction that ended it.
    #[n(0)]
    pub position: u64,
    /// Its block time.
    #[n(1)]
    pub time: u64,
    /// Why, as it was said last.
    #[n(2)]
    pub reason: RevokeReason,
    /// The key that followed.
    #[n(3)]
    pub successor: Option<KeyId>,
    /// Position at which a key that had ended was declared compromised.
    #[n(4)]
    pub declared: Option<u64>,
}

/// A doctor's or other staff's key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct StaffEntry {
    /// The member that answers for the person.
    #[n(0)]
    pub member: MemberId,
    /// Checks the person's signatures.
    #[n(1)]
    pub signing: PublicKeyBytes,
    /// Others wrap to it.
    #[n(2)]
    pub encryption: PublicKeyBytes,
    /// What the person does.
    #[n(3)]
    pub role: StaffRole,
    /// First moment of validity.
    #[n(4)]
    pub from: u64,
    /// First moment after validity.
    #[n(5)]
    pub until: u64,
    /// Salted commitment to name and licence.
    #[n(6)]
    pub commitment: Digest,
    /// Position of its enrolment.
    #[n(7)]
    pub position: u64,
    /// Its end.
    #[n(8)]
    pub end: Option<StaffEnd>,
}

impl SealEntry {
    /// Where and when the seal's records were sealed, as signatures are judged.
    #[must_use]
    pub const fn sealed_at(&self) -> SealedAt {
        SealedAt {
            position: self.position,
            time: self.time,
        }
    }
}

impl StaffEntry {
    /// The key as the record crate's checks take it, for a record whose seal has this position:
    /// a key that was declared compromised only after the seal is judged as it was then.
    ///
    /// # Errors
    /// [`KeyError`] when the entry's key is none of the suite, which no contract lets in.
    pub fn staff_key(&self, suite: Suite, sealed_at: u64) -> Result<StaffKey, KeyError> {
        Ok(StaffKey {
            member: self.member,
            key: self.signing.verifying(suite)?,
            enrolled: self.position,
            valid_from: self.from,
            valid_until: self.until,
            ended: self.end.as_ref().map(|end| Ended {
                position: end.position,
                time: end.time,
                compromised: end.reason == RevokeReason::Compromised
                    && end.declared.is_none_or(|declared| declared <= sealed_at),
            }),
        })
    }
}

/// The newest anchored head of a folder's state log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct FolderHead {
    /// Number of log entries under it.
    #[n(0)]
    pub length: u64,
    /// Digest of the head.
    #[n(1)]
    pub head: Digest,
    /// When it was anchored.
    #[n(2)]
    pub time: u64,
}

/// A folder.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct FolderEntry {
    /// Its signature key.
    #[n(0)]
    pub signing: PublicKeyBytes,
    /// Its encryption key.
    #[n(1)]
    pub encryption: PublicKeyBytes,
    /// The member that keeps its state log.
    #[n(2)]
    pub member: MemberId,
    /// The area that holds it.
    #[n(3)]
    pub area: AreaId,
    /// Everything that concerns it.
    #[n(4)]
    pub running: Running,
    /// Its newest head.
    #[n(5)]
    pub head: Option<FolderHead>,
}

/// A pending freeze.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct Freeze {
    /// Who asked.
    #[n(0)]
    pub by: By,
    /// Since when.
    #[n(1)]
    pub since: u64,
    /// The card that shall follow.
    #[n(2)]
    pub successor: Option<CardNumber>,
}

/// Where a card stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CardStatus {
    /// In use.
    #[n(1)]
    Active,
    /// Lost or stolen: takes seals; nothing is fetched, granted or extended with it.
    #[n(2)]
    Frozen(#[n(0)] Freeze),
    /// Handed over.
    #[n(3)]
    Rotated {
        /// The card that followed.
        #[n(0)]
        successor: CardNumber,
        /// Who completed it; after the desk did, hosts end the card's grants unless the new card
        /// confirms each.
        #[n(1)]
        by: By,
        /// Position of the hand-over.
        #[n(2)]
        position: u64,
    },
    /// Closed for good.
    #[n(4)]
    Closed {
        /// Position of the closing.
        #[n(0)]
        position: u64,
    },
}

/// A card.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct CardEntry {
    /// The hospital that it is registered with.
    #[n(0)]
    pub member: MemberId,
    /// Its signature key.
    #[n(1)]
    pub signing: PublicKeyBytes,
    /// Its encryption key.
    #[n(2)]
    pub encryption: PublicKeyBytes,
    /// Where it stands.
    #[n(3)]
    pub status: CardStatus,
    /// How many predecessors it has.
    #[n(4)]
    pub generation: u16,
    /// Everything that concerns it.
    #[n(5)]
    pub running: Running,
    /// The card that it followed.
    #[n(6)]
    pub predecessor: Option<CardNumber>,
}

/// A seal: H(its list of leaves), and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct SealEntry {
    /// The card that it names.
    #[n(0)]
    pub card: CardNumber,
    /// Its position in the log.
    #[n(1)]
    pub position: u64,
    /// Its block time.
    #[n(2)]
    pub time: u64,
    /// [`crate::body::leaves_digest`].
    #[n(3)]
    pub leaves: Digest,
}

/// A record that is no longer in force. A record in force has no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordEntry {
    /// Another record followed.
    #[n(1)]
    Replaced {
        /// The record that followed.
        #[n(0)]
        by: RecordId,
        /// Where that one was sealed.
        #[n(1)]
        place: Place,
        /// Position of that seal.
        #[n(2)]
        position: u64,
    },
    /// The hospital withdrew it.
    #[n(2)]
    Withdrawn {
        /// Why.
        #[n(0)]
        reason: WithdrawReason,
        /// Position of the withdrawal.
        #[n(1)]
        position: u64,
    },
}

/// A grant.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct GrantEntry {
    /// Its signature key.
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
    /// First moment.
    #[n(4)]
    pub from: u64,
    /// First moment after the end.
    #[n(5)]
    pub until: u64,
    /// Openings so far.
    #[n(6)]
    pub used: u32,
    /// Everything that concerns it.
    #[n(7)]
    pub running: Running,
    /// Most openings.
    #[n(8)]
    pub uses: Option<u32>,
    /// Since when it is revoked.
    #[n(9)]
    pub revoked: Option<u64>,
}

impl GrantEntry {
    /// Whether it may be opened at `time` (block time or host time, whichever is later).
    #[must_use]
    pub fn live(&self, time: u64) -> bool {
        self.revoked.is_none()
            && self.from <= time
            && time < self.until
            && self.uses.is_none_or(|uses| self.used < uses)
    }
}

/// An access receipt that was reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct ReceiptEntry {
    /// Its grant.
    #[n(0)]
    pub grant: GrantId,
    /// Who reported it.
    #[n(1)]
    pub host: MemberId,
    /// Position of the batch.
    #[n(2)]
    pub position: u64,
    /// What it reported: a reader's own is opened.
    #[n(3)]
    pub outcome: AccessOutcome,
}

/// An anchored digest.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct AnchorEntry {
    /// What kind of thing it is.
    #[n(0)]
    pub kind: String,
    /// Position of the anchor.
    #[n(1)]
    pub position: u64,
    /// Its block time.
    #[n(2)]
    pub time: u64,
}
