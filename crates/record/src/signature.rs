//! Signatures over a content root.
//!
//! ```text
//! signed bytes   "medfolder/record-signature" ‖ 0 ‖ genesis (32) ‖ content root (32) ‖ key id (32) ‖ claimed time (8) ‖ custody (1)
//! native         [ 0, [ key id (32), claimed time, custody, signature (64) ] ]
//! carried        [ 1, carried signature ]                                   see `carried`
//! signatures     [ signature … ], at least one
//! digest         H("medfolder/record-signatures" ‖ 0 ‖ signatures)
//! ```
//! Custody says how the key was kept: 0 in a file, 1 in a hardware token. It is signed, so that
//! nobody but the signer says it. The claimed time (ms since 1970, UTC) proves nothing by itself.

use crate::carried::CarriedSignature;
use crate::id::{ContentRoot, KeyId};
use crate::limits::{MAX_SIGNATURES, MAX_SIGNATURES_LEN, MAX_UINT};
use medfolder_crypto::{
    CborError, Digest, Label, Opaque, Signature, SigningKey, Suite, VerifyingKey, from_cbor,
    to_cbor,
};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How a signing key was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Custody {
    /// In a file under a PIN of at least ten characters.
    #[n(0)]
    FileKey,
    /// In hardware that counts tries.
    #[n(1)]
    HardwareToken,
}

impl Custody {
    const fn byte(self) -> u8 {
        match self {
            Self::FileKey => 0,
            Self::HardwareToken => 1,
        }
    }
}

/// A doctor's native signature.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(array)]
pub struct DoctorSignature {
    /// The key on the ledger.
    #[n(0)]
    pub key: KeyId,
    /// Claimed time, ms since 1970 in UTC.
    #[n(1)]
    pub time: u64,
    /// How the key was kept.
    #[n(2)]
    pub custody: Custody,
    /// The signature.
    #[n(3)]
    pub signature: Signature,
}

impl DoctorSignature {
    /// Signs a content root.
    #[must_use]
    pub fn sign(
        key: &SigningKey,
        genesis: &Digest,
        root: &ContentRoot,
        time: u64,
        custody: Custody,
    ) -> Self {
        let id = KeyId::of(key.suite(), &key.public());
        let time_bytes = time.to_be_bytes();
        let custody_byte = [custody.byte()];
        let parts = signed_parts(genesis, root, &id, &time_bytes, &custody_byte);
        let signature = key.sign(Label::RECORD_SIGNATURE, &parts);
        Self {
            key: id,
            time,
            custody,
            signature,
        }
    }

    /// Checks the signature; that `key` is the one named is the caller's look-up.
    ///
    /// # Errors
    /// [`Opaque`] when it does not hold.
    pub fn verify(
        &self,
        key: &VerifyingKey,
        genesis: &Digest,
        root: &ContentRoot,
    ) -> Result<(), Opaque> {
        let time = self.time.to_be_bytes();
        let custody = [self.custody.byte()];
        let parts = signed_parts(genesis, root, &self.key, &time, &custody);
        key.verify(Label::RECORD_SIGNATURE, &parts, &self.signature)
    }
}

fn signed_parts<'a>(
    genesis: &'a Digest,
    root: &'a ContentRoot,
    key: &'a KeyId,
    time: &'a [u8; 8],
    custody: &'a [u8; 1],
) -> [&'a [u8]; 5] {
    [&genesis.0, root.as_bytes(), key.as_bytes(), time, custody]
}

/// One signature of a record.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(flat)]
pub enum RecordSignature {
    /// Over the content root, by a key on the ledger.
    #[n(0)]
    Native(#[n(0)] DoctorSignature),
    /// Over a file of the hospital's system, by a key under a certificate.
    #[n(1)]
    Carried(#[n(0)] CarriedSignature),
}

/// All signatures of a record, in the order in which its leaf commits to them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Signatures(#[n(0)] pub Vec<RecordSignature>);

impl Signatures {
    /// Reads signatures strictly.
    ///
    /// # Errors
    /// [`CborError`], also when there are too many of anything.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CborError> {
        let signatures: Self = from_cbor(bytes, MAX_SIGNATURES_LEN)?;
        signatures.check()?;
        Ok(signatures)
    }

    /// The encoded list.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        to_cbor(self)
    }

    /// H("medfolder/record-signatures" ‖ 0 ‖ encoded list).
    #[must_use]
    pub fn digest(suite: Suite, encoded: &[u8]) -> Digest {
        suite.hash_labelled(Label::RECORD_SIGNATURES, &[encoded])
    }

    /// The native ones.
    pub fn native(&self) -> impl Iterator<Item = &DoctorSignature> {
        self.0.iter().filter_map(|signature| match signature {
            RecordSignature::Native(native) => Some(native),
            RecordSignature::Carried(_) => None,
        })
    }

    /// The carried ones.
    pub fn carried(&self) -> impl Iterator<Item = &CarriedSignature> {
        self.0.iter().filter_map(|signature| match signature {
            RecordSignature::Carried(carried) => Some(carried),
            RecordSignature::Native(_) => None,
        })
    }

    pub(crate) fn check(&self) -> Result<(), CborError> {
        let counted = self.0.len() <= MAX_SIGNATURES;
        let formed = self.carried().all(CarriedSignature::within_limits);
        let keys: BTreeSet<_> = self.native().map(|native| native.key).collect();
        let once = keys.len() == self.native().count();
        let exact = self.native().all(|native| native.time <= MAX_UINT);
        (counted && formed && once && exact)
            .then_some(())
            .ok_or(CborError::Malformed)
    }
}
