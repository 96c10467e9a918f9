//! The two suites and their hashes.
//!
//! | | international | national |
//! |---|---|---|
//! | H | SHA-256 (FIPS 180-4) | SM3 (GB/T 32905) |
//! | HMAC, HKDF | RFC 2104, RFC 5869 over H | the same over SM3 |
//! | Sign | Ed25519 (RFC 8032), strict | SM2 (GB/T 32918.2), user id `1234567812345678` |
//! | Wrap | HPKE base mode (RFC 9180), X25519 + HKDF-SHA-256 + AES-256-GCM | SM2 encryption + SM4-GCM |
//! | AEAD | AES-256-GCM | SM4-GCM, key = first 16 of 32 bytes |

use crate::{Label, Secret32};
use core::{fmt, str::FromStr};
use hmac::{KeyInit, Mac};
use minicbor::{Decode, Encode};
use sm3::Sm3;

/// Which family of algorithms a consortium runs on; fixed by its genesis.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Encode,
    Decode,
    serde::Serialize,
    serde::Deserialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "lowercase")]
pub enum Suite {
    /// SHA-256, Ed25519, HPKE with X25519, AES-256-GCM.
    #[n(1)]
    International,
    /// SM3, SM2, SM4-GCM.
    #[n(2)]
    National,
}

impl Suite {
    /// Both suites, for tests and tables.
    pub const ALL: [Suite; 2] = [Suite::International, Suite::National];

    /// Length of a public key in bytes: 32 (Ed25519, X25519) or 33 (SM2, compressed SEC 1 point).
    pub const fn public_key_len(self) -> usize {
        match self {
            Suite::International => 32,
            Suite::National => 33,
        }
    }

    /// H over the concatenation of `parts`.
    pub fn hash(self, parts: &[&[u8]]) -> Digest {
        let mut hasher = self.hasher();
        parts.iter().for_each(|part| hasher.update(part));
        hasher.finish()
    }

    /// H(label ‖ 0x00 ‖ parts).
    pub fn hash_labelled(self, label: Label, parts: &[&[u8]]) -> Digest {
        let mut hasher = self.hasher();
        hasher.update(label.as_bytes());
        hasher.update(&[0]);
        parts.iter().for_each(|part| hasher.update(part));
        hasher.finish()
    }

    /// An incremental H.
    pub fn hasher(self) -> Hasher {
        Hasher(match self {
            Suite::International => Inner::Sha256(sha2::Digest::new()),
            Suite::National => Inner::Sm3(sha2::Digest::new()),
        })
    }

    /// HMAC over the concatenation of `parts`.
    pub fn hmac(self, key: &[u8], parts: &[&[u8]]) -> Digest {
        match self {
            Suite::International => Digest(mac::<hmac::Hmac<sha2::Sha256>>(key, parts)),
            Suite::National => Digest(mac::<hmac::Hmac<Sm3>>(key, parts)),
        }
    }

    /// HKDF (RFC 5869) with an empty salt: 32 bytes from `ikm` under the concatenated `info`.
    pub fn hkdf(self, ikm: &[u8], info: &[&[u8]]) -> Secret32 {
        let mut out = [0; 32];
        let done = match self {
            Suite::International => {
                hkdf::Hkdf::<sha2::Sha256>::new(None, ikm).expand_multi_info(info, &mut out)
            }
            Suite::National => hkdf::Hkdf::<Sm3>::new(None, ikm).expand_multi_info(info, &mut out),
        };
        debug_assert!(done.is_ok(), "32 bytes are one block of either hash");
        Secret32::new(out)
    }

    /// HKDF whose info is label ‖ 0x00 ‖ parts.
    pub fn derive(self, ikm: &Secret32, label: Label, parts: &[&[u8]]) -> Secret32 {
        let mut info: Vec<&[u8]> = Vec::with_capacity(parts.len().saturating_add(2));
        info.push(label.as_bytes());
        info.push(&[0]);
        info.extend_from_slice(parts);
        self.hkdf(ikm.expose(), &info)
    }
}

fn mac<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut out = [0; 32];
    // HMAC takes a key of any length; both hashes give 32 bytes.
    if let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) {
        parts.iter().for_each(|part| mac.update(part));
        out.copy_from_slice(&mac.finalize().into_bytes());
    }
    out
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Suite::International => "international",
            Suite::National => "national",
        })
    }
}

impl FromStr for Suite {
    type Err = UnknownSuite;

    fn from_str(text: &str) -> Result<Self, UnknownSuite> {
        Suite::ALL
            .into_iter()
            .find(|suite| suite.to_string() == text)
            .ok_or(UnknownSuite)
    }
}

/// A suite's name other than `international` or `national`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the suite is `international` or `national`")]
pub struct UnknownSuite;

enum Inner {
    Sha256(sha2::Sha256),
    Sm3(Sm3),
}

/// An incremental hash of either suite.
pub struct Hasher(Inner);

impl Hasher {
    /// Feeds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            Inner::Sha256(context) => sha2::Digest::update(context, bytes),
            Inner::Sm3(context) => sha2::Digest::update(context, bytes),
        }
    }

    /// The digest of all that was fed.
    pub fn finish(self) -> Digest {
        Digest(match self.0 {
            Inner::Sha256(context) => sha2::Digest::finalize(context).into(),
            Inner::Sm3(context) => sha2::Digest::finalize(context).into(),
        })
    }
}

/// A digest of 32 bytes; hexadecimal as text, a byte string in CBOR.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Digest(pub [u8; 32]);

crate::cbor::bytes_newtype!(Digest, 32);
