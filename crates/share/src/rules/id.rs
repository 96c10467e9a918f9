//! The part of a link's address that names the share: 256 random bits, which nobody guesses.

use std::fmt;
use std::str::FromStr;

use rand_core::CryptoRng;

use crate::encoding::{from_base64url, to_base64url};

/// The random path segment of a share's address: 32 bytes, 43 characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShareId([u8; 32]);

impl ShareId {
    /// A fresh one. The generator must be the operating system's.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; 32];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// From its bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for ShareId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_base64url(&self.0))
    }
}

impl fmt::Debug for ShareId {
    /// The segment opens the door: it does not belong in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShareId(hidden)")
    }
}

/// A text that is no share id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a share's address")]
pub struct NotAShareId;

impl FromStr for ShareId {
    type Err = NotAShareId;

    fn from_str(text: &str) -> Result<Self, NotAShareId> {
        let bytes = from_base64url(text).ok_or(NotAShareId)?;
        bytes.try_into().map(Self).map_err(|_| NotAShareId)
    }
}
