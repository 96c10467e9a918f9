//! What a request is answered when index or blobs fail.

use medfolder_http::Problem;

use super::blob::BlobError;
use super::db::DbError;

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        tracing::error!(code = error.code(), %error, "the index failed");
        match error {
            DbError::Full => Self::full(),
            _ => Self::internal(),
        }
    }
}

impl From<BlobError> for Problem {
    fn from(error: BlobError) -> Self {
        if matches!(error, BlobError::TooLong) {
            return Self::too_large();
        }
        tracing::error!(code = error.code(), %error, "the blob store failed");
        match error {
            BlobError::Full => Self::full(),
            _ => Self::internal(),
        }
    }
}
