//! Thirty-two secret bytes: the only form in which seeds and symmetric keys move about.
//!
//! Wiped on drop, hidden from `Debug`, compared in constant time, never copied by accident.

use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A secret of 32 bytes.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Secret32([u8; 32]);

impl Secret32 {
    /// Takes over these bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Draws a fresh secret.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; 32];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// The bytes, for the one place that needs them.
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// A second copy, said aloud.
    #[must_use]
    pub const fn duplicate(&self) -> Self {
        Self(self.0)
    }
}

impl TryFrom<&[u8]> for Secret32 {
    type Error = crate::Opaque;

    fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
        Ok(Self(bytes.try_into().map_err(|_| crate::Opaque)?))
    }
}

impl PartialEq for Secret32 {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}
impl Eq for Secret32 {}

impl core::fmt::Debug for Secret32 {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Secret32(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret32;

    #[test]
    fn debug_shows_no_byte_of_the_secret() {
        assert_eq!(format!("{:?}", Secret32::new([0x41; 32])), "Secret32(…)");
    }
}
