//! What can go wrong on the patient's side, each with a stable code.

/// An error of the folder crate.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// There is no vault in the directory.
    #[error("there is no vault here")]
    VaultMissing,
    /// There is one already.
    #[error("there is a vault here already")]
    VaultExists,
    /// Another process has the vault open.
    #[error("the vault is open in another window or program")]
    VaultInUse,
    /// The passphrase, or the key from the OS key store, does not open the vault.
    #[error("the passphrase does not open this vault")]
    WrongPassphrase,
    /// Fewer characters than a passphrase needs.
    #[error("a passphrase has at least {0} characters")]
    WeakPassphrase(usize),
    /// The vault's files are not what was written.
    #[error("the vault's files are damaged")]
    VaultDamaged,
    /// A newer program wrote this vault.
    #[error("a newer version of Medfolder wrote this vault")]
    VaultNewer,
    /// The disk or file system failed.
    #[error("this device's storage failed: {0}")]
    Storage(#[source] std::io::Error),
    /// The device's disk is full.
    #[error("this device's storage is full")]
    StorageFull,
    /// The vault's database failed.
    #[error("the vault's database failed: {0}")]
    Database(#[source] rusqlite::Error),
    /// The bytes are no genesis file that this version knows.
    #[error("this is no genesis file that this version knows")]
    Genesis,
    /// The vault holds a folder of this name already.
    #[error("there is a folder named {0} already")]
    FolderExists(String),
    /// The vault holds no folder of this name.
    #[error("there is no folder named {0}")]
    FolderUnknown(String),
    /// The vault holds no folder yet.
    #[error("there is no folder here yet")]
    NoFolder,
    /// The vault holds several folders and none was named.
    #[error("there are several folders here: name one")]
    WhichFolder,
    /// The recovery words give no root.
    #[error("{0}")]
    Words(medfolder_crypto::words::WordsError),
    /// A search text without a word in it.
    #[error("there is no word to search for")]
    EmptySearch,
}

impl FolderError {
    /// Stable code; the user interface and scripts branch on it.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::VaultMissing => "vault.missing",
            Self::VaultExists => "vault.exists",
            Self::VaultInUse => "vault.in_use",
            Self::WrongPassphrase => "vault.wrong_passphrase",
            Self::WeakPassphrase(_) => "vault.weak_passphrase",
            Self::VaultDamaged => "vault.damaged",
            Self::VaultNewer => "vault.newer",
            Self::Storage(_) | Self::Database(_) => "vault.storage",
            Self::StorageFull => "vault.storage_full",
            Self::Genesis => "folder.genesis",
            Self::FolderExists(_) => "folder.exists",
            Self::FolderUnknown(_) | Self::NoFolder => "folder.unknown",
            Self::WhichFolder => "folder.which",
            Self::Words(error) => error.code(),
            Self::EmptySearch => "search.empty",
        }
    }

    pub(crate) fn storage(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                Self::StorageFull
            }
            _ => Self::Storage(error),
        }
    }
}

impl From<rusqlite::Error> for FolderError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::StorageFull,
            Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
                Self::VaultDamaged
            }
            _ => Self::Database(error),
        }
    }
}
