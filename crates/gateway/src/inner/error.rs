//! Why an inner zone cannot start or go on.

use thiserror::Error;

use crate::full::is_full;
use crate::intact::is_damage;
use crate::spool::SpoolError;

/// Failure of an inner zone; what a caller did wrong is a refusal of its own part instead.
#[derive(Debug, Error)]
pub enum InnerError {
    /// The configuration or a file that it names cannot be used.
    #[error("the inner zone's configuration is not usable: {0}")]
    Config(&'static str),
    /// A key file cannot be used.
    #[error(transparent)]
    Key(#[from] medfolder_client::keyfile::KeyFileError),
    /// No seal key here is the one that the ledger holds for this member.
    #[error("the seal key is not the one on the ledger")]
    SealKey,
    /// The receive key is not the one that the ledger holds for this member.
    #[error("the receive key is not the one on the ledger")]
    ReceiveKey,
    /// No room on a disk; what was being done is done again when there is.
    #[error("the disk is full")]
    Full,
    /// The database is missing or empty, and what belongs to it is here.
    #[error("the inner zone's database is missing")]
    DatabaseMissing,
    /// The database cannot be read any more.
    #[error("the inner zone's database is damaged")]
    DatabaseDamaged,
    /// The database refused.
    #[error("the inner zone's database cannot be read or written")]
    Database(rusqlite::Error),
    /// A stored value does not open under the zone key.
    #[error("a stored value was changed, or the zone key is another one")]
    Damaged,
    /// The file system refused.
    #[error("the inner zone's files cannot be read or written")]
    Io(std::io::Error),
    /// Another program, perhaps another inner zone, listens on the address.
    #[error("another program listens on {0}")]
    AddressInUse(std::net::SocketAddr),
    /// A spool refused.
    #[error(transparent)]
    Spool(SpoolError),
}

impl InnerError {
    /// Stable code of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Config(_) => "inner.config",
            Self::Key(error) => error.code(),
            Self::SealKey => "inner.seal_key",
            Self::ReceiveKey => "inner.receive_key",
            Self::Full => "storage.full",
            Self::DatabaseMissing => "inner.database_missing",
            Self::DatabaseDamaged => "inner.database_damaged",
            Self::Database(_) => "inner.database",
            Self::Damaged => "inner.damaged",
            Self::Io(_) => "inner.io",
            Self::AddressInUse(_) => "inner.address_in_use",
            Self::Spool(error) => error.code(),
        }
    }
}

impl From<rusqlite::Error> for InnerError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::Full,
            _ if is_damage(&error) => Self::DatabaseDamaged,
            _ => Self::Database(error),
        }
    }
}

impl From<std::io::Error> for InnerError {
    fn from(error: std::io::Error) -> Self {
        if is_full(&error) {
            Self::Full
        } else {
            Self::Io(error)
        }
    }
}

impl From<SpoolError> for InnerError {
    fn from(error: SpoolError) -> Self {
        match error {
            SpoolError::Io(error) if is_full(&error) => Self::Full,
            other => Self::Spool(other),
        }
    }
}

impl From<medfolder_crypto::Opaque> for InnerError {
    fn from(_: medfolder_crypto::Opaque) -> Self {
        Self::Damaged
    }
}

impl From<medfolder_crypto::CborError> for InnerError {
    fn from(_: medfolder_crypto::CborError) -> Self {
        Self::Damaged
    }
}
