//! Signatures: Ed25519 (RFC 8032) and SM2 (GB/T 32918.2), one validity rule each.
//!
//! Signed bytes are label ‖ 0x00 ‖ parts. Ed25519 is checked by `verify_strict`: canonical S, no
//! point of small order, no cofactor. SM2 uses the user id `1234567812345678` (GM/T 0009) and
//! carries r ‖ s, 32 bytes each. Both signatures are 64 bytes.

use crate::canonical::{is_compressed, is_edwards};
use crate::{KeyError, Label, Opaque, PublicKeyBytes, Secret32, Suite, sm2_scalar};
use ed25519_dalek::Signer as _;
use sm2::dsa::signature::Verifier as _;

/// The user id that SM2 mixes into every signed message.
pub const SM2_USER_ID: &str = "1234567812345678";

/// A signature of 64 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature(pub [u8; 64]);

crate::cbor::bytes_newtype!(Signature, 64);

/// A private signing key; wiped on drop.
pub struct SigningKey(Signing);

enum Signing {
    Ed25519(Box<ed25519_dalek::SigningKey>),
    Sm2(Box<sm2::dsa::SigningKey>),
}

impl SigningKey {
    /// The key that `seed` determines.
    pub fn from_seed(suite: Suite, seed: &Secret32) -> Self {
        Self(match suite {
            Suite::International => Signing::Ed25519(Box::new(
                ed25519_dalek::SigningKey::from_bytes(seed.expose()),
            )),
            Suite::National => Signing::Sm2(Box::new(sm2_signing_key(seed))),
        })
    }

    /// The suite that the key belongs to.
    pub const fn suite(&self) -> Suite {
        match self.0 {
            Signing::Ed25519(_) => Suite::International,
            Signing::Sm2(_) => Suite::National,
        }
    }

    /// The public half.
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(match &self.0 {
            Signing::Ed25519(key) => Verifying::Ed25519(Box::new(key.verifying_key())),
            Signing::Sm2(key) => Verifying::Sm2(Box::new(key.verifying_key().clone())),
        })
    }

    /// The public half's bytes.
    pub fn public(&self) -> PublicKeyBytes {
        self.verifying_key().to_bytes()
    }

    /// Signs label ‖ 0x00 ‖ parts.
    pub fn sign(&self, label: Label, parts: &[&[u8]]) -> Signature {
        let message = message(label, parts);
        match &self.0 {
            Signing::Ed25519(key) => Signature(key.sign(&message).to_bytes()),
            Signing::Sm2(key) => {
                let signature: sm2::dsa::Signature = key.sign(&message);
                Signature(signature.to_bytes().into())
            }
        }
    }
}

fn sm2_signing_key(seed: &Secret32) -> sm2::dsa::SigningKey {
    let secret = sm2_scalar::from_seed(seed);
    match sm2::dsa::SigningKey::new(SM2_USER_ID, &secret) {
        Ok(key) => key,
        // The library refuses only user ids longer than 8,191 bytes.
        Err(_) => unreachable!("the user id has 16 bytes"),
    }
}

impl core::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "SigningKey({}, …)", self.suite())
    }
}

/// A public key that checks signatures; known to be a valid point.
#[derive(Clone)]
pub struct VerifyingKey(Verifying);

#[derive(Clone)]
enum Verifying {
    Ed25519(Box<ed25519_dalek::VerifyingKey>),
    Sm2(Box<sm2::dsa::VerifyingKey>),
}

impl VerifyingKey {
    /// Reads a key: Ed25519 of 32 bytes, or SM2 as a compressed SEC 1 point of 33.
    ///
    /// # Errors
    /// [`KeyError`] for another length, no point, another than the canonical encoding, or (Ed25519) a
    /// point of small order.
    pub fn from_bytes(suite: Suite, bytes: &[u8]) -> Result<Self, KeyError> {
        Ok(Self(match suite {
            Suite::International => Verifying::Ed25519(Box::new(ed25519_key(bytes)?)),
            Suite::National => Verifying::Sm2(Box::new(sm2_key(bytes)?)),
        }))
    }

    /// The suite that the key belongs to.
    pub const fn suite(&self) -> Suite {
        match self.0 {
            Verifying::Ed25519(_) => Suite::International,
            Verifying::Sm2(_) => Suite::National,
        }
    }

    /// The key's bytes, as [`VerifyingKey::from_bytes`] reads them.
    pub fn to_bytes(&self) -> PublicKeyBytes {
        let bytes = match &self.0 {
            Verifying::Ed25519(key) => PublicKeyBytes::new(key.as_bytes()),
            Verifying::Sm2(key) => PublicKeyBytes::new(&compressed(key.as_affine())),
        };
        match bytes {
            Ok(bytes) => bytes,
            Err(KeyError) => unreachable!("a key of either suite has 32 or 33 bytes"),
        }
    }

    /// Checks a signature over label ‖ 0x00 ‖ parts.
    ///
    /// # Errors
    /// [`Opaque`] when it does not hold.
    pub fn verify(
        &self,
        label: Label,
        parts: &[&[u8]],
        signature: &Signature,
    ) -> Result<(), Opaque> {
        let message = message(label, parts);
        match &self.0 {
            Verifying::Ed25519(key) => {
                let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
                key.verify_strict(&message, &signature).map_err(|_| Opaque)
            }
            Verifying::Sm2(key) => {
                let signature =
                    sm2::dsa::Signature::from_slice(&signature.0).map_err(|_| Opaque)?;
                key.verify(&message, &signature).map_err(|_| Opaque)
            }
        }
    }
}

fn ed25519_key(bytes: &[u8]) -> Result<ed25519_dalek::VerifyingKey, KeyError> {
    let bytes: &[u8; 32] = bytes.try_into().map_err(|_| KeyError)?;
    let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| KeyError)?;
    if is_edwards(bytes) && !key.is_weak() {
        Ok(key)
    } else {
        Err(KeyError)
    }
}

fn sm2_key(bytes: &[u8]) -> Result<sm2::dsa::VerifyingKey, KeyError> {
    if !is_compressed(bytes) {
        return Err(KeyError);
    }
    sm2::dsa::VerifyingKey::from_sec1_bytes(SM2_USER_ID, bytes).map_err(|_| KeyError)
}

/// A point as 0x02 or 0x03 ‖ x.
pub(crate) fn compressed(point: &sm2::AffinePoint) -> Vec<u8> {
    use sm2::elliptic_curve::sec1::ToSec1Point as _;
    point.to_sec1_point(true).as_bytes().to_vec()
}

fn message(label: Label, parts: &[&[u8]]) -> Vec<u8> {
    let lengths = parts.iter().map(|part| part.len());
    let length = lengths.fold(label.as_bytes().len(), usize::saturating_add);
    let mut message = Vec::with_capacity(length.saturating_add(1));
    message.extend_from_slice(label.as_bytes());
    message.push(0);
    parts
        .iter()
        .for_each(|part| message.extend_from_slice(part));
    message
}

impl PartialEq for VerifyingKey {
    fn eq(&self, other: &Self) -> bool {
        self.to_bytes() == other.to_bytes()
    }
}
impl Eq for VerifyingKey {}

impl core::fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "VerifyingKey({})", self.to_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use curve25519_dalek::{EdwardsPoint, Scalar};
    use sha2::Digest as _;

    const LABEL: Label = Label::RECORD_SIGNATURE;

    /// A signature with the identity, encoded as `r`, for its commitment: the equation holds.
    fn forge(r: [u8; 32]) -> (ed25519_dalek::VerifyingKey, Vec<u8>, Signature) {
        let secret = Scalar::from(7_u64) * Scalar::from(u64::MAX);
        let point = EdwardsPoint::mul_base(&secret).compress().to_bytes();
        let message = message(LABEL, &[b"message"]);
        let hash = sha2::Sha512::new()
            .chain_update(r)
            .chain_update(point)
            .chain_update(&message);
        let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
        let signature = [r, (k * secret).to_bytes()].concat();
        (
            ed25519_dalek::VerifyingKey::from_bytes(&point).unwrap(),
            message,
            Signature(signature.try_into().unwrap()),
        )
    }

    fn holds(key: &ed25519_dalek::VerifyingKey, signature: &Signature) -> bool {
        let key = VerifyingKey(Verifying::Ed25519(Box::new(*key)));
        key.verify(LABEL, &[b"message"], signature).is_ok()
    }

    #[test]
    fn a_signature_of_small_order_is_refused_although_its_equation_holds() {
        let mut identity = [0; 32];
        identity[0] = 1;
        let (key, message, forged) = forge(identity);
        let loose = ed25519_dalek::Signature::from_bytes(&forged.0);
        assert!(ed25519_dalek::Verifier::verify(&key, &message, &loose).is_ok());
        assert!(!holds(&key, &forged));
    }

    #[test]
    fn an_identity_that_is_not_canonical_is_refused() {
        // y = 1 + p, and y = 1 with the sign bit.
        let mut above = [0xff; 32];
        (above[0], above[31]) = (0xee, 0x7f);
        let mut signed = [0; 32];
        (signed[0], signed[31]) = (1, 0x80);
        for r in [above, signed] {
            let (key, _, forged) = forge(r);
            assert!(!holds(&key, &forged));
        }
    }
}
