//! Why an inner zone cannot start or go on.

use thiserror::Error;

/// Failure of an inner zone; what a caller did wrong is a refusal of its own part instead.
#[derive(Debug, Error)]
pub enum InnerError {
    /// The configuration or a file that it names cannot be used.
    #[error("the inner zone's configuration is not usable: {0}")]
    Config(&'static str),
    /// A key file cannot be used.
    #[error(transparent)]
    Key(#[from] medfolder_client::keyfile::KeyFileError),
    /// The seal key is not the one that the ledger holds for this member.
    #[error("the seal key is not the one on the ledger")]
    SealKey,
    /// The database refused.
    #[error("the inner zone's database cannot be read or written")]
    Database(#[from] rusqlite::Error),
    /// A stored value does not open under the zone key.
    #[error("a stored value was changed, or the zone key is another one")]
    Damaged,
    /// The file system refused.
    #[error("the inner zone's files cannot be read or written")]
    Io(#[from] std::io::Error),
    /// A spool refused.
    #[error(transparent)]
    Spool(#[from] crate::spool::SpoolError),
}

impl InnerError {
    /// Stable code of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Config(_) => "inner.config",
            Self::Key(error) => error.code(),
            Self::SealKey => "inner.seal_key",
            Self::Database(_) => "inner.database",
            Self::Damaged => "inner.damaged",
            Self::Io(_) => "inner.io",
            Self::Spool(error) => error.code(),
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
