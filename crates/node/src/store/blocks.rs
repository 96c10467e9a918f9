//! Blocks on disk: what the ledger *is*. Everything else the node keeps is derived from them.
//!
//! Contract of [`BlockStore`]: when `append` returns `Ok` the block is durable as a whole; when it
//! returns an error nobody knows whether it is (a write may be reported failed and have happened).
//! After an error the caller must not append again before it has read the last block anew.
//! Any error of reading is fatal for the request only.
//!
//! One SQLite file, WAL, `synchronous = FULL`: one sync of the write-ahead log per block. Each value
//! ends with a sum over it and its place, so that what a disk changed is never taken for what was
//! written:
//!
//! ```text
//! value ‖ first 8 bytes of SHA-256(column ‖ at, 8 bytes ‖ value)      a transaction's value is code, 2 bytes ‖ bytes
//! ```

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use medfolder_crypto::Suite;
use rusqlite::{
    Connection, ErrorCode, OpenFlags, OptionalExtension as _, Row, TransactionBehavior, params,
};
use thiserror::Error;

/// A block as it is kept: encodings only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBlock {
    /// Height; 0 is genesis.
    pub height: u64,
    /// Encoding of the header.
    pub header: Vec<u8>,
    /// Encoding of the certificate.
    pub certificate: Vec<u8>,
    /// Per transaction 32 bytes id ‖ 8 bytes valid-until (big-endian): what a restart needs to
    /// refuse replays, without decoding and hashing a week of blocks.
    pub ids: Vec<u8>,
    /// Result code (0 accepted) and encoding of each transaction, in order.
    pub transactions: Vec<(u16, Vec<u8>)>,
}

/// Encodings of a header and its certificate.
pub type StoredHeader = (Vec<u8>, Vec<u8>);

/// The block store could not read or write.
#[derive(Clone, Debug, Error)]
pub enum StoreError {
    /// The system or SQLite refused.
    #[error("the block store cannot be read or written: {0}")]
    Failed(String),
    /// What is read is not what was written, or is gone.
    #[error("a file of the ledger was changed, or a part of it is gone")]
    Damaged,
}

impl StoreError {
    /// Stable code of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Failed(_) => "node.storage",
            Self::Damaged => "node.damaged",
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error as E;
        let damaged = match &error {
            E::FromSqlConversionFailure(..) | E::InvalidColumnType(..) => true,
            // Nobody asks for what was never written.
            E::QueryReturnedNoRows => true,
            error => matches!(
                error.sqlite_error_code(),
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
            ),
        };
        match damaged {
            true => Self::Damaged,
            false => Self::Failed(error.to_string()),
        }
    }
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Where blocks are kept. See the module for what is durable when.
pub trait BlockStore: Send + Sync {
    /// Adds the block after the last one.
    ///
    /// # Errors
    /// [`StoreError`]; whether the block was kept is then unknown.
    fn append(&self, block: &StoredBlock) -> Result<(), StoreError>;

    /// Up to `limit` blocks from `from` on, by height.
    ///
    /// # Errors
    /// [`StoreError`].
    fn blocks(&self, from: u64, limit: usize) -> Result<Vec<StoredBlock>, StoreError>;

    /// Result code and encoding of one transaction.
    ///
    /// # Errors
    /// [`StoreError`], also when there is none.
    fn transaction(&self, height: u64, place: u16) -> Result<(u16, Vec<u8>), StoreError>;

    /// Header and certificate of a block.
    ///
    /// # Errors
    /// [`StoreError`].
    fn header(&self, height: u64) -> Result<Option<StoredHeader>, StoreError>;

    /// Height of the last block, if there is one.
    ///
    /// # Errors
    /// [`StoreError`].
    fn last(&self) -> Result<Option<u64>, StoreError>;

    /// Removes every block from `height` on, as only a liar does.
    ///
    /// # Errors
    /// [`StoreError`].
    #[cfg(feature = "lying")]
    fn cut(&self, height: u64) -> Result<(), StoreError>;

    /// The ids column of every block from `from` to, and with, `to`, by height.
    ///
    /// # Errors
    /// [`StoreError`].
    fn ids(&self, from: u64, to: u64) -> Result<Vec<Vec<u8>>, StoreError>;

    /// Whether a block's worth of bytes can be written now; keeps nothing.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot.
    fn probe(&self) -> Result<(), StoreError>;

    /// Puts in order what appends left to do later; beside them, and of no consequence for what is
    /// durable.
    ///
    /// # Errors
    /// [`StoreError`].
    fn tidy(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Bytes on disk.
    ///
    /// # Errors
    /// [`StoreError`].
    fn size(&self) -> Result<u64, StoreError>;
}

/// Blocks in one SQLite file.
pub struct SqliteBlocks {
    path: PathBuf,
    writer: Mutex<Connection>,
    /// Moves the write-ahead log into the file beside the writer.
    keeper: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
}

/// `at` is height · 2^16 + place, so that a block's transactions lie side by side.
const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS block (
    height      INTEGER PRIMARY KEY NOT NULL,
    header      BLOB NOT NULL,
    certificate BLOB NOT NULL,
    ids         BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS tx (
    at    INTEGER PRIMARY KEY NOT NULL,
    bytes BLOB NOT NULL
) STRICT;";

/// Bytes of a sum.
const SUM: usize = 8;

fn sum(column: &str, at: i64, value: &[u8]) -> [u8; SUM] {
    let parts = [column.as_bytes(), &at.to_be_bytes(), value];
    let [a, b, c, d, e, f, g, h, ..] = Suite::International.hash(&parts).0;
    [a, b, c, d, e, f, g, h]
}

/// A value as it is stored.
fn summed(column: &str, at: i64, mut value: Vec<u8>) -> Vec<u8> {
    let sum = sum(column, at, &value);
    value.extend(sum);
    value
}

/// A value of a row, if it is the one that was stored there.
fn value(row: &Row<'_>, index: usize, column: &str, at: i64) -> rusqlite::Result<Vec<u8>> {
    let mut stored: Vec<u8> = row.get(index)?;
    let holds = stored
        .split_last_chunk::<SUM>()
        .is_some_and(|(value, end)| sum(column, at, value) == *end);
    if !holds {
        let why = format!("{column} of {at}").into();
        return Err(rusqlite::Error::FromSqlConversionFailure(
            index,
            rusqlite::types::Type::Blob,
            why,
        ));
    }
    stored.truncate(stored.len().saturating_sub(SUM));
    Ok(stored)
}

/// Readers kept open at most.
const KEPT_READERS: usize = 8;

impl SqliteBlocks {
    /// Opens or creates the file.
    ///
    /// # Errors
    /// [`StoreError`], also when another process has it open for writing.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let writer = Connection::open(path)?;
        writer.pragma_update(None, "journal_mode", "WAL")?;
        writer.pragma_update(None, "synchronous", "FULL")?;
        // `tidy` moves the log into the file; an append does only when that lags far behind.
        writer.pragma_update(None, "wal_autocheckpoint", 16_000)?;
        writer.pragma_update(None, "cache_size", -8_000)?;
        writer.execute_batch(SCHEMA)?;
        writer.execute("DELETE FROM tx WHERE at < 0", [])?;
        let keeper = Connection::open(path)?;
        keeper.pragma_update(None, "wal_autocheckpoint", 0)?;
        let readers = Mutex::new(Vec::new());
        Ok(Self {
            path: path.to_path_buf(),
            writer: Mutex::new(writer),
            keeper: Mutex::new(keeper),
            readers,
        })
    }

    fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>,
    ) -> Result<T, StoreError> {
        let kept = self
            .readers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let reader = match kept {
            Some(reader) => reader,
            None => Connection::open_with_flags(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?,
        };
        let answer = query(&reader)?;
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.len() < KEPT_READERS {
            readers.push(reader);
        }
        Ok(answer)
    }
}

pub(super) fn sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn at(height: u64, place: u16) -> i64 {
    sql(height
        .saturating_mul(1 << 16)
        .saturating_add(u64::from(place)))
}

fn transaction(row: &Row<'_>) -> Result<(u16, Vec<u8>), rusqlite::Error> {
    let mut bytes = value(row, 1, "tx", row.get(0)?)?;
    let code = bytes.first_chunk().copied().unwrap_or_default();
    bytes.drain(..bytes.len().min(2));
    Ok((u16::from_be_bytes(code), bytes))
}

fn stored_transaction(at: i64, code: u16, bytes: &[u8]) -> Vec<u8> {
    summed("tx", at, [&code.to_be_bytes(), bytes].concat())
}

fn block(reader: &Connection, row: &Row<'_>) -> Result<StoredBlock, rusqlite::Error> {
    let at_height: i64 = row.get(0)?;
    let height = at_height.cast_unsigned();
    let transactions = reader
        .prepare_cached("SELECT at, bytes FROM tx WHERE at >= ?1 AND at < ?2 ORDER BY at")?
        .query_map([at(height, 0), at(height + 1, 0)], transaction)?
        .collect::<Result<_, _>>()?;
    Ok(StoredBlock {
        height,
        header: value(row, 1, "header", at_height)?,
        certificate: value(row, 2, "certificate", at_height)?,
        ids: value(row, 3, "ids", at_height)?,
        transactions,
    })
}

fn insert(writer: &rusqlite::Transaction<'_>, block: &StoredBlock) -> Result<(), rusqlite::Error> {
    let height = sql(block.height);
    writer
        .prepare_cached(
            "INSERT INTO block (height, header, certificate, ids) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            height,
            summed("header", height, block.header.clone()),
            summed("certificate", height, block.certificate.clone()),
            summed("ids", height, block.ids.clone())
        ])?;
    let mut row = writer.prepare_cached("INSERT INTO tx (at, bytes) VALUES (?1, ?2)")?;
    for ((code, bytes), place) in block.transactions.iter().zip(0..) {
        let at = at(block.height, place);
        row.execute(params![at, stored_transaction(at, *code, bytes)])?;
    }
    Ok(())
}

impl BlockStore for SqliteBlocks {
    fn append(&self, block: &StoredBlock) -> Result<(), StoreError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        insert(&transaction, block)?;
        Ok(transaction.commit()?)
    }

    fn blocks(&self, from: u64, limit: usize) -> Result<Vec<StoredBlock>, StoreError> {
        self.read(|reader| {
            reader
                .prepare_cached(
                    "SELECT height, header, certificate, ids FROM block
                     WHERE height >= ?1 ORDER BY height LIMIT ?2",
                )?
                .query_map(params![sql(from), sql(limit as u64)], |row| {
                    block(reader, row)
                })?
                .collect()
        })
    }

    fn transaction(&self, height: u64, place: u16) -> Result<(u16, Vec<u8>), StoreError> {
        self.read(|reader| {
            reader
                .prepare_cached("SELECT at, bytes FROM tx WHERE at = ?1")?
                .query_row([at(height, place)], transaction)
        })
    }

    fn header(&self, height: u64) -> Result<Option<StoredHeader>, StoreError> {
        self.read(|reader| {
            reader
                .prepare_cached("SELECT header, certificate FROM block WHERE height = ?1")?
                .query_row([sql(height)], |row| {
                    let at = sql(height);
                    Ok((
                        value(row, 0, "header", at)?,
                        value(row, 1, "certificate", at)?,
                    ))
                })
                .optional()
        })
    }

    fn last(&self) -> Result<Option<u64>, StoreError> {
        self.read(|reader| {
            reader
                .prepare_cached("SELECT height FROM block ORDER BY height DESC LIMIT 1")?
                .query_row([], |row| row.get::<_, i64>(0).map(i64::cast_unsigned))
                .optional()
        })
    }

    #[cfg(feature = "lying")]
    fn cut(&self, height: u64) -> Result<(), StoreError> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.execute("DELETE FROM block WHERE height >= ?1", [sql(height)])?;
        writer.execute("DELETE FROM tx WHERE at >= ?1", [at(height, 0)])?;
        Ok(())
    }

    fn ids(&self, from: u64, to: u64) -> Result<Vec<Vec<u8>>, StoreError> {
        self.read(|reader| {
            reader
                .prepare_cached(
                    "SELECT ids, height FROM block
                     WHERE height >= ?1 AND height <= ?2 ORDER BY height",
                )?
                .query_map([sql(from), sql(to)], |row| {
                    value(row, 0, "ids", row.get(1)?)
                })?
                .collect()
        })
    }

    fn probe(&self) -> Result<(), StoreError> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.execute("INSERT INTO tx VALUES (-1, zeroblob(262144))", [])?;
        writer.execute("DELETE FROM tx WHERE at < 0", [])?;
        Ok(())
    }

    fn tidy(&self) -> Result<(), StoreError> {
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(keeper.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?)
    }

    fn size(&self) -> Result<u64, StoreError> {
        self.read(|reader| {
            let pages: i64 = reader.query_row("PRAGMA page_count", [], |row| row.get(0))?;
            let page: i64 = reader.query_row("PRAGMA page_size", [], |row| row.get(0))?;
            Ok(pages.saturating_mul(page).cast_unsigned())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(height: u64) -> StoredBlock {
        let bytes = vec![height as u8; 100];
        StoredBlock {
            height,
            header: bytes.clone(),
            certificate: bytes.clone(),
            ids: bytes.clone(),
            transactions: vec![(0, bytes.clone()), (7, bytes)],
        }
    }

    #[test]
    fn blocks_are_there_again_after_reopening() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("blocks.db");
        let store = SqliteBlocks::open(&path).unwrap();
        assert_eq!(store.last().unwrap(), None);
        for height in 1..=5 {
            store.append(&block(height)).unwrap();
        }
        drop(store);
        let store = SqliteBlocks::open(&path).unwrap();
        assert_eq!(store.last().unwrap(), Some(5));
        assert_eq!(store.blocks(4, 10).unwrap(), [block(4), block(5)]);
        assert_eq!(store.blocks(1, 1).unwrap(), [block(1)]);
        assert_eq!(store.ids(5, 9).unwrap(), [block(5).ids]);
        assert_eq!(store.transaction(3, 1).unwrap().0, 7);
        assert!(store.transaction(3, 2).is_err());
        assert_eq!(store.header(6).unwrap(), None);
    }

    #[test]
    fn a_second_block_of_the_same_height_is_refused_as_a_whole() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteBlocks::open(&dir.path().join("blocks.db")).unwrap();
        store.append(&block(1)).unwrap();
        let mut other = block(1);
        other.transactions.clear();
        assert_eq!(store.append(&other).unwrap_err().code(), "node.storage");
        assert_eq!(store.blocks(1, 9).unwrap(), [block(1)]);
    }

    #[test]
    fn a_full_disk_leaves_nothing_half_written_and_room_lets_it_go_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("blocks.db");
        let store = SqliteBlocks::open(&path).unwrap();
        store.append(&block(1)).unwrap();
        let pages = |most: u32| {
            let writer = store.writer.lock().unwrap();
            writer
                .query_row(&format!("PRAGMA max_page_count = {most}"), [], |_| Ok(()))
                .unwrap();
        };
        pages(8);
        let mut large = block(2);
        large.transactions = vec![(0, vec![2; 1_000_000])];
        assert_eq!(store.append(&large).unwrap_err().code(), "node.storage");
        assert!(store.probe().is_err());
        assert_eq!(store.last().unwrap(), Some(1));
        assert_eq!(store.blocks(1, 9).unwrap(), [block(1)]);
        pages(1 << 30);
        store.probe().unwrap();
        store.append(&large).unwrap();
        assert_eq!(store.blocks(2, 9).unwrap(), [large]);
    }
}
