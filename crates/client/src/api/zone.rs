//! The exchange zone at a hospital's edge: ciphertext, for the holder of the card it was sealed to.
//!
//! ```text
//! GET  /v1/info                                          Info, for anybody
//! POST /v1/zone/fetch                                    FetchRequest -> application/cbor, a sequence of FetchItem
//! GET  /v1/zone/records/{record}/envelope                the envelope
//! GET  /v1/zone/records/{record}/attachments/{j}         ciphertext, with Range
//! GET  /v1/zone/slots/{visit}/{seq}                      the slot that is wrapped to this card
//! PUT  /v1/zone/slots/{visit}/{seq}                      a successor's own slot (octets)
//! ```
//! With a card's token. A record of another card is answered like one that does not exist: 404.

use medfolder_crypto::Digest;
use medfolder_record::{MemberId, RecordId, VisitId};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// Most records, and most seals, that one request may name.
pub const MAX_FETCH: usize = 200;

/// Who serves here.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Info {
    /// The member.
    pub member: MemberId,
    /// Its name.
    pub name: String,
    /// Digest of the genesis that it serves under.
    pub genesis: Digest,
    /// Its clock, in milliseconds.
    pub time: u64,
}

/// A seal, as slots are named.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Encode, Decode,
)]
#[cbor(array)]
pub struct SealName {
    /// The visit.
    #[n(0)]
    pub visit: VisitId,
    /// Its seal, counted from 0.
    #[n(1)]
    pub seq: u32,
}

/// What to send, in this order: slots first, then records.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct FetchRequest {
    /// At most [`MAX_FETCH`] records.
    #[serde(default)]
    pub records: Vec<RecordId>,
    /// At most [`MAX_FETCH`] seals whose slots are wanted.
    #[serde(default)]
    pub seals: Vec<SealName>,
}

/// One item of the answer; the answer is these one behind the other.
///
/// ```text
/// [0, [record, envelope]]     [1, [visit, seq, slot]]     [2, [record]]     [3, [visit, seq]]
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub enum FetchItem {
    /// A record's envelope.
    #[n(0)]
    #[cbor(array)]
    Envelope {
        /// The record.
        #[n(0)]
        record: RecordId,
        /// Core, sealed content.
        #[n(1)]
        #[cbor(with = "minicbor::bytes")]
        envelope: Vec<u8>,
    },
    /// A seal's slot, wrapped to the card that asks.
    #[n(1)]
    #[cbor(array)]
    Slot {
        /// The visit.
        #[n(0)]
        visit: VisitId,
        /// Its seal.
        #[n(1)]
        seq: u32,
        /// The wrapped seal key.
        #[n(2)]
        #[cbor(with = "minicbor::bytes")]
        slot: Vec<u8>,
    },
    /// There is no such record for this card.
    #[n(2)]
    #[cbor(array)]
    MissingRecord {
        /// The record.
        #[n(0)]
        record: RecordId,
    },
    /// There is no such slot for this card.
    #[n(3)]
    #[cbor(array)]
    MissingSlot {
        /// The visit.
        #[n(0)]
        visit: VisitId,
        /// Its seal.
        #[n(1)]
        seq: u32,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_written_as_drawn() {
        let item = FetchItem::Slot {
            visit: VisitId([9; 16]),
            seq: 3,
            slot: vec![1, 2],
        };
        let bytes = medfolder_crypto::to_cbor(&item);
        assert_eq!(bytes.get(..3), Some(&[0x82, 0x01, 0x83][..]));
        assert_eq!(minicbor::decode::<FetchItem>(&bytes).unwrap(), item);
    }
}
