//! How the vault key is kept: `vault.key`, JSON.
//!
//! ```text
//! {"version":0,"kind":"passphrase","salt":hex(16),"wrapped":hex(12 ‖ 32 ‖ 16)}
//! {"version":0,"kind":"key_store","check":hex(32)}
//! ```
//! The vault key is random. A passphrase (NFKC, Argon2id, 64 MiB) wraps it with AES-256-GCM, whose
//! associated data are label ‖ 0 ‖ version ‖ kind; a key from the OS key store is the vault key
//! itself, and `check` = HKDF(key, label) is its name there and tells a wrong one.

use super::keystore;
use crate::{FolderError, files};
use medfolder_crypto::password::{self, SALT_LEN};
use medfolder_crypto::{Label, Secret32, Suite, aes256gcm_open, aes256gcm_seal, os_rng, typed};
use rand_core::Rng as _;
use serde::{Deserialize, Serialize};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Shortest passphrase, in characters.
pub(super) const MIN_PASSPHRASE: usize = 8;
const VERSION: u8 = 0;
const AAD: &[u8] = b"medfolder/vault-key\0\0passphrase";

/// What opens a vault.
pub enum Unlock<'a> {
    /// What the patient types.
    Passphrase(&'a str),
    /// The key that this computer's key store holds.
    KeyStore,
    /// The vault key itself, from a store of the caller's.
    Key(Secret32),
}

/// What a vault wants to be opened with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpensWith {
    /// What the patient types.
    Passphrase,
    /// A key from a key store.
    KeyStore,
}

/// What every version's file has.
#[derive(Deserialize)]
struct Versioned {
    version: u8,
}

#[derive(Serialize, Deserialize)]
pub(super) struct KeyFile {
    version: u8,
    #[serde(flatten)]
    kept: Kept,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Kept {
    Passphrase { salt: String, wrapped: String },
    KeyStore { check: String },
}

pub(super) fn path(directory: &Path) -> PathBuf {
    directory.join("vault.key")
}

pub(super) fn create(unlock: &Unlock<'_>) -> Result<(Secret32, KeyFile), FolderError> {
    let (key, kept) = match unlock {
        Unlock::Passphrase(passphrase) => wrap(passphrase)?,
        Unlock::Key(key) => (key.duplicate(), Kept::KeyStore { check: check(key) }),
        Unlock::KeyStore => {
            let key = Secret32::random(&mut os_rng());
            let check = check(&key);
            keystore::keep(&check, &key)?;
            (key, Kept::KeyStore { check })
        }
    };
    Ok((
        key,
        KeyFile {
            version: VERSION,
            kept,
        },
    ))
}

/// Refuses what no new vault may be opened with, before anything is made.
pub(super) fn allow(unlock: &Unlock<'_>) -> Result<(), FolderError> {
    match unlock {
        Unlock::Passphrase(typed) if typed::phrase(typed).chars().count() < MIN_PASSPHRASE => {
            Err(FolderError::WeakPassphrase(MIN_PASSPHRASE))
        }
        _ => Ok(()),
    }
}

fn wrap(passphrase: &str) -> Result<(Secret32, Kept), FolderError> {
    allow(&Unlock::Passphrase(passphrase))?;
    let mut rng = os_rng();
    let key = Secret32::random(&mut rng);
    let mut salt = [0; SALT_LEN];
    let mut nonce = [0; 12];
    rng.fill_bytes(&mut salt);
    rng.fill_bytes(&mut nonce);
    let wrapping = password::derive_key(passphrase, &salt);
    let mut wrapped = nonce.to_vec();
    wrapped.extend(aes256gcm_seal(&wrapping, &nonce, AAD, key.expose()));
    Ok((
        key,
        Kept::Passphrase {
            salt: hex::encode(salt),
            wrapped: hex::encode(wrapped),
        },
    ))
}

/// Writes the key file last and whole: a vault exists once this file does.
pub(super) fn write(directory: &Path, file: &KeyFile) -> Result<(), FolderError> {
    let text = serde_json::to_vec(file).map_err(|_| FolderError::VaultDamaged)?;
    let temporary = directory.join("vault.key.new");
    let mut out = files::new_file(&temporary).map_err(FolderError::storage)?;
    out.write_all(&text)
        .and_then(|()| out.sync_all())
        .map_err(FolderError::storage)?;
    std::fs::rename(&temporary, path(directory)).map_err(FolderError::storage)?;
    files::sync_directory(directory).map_err(FolderError::storage)
}

fn read(directory: &Path) -> Result<Kept, FolderError> {
    let bytes = std::fs::read(path(directory)).map_err(FolderError::storage)?;
    let Versioned { version } =
        serde_json::from_slice(&bytes).map_err(|_| FolderError::VaultDamaged)?;
    if version != VERSION {
        return Err(FolderError::VaultNewer);
    }
    let file: KeyFile = serde_json::from_slice(&bytes).map_err(|_| FolderError::VaultDamaged)?;
    Ok(file.kept)
}

pub(super) fn opens_with(directory: &Path) -> Result<OpensWith, FolderError> {
    Ok(match read(directory)? {
        Kept::Passphrase { .. } => OpensWith::Passphrase,
        Kept::KeyStore { .. } => OpensWith::KeyStore,
    })
}

pub(super) fn open(directory: &Path, unlock: &Unlock<'_>) -> Result<Secret32, FolderError> {
    match (read(directory)?, unlock) {
        (Kept::Passphrase { salt, wrapped }, Unlock::Passphrase(passphrase)) => {
            unwrap(&salt, &wrapped, passphrase)
        }
        (Kept::KeyStore { check: expected }, Unlock::Key(key)) if check(key) == expected => {
            Ok(key.duplicate())
        }
        (Kept::KeyStore { check: expected }, Unlock::KeyStore) => {
            let key = keystore::fetch(&expected)?;
            (check(&key) == expected)
                .then_some(key)
                .ok_or(FolderError::KeyStoreMissing)
        }
        _ => Err(FolderError::WrongPassphrase),
    }
}

fn unwrap(salt: &str, wrapped: &str, passphrase: &str) -> Result<Secret32, FolderError> {
    let damaged = |_| FolderError::VaultDamaged;
    let mut salt_bytes = [0; SALT_LEN];
    hex::decode_to_slice(salt, &mut salt_bytes).map_err(damaged)?;
    let wrapped = hex::decode(wrapped).map_err(damaged)?;
    let (nonce, ciphertext) = wrapped
        .split_first_chunk()
        .ok_or(FolderError::VaultDamaged)?;
    let wrapping = password::derive_key(passphrase, &salt_bytes);
    let key = aes256gcm_open(&wrapping, nonce, AAD, ciphertext)
        .map_err(|_| FolderError::WrongPassphrase)?;
    Secret32::try_from(key.as_slice()).map_err(|_| FolderError::VaultDamaged)
}

/// Tells the right key from a wrong one; a one-way derivation, so it may stand in the file.
fn check(key: &Secret32) -> String {
    hex::encode(
        Suite::International
            .derive(key, Label::VAULT_KEY, &[b"check"])
            .expose(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pinned_key_files_open_with_what_they_are_for() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/local.json");
        let vectors = std::fs::read(path).unwrap();
        let vectors: serde_json::Value = serde_json::from_slice(&vectors).unwrap();
        let pinned = &vectors["vault_key"];
        let text = |name: &str| pinned[name].as_str().unwrap().to_owned();
        let key = Secret32::try_from(hex::decode(text("key")).unwrap().as_slice()).unwrap();
        let place = tempfile::tempdir().unwrap();
        let opens = |file: &str, unlock: &Unlock<'_>| {
            std::fs::write(super::path(place.path()), text(file)).unwrap();
            open(place.path(), unlock)
        };
        // Typed in wide letters there, in narrow ones here.
        for typed in [text("passphrase").as_str(), "correct horse"] {
            assert!(opens("file", &Unlock::Passphrase(typed)).unwrap() == key);
        }
        let wrong = opens("file", &Unlock::Passphrase("another one"));
        assert!(matches!(wrong, Err(FolderError::WrongPassphrase)));
        let kept = opens("key_store_file", &Unlock::Key(key.duplicate())).unwrap();
        assert!(kept == key);
        let other = Unlock::Key(Secret32::new([1; 32]));
        assert!(opens("key_store_file", &other).is_err());
    }
}
