//! The link key: 32 random bytes that encrypt every file of one link and travel in its fragment.
//!
//! One key per link, never reused across links. The host never sees it; what the host may see is
//! the status secret HKDF-SHA-256(key, "medfolder/share-status" ‖ 0), which proves that somebody holds the link.
//!
//! Source: SMART Health Links, payload member `key`; sharing design, “status”.

use std::fmt;

use medfolder_crypto::{Label, Secret32, Suite};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::encoding::{from_base64url_lenient, to_base64url};

/// Number of characters of the key in a payload.
pub const KEY_CHARACTERS: usize = 43;

/// The symmetric key of one link. Wiped on drop; `Debug` hides it.
pub struct LinkKey(Secret32);

impl LinkKey {
    /// A fresh key. The generator must be the operating system's.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(Secret32::random(rng))
    }

    /// The key with these bytes, for a vault that stores it.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Secret32::new(bytes))
    }

    /// Reads the 43 characters of a payload; `None` when they are not a key.
    pub fn from_text(text: &str) -> Option<Self> {
        if text.len() != KEY_CHARACTERS {
            return None;
        }
        let bytes = Zeroizing::new(from_base64url_lenient(text)?);
        <[u8; 32]>::try_from(bytes.as_slice())
            .ok()
            .map(Self::from_bytes)
    }

    /// The 43 characters of a payload.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(to_base64url(self.0.expose()))
    }

    /// The key's bytes.
    pub fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }

    pub(crate) fn secret(&self) -> &Secret32 {
        &self.0
    }

    /// The status secret: whoever shows it to the host holds the link.
    pub fn status_secret(&self) -> Secret32 {
        Suite::International.derive(&self.0, Label::SHARE_STATUS, &[])
    }

    /// A second copy, for a caller that keeps the link while a viewer works with it.
    pub fn duplicate(&self) -> Self {
        Self(self.0.duplicate())
    }
}

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkKey(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_the_key() {
        let key = LinkKey::from_bytes([7; 32]);
        assert_eq!(format!("{key:?}"), "LinkKey(hidden)");
    }

    #[test]
    fn a_key_survives_its_text_form() {
        let key = LinkKey::from_bytes([9; 32]);
        let text = key.to_text();
        assert_eq!(text.len(), KEY_CHARACTERS);
        assert_eq!(LinkKey::from_text(&text).unwrap().expose(), &[9; 32]);
        assert!(LinkKey::from_text(&text[1..]).is_none());
    }

    #[test]
    fn the_status_secret_differs_from_the_key_and_between_keys() {
        let one = LinkKey::from_bytes([1; 32]);
        let two = LinkKey::from_bytes([2; 32]);
        assert_ne!(one.status_secret().expose(), one.expose());
        assert_ne!(one.status_secret().expose(), two.status_secret().expose());
    }
}
