//! The inner zone's database: SQLite, one connection that writes, every step one transaction, and
//! a few that read meanwhile.
//!
//! Durable when [`Store::write`] returns (WAL, `synchronous=FULL`). Deleted rows are overwritten
//! (`secure_delete`), and [`Store::wipe_log`] cuts the write-ahead log so that nothing of them is
//! left there either.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use super::InnerError;
use crate::intact;

/// Migration n brings the database from version n to n + 1.
const MIGRATIONS: [&str; 4] = [
    include_str!("0001_inner.sql"),
    include_str!("0002_replaced.sql"),
    include_str!("0003_again.sql"),
    include_str!("0004_parted.sql"),
];

pub(crate) struct Store {
    writing: Mutex<Connection>,
    reading: [Mutex<Connection>; 3],
}

impl Store {
    /// Opens the database; it grows to at most `limit` bytes, 0 for what the disk holds.
    pub(crate) fn open(path: &Path, limit: u64) -> Result<Self, InnerError> {
        let mut writing = Connection::open(path)?;
        // The log is cut by `wipe_log`; until then it is written over, not made longer.
        writing.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;
             PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 4000;",
        )?;
        if !intact::is_whole(&writing)? {
            return Err(InnerError::DatabaseDamaged);
        }
        migrate(&mut writing)?;
        if limit > 0 {
            let page: u64 = writing.pragma_query_value(None, "page_size", |row| row.get(0))?;
            let pages = i64::try_from(limit / page.max(1)).unwrap_or(i64::MAX);
            writing.pragma_update(None, "max_page_count", pages)?;
        }
        set_up(&writing)?;
        Ok(Self {
            writing: Mutex::new(writing),
            reading: [reader(path)?, reader(path)?, reader(path)?],
        })
    }

    /// One durable step: everything in `step` or nothing.
    pub(crate) fn write<T, E: From<rusqlite::Error>>(
        &self,
        step: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut connection = lock(&self.writing);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = step(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }

    /// Reads without changing anything.
    pub(crate) fn read<T, E>(
        &self,
        step: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        let free = self.reading.iter().find_map(|one| one.try_lock().ok());
        let [first, ..] = &self.reading;
        step(&free.unwrap_or_else(|| lock(first)))
    }

    /// Moves the write-ahead log into the database and cuts it to nothing.
    pub(crate) fn wipe_log(&self) -> Result<(), InnerError> {
        // Nobody reads meanwhile: a reader would keep what it sees in the log.
        let writing = lock(&self.writing);
        let _reading = self.reading.each_ref().map(lock);
        writing.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }
}

fn reader(path: &Path) -> Result<Mutex<Connection>, InnerError> {
    let connection = Connection::open(path)?;
    connection.execute_batch("PRAGMA query_only = ON;")?;
    set_up(&connection)?;
    Ok(Mutex::new(connection))
}

fn set_up(connection: &Connection) -> Result<(), InnerError> {
    connection.set_prepared_statement_cache_capacity(128);
    connection.execute_batch(
        "PRAGMA temp_store = MEMORY; PRAGMA busy_timeout = 5000; PRAGMA cache_size = -32000;",
    )?;
    Ok(())
}

fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    // A panic elsewhere rolled its transaction back; the connection is whole.
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

fn migrate(connection: &mut Connection) -> Result<(), InnerError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: usize = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let Some(steps) = MIGRATIONS.get(version..) else {
        return Err(InnerError::Config("the database is of a newer version"));
    };
    for sql in steps {
        transaction.execute_batch(sql)?;
    }
    transaction.pragma_update(None, "user_version", MIGRATIONS.len())?;
    transaction.commit()?;
    Ok(())
}

/// A value of the table `meta`.
pub(crate) fn meta(db: &Connection, name: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    db.prepare_cached("SELECT value FROM meta WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()
}

pub(crate) fn set_meta(db: &Connection, name: &str, value: &[u8]) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)")?
        .execute((name, value))
        .map(|_| ())
}

/// States of a batch.
pub(crate) mod batch {
    pub(crate) const OPEN: i64 = 0;
    pub(crate) const SEALED: i64 = 1;
    pub(crate) const FINAL: i64 = 2;
    pub(crate) const REFUSED: i64 = 3;
}

/// States of a record.
pub(crate) mod record {
    pub(crate) const NO_KEY: i64 = 0;
    pub(crate) const TO_SIGN: i64 = 1;
    pub(crate) const SIGNED: i64 = 2;
    pub(crate) const HELD: i64 = 3;
    pub(crate) const SEALED: i64 = 4;
}

/// States of a staff key.
pub(crate) mod staff {
    pub(crate) const SUBMITTED: i64 = 0;
    pub(crate) const ENROLLED: i64 = 1;
    pub(crate) const ENDED: i64 = 2;
    pub(crate) const COMPROMISED: i64 = 3;
    pub(crate) const REFUSED: i64 = 4;
}

/// What a card is to its patient's seals (`cards.live`).
pub(crate) mod card {
    pub(crate) const ENDED: i64 = 0;
    pub(crate) const LIVE: i64 = 1;
    pub(crate) const NEXT: i64 = 2;
}

/// States of a desk code.
pub(crate) mod code {
    pub(crate) const GIVEN: i64 = 0;
    pub(crate) const CLAIMED: i64 = 1;
    pub(crate) const CONFIRMED: i64 = 2;
    pub(crate) const REFUSED: i64 = 3;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deleted_value_is_nowhere_in_the_files() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("inner.db"), 0).unwrap();
        let marker = b"marker-of-a-patient".repeat(300);
        store.write(|db| set_meta(db, "x", &marker)).unwrap();
        store
            .write(|db| db.execute("DELETE FROM meta", []))
            .unwrap();
        store.wipe_log().unwrap();
        for file in std::fs::read_dir(dir.path()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            assert!(
                !bytes
                    .windows(19)
                    .any(|window| window == b"marker-of-a-patient")
            );
        }
    }

    #[test]
    fn a_newer_database_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("inner.db");
        Store::open(&path, 0).unwrap();
        let connection = Connection::open(&path).unwrap();
        connection
            .pragma_update(None, "user_version", MIGRATIONS.len() + 1)
            .unwrap();
        assert!(Store::open(&path, 0).is_err());
    }
}
