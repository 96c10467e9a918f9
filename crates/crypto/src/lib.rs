//! Medfolder's cryptography: two suites behind one set of names.
//!
//! What it is: hashes, signatures, key wraps, ciphers, the key tree of a folder, and the
//! deterministic encoding of everything that is signed or hashed. Each consortium's genesis
//! chooses a [`Suite`]; nothing above this crate names an algorithm.
//!
//! What it promises: strict verification, one validity rule everywhere; secrets wiped on drop,
//! hidden from `Debug`, compared in constant time; errors caused by a peer are opaque.
//!
//! What it never does: invent a primitive, read a clock, touch a file or a network.
//!
//! Formulas and byte layouts: `docs/formats/keys.md`.

#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)
)]

pub mod aead;
mod canonical;
pub mod cbor;
pub mod label;
pub mod merkle;
pub mod password;
mod public_key;
pub mod secret;
pub mod sign;
mod sm2_scalar;
pub mod suite;
pub mod tree;
pub mod typed;
mod uint;
mod wiped;
pub mod words;
pub mod wrap;

pub use aead::{AeadKey, aes256gcm_open, aes256gcm_seal};
pub use cbor::{CborError, from_cbor, to_cbor};
pub use label::Label;
pub use public_key::PublicKeyBytes;
pub use secret::Secret32;
pub use sign::{Signature, SigningKey, VerifyingKey};
pub use suite::{Digest, Hasher, Suite};
pub use uint::{MAX_UINT, all_exact};
pub use wiped::Wiped;
pub use wrap::{EncryptionPublic, EncryptionSecret};

/// A cryptographic check failed because of what a peer sent. Deliberately says nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cryptographic check failed")]
pub struct Opaque;

/// Bytes that are no public key of the suite (wrong length, no point, not the one
/// canonical encoding, or a point of small order).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("these bytes are not a public key of the suite")]
pub struct KeyError;

/// The operating system's randomness as an infallible generator; a failing OS source panics, as
/// there is nothing safe to go on with.
pub fn os_rng() -> rand_core::UnwrapErr<getrandom::SysRng> {
    rand_core::UnwrapErr(getrandom::SysRng)
}
