//! Keys of one seal: the seal key wraps nothing, it only derives; each key below seals once.
//!
//! ```text
//! seal key                random, 32 bytes, per seal; travels in key slots
//!  └ record key_k       = HKDF(seal key, "medfolder/record-key" ‖ 0 ‖ k (4))
//!     ├ content key     = HKDF(record key, "medfolder/content-key" ‖ 0)
//!     ├ attachment key_j = HKDF(record key, "medfolder/attachment-key" ‖ 0 ‖ j (4))
//!     └ address key     = HKDF(record key, "medfolder/storage-address-key" ‖ 0)
//! key commitment        = H("medfolder/key-commit" ‖ 0 ‖ record key)
//! ```

use medfolder_crypto::{AeadKey, Digest, Label, Secret32, Suite};
use rand_core::CryptoRng;

/// The key of one seal.
#[derive(Debug, PartialEq, Eq)]
pub struct SealKey(Secret32);

impl SealKey {
    /// Takes over these bytes.
    #[must_use]
    pub const fn new(secret: Secret32) -> Self {
        Self(secret)
    }

    /// Draws a fresh key.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        Self(Secret32::random(rng))
    }

    /// The bytes, for key slots, and for the inner zone until the seal is final.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }

    /// The key of the seal's record `k`.
    #[must_use]
    pub fn record(&self, suite: Suite, k: u32) -> RecordKey {
        RecordKey {
            suite,
            key: suite.derive(&self.0, Label::RECORD_KEY, &[&k.to_be_bytes()]),
        }
    }
}

/// The key of one record.
#[derive(Debug, PartialEq, Eq)]
pub struct RecordKey {
    suite: Suite,
    key: Secret32,
}

impl RecordKey {
    /// Takes over these bytes, as a share's evidence lends them.
    #[must_use]
    pub const fn new(suite: Suite, key: Secret32) -> Self {
        Self { suite, key }
    }

    /// The suite that the key belongs to.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// The bytes, for the vault.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 32] {
        self.key.expose()
    }

    /// What the core says of this key.
    #[must_use]
    pub fn commitment(&self) -> Digest {
        self.suite
            .hash_labelled(Label::KEY_COMMITMENT, &[self.key.expose()])
    }

    pub(crate) fn content(&self) -> AeadKey {
        self.aead(Label::CONTENT_KEY, &[])
    }

    pub(crate) fn attachment(&self, j: u32) -> AeadKey {
        self.aead(Label::ATTACHMENT_KEY, &[&j.to_be_bytes()])
    }

    pub(crate) fn storage_address(&self) -> AeadKey {
        self.aead(Label::STORAGE_ADDRESS_KEY, &[])
    }

    fn aead(&self, label: Label, parts: &[&[u8]]) -> AeadKey {
        AeadKey::new(self.suite, self.suite.derive(&self.key, label, parts))
    }
}
