//! The zone key: nothing of a patient lies in clear on the inner zone's disk.
//!
//! ```text
//! zone key     32 random bytes, data_dir/zone.key, mode 0600
//! value        salt (16) ‖ AEAD(HKDF(zone key, "medfolder/zone-value" ‖ 0 ‖ salt), nonce 0, AAD = purpose, bytes)
//! index        HMAC(HKDF(zone key, "medfolder/zone-index" ‖ 0), purpose ‖ 0 ‖ (length (8) ‖ text) …)
//! ```
//! Values wait for signatures, for a card, for the ledger. Indexes find a patient, a visit or a
//! document again when all that was known of them is deleted.

use medfolder_crypto::{AeadKey, Digest, Label, Opaque, Secret32, Suite, Wiped, os_rng};
use rand_core::Rng;

const SALT_LEN: usize = 16;

/// The key under which the inner zone keeps what waits.
pub(crate) struct ZoneKey {
    suite: Suite,
    key: Secret32,
    index: Secret32,
}

impl ZoneKey {
    pub(crate) fn new(suite: Suite, key: Secret32) -> Self {
        let index = suite.derive(&key, Label::ZONE_INDEX, &[]);
        Self { suite, key, index }
    }

    /// Encrypts a value; `purpose` says which column it is for.
    pub(crate) fn seal(&self, purpose: &str, bytes: &[u8]) -> Vec<u8> {
        let mut salt = [0; SALT_LEN];
        os_rng().fill_bytes(&mut salt);
        let mut out = salt.to_vec();
        out.extend_from_slice(&self.once(&salt).seal_once(purpose.as_bytes(), bytes));
        out
    }

    /// Opens a value.
    pub(crate) fn open(&self, purpose: &str, value: &[u8]) -> Result<Wiped, Opaque> {
        let (salt, ciphertext) = value.split_at_checked(SALT_LEN).ok_or(Opaque)?;
        self.once(salt).open_once(purpose.as_bytes(), ciphertext)
    }

    /// A key for one value or one file.
    pub(crate) fn once(&self, salt: &[u8]) -> AeadKey {
        AeadKey::new(
            self.suite,
            self.suite.derive(&self.key, Label::ZONE_VALUE, &[salt]),
        )
    }

    /// The index of something that sources name by text.
    pub(crate) fn index(&self, purpose: &str, texts: &[&[u8]]) -> Digest {
        let lengths: Vec<[u8; 8]> = texts
            .iter()
            .map(|text| (text.len() as u64).to_be_bytes())
            .collect();
        let mut parts: Vec<&[u8]> = vec![purpose.as_bytes(), &[0]];
        for (length, text) in lengths.iter().zip(texts) {
            parts.push(length);
            parts.push(text);
        }
        self.suite.hmac(self.index.expose(), &parts)
    }
}

impl core::fmt::Debug for ZoneKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("ZoneKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_opens_for_its_own_purpose_only() {
        let zone = ZoneKey::new(Suite::National, Secret32::new([1; 32]));
        let value = zone.seal("draft", b"text");
        assert_eq!(zone.open("draft", &value).unwrap().as_slice(), b"text");
        assert!(zone.open("code", &value).is_err());
        assert!(zone.open("draft", &value[..10]).is_err());
        assert_ne!(zone.seal("draft", b"text"), value);
    }

    #[test]
    fn indexes_of_other_texts_and_of_other_cuts_differ() {
        let zone = ZoneKey::new(Suite::International, Secret32::new([1; 32]));
        assert_ne!(
            zone.index("visit", &[b"ab", b"c"]),
            zone.index("visit", &[b"a", b"bc"])
        );
        assert_ne!(zone.index("visit", &[b"a"]), zone.index("record", &[b"a"]));
    }

    #[test]
    fn debug_shows_no_key() {
        let zone = ZoneKey::new(Suite::International, Secret32::new([0x41; 32]));
        assert_eq!(format!("{zone:?}"), "ZoneKey(…)");
    }
}
