//! Key slots: the seal key, wrapped to one card.
//!
//! ```text
//! slot      [ 0, member (16), card (32), visit (16), seq, wrapped (bytes) ]
//! wrapped   Wrap(encryption key of the card,
//!                "medfolder/key-slot" ‖ 0 ‖ member ‖ card ‖ visit ‖ seq (4), seal key (32))
//! ```
//! The card is the one that it is wrapped to, not the core's: a successor gets slots of its own.
//! Slots lie beside the envelopes and outside the leaf, so that they can be re-wrapped.

use crate::check::Check;
use crate::id::{CardNumber, MemberId, VisitId};
use crate::keys::SealKey;
use crate::limits::{MAX_SLOT, MAX_WRAPPED};
use crate::version::{Version, is_other_version};
use medfolder_crypto::{EncryptionPublic, EncryptionSecret, Label, Opaque, from_cbor, to_cbor};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use rand_core::CryptoRng;

/// Which seal a slot opens, and for which card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotPlace {
    /// The member who sealed.
    pub member: MemberId,
    /// The card that the key is wrapped to.
    pub card: CardNumber,
    /// The visit.
    pub visit: VisitId,
    /// The seal's number within the visit.
    pub seq: u32,
}

impl SlotPlace {
    fn context(&self) -> Vec<u8> {
        let mut context = Vec::with_capacity(128);
        context.extend_from_slice(Label::KEY_SLOT.as_bytes());
        context.push(0);
        context.extend_from_slice(self.member.as_bytes());
        context.extend_from_slice(self.card.as_bytes());
        context.extend_from_slice(self.visit.as_bytes());
        context.extend_from_slice(&self.seq.to_be_bytes());
        context
    }
}

/// A seal key wrapped to one card.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct KeySlot {
    #[n(0)]
    version: Version,
    #[n(1)]
    member: MemberId,
    #[n(2)]
    card: CardNumber,
    #[n(3)]
    visit: VisitId,
    #[n(4)]
    seq: u32,
    #[n(5)]
    wrapped: ByteVec,
}

impl KeySlot {
    /// Wraps a seal key to a card's encryption key.
    ///
    /// # Errors
    /// [`Opaque`] when the encryption key gives no shared secret.
    pub fn make(
        place: &SlotPlace,
        recipient: &EncryptionPublic,
        key: &SealKey,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, Opaque> {
        let wrapped = recipient.wrap(&place.context(), key.expose(), rng)?.into();
        let SlotPlace {
            member,
            card,
            visit,
            seq,
        } = *place;
        Ok(Self {
            version: Version,
            member,
            card,
            visit,
            seq,
            wrapped,
        })
    }

    /// Reads a slot strictly.
    ///
    /// # Errors
    /// [`Check::Version`] for another version, [`Check::Slot`] for every other encoding or length.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Check> {
        let slot: Self = from_cbor(bytes, MAX_SLOT).map_err(|_| match is_other_version(bytes) {
            true => Check::Version,
            false => Check::Slot,
        })?;
        if slot.wrapped.len() > MAX_WRAPPED {
            Err(Check::Slot)
        } else {
            Ok(slot)
        }
    }

    /// The encoded slot.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        to_cbor(self)
    }

    /// Which seal the slot says it opens, and for which card.
    #[must_use]
    pub const fn place(&self) -> SlotPlace {
        SlotPlace {
            member: self.member,
            card: self.card,
            visit: self.visit,
            seq: self.seq,
        }
    }

    /// Opens the slot for the place where it was expected.
    ///
    /// # Errors
    /// [`Check::Slot`] when the slot is for another place, another card, or was changed.
    pub fn open(&self, expected: &SlotPlace, card: &EncryptionSecret) -> Result<SealKey, Check> {
        if self.place() != *expected {
            return Err(Check::Slot);
        }
        let key = card.unwrap_secret(&expected.context(), &self.wrapped);
        key.map(SealKey::new).map_err(|_| Check::Slot)
    }
}
