//! A vault's passphrase key: Argon2id (RFC 9106), 64 MiB, three passes, one lane.

use crate::{Secret32, typed};
use argon2::{Algorithm, Argon2, Params, Version};

/// Memory of one derivation, in KiB.
pub const MEMORY_KIB: u32 = 64 * 1024;
/// Passes over that memory.
pub const PASSES: u32 = 3;
/// Length of the salt, in bytes.
pub const SALT_LEN: usize = 16;

/// Derives 32 bytes from a passphrase or PIN in NFKC; takes about a tenth of a second.
pub fn derive_key(passphrase: &str, salt: &[u8; SALT_LEN]) -> Secret32 {
    let mut key = [0; 32];
    let done = Params::new(MEMORY_KIB, PASSES, 1, Some(key.len())).and_then(|params| {
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into(
            typed::phrase(passphrase).as_bytes(),
            salt,
            &mut key,
        )
    });
    match done {
        Ok(()) => Secret32::new(key),
        Err(_) => unreachable!("the parameters are constants within Argon2's limits"),
    }
}
