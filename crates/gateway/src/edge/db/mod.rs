//! The edge's index: one SQLite file, one writer.
//!
//! Holds identifiers, sizes, times and states; never a kind, title or name of a patient's record.
//! WAL with `synchronous = FULL`: what a transaction wrote is there after a power cut. Migrations
//! are numbered; a column never changes its meaning.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::intact;

const MIGRATIONS: &[&str] = &[
    include_str!("0001_edge.sql"),
    include_str!("0002_receipt.sql"),
    include_str!("0003_held.sql"),
    include_str!("0004_once.sql"),
    include_str!("0005_replaces.sql"),
    include_str!("0006_tried.sql"),
    include_str!("0007_due.sql"),
];

/// Why the index failed.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// No room on the disk, or below the operator's limit; nothing was written.
    #[error("the disk is full")]
    Full,
    /// SQLite refused: file damaged, busy.
    #[error("the index could not be read or written")]
    Sqlite(rusqlite::Error),
    /// Nothing is left of the file, and what belongs to it is here.
    #[error("the index is missing")]
    Missing,
    /// The file cannot be read any more.
    #[error("the index is damaged")]
    Damaged,
    /// Made by a newer release.
    #[error("the index was written by a newer release")]
    Newer,
    /// The task that held the connection was cancelled at shutdown.
    #[error("the index is closing")]
    Closing,
}

impl DbError {
    /// Stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Full => "storage.full",
            Self::Sqlite(_) => "index.sqlite",
            Self::Missing => "index.missing",
            Self::Damaged => "index.damaged",
            Self::Newer => "index.newer",
            Self::Closing => "index.closing",
        }
    }
}

impl From<rusqlite::Error> for DbError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::Full,
            _ if intact::is_damage(&error) => Self::Damaged,
            _ => Self::Sqlite(error),
        }
    }
}

/// A handle to the index; clones share the connection.
#[derive(Clone, Debug)]
pub(crate) struct Db(Arc<Mutex<Connection>>);

impl Db {
    /// Opens the file, brings its tables up to date. It grows to at most `limit` bytes.
    pub(crate) fn open(path: &Path, limit: Option<u64>) -> Result<Self, DbError> {
        let mut connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "secure_delete", true)?;
        connection.busy_timeout(std::time::Duration::from_secs(10))?;
        if !intact::is_whole(&connection)? {
            return Err(DbError::Damaged);
        }
        migrate(&mut connection)?;
        if let Some(limit) = limit {
            let page: u64 =
                connection.pragma_query_value(None, "page_size", |row| number(row, 0))?;
            let pages = limit.checked_div(page).unwrap_or_default().max(1);
            connection.pragma_update(None, "max_page_count", int(pages))?;
        }
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    /// Runs `work` in one transaction, on a thread that may block; all of it or nothing.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, DbError> {
        let db = self.clone();
        tokio::task::spawn_blocking(move || db.write_now(work))
            .await
            .map_err(|_| DbError::Closing)?
    }

    /// [`Db::write`] on this thread.
    pub(crate) fn write_now<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, rusqlite::Error>,
    ) -> Result<T, DbError> {
        let mut connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }

    /// Reads, on a thread that may block.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, DbError> {
        let db = self.clone();
        let task = move || {
            let connection = db.0.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(work(&connection)?)
        };
        tokio::task::spawn_blocking(task)
            .await
            .map_err(|_| DbError::Closing)?
    }
}

fn migrate(connection: &mut Connection) -> Result<(), DbError> {
    let done: usize = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if done > MIGRATIONS.len() {
        return Err(DbError::Newer);
    }
    for (number, sql) in MIGRATIONS.iter().enumerate().skip(done) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "user_version", number.saturating_add(1))?;
        transaction.commit()?;
    }
    Ok(())
}

/// A 32-byte column.
pub(crate) struct Bytes32(pub(crate) [u8; 32]);

impl rusqlite::types::FromSql for Bytes32 {
    fn column_result(value: rusqlite::types::ValueRef<'_>) -> rusqlite::types::FromSqlResult<Self> {
        let bytes = value.as_blob()?;
        <[u8; 32]>::try_from(bytes)
            .map(Self)
            .map_err(|_| rusqlite::types::FromSqlError::InvalidType)
    }
}

/// A digest column.
pub(crate) fn digest(
    row: &rusqlite::Row<'_>,
    column: usize,
) -> Result<medfolder_crypto::Digest, rusqlite::Error> {
    row.get::<_, Bytes32>(column)
        .map(|bytes| medfolder_crypto::Digest(bytes.0))
}

/// A time, size or counter column; SQLite's integers are signed, ours fit 63 bits.
pub(crate) fn number(row: &rusqlite::Row<'_>, column: usize) -> Result<u64, rusqlite::Error> {
    row.get::<_, i64>(column)
        .map(|value| u64::try_from(value).unwrap_or(0))
}

/// A time, size or counter as SQLite takes it.
pub(crate) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_transaction_that_fails_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(&dir.path().join("index.db"), None).unwrap();
        let failed = db
            .write(|t| {
                t.execute("INSERT INTO meta(name, value) VALUES('a', x'01')", [])?;
                t.execute("INSERT INTO meta(name, value) VALUES('a', x'02')", [])
            })
            .await;
        assert!(failed.is_err());
        let count = db.read(|c| c.query_row("SELECT count(*) FROM meta", [], |r| number(r, 0)));
        assert_eq!(count.await.unwrap(), 0);
    }

    #[test]
    fn an_index_of_a_newer_release_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index.db");
        Db::open(&path, None).unwrap();
        let raw = Connection::open(&path).unwrap();
        raw.pragma_update(None, "user_version", 999).unwrap();
        assert_eq!(Db::open(&path, None).unwrap_err().code(), "index.newer");
    }
}
