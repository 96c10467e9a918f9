//! A public key of either suite as it travels: 32 or 33 bytes, not yet known to be a point.

use crate::{EncryptionPublic, KeyError, Suite, VerifyingKey};
use core::{fmt, str::FromStr};

/// The bytes of a public key: Ed25519 or X25519 (32), SM2 compressed (33).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKeyBytes {
    len: u8,
    bytes: [u8; 33],
}

impl PublicKeyBytes {
    /// Takes bytes of a public key's length.
    ///
    /// # Errors
    /// [`KeyError`] when they are neither 32 nor 33 long.
    pub fn new(bytes: &[u8]) -> Result<Self, KeyError> {
        if bytes.len() != 32 && bytes.len() != 33 {
            return Err(KeyError);
        }
        let mut padded = [0; 33];
        for (to, from) in padded.iter_mut().zip(bytes) {
            *to = *from;
        }
        Ok(Self {
            len: if bytes.len() == 32 { 32 } else { 33 },
            bytes: padded,
        })
    }

    /// The key's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes
            .get(..usize::from(self.len))
            .unwrap_or(&self.bytes)
    }

    /// Reads it as a key that checks signatures.
    ///
    /// # Errors
    /// [`KeyError`] when it is no such key of `suite`.
    pub fn verifying(&self, suite: Suite) -> Result<VerifyingKey, KeyError> {
        VerifyingKey::from_bytes(suite, self.as_bytes())
    }

    /// Reads it as a key that others wrap to.
    ///
    /// # Errors
    /// [`KeyError`] when it is no such key of `suite`.
    pub fn encryption(&self, suite: Suite) -> Result<EncryptionPublic, KeyError> {
        EncryptionPublic::from_bytes(suite, self.as_bytes())
    }
}

impl AsRef<[u8]> for PublicKeyBytes {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl<C> minicbor::Encode<C> for PublicKeyBytes {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.bytes(self.as_bytes())?.ok()
    }
}

impl<'b, C> minicbor::Decode<'b, C> for PublicKeyBytes {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Self::new(d.bytes()?).map_err(|_| minicbor::decode::Error::message("no public key"))
    }
}

impl fmt::Display for PublicKeyBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.as_bytes()))
    }
}

impl fmt::Debug for PublicKeyBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKeyBytes({self})")
    }
}

impl FromStr for PublicKeyBytes {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::new(&hex::decode(text).map_err(|_| KeyError)?)
    }
}

impl serde::Serialize for PublicKeyBytes {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for PublicKeyBytes {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
