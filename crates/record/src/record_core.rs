//! The core: what everybody may know of a record, and the leaf that a seal lists.
//!
//! ```text
//! core = [ 0, genesis digest (32), member (16), card (32), visit (16), seq, k,      ← AAD: the bytes up to here
//!          H(sealed content) (32), [ [ciphertext root (32), length] … ],
//!          encrypted storage address | null, key commitment (32) ]
//! leaf = record id = H("medfolder/record-leaf" ‖ 0 ‖ core digest ‖ content root ‖ signatures digest)
//! core digest      = H("medfolder/record-core" ‖ 0 ‖ core)
//! ```
//! The AAD of a record's content, attachments and storage address is the encoded core from its
//! array head (0x8b) up to and including k.

use crate::id::{CardNumber, ContentRoot, MemberId, RecordId, VisitId};
use crate::keys::RecordKey;
use crate::limits::{MAX_ATTACHMENTS, MAX_CORE, MAX_STORAGE_ADDRESS};
use crate::version::Version;
use medfolder_crypto::aead::TAG_LEN;
use medfolder_crypto::{CborError, Digest, Label, Opaque, Suite, Wiped, from_cbor, to_cbor};
use minicbor::decode::{self, Decoder};
use minicbor::encode::{self, Encoder, Write};
use minicbor::{Decode, Encode};

const CORE_ITEMS: u64 = 11;

/// Where a record stands: chain, member, card, visit, seal, number within the seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Digest of the chain's genesis.
    pub genesis: Digest,
    /// The member who sealed.
    pub member: MemberId,
    /// The card that the seal names.
    pub card: CardNumber,
    /// The visit.
    pub visit: VisitId,
    /// The seal's number within the visit, from 0.
    pub seq: u32,
    /// The record's number within the seal, from 0.
    pub k: u32,
}

impl Place {
    /// The core up to its digest of sealed content: associated data of all that is encrypted.
    #[must_use]
    pub fn associated_data(&self) -> Vec<u8> {
        let mut e = Encoder::new(Vec::with_capacity(128));
        // Writing to a vector cannot fail.
        let done = self.encode_head(&mut e);
        debug_assert!(done.is_ok());
        e.into_writer()
    }

    fn encode_head<W: Write>(&self, e: &mut Encoder<W>) -> Result<(), encode::Error<W::Error>> {
        e.array(CORE_ITEMS)?
            .encode(Version)?
            .encode(self.genesis)?
            .encode(self.member)?;
        e.encode(self.card)?
            .encode(self.visit)?
            .u32(self.seq)?
            .u32(self.k)?
            .ok()
    }

    fn decode_head(d: &mut Decoder<'_>) -> Result<Self, decode::Error> {
        if d.array()? != Some(CORE_ITEMS) {
            return Err(decode::Error::message("a core has eleven items"));
        }
        Version::decode(d, &mut ())?;
        Ok(Self {
            genesis: d.decode()?,
            member: d.decode()?,
            card: d.decode()?,
            visit: d.decode()?,
            seq: d.u32()?,
            k: d.u32()?,
        })
    }
}

/// An encrypted attachment as the exchange zone keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Blob {
    /// Merkle root over its encrypted chunks.
    #[n(0)]
    pub root: Digest,
    /// Its length in bytes, tags included.
    #[n(1)]
    pub length: u64,
}

/// What everybody may know of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Core {
    /// Where the record stands.
    pub place: Place,
    /// H(sealed content).
    pub sealed: Digest,
    /// The record's attachments, in the order of their pieces.
    pub attachments: Vec<Blob>,
    /// Address in a network storage, encrypted under the record key.
    pub storage_address: Option<Vec<u8>>,
    /// What the core says of the record key.
    pub commitment: Digest,
}

impl<C> Encode<C> for Core {
    fn encode<W: Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        self.place.encode_head(e)?;
        e.encode(self.sealed)?.encode(&self.attachments)?;
        match &self.storage_address {
            Some(address) => e.bytes(address)?,
            None => e.null()?,
        };
        e.encode(self.commitment)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Core {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let core = Self {
            place: Place::decode_head(d)?,
            sealed: d.decode()?,
            attachments: d.decode()?,
            storage_address: d
                .decode::<Option<&minicbor::bytes::ByteSlice>>()?
                .map(|a| a.to_vec()),
            commitment: d.decode()?,
        };
        let addressed = core
            .storage_address
            .as_ref()
            .is_none_or(|a| a.len() <= MAX_STORAGE_ADDRESS);
        if core.attachments.len() > MAX_ATTACHMENTS || !addressed {
            return Err(decode::Error::message("a core beyond its limits"));
        }
        Ok(core)
    }
}

impl Core {
    /// Reads a core strictly.
    ///
    /// # Errors
    /// [`CborError`], also for a core beyond its limits.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CborError> {
        from_cbor(bytes, MAX_CORE)
    }

    /// The encoded core.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        to_cbor(self)
    }

    /// Opens the network-storage address, if there is one.
    ///
    /// # Errors
    /// [`Opaque`] when it was not encrypted under this key for this place.
    pub fn open_storage_address(&self, key: &RecordKey) -> Result<Option<Wiped>, Opaque> {
        let Some(address) = &self.storage_address else {
            return Ok(None);
        };
        key.storage_address()
            .open_once(&self.place.associated_data(), address)
            .map(Some)
    }
}

/// Encrypts a network-storage address for the core of the record at `place`.
///
/// # Errors
/// [`Opaque`] when the address is too long.
pub fn seal_storage_address(
    key: &RecordKey,
    place: &Place,
    address: &[u8],
) -> Result<Vec<u8>, Opaque> {
    if address.len() > MAX_STORAGE_ADDRESS - TAG_LEN {
        return Err(Opaque);
    }
    Ok(key
        .storage_address()
        .seal_once(&place.associated_data(), address))
}

/// H("medfolder/record-core" ‖ 0 ‖ encoded core).
#[must_use]
pub fn core_digest(suite: Suite, core: &[u8]) -> Digest {
    suite.hash_labelled(Label::RECORD_CORE, &[core])
}

/// The leaf of a record, which is its id.
#[must_use]
pub fn leaf(suite: Suite, core: &Digest, content: &ContentRoot, signatures: &Digest) -> RecordId {
    let parts: [&[u8]; 3] = [&core.0, content.as_bytes(), &signatures.0];
    RecordId(suite.hash_labelled(Label::RECORD_LEAF, &parts))
}
