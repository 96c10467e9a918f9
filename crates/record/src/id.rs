//! Identifiers that stand in records, transactions and URLs.
//!
//! ```text
//! MemberId, VisitId, AreaId    16 random bytes, hexadecimal                a member's id is fixed at admission, never reused
//! RecordId, GrantId, KeyId, …  32 bytes, hexadecimal                       a record's id is its leaf; a key's is H(label ‖ key)
//! CardNumber, FolderNumber     Base58Check(version ‖ 32 bytes), 0 and 1    the checksum only catches slips of typing
//! ```
//!
//! In CBOR each is a byte string of 16 or 32 bytes; as text and in JSON it is as above.
//! Base58Check (double SHA-256 in either suite): <https://en.bitcoin.it/wiki/Base58Check_encoding>.

use core::fmt;
use core::str::FromStr;

use medfolder_crypto::{Digest, Label, PublicKeyBytes, Suite, cbor::NotHex, tree};
use minicbor::{Decode, Encode};
use rand_core::CryptoRng;
use thiserror::Error;

/// Version byte of a health card number.
pub const CARD_NUMBER_VERSION: u8 = 0;
/// Version byte of a folder number.
pub const FOLDER_NUMBER_VERSION: u8 = 1;

/// Text that is no card or folder number: not Base58, mistyped, of another kind or length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a number of this kind, or mistyped")]
pub struct NotANumber;

impl NotANumber {
    /// Stable code of the error.
    #[must_use]
    pub const fn code(self) -> &'static str {
        "id.number"
    }
}

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 16]);

        medfolder_crypto::cbor::bytes_newtype!($name, 16);

        impl $name {
            /// Draws a fresh identifier.
            pub fn random(rng: &mut impl CryptoRng) -> Self {
                let mut bytes = [0; 16];
                rng.fill_bytes(&mut bytes);
                Self(bytes)
            }

            /// The bytes of this identifier.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }
    };
}

random_id! {
    /// A member of the alliance (hospital, insurer, …).
    MemberId
}
random_id! {
    /// A visit; drawn when the visit opens.
    VisitId
}
random_id! {
    /// A storage area; its endpoints stand in the ledger.
    AreaId
}

/// What every identifier over a digest has; text is written and read by the two functions named.
macro_rules! digest_id {
    ($(#[$doc:meta])* $name:ident, $show:expr, $read:expr, $error:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
        #[cbor(transparent)]
        pub struct $name(#[n(0)] pub Digest);

        impl $name {
            /// The bytes of this identifier.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0.0
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                self.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let show: fn(&Digest) -> String = $show;
                f.write_str(&show(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, $error> {
                let read: fn(&str) -> Result<Digest, $error> = $read;
                read(text).map(Self)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

digest_id! {
    /// A record: the leaf that its seal lists.
    RecordId, Digest::to_string, str::parse, NotHex
}
digest_id! {
    /// A record's content root: what its doctor signed.
    ContentRoot, Digest::to_string, str::parse, NotHex
}
digest_id! {
    /// A grant.
    GrantId, Digest::to_string, str::parse, NotHex
}
digest_id! {
    /// A public key on the ledger, such as a doctor's.
    KeyId, Digest::to_string, str::parse, NotHex
}
digest_id! {
    /// A health card: the digest of its two public keys, another one at every hospital.
    CardNumber,
    |digest| show_number(digest, CARD_NUMBER_VERSION),
    |text| read_number(text, CARD_NUMBER_VERSION),
    NotANumber
}
digest_id! {
    /// A folder: the digest of its two public keys.
    FolderNumber,
    |digest| show_number(digest, FOLDER_NUMBER_VERSION),
    |text| read_number(text, FOLDER_NUMBER_VERSION),
    NotANumber
}

fn show_number(digest: &Digest, version: u8) -> String {
    bs58::encode(&digest.0)
        .with_check_version(version)
        .into_string()
}

fn read_number(text: &str, version: u8) -> Result<Digest, NotANumber> {
    // Version, digest and checksum; longer text does not fit and is refused.
    let mut bytes = [0; 37];
    let length = bs58::decode(text)
        .with_check(Some(version))
        .onto(&mut bytes)
        .map_err(|_| NotANumber)?;
    match bytes {
        [_, digest @ .., _, _, _, _] if length == 33 => Ok(Digest(digest)),
        _ => Err(NotANumber),
    }
}

impl KeyId {
    /// The identifier of a public key: H("medfolder/key-id" ‖ 0 ‖ key bytes).
    #[must_use]
    pub fn of(suite: Suite, key: &PublicKeyBytes) -> Self {
        Self(suite.hash_labelled(Label::KEY_ID, &[key.as_bytes()]))
    }
}

impl CardNumber {
    /// The number that commits to a card's two public keys.
    #[must_use]
    pub fn of(suite: Suite, signing: &PublicKeyBytes, encryption: &PublicKeyBytes) -> Self {
        Self(tree::number_of(
            suite,
            Label::CARD_NUMBER,
            signing,
            encryption,
        ))
    }
}

impl FolderNumber {
    /// The number that commits to a folder's two public keys.
    #[must_use]
    pub fn of(suite: Suite, signing: &PublicKeyBytes, encryption: &PublicKeyBytes) -> Self {
        Self(tree::number_of(
            suite,
            Label::FOLDER_NUMBER,
            signing,
            encryption,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use medfolder_crypto::{from_cbor, to_cbor};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_identifier_is_read_back_from_its_text_and_its_bytes(bytes: [u8; 32]) {
            let digest = Digest(bytes);
            let [member @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = bytes;
            prop_assert_eq!(MemberId(member).to_string().parse(), Ok(MemberId(member)));
            prop_assert_eq!(RecordId(digest).to_string().parse(), Ok(RecordId(digest)));
            prop_assert_eq!(CardNumber(digest).to_string().parse(), Ok(CardNumber(digest)));
            prop_assert_eq!(FolderNumber(digest).to_string().parse(), Ok(FolderNumber(digest)));
            let cbor = to_cbor(&CardNumber(digest));
            prop_assert_eq!(cbor.len(), 34);
            prop_assert_eq!(from_cbor::<CardNumber>(&cbor, 34), Ok(CardNumber(digest)));
            let json = serde_json::to_string(&CardNumber(digest)).unwrap();
            prop_assert_eq!(serde_json::from_str::<CardNumber>(&json).unwrap(), CardNumber(digest));
        }

        #[test]
        fn a_card_number_with_one_wrong_character_is_refused(bytes: [u8; 32], place: prop::sample::Index) {
            let mut text = CardNumber(Digest(bytes)).to_string().into_bytes();
            let place = place.index(text.len());
            text[place] = if text[place] == b'3' { b'4' } else { b'3' };
            let text = String::from_utf8(text).unwrap();
            prop_assert_eq!(text.parse::<CardNumber>(), Err(NotANumber));
        }
    }

    #[test]
    fn a_folder_number_is_not_taken_for_a_card_number() {
        let folder = FolderNumber(Digest([7; 32])).to_string();
        assert_eq!(folder.parse::<CardNumber>(), Err(NotANumber));
    }
}
