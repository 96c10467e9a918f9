//! Contract *registration*, cards: T_R, freeze, lift, hand-over to a successor, closing.
//!
//! "The desk" is the member's seal key: the inner zone, after a person at the front desk looked.

use medfolder_crypto::{Digest, PublicKeyBytes, Suite};
use medfolder_record::{CardNumber, MemberId};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::{Signer, check_encryption_key, check_signing_key};
use crate::member::KeyRole;
use crate::refusal::Refusal;

/// Which consent text was shown, and when it was agreed to.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(array)]
pub struct Consent {
    /// Digest of the text, one of the policy's.
    #[n(0)]
    pub digest: Digest,
    /// Its version.
    #[n(1)]
    pub version: u16,
    /// Its language.
    #[n(2)]
    pub language: String,
    /// When it was agreed to (claimed), milliseconds UTC.
    #[n(3)]
    pub time: u64,
}

/// T_R: registers a card at a hospital. Signed by the card key, then by the hospital's seal key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct RegisterCard {
    /// The hospital.
    #[n(0)]
    pub member: MemberId,
    /// The card's signature key.
    #[n(1)]
    pub signing: PublicKeyBytes,
    /// The card's encryption key.
    #[n(2)]
    pub encryption: PublicKeyBytes,
    /// The consent that the patient gave.
    #[n(3)]
    pub consent: Consent,
}

impl RegisterCard {
    /// The card's number.
    #[must_use]
    pub fn number(&self, suite: Suite) -> CardNumber {
        CardNumber::of(suite, &self.signing, &self.encryption)
    }

    pub(super) fn signers(&self) -> Vec<Signer> {
        vec![
            Signer::Key(self.signing),
            Signer::Member(self.member, KeyRole::Seal),
        ]
    }

    pub(super) fn check(&self, suite: Suite) -> Result<(), Refusal> {
        check_signing_key(suite, &self.signing)?;
        check_encryption_key(suite, &self.encryption)
    }
}

/// Who acts on a card: whoever holds its key, or the hospital's front desk.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// The card's key (for a hand-over: the successor's).
    #[n(1)]
    Key,
    /// The hospital's seal key.
    #[n(2)]
    Desk,
}

fn card_or_desk(by: By, card: CardNumber, member: MemberId) -> Vec<Signer> {
    match by {
        By::Key => vec![Signer::Card(card)],
        By::Desk => vec![Signer::Member(member, KeyRole::Seal)],
    }
}

/// Freezes a card. Signed by its key or by the desk; one request is pending per card, one from the
/// desk replaces one by key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct FreezeCard {
    /// The card.
    #[n(0)]
    pub card: CardNumber,
    /// The hospital that it is registered with.
    #[n(1)]
    pub member: MemberId,
    /// Who asks.
    #[n(2)]
    pub by: By,
    /// The card that shall follow; without one the freeze waits for the desk.
    #[n(3)]
    pub successor: Option<CardNumber>,
}

impl FreezeCard {
    pub(super) fn signers(&self) -> Vec<Signer> {
        card_or_desk(self.by, self.card, self.member)
    }

    pub(super) fn check(&self, _: Suite) -> Result<(), Refusal> {
        if self.successor == Some(self.card) {
            Err(Refusal::CardSuccessor)
        } else {
            Ok(())
        }
    }
}

/// Takes a freeze back. Signed by the desk: a thief has the card key too.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct LiftFreeze {
    /// The card.
    #[n(0)]
    pub card: CardNumber,
    /// Its hospital.
    #[n(1)]
    pub member: MemberId,
}

impl LiftFreeze {
    pub(super) fn signers(&self) -> Vec<Signer> {
        vec![Signer::Member(self.member, KeyRole::Seal)]
    }

    pub(super) const fn check(&self, _: Suite) -> Result<(), Refusal> {
        Ok(())
    }
}

/// Hands a card over to its successor. Signed by the successor's key, and by the desk when
/// `by` is [`By::Desk`]. The successor is registered by this if it was not before.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct RotateCard {
    /// The card that ends.
    #[n(0)]
    pub card: CardNumber,
    /// Its hospital.
    #[n(1)]
    pub member: MemberId,
    /// Who completes: the successor named by the freeze, after 72 hours, or the desk at any time.
    #[n(2)]
    pub by: By,
    /// The successor's signature key.
    #[n(3)]
    pub signing: PublicKeyBytes,
    /// The successor's encryption key.
    #[n(4)]
    pub encryption: PublicKeyBytes,
}

impl RotateCard {
    /// The successor's number.
    #[must_use]
    pub fn successor(&self, suite: Suite) -> CardNumber {
        CardNumber::of(suite, &self.signing, &self.encryption)
    }

    pub(super) fn signers(&self) -> Vec<Signer> {
        let mut signers = vec![Signer::Key(self.signing)];
        if self.by == By::Desk {
            signers.push(Signer::Member(self.member, KeyRole::Seal));
        }
        signers
    }

    pub(super) fn check(&self, suite: Suite) -> Result<(), Refusal> {
        check_signing_key(suite, &self.signing)?;
        check_encryption_key(suite, &self.encryption)?;
        if self.successor(suite) == self.card {
            Err(Refusal::CardSuccessor)
        } else {
            Ok(())
        }
    }
}

/// Closes a card for good. Signed by its key, or by the desk; a frozen card by the desk only.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct CloseCard {
    /// The card.
    #[n(0)]
    pub card: CardNumber,
    /// Its hospital.
    #[n(1)]
    pub member: MemberId,
    /// Who closes.
    #[n(2)]
    pub by: By,
}

impl CloseCard {
    pub(super) fn signers(&self) -> Vec<Signer> {
        card_or_desk(self.by, self.card, self.member)
    }

    pub(super) const fn check(&self, _: Suite) -> Result<(), Refusal> {
        Ok(())
    }
}
