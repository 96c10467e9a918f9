//! The operating system's key store: Secret Service over D-Bus (GNOME Keyring, KWallet, KeePassXC),
//! macOS Keychain, Windows Credential Manager.
//!
//! It holds the vault key itself, as 32 bytes under the service `medfolder` and the name that the
//! vault's key file gives. Whoever is logged in to this computer's account opens the vault: the
//! store asks for its own password once a session, or not at all. Without a store the vault is
//! kept under a passphrase.

use crate::FolderError;
use keyring_core::{CredentialStore, Entry, Error};
use medfolder_crypto::Secret32;
use std::sync::Arc;
use zeroize::Zeroizing;

const SERVICE: &str = "medfolder";

/// Keeps a vault key under a name.
pub(super) fn keep(name: &str, key: &Secret32) -> Result<(), FolderError> {
    with_entry(name, |entry| entry.set_secret(key.expose()))
}

/// The vault key of this name.
pub(super) fn fetch(name: &str) -> Result<Secret32, FolderError> {
    let bytes = with_entry(name, |entry| entry.get_secret().map(Zeroizing::new))?;
    Secret32::try_from(bytes.as_slice()).map_err(|_| FolderError::KeyStoreMissing)
}

/// The stores' crates wait for their answer on the thread that asks, some with an executor of
/// their own: so the thread is one that nothing else runs on.
fn with_entry<T: Send>(
    name: &str,
    work: impl FnOnce(&Entry) -> Result<T, Error> + Send,
) -> Result<T, FolderError> {
    let ended = std::thread::scope(|scope| {
        let asked = scope.spawn(|| work(&store()?.build(SERVICE, name, None)?));
        asked.join()
    });
    let Ok(answer) = ended else {
        return Err(FolderError::KeyStoreUnavailable("it broke off".to_owned()));
    };
    answer.map_err(|error| match error {
        Error::NoEntry => FolderError::KeyStoreMissing,
        other => FolderError::KeyStoreUnavailable(other.to_string()),
    })
}

#[cfg(target_os = "macos")]
fn store() -> Result<Arc<CredentialStore>, Error> {
    Ok(apple_native_keyring_store::keychain::Store::new()?)
}

#[cfg(windows)]
fn store() -> Result<Arc<CredentialStore>, Error> {
    Ok(windows_native_keyring_store::store::Store::new()?)
}

#[cfg(all(unix, not(target_os = "macos")))]
fn store() -> Result<Arc<CredentialStore>, Error> {
    Ok(zbus_secret_service_keyring_store::Store::new()?)
}
