//! The vault: one SQLCipher database per device, holding a family's folders.
//!
//! ```text
//! vault.lock   held exclusively while a process has the vault open
//! vault.key    how the vault key is kept: wrapped by a passphrase, or in the OS key store
//! vault.db     SQLCipher under the raw vault key: folders, records, shares
//! blobs/       attachments as the hospital's ciphertext, named by record and number
//! ```
//! Vault and folder are two things: the vault's key protects this device's copy, a folder's root
//! is the patient's identity and can be restored from her words into any vault.

mod folders;
mod idle;
mod key;
mod keystore;
mod schema;

use crate::{FolderError, files};
use medfolder_crypto::Secret32;
use rusqlite::Connection;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use zeroize::Zeroizing;

pub use folders::{Folder, Trust};
pub use key::{OpensWith, Unlock};

/// Bytes of a page of SQLCipher 4.
const PAGE: u64 = 4_096;

/// An open vault; closing it (drop) forgets the key and releases the lock.
pub struct Vault {
    directory: PathBuf,
    state: Arc<Mutex<idle::State>>,
    _lock: File,
}

impl Vault {
    /// Whether a vault lies in `directory`.
    pub fn exists(directory: &Path) -> bool {
        key::path(directory).exists()
    }

    /// What opens the vault in `directory`, without opening it.
    ///
    /// # Errors
    /// `vault.missing`, `vault.damaged`, `vault.newer`.
    pub fn opens_with(directory: &Path) -> Result<OpensWith, FolderError> {
        if !Self::exists(directory) {
            return Err(FolderError::VaultMissing);
        }
        key::opens_with(directory)
    }

    /// Makes a vault in `directory`, which is created when missing.
    ///
    /// # Errors
    /// `vault.exists`, `vault.weak_passphrase`, `vault.in_use`, `vault.storage`,
    /// `keystore.unavailable`.
    pub fn create(directory: &Path, unlock: &Unlock<'_>) -> Result<Self, FolderError> {
        key::allow(unlock)?;
        files::new_directory(directory).map_err(FolderError::storage)?;
        let lock = take_lock(directory)?;
        if Self::exists(directory) {
            return Err(FolderError::VaultExists);
        }
        // A database without a key file is what a crash in the middle of creation left behind.
        files::new_file(&database_path(directory)).map_err(FolderError::storage)?;
        let (vault_key, key_file) = key::create(unlock)?;
        let database = connect(directory, &vault_key)?;
        drop(database);
        key::write(directory, &key_file)?;
        Self::with_lock(directory, &vault_key, lock)
    }

    /// Opens the vault in `directory`.
    ///
    /// # Errors
    /// `vault.missing`, `vault.wrong_passphrase`, `vault.in_use`, `vault.damaged`, `vault.newer`,
    /// `keystore.unavailable`, `keystore.missing`.
    pub fn open(directory: &Path, unlock: &Unlock<'_>) -> Result<Self, FolderError> {
        if !Self::exists(directory) {
            return Err(FolderError::VaultMissing);
        }
        let lock = take_lock(directory)?;
        let vault_key = key::open(directory, unlock)?;
        Self::with_lock(directory, &vault_key, lock)
    }

    fn with_lock(directory: &Path, key: &Secret32, lock: File) -> Result<Self, FolderError> {
        Ok(Self {
            directory: directory.to_owned(),
            state: idle::State::open(reconnect(directory, key)?),
            _lock: lock,
        })
    }

    /// Lets the database grow to so many bytes and no further, as a full disk does; a share of a
    /// small device's storage.
    ///
    /// # Errors
    /// `vault.locked`, `vault.storage`.
    pub fn limit_size(&self, bytes: u64) -> Result<(), FolderError> {
        let limit = format!("PRAGMA max_page_count = {}", bytes / PAGE);
        Ok(self.database()?.execute_batch(&limit)?)
    }

    /// Where the vault lies.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where attachments lie, as the hospital's ciphertext.
    pub(crate) fn blobs(&self) -> PathBuf {
        self.directory.join("blobs")
    }
}

impl core::fmt::Debug for Vault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Vault({})", self.directory.display())
    }
}

fn database_path(directory: &Path) -> PathBuf {
    directory.join("vault.db")
}

/// Two processes on one vault would write over each other's state, so the second is refused.
fn take_lock(directory: &Path) -> Result<File, FolderError> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(directory.join("vault.lock"))
        .map_err(FolderError::storage)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(FolderError::VaultInUse),
        Err(TryLockError::Error(error)) => Err(FolderError::storage(error)),
    }
}

/// Opens a database that was made before: one that is gone or empty is damaged, not new.
fn reconnect(directory: &Path, key: &Secret32) -> Result<Connection, FolderError> {
    let meta = std::fs::metadata(database_path(directory));
    match meta.is_ok_and(|meta| meta.len() > 0) {
        true => connect(directory, key),
        false => Err(FolderError::VaultDamaged),
    }
}

/// The raw key as SQLCipher takes it: in one text, which is wiped and never grows.
fn key_pragma(key: &Secret32) -> Zeroizing<String> {
    const BEGINS: &str = "PRAGMA key = \"x'";
    const ENDS: &str = "'\";";
    let mut text = Zeroizing::new(String::with_capacity(BEGINS.len() + 64 + ENDS.len()));
    text.push_str(BEGINS);
    let digits = key.expose().iter().flat_map(|byte| [byte >> 4, byte & 15]);
    text.extend(digits.filter_map(|digit| char::from_digit(digit.into(), 16)));
    text.push_str(ENDS);
    text
}

fn connect(directory: &Path, key: &Secret32) -> Result<Connection, FolderError> {
    let mut database = Connection::open(database_path(directory))?;
    // SQLCipher would write to standard error by itself; what failed is an error of ours.
    database.execute_batch("PRAGMA cipher_log_level = NONE;")?;
    database.execute_batch(&key_pragma(key))?;
    database
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| {
            row.get::<_, i64>(0)
        })
        .map_err(|_| FolderError::VaultDamaged)?;
    database.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = OFF;
         PRAGMA cache_size = -16384;
         PRAGMA temp_store = MEMORY;
         PRAGMA secure_delete = ON;",
    )?;
    // A migration that makes a table anew must not take the rows that point to it along.
    schema::migrate(&mut database)?;
    database.execute_batch("PRAGMA foreign_keys = ON;")?;
    Ok(database)
}
