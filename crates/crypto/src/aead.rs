//! Authenticated encryption: AES-256-GCM (SP 800-38D) and SM4-GCM (RFC 8998), 12-byte nonce,
//! 16-byte tag behind the ciphertext.
//!
//! The national key is the first 16 of the secret's 32 bytes.

use crate::{Opaque, Secret32, Suite, Wiped};
use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};

/// Length of the tag behind every ciphertext, in bytes.
pub const TAG_LEN: usize = 16;
/// Length of a nonce, in bytes.
pub const NONCE_LEN: usize = 12;
const ZERO_NONCE: [u8; NONCE_LEN] = [0; NONCE_LEN];

/// A symmetric key of either suite; wiped on drop.
pub struct AeadKey(Cipher);

#[expect(
    clippy::large_enum_variant,
    reason = "short-lived; the common suite stays off the heap"
)]
enum Cipher {
    Aes(aes::Key),
    Sm4(Box<Sm4Gcm>),
}

type Sm4Gcm = aes_gcm::AesGcm<sm4::Sm4, aes_gcm::aead::consts::U12>;

impl AeadKey {
    /// Takes over a secret as a key of `suite`.
    pub fn new(suite: Suite, secret: Secret32) -> Self {
        Self(match suite {
            Suite::International => Cipher::Aes(aes::Key::new(secret.expose())),
            Suite::National => {
                let mut key = sm4::cipher::Key::<sm4::Sm4>::default();
                for (to, from) in key.iter_mut().zip(secret.expose()) {
                    *to = *from;
                }
                Cipher::Sm4(Box::new(Sm4Gcm::new(&key)))
            }
        })
    }

    /// Encrypts the one message that this key will ever see, under nonce 0.
    pub fn seal_once(self, aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
        self.seal(&ZERO_NONCE, aad, plaintext)
    }

    /// Opens the one message that was sealed by [`AeadKey::seal_once`].
    ///
    /// # Errors
    /// [`Opaque`] when key, `aad` or ciphertext is not the one that was sealed.
    pub fn open_once(self, aad: &[u8], ciphertext: &[u8]) -> Result<Wiped, Opaque> {
        self.open(&ZERO_NONCE, aad, ciphertext)
    }

    /// Encrypts under a nonce that the caller never uses again with this key.
    pub fn seal(&self, nonce: &[u8; NONCE_LEN], aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
        match &self.0 {
            Cipher::Aes(key) => key.seal(nonce, aad, plaintext),
            Cipher::Sm4(cipher) => {
                match cipher.encrypt(
                    &(*nonce).into(),
                    Payload {
                        msg: plaintext,
                        aad,
                    },
                ) {
                    Ok(ciphertext) => ciphertext,
                    Err(_) => unreachable!("GCM refuses only messages above 64 GiB"),
                }
            }
        }
    }

    /// Opens what [`AeadKey::seal`] made.
    ///
    /// # Errors
    /// [`Opaque`] when key, nonce, `aad` or ciphertext is not the one that was sealed.
    pub fn open(
        &self,
        nonce: &[u8; NONCE_LEN],
        aad: &[u8],
        ciphertext: &[u8],
    ) -> Result<Wiped, Opaque> {
        match &self.0 {
            Cipher::Aes(key) => key.open(nonce, aad, ciphertext),
            Cipher::Sm4(cipher) => cipher
                .decrypt(
                    &(*nonce).into(),
                    Payload {
                        msg: ciphertext,
                        aad,
                    },
                )
                .map(Wiped::new)
                .map_err(|_| Opaque),
        }
    }
}

impl core::fmt::Debug for AeadKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("AeadKey(…)")
    }
}

/// AES-256-GCM outside any suite, for SMART Health Links and the vault.
pub fn aes256gcm_seal(
    key: &Secret32,
    nonce: &[u8; NONCE_LEN],
    aad: &[u8],
    plaintext: &[u8],
) -> Vec<u8> {
    aes::Key::new(key.expose()).seal(nonce, aad, plaintext)
}

/// Opens AES-256-GCM outside any suite.
///
/// # Errors
/// [`Opaque`] when anything differs from what was sealed.
pub fn aes256gcm_open(
    key: &Secret32,
    nonce: &[u8; NONCE_LEN],
    aad: &[u8],
    ciphertext: &[u8],
) -> Result<Wiped, Opaque> {
    aes::Key::new(key.expose()).open(nonce, aad, ciphertext)
}

#[cfg(not(target_arch = "wasm32"))]
mod aes {
    use super::{NONCE_LEN, Opaque, TAG_LEN, Wiped};
    use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

    pub(super) struct Key(LessSafeKey);

    impl Key {
        pub(super) fn new(bytes: &[u8; 32]) -> Self {
            match UnboundKey::new(&AES_256_GCM, bytes) {
                Ok(key) => Self(LessSafeKey::new(key)),
                Err(_) => unreachable!("an AES-256 key has 32 bytes"),
            }
        }

        pub(super) fn seal(&self, nonce: &[u8; NONCE_LEN], aad: &[u8], message: &[u8]) -> Vec<u8> {
            let mut out = Vec::with_capacity(message.len().saturating_add(TAG_LEN));
            out.extend_from_slice(message);
            let nonce = Nonce::assume_unique_for_key(*nonce);
            match self
                .0
                .seal_in_place_append_tag(nonce, Aad::from(aad), &mut out)
            {
                Ok(()) => out,
                Err(_) => unreachable!("GCM refuses only messages above 64 GiB"),
            }
        }

        pub(super) fn open(
            &self,
            nonce: &[u8; NONCE_LEN],
            aad: &[u8],
            ciphertext: &[u8],
        ) -> Result<Wiped, Opaque> {
            let mut out = Wiped::new(ciphertext.to_vec());
            let nonce = Nonce::assume_unique_for_key(*nonce);
            let length = self
                .0
                .open_in_place(nonce, Aad::from(aad), &mut out)
                .map_err(|_| Opaque)?
                .len();
            out.truncate(length);
            Ok(out)
        }
    }
}

#[cfg(target_arch = "wasm32")]
mod aes {
    use super::{NONCE_LEN, Opaque, Wiped};
    use aes_gcm::Aes256Gcm;
    use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};

    pub(super) struct Key(Box<Aes256Gcm>);

    impl Key {
        pub(super) fn new(bytes: &[u8; 32]) -> Self {
            Self(Box::new(Aes256Gcm::new(&(*bytes).into())))
        }

        pub(super) fn seal(&self, nonce: &[u8; NONCE_LEN], aad: &[u8], message: &[u8]) -> Vec<u8> {
            match self
                .0
                .encrypt(&(*nonce).into(), Payload { msg: message, aad })
            {
                Ok(ciphertext) => ciphertext,
                Err(_) => unreachable!("GCM refuses only messages above 64 GiB"),
            }
        }

        pub(super) fn open(
            &self,
            nonce: &[u8; NONCE_LEN],
            aad: &[u8],
            ciphertext: &[u8],
        ) -> Result<Wiped, Opaque> {
            self.0
                .decrypt(
                    &(*nonce).into(),
                    Payload {
                        msg: ciphertext,
                        aad,
                    },
                )
                .map(Wiped::new)
                .map_err(|_| Opaque)
        }
    }
}
