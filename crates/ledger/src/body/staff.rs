//! Contract *staff*: doctors and other staff, enrolled by their member.
//!
//! Signed by the member's seal key, which lives in the inner zone: a stolen edge key enrols
//! nobody. An entry is never deleted; evidence checks a key as of the seal's position.

use medfolder_crypto::{Digest, Label, PublicKeyBytes, Signature, SigningKey, Suite};
use medfolder_record::{KeyId, MemberId};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::{Signer, check_encryption_key, check_signing_key};
use crate::genesis::Chain;
use crate::member::KeyRole;
use crate::refusal::Refusal;

/// What a person of a member does.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "lowercase")]
pub enum StaffRole {
    /// Signs records, opens directed shares.
    #[n(1)]
    Doctor,
    /// Signs records of the laboratory or of imaging.
    #[n(2)]
    Technician,
    /// Signs nursing records.
    #[n(3)]
    Nurse,
    /// A process that signs what a machine made.
    #[n(4)]
    Device,
}

/// Commitment to a person's name and licence: H(label ‖ salt ‖ CBOR [name, licence]). The salt and
/// the two texts stay with the member and go into evidence.
#[must_use]
pub fn commitment(suite: Suite, salt: &[u8; 16], name: &str, licence: &str) -> Digest {
    let texts = medfolder_crypto::to_cbor(&(name, licence));
    suite.hash_labelled(Label::STAFF_COMMITMENT, &[salt, &texts])
}

/// A staff key's word that `member` may enrol it, with the encryption key that goes along:
/// Sign(key, label, genesis digest ‖ member ‖ signing key ‖ encryption key). Whoever sees a key on
/// its way to the ledger cannot enrol it first.
#[must_use]
pub fn prove_possession(
    key: &SigningKey,
    genesis: &Digest,
    member: &MemberId,
    encryption: &PublicKeyBytes,
) -> Signature {
    let signing = key.public();
    let parts: &[&[u8]] = &[
        &genesis.0,
        member.as_bytes(),
        signing.as_bytes(),
        encryption.as_bytes(),
    ];
    key.sign(Label::STAFF_POSSESSION, parts)
}

/// Whether `proof` is [`prove_possession`] of the key for this member.
#[must_use]
pub fn proves_possession(
    chain: &Chain,
    member: &MemberId,
    signing: &PublicKeyBytes,
    encryption: &PublicKeyBytes,
    proof: &Signature,
) -> bool {
    let genesis = chain.digest();
    let parts: &[&[u8]] = &[
        &genesis.0,
        member.as_bytes(),
        signing.as_bytes(),
        encryption.as_bytes(),
    ];
    let key = signing.verifying(chain.suite());
    key.is_ok_and(|key| key.verify(Label::STAFF_POSSESSION, parts, proof).is_ok())
}

/// Enrols a key. Its id is [`KeyId::of`] the signing key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct EnrolStaff {
    /// The member that answers for this person.
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
    /// First moment of validity, milliseconds UTC.
    #[n(4)]
    pub from: u64,
    /// First moment after validity.
    #[n(5)]
    pub until: u64,
    /// [`commitment`].
    #[n(6)]
    pub commitment: Digest,
    /// [`prove_possession`] of the signing key.
    #[n(7)]
    pub proof: Signature,
}

impl EnrolStaff {
    pub(super) fn signers(&self) -> Vec<Signer> {
        vec![Signer::Member(self.member, KeyRole::Seal)]
    }

    pub(super) fn check(&self, suite: Suite) -> Result<(), Refusal> {
        check_signing_key(suite, &self.signing)?;
        check_encryption_key(suite, &self.encryption)?;
        if self.from < self.until {
            Ok(())
        } else {
            Err(Refusal::StaffValidity)
        }
    }
}

/// Replaces a person's keys: the old entry ends ("ended"), a new one begins with its role and
/// commitment.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct RotateStaff {
    /// The person's member.
    #[n(0)]
    pub member: MemberId,
    /// The key that ends.
    #[n(1)]
    pub key: KeyId,
    /// The new signature key.
    #[n(2)]
    pub signing: PublicKeyBytes,
    /// The new encryption key.
    #[n(3)]
    pub encryption: PublicKeyBytes,
    /// First moment after the new key's validity; it begins at once.
    #[n(4)]
    pub until: u64,
    /// [`prove_possession`] of the new signing key.
    #[n(5)]
    pub proof: Signature,
}

impl RotateStaff {
    pub(super) fn signers(&self) -> Vec<Signer> {
        vec![Signer::Member(self.member, KeyRole::Seal)]
    }

    pub(super) fn check(&self, suite: Suite) -> Result<(), Refusal> {
        check_signing_key(suite, &self.signing)?;
        check_encryption_key(suite, &self.encryption)
    }
}

/// Why a key ended.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "lowercase")]
pub enum RevokeReason {
    /// The person left or the token was replaced: what was signed before holds, and may still be
    /// sealed for 30 days.
    #[n(1)]
    Ended,
    /// Somebody else may have the key: nothing that it signed is sealed from now on.
    #[n(2)]
    Compromised,
}

/// Ends a key. An ended key may later be declared compromised, not the other way round.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct RevokeStaff {
    /// The person's member.
    #[n(0)]
    pub member: MemberId,
    /// The key.
    #[n(1)]
    pub key: KeyId,
    /// Why.
    #[n(2)]
    pub reason: RevokeReason,
}

impl RevokeStaff {
    pub(super) fn signers(&self) -> Vec<Signer> {
        vec![Signer::Member(self.member, KeyRole::Seal)]
    }

    pub(super) const fn check(&self, _: Suite) -> Result<(), Refusal> {
        Ok(())
    }
}
