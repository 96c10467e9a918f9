//! The key tree of a folder (`docs/formats/keys.md`).
//!
//! ```text
//! root                                              32 bytes of OS randomness
//! chain root  = HKDF(root, "medfolder/1" ‖ 0 ‖ genesis digest)
//!  ├ card seed(member, i) = HKDF(chain root, "medfolder/card-seed" ‖ 0 ‖ member (16) ‖ i (4, BE))
//!  └ folder seed          = HKDF(chain root, "medfolder/folder-seed" ‖ 0)
//! each seed:  signing key    from HKDF(seed, "medfolder/signing-seed" ‖ 0)
//!             encryption key from HKDF(seed, "medfolder/encryption-seed" ‖ 0)
//! number      = H(label ‖ 0 ‖ signing public key ‖ encryption public key)
//! ```
//! Cards of one folder share nothing that an outsider sees: another member, another seed.

use crate::{Digest, EncryptionSecret, Label, PublicKeyBytes, Secret32, SigningKey, Suite};

/// The root of all keys below one genesis; derived, never stored.
pub struct ChainRoot {
    suite: Suite,
    secret: Secret32,
}

/// A pair of keys with the number that commits to both: a card's or a folder's.
#[derive(Debug)]
pub struct KeyPair {
    /// Signs registrations, log-ins, grants.
    pub signing: SigningKey,
    /// Opens key slots.
    pub encryption: EncryptionSecret,
    /// H(label ‖ both public keys): the card or folder number's payload.
    pub number: Digest,
}

impl ChainRoot {
    /// Derives the chain root of `root` for the consortium with this genesis.
    pub fn derive(suite: Suite, root: &Secret32, genesis: &Digest) -> Self {
        Self {
            suite,
            secret: suite.derive(root, Label::CHAIN_ROOT, &[&genesis.0]),
        }
    }

    /// Keys of the card number `index` at a member.
    pub fn card(&self, member: &[u8; 16], index: u32) -> KeyPair {
        let parts: [&[u8]; 2] = [member, &index.to_be_bytes()];
        self.pair(
            &self.suite.derive(&self.secret, Label::CARD_SEED, &parts),
            Label::CARD_NUMBER,
        )
    }

    /// Keys of the folder itself.
    pub fn folder(&self) -> KeyPair {
        self.pair(
            &self.suite.derive(&self.secret, Label::FOLDER_SEED, &[]),
            Label::FOLDER_NUMBER,
        )
    }

    fn pair(&self, seed: &Secret32, number: Label) -> KeyPair {
        let suite = self.suite;
        let signing = SigningKey::from_seed(suite, &suite.derive(seed, Label::SIGNING_SEED, &[]));
        let encryption =
            EncryptionSecret::from_seed(suite, &suite.derive(seed, Label::ENCRYPTION_SEED, &[]));
        let number = number_of(
            suite,
            number,
            &signing.public(),
            &encryption.public().to_bytes(),
        );
        KeyPair {
            signing,
            encryption,
            number,
        }
    }
}

impl core::fmt::Debug for ChainRoot {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("ChainRoot(…)")
    }
}

/// The number that commits to two public keys.
pub fn number_of(
    suite: Suite,
    label: Label,
    signing: &PublicKeyBytes,
    encryption: &PublicKeyBytes,
) -> Digest {
    suite.hash_labelled(label, &[signing.as_bytes(), encryption.as_bytes()])
}
