//! `Wrap(pk, context, m)`: a message to the holder of an encryption key.
//!
//! ```text
//! international   enc (32) ‖ ct           HPKE base mode (RFC 9180): DHKEM(X25519, HKDF-SHA-256),
//!                                          HKDF-SHA-256, AES-256-GCM; info = context, aad empty
//! national        SM2(z) (129) ‖ ct       z random, 32 bytes; SM2 encryption (GB/T 32918.4) as
//!                                          0x04 ‖ C1 (64) ‖ C3 (32) ‖ C2 (32);
//!                                          ct = SM4-GCM(HKDF(z, label ‖ 0x00 ‖ context), nonce 0, m)
//! ```
//! `ct` is the message's length and a tag of 16 bytes.

use crate::canonical::{is_compressed, is_montgomery};
use crate::sign::compressed;
use crate::{AeadKey, KeyError, Label, Opaque, PublicKeyBytes, Secret32, Suite, Wiped, sm2_scalar};
use hpke::{Deserializable, OpModeR, OpModeS, Serializable};
use rand_core::CryptoRng;

type Kem = hpke::kem::X25519HkdfSha256;
type Kdf = hpke::kdf::HkdfSha256;
type Aead = hpke::aead::AesGcm256;
type HpkePublic = <Kem as hpke::Kem>::PublicKey;
type HpkePrivate = <Kem as hpke::Kem>::PrivateKey;

const HPKE_ENC_LEN: usize = 32;
const SM2_SECRET_LEN: usize = 129;

/// A private key that opens wraps; wiped on drop.
pub struct EncryptionSecret(Private);

enum Private {
    X25519(HpkePrivate),
    Sm2(Box<sm2::SecretKey>),
}

impl EncryptionSecret {
    /// The key that `seed` determines: RFC 9180 `DeriveKeyPair`, or the SM2 scalar rule.
    pub fn from_seed(suite: Suite, seed: &Secret32) -> Self {
        Self(match suite {
            Suite::International => {
                Private::X25519(<Kem as hpke::Kem>::derive_keypair(seed.expose()).0)
            }
            Suite::National => Private::Sm2(Box::new(sm2_scalar::from_seed(seed))),
        })
    }

    /// The public half.
    pub fn public(&self) -> EncryptionPublic {
        EncryptionPublic(match &self.0 {
            Private::X25519(key) => Public::X25519(<Kem as hpke::Kem>::sk_to_pk(key)),
            Private::Sm2(key) => Public::Sm2(Box::new(key.public_key())),
        })
    }

    /// Opens a wrap made for this key under `context`.
    ///
    /// # Errors
    /// [`Opaque`] when it was made for another key, another context, or was changed.
    pub fn unwrap_message(&self, context: &[u8], wrapped: &[u8]) -> Result<Wiped, Opaque> {
        match &self.0 {
            Private::X25519(key) => open_hpke(key, context, wrapped),
            Private::Sm2(key) => open_sm2(key, context, wrapped),
        }
    }

    /// Opens a wrap whose message is a 32-byte secret.
    ///
    /// # Errors
    /// [`Opaque`] as [`EncryptionSecret::unwrap_message`], or when the message has another length.
    pub fn unwrap_secret(&self, context: &[u8], wrapped: &[u8]) -> Result<Secret32, Opaque> {
        Secret32::try_from(self.unwrap_message(context, wrapped)?.as_slice())
    }
}

fn open_hpke(key: &HpkePrivate, context: &[u8], wrapped: &[u8]) -> Result<Wiped, Opaque> {
    let (enc, ciphertext) = wrapped.split_at_checked(HPKE_ENC_LEN).ok_or(Opaque)?;
    // One encoding of the sender's key, as of every other: RFC 7748 would mask what is not.
    let canonical = <&[u8; 32]>::try_from(enc).is_ok_and(is_montgomery);
    let enc = <Kem as hpke::Kem>::EncappedKey::from_bytes(enc).map_err(|_| Opaque)?;
    if !canonical {
        return Err(Opaque);
    }
    hpke::single_shot_open::<Aead, Kdf, Kem>(&OpModeR::Base, key, &enc, context, ciphertext, &[])
        .map(Wiped::new)
        .map_err(|_| Opaque)
}

fn open_sm2(key: &sm2::SecretKey, context: &[u8], wrapped: &[u8]) -> Result<Wiped, Opaque> {
    let (secret, ciphertext) = wrapped.split_at_checked(SM2_SECRET_LEN).ok_or(Opaque)?;
    let z = sm2::pke::DecryptingKey::new(key.clone())
        .decrypt(secret)
        .map_err(|_| Opaque)?;
    let z = Secret32::try_from(Wiped::new(z).as_slice())?;
    national_key(&z, context).open_once(&[], ciphertext)
}

fn national_key(z: &Secret32, context: &[u8]) -> AeadKey {
    let key = Suite::National.derive(z, Label::NATIONAL_WRAP, &[context]);
    AeadKey::new(Suite::National, key)
}

impl core::fmt::Debug for EncryptionSecret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("EncryptionSecret(…)")
    }
}

/// A public key that others wrap to.
#[derive(Clone)]
pub struct EncryptionPublic(Public);

#[derive(Clone)]
enum Public {
    X25519(HpkePublic),
    Sm2(Box<sm2::PublicKey>),
}

impl EncryptionPublic {
    /// Reads a key: X25519 of 32 bytes, or SM2 as a compressed SEC 1 point of 33.
    ///
    /// # Errors
    /// [`KeyError`] for another length, no point, another than the canonical encoding, or a point of
    /// small order.
    pub fn from_bytes(suite: Suite, bytes: &[u8]) -> Result<Self, KeyError> {
        Ok(Self(match suite {
            Suite::International => Public::X25519(x25519_key(bytes)?),
            Suite::National => Public::Sm2(Box::new(sm2_key(bytes)?)),
        }))
    }

    /// The key's bytes, as [`EncryptionPublic::from_bytes`] reads them.
    pub fn to_bytes(&self) -> PublicKeyBytes {
        let bytes = match &self.0 {
            Public::X25519(key) => PublicKeyBytes::new(&key.to_bytes()),
            Public::Sm2(key) => PublicKeyBytes::new(&compressed(key.as_affine())),
        };
        match bytes {
            Ok(bytes) => bytes,
            Err(KeyError) => unreachable!("a key of either suite has 32 or 33 bytes"),
        }
    }

    /// Wraps `message` so that only the key's holder, naming the same `context`, opens it.
    ///
    /// # Errors
    /// [`Opaque`] when the public key gives no shared secret (a point of small order).
    pub fn wrap(
        &self,
        context: &[u8],
        message: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, Opaque> {
        match &self.0 {
            Public::X25519(key) => wrap_hpke(key, context, message, rng),
            Public::Sm2(key) => wrap_sm2(key, context, message, rng),
        }
    }
}

/// Refuses points of small order: with those every sender and every outsider shares the same secret.
fn x25519_key(bytes: &[u8]) -> Result<HpkePublic, KeyError> {
    let point: [u8; 32] = bytes.try_into().map_err(|_| KeyError)?;
    // Any scalar is a multiple of the cofactor once clamped, so it takes such a point to zero.
    if !is_montgomery(&point) || x25519_dalek::x25519([1; 32], point) == [0; 32] {
        return Err(KeyError);
    }
    HpkePublic::from_bytes(bytes).map_err(|_| KeyError)
}

fn sm2_key(bytes: &[u8]) -> Result<sm2::PublicKey, KeyError> {
    if !is_compressed(bytes) {
        return Err(KeyError);
    }
    sm2::PublicKey::from_sec1_bytes(bytes).map_err(|_| KeyError)
}

fn wrap_hpke(
    key: &HpkePublic,
    context: &[u8],
    message: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, Opaque> {
    let (enc, ciphertext) = hpke::single_shot_seal_with_rng::<Aead, Kdf, Kem>(
        &OpModeS::Base,
        key,
        context,
        message,
        &[],
        rng,
    )
    .map_err(|_| Opaque)?;
    let mut out = enc.to_bytes().to_vec();
    out.extend_from_slice(&ciphertext);
    Ok(out)
}

fn wrap_sm2(
    key: &sm2::PublicKey,
    context: &[u8],
    message: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, Opaque> {
    let z = Secret32::random(rng);
    let mut out = sm2::pke::EncryptingKey::new(*key)
        .encrypt(rng, z.expose())
        .map_err(|_| Opaque)?;
    out.extend_from_slice(&national_key(&z, context).seal_once(&[], message));
    Ok(out)
}

impl PartialEq for EncryptionPublic {
    fn eq(&self, other: &Self) -> bool {
        self.to_bytes() == other.to_bytes()
    }
}
impl Eq for EncryptionPublic {}

impl core::fmt::Debug for EncryptionPublic {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "EncryptionPublic({})", self.to_bytes())
    }
}
