//! Where things are: transactions by id, and the list of every card, grant and folder in order.
//!
//! Derived from the blocks and written behind them, many blocks in one commit. The state's base is
//! never ahead of the index: what the index lacks after a crash is executed again and comes back.
//!
//! | table | row |
//! |---|---|
//! | progress | one: height and log size that the index holds, refused transactions so far |
//! | tx | id → height, place in the block, position in the log (−1: refused) |
//! | entry | subject (kind ‖ id), n → position, height, place, step (access entries only, else empty) |
//! | alert | what the monitor noticed |

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use medfolder_ledger::state::Subject;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, TransactionBehavior, params};

use super::StoreError;
use super::blocks::sql;

/// What one block adds to the index.
#[derive(Clone, Debug, Default)]
pub struct IndexBlock {
    /// Its height.
    pub height: u64,
    /// Log size after it.
    pub log_size: u64,
    /// Its transactions, in order: id and position (none: refused).
    pub transactions: Vec<([u8; 32], Option<u64>)>,
    /// Steps of lists, in order.
    pub entries: Vec<IndexEntry>,
    /// What the monitor noticed.
    pub alerts: Vec<IndexAlert>,
}

/// One step of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexEntry {
    /// Whose list.
    pub subject: Subject,
    /// Place of its transaction in the block.
    pub place: u16,
    /// That transaction's position in the log.
    pub position: u64,
    /// CBOR of an access step; empty for a transaction.
    pub step: Vec<u8>,
}

/// One alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexAlert {
    /// Stable code.
    pub code: String,
    /// Block it was seen in.
    pub height: u64,
    /// That block's time.
    pub time: u64,
    /// What it is about.
    pub subject: String,
}

/// Where a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Located {
    /// Its block.
    pub height: u64,
    /// Its place there.
    pub place: u16,
    /// Its position in the log; none when refused.
    pub position: Option<u64>,
}

/// How far the index is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Last block it holds.
    pub height: u64,
    /// Log size after that block.
    pub log_size: u64,
    /// Refused transactions so far.
    pub refused: u64,
}

/// The index, one SQLite file.
pub struct Index {
    path: PathBuf,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
    progress: Mutex<Progress>,
    moved: Condvar,
    /// The highest block that somebody waited for.
    wanted: AtomicU64,
}

const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS progress (
    one      INTEGER PRIMARY KEY NOT NULL CHECK (one = 1),
    height   INTEGER NOT NULL,
    log_size INTEGER NOT NULL,
    refused  INTEGER NOT NULL
) STRICT;
INSERT OR IGNORE INTO progress VALUES (1, 0, 0, 0);
CREATE TABLE IF NOT EXISTS tx (
    id       BLOB PRIMARY KEY NOT NULL,
    height   INTEGER NOT NULL,
    place    INTEGER NOT NULL,
    position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entry (
    subject  BLOB NOT NULL,
    n        INTEGER NOT NULL,
    position INTEGER NOT NULL,
    height   INTEGER NOT NULL,
    place    INTEGER NOT NULL,
    step     BLOB NOT NULL,
    PRIMARY KEY (subject, n)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS alert (
    n       INTEGER PRIMARY KEY NOT NULL,
    code    TEXT NOT NULL,
    height  INTEGER NOT NULL,
    time    INTEGER NOT NULL,
    subject TEXT NOT NULL
) STRICT;";

/// Readers kept open at most.
const KEPT_READERS: usize = 8;
/// Longest wait for the index to reach a block that readers may already know of.
const PATIENCE: Duration = Duration::from_secs(5);

fn key(subject: &Subject) -> Vec<u8> {
    let kind = match subject {
        Subject::Card(_) => 1_u8,
        Subject::Grant(_) => 2,
        Subject::Folder(_) => 3,
    };
    [&[kind], subject.as_bytes()].concat()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Index {
    /// Opens or creates the index.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let writer = Connection::open(path)?;
        writer.pragma_update(None, "journal_mode", "WAL")?;
        writer.pragma_update(None, "synchronous", "FULL")?;
        writer.pragma_update(None, "wal_autocheckpoint", 8_000)?;
        writer.pragma_update(None, "cache_size", -64_000)?;
        writer.execute_batch(SCHEMA)?;
        let progress = writer.query_row(
            "SELECT height, log_size, refused FROM progress",
            [],
            |row| {
                Ok(Progress {
                    height: row.get::<_, i64>(0)?.cast_unsigned(),
                    log_size: row.get::<_, i64>(1)?.cast_unsigned(),
                    refused: row.get::<_, i64>(2)?.cast_unsigned(),
                })
            },
        )?;
        Ok(Self {
            path: path.to_path_buf(),
            writer: Mutex::new(writer),
            readers: Mutex::new(Vec::new()),
            progress: Mutex::new(progress),
            moved: Condvar::new(),
            wanted: AtomicU64::new(0),
        })
    }

    /// How far the index is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        *lock(&self.progress)
    }

    /// Waits until the index holds block `height`; whether it does.
    #[must_use]
    pub fn reach(&self, height: u64) -> bool {
        self.wanted.fetch_max(height, Ordering::SeqCst);
        let progress = lock(&self.progress);
        let waited = self
            .moved
            .wait_timeout_while(progress, PATIENCE, |progress| progress.height < height);
        let (progress, _) = waited.unwrap_or_else(PoisonError::into_inner);
        progress.height >= height
    }

    /// Whether somebody waits for a block that the index does not hold yet.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::SeqCst) > self.progress().height
    }

    /// Adds blocks in one durable step. Blocks that it holds already are passed over.
    ///
    /// # Errors
    /// [`StoreError`]; then it holds none of them, or all.
    pub fn add(&self, blocks: &[IndexBlock]) -> Result<(), StoreError> {
        let mut progress = self.progress();
        let new = blocks.iter().filter(|block| block.height > progress.height);
        let new: Vec<_> = new.collect();
        let Some(last) = new.last() else {
            return Ok(());
        };
        let all = new.iter().flat_map(|block| &block.transactions);
        progress = Progress {
            height: last.height,
            log_size: last.log_size,
            refused: progress.refused + all.filter(|(_, at)| at.is_none()).count() as u64,
        };
        let mut writer = lock(&self.writer);
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        insert(&transaction, &new)?;
        transaction.execute(
            "UPDATE progress SET height = ?1, log_size = ?2, refused = ?3",
            params![
                sql(progress.height),
                sql(progress.log_size),
                sql(progress.refused)
            ],
        )?;
        transaction.commit()?;
        *lock(&self.progress) = progress;
        self.moved.notify_all();
        Ok(())
    }

    /// Where a transaction is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn find(&self, id: &[u8; 32]) -> Result<Option<Located>, StoreError> {
        self.read(|reader| {
            reader
                .prepare_cached("SELECT height, place, position FROM tx WHERE id = ?1")?
                .query_row([id.as_slice()], |row| {
                    Ok(Located {
                        height: row.get::<_, i64>(0)?.cast_unsigned(),
                        place: row.get(1)?,
                        position: u64::try_from(row.get::<_, i64>(2)?).ok(),
                    })
                })
                .optional()
        })
    }

    /// Entries `from..to` of a subject's list: position, block, place and step.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn entries(
        &self,
        subject: &Subject,
        from: u64,
        to: u64,
    ) -> Result<Vec<(u64, IndexEntry)>, StoreError> {
        self.read(|reader| {
            reader
                .prepare_cached(
                    "SELECT position, height, place, step FROM entry
                     WHERE subject = ?1 AND n >= ?2 AND n < ?3 ORDER BY n",
                )?
                .query_map(params![key(subject), sql(from), sql(to)], |row| {
                    let height = row.get::<_, i64>(1)?.cast_unsigned();
                    let entry = IndexEntry {
                        subject: *subject,
                        position: row.get::<_, i64>(0)?.cast_unsigned(),
                        place: row.get(2)?,
                        step: row.get(3)?,
                    };
                    Ok((height, entry))
                })?
                .collect()
        })
    }

    /// Keeps an alert that no block raised; once, however often it is seen.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn alert(&self, alert: &IndexAlert) -> Result<(), StoreError> {
        lock(&self.writer).execute(
            "INSERT INTO alert (code, height, time, subject) SELECT ?1, ?2, ?3, ?4
             WHERE NOT EXISTS (SELECT 1 FROM alert WHERE code = ?1 AND height = ?2)",
            params![
                alert.code,
                sql(alert.height),
                sql(alert.time),
                alert.subject
            ],
        )?;
        Ok(())
    }

    /// Newest alerts first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn alerts(&self, limit: u64) -> Result<Vec<IndexAlert>, StoreError> {
        self.read(|reader| {
            reader
                .prepare_cached(
                    "SELECT code, height, time, subject FROM alert ORDER BY n DESC LIMIT ?1",
                )?
                .query_map([sql(limit)], |row| {
                    Ok(IndexAlert {
                        code: row.get(0)?,
                        height: row.get::<_, i64>(1)?.cast_unsigned(),
                        time: row.get::<_, i64>(2)?.cast_unsigned(),
                        subject: row.get(3)?,
                    })
                })?
                .collect()
        })
    }

    fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>,
    ) -> Result<T, StoreError> {
        let kept = lock(&self.readers).pop();
        let reader = match kept {
            Some(reader) => reader,
            None => Connection::open_with_flags(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?,
        };
        let answer = query(&reader)?;
        let mut readers = lock(&self.readers);
        if readers.len() < KEPT_READERS {
            readers.push(reader);
        }
        Ok(answer)
    }
}

/// Adds the rows of many blocks, each table's in the order of its keys: neighbours lie on one page.
fn insert(writer: &rusqlite::Transaction<'_>, blocks: &[&IndexBlock]) -> rusqlite::Result<()> {
    let mut transactions: Vec<_> = blocks.iter().flat_map(|block| rows(block)).collect();
    transactions.sort_by_key(|(id, _)| *id);
    let mut tx = writer.prepare_cached(
        // Refused first and accepted later is possible; the acceptance stays.
        "INSERT INTO tx VALUES (?1, ?2, ?3, ?4) ON CONFLICT (id) DO UPDATE SET
         height = excluded.height, place = excluded.place, position = excluded.position
         WHERE tx.position < 0",
    )?;
    for (id, at) in transactions {
        let position = at.position.map_or(-1, sql);
        tx.execute(params![id.as_slice(), sql(at.height), at.place, position])?;
    }
    let steps = |block: &&IndexBlock| {
        let height = sql(block.height);
        let steps = block.entries.clone().into_iter();
        steps.map(move |step| (key(&step.subject), height, step))
    };
    let mut entries: Vec<_> = blocks.iter().flat_map(steps).collect();
    entries.sort_by(|(a, ..), (b, ..)| a.cmp(b));
    let mut entry = writer.prepare_cached(
        "INSERT INTO entry SELECT ?1, COALESCE(MAX(n) + 1, 0), ?2, ?3, ?4, ?5
         FROM entry WHERE subject = ?1",
    )?;
    for (subject, height, step) in entries {
        let position = sql(step.position);
        entry.execute(params![subject, position, height, step.place, step.step])?;
    }
    let mut alert = writer.prepare_cached(
        "INSERT INTO alert (code, height, time, subject) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for seen in blocks.iter().flat_map(|block| &block.alerts) {
        let (height, time) = (sql(seen.height), sql(seen.time));
        alert.execute(params![seen.code, height, time, seen.subject])?;
    }
    Ok(())
}

/// A block's transactions with where they are.
fn rows(block: &IndexBlock) -> impl Iterator<Item = ([u8; 32], Located)> {
    let pairs = block.transactions.iter().zip(0_u16..);
    pairs.map(|((id, position), place)| {
        let at = Located {
            height: block.height,
            place,
            position: *position,
        };
        (*id, at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use medfolder_crypto::Digest;
    use medfolder_record::{CardNumber, GrantId};

    fn entry(subject: Subject, place: u16) -> IndexEntry {
        IndexEntry {
            subject,
            place,
            position: u64::from(place) + 10,
            step: Vec::new(),
        }
    }

    #[test]
    fn lists_grow_in_order_and_a_block_counts_once() {
        let dir = tempfile::tempdir().unwrap();
        let index = Index::open(&dir.path().join("index.db")).unwrap();
        let card = Subject::Card(CardNumber(Digest([1; 32])));
        let grant = Subject::Grant(GrantId(Digest([1; 32])));
        let block = IndexBlock {
            height: 1,
            log_size: 2,
            transactions: vec![([1; 32], Some(10)), ([2; 32], None)],
            entries: vec![entry(card, 0), entry(grant, 0), entry(card, 1)],
            alerts: Vec::new(),
        };
        index.add(std::slice::from_ref(&block)).unwrap();
        index.add(&[block]).unwrap();
        let found = index.entries(&card, 0, 9).unwrap();
        assert_eq!(found, [(1, entry(card, 0)), (1, entry(card, 1))]);
        assert_eq!(index.entries(&card, 1, 2).unwrap().len(), 1);
        let refused = index.find(&[2; 32]).unwrap().unwrap();
        assert_eq!((refused.place, refused.position), (1, None));
        assert_eq!(
            index.progress(),
            Progress {
                height: 1,
                log_size: 2,
                refused: 1
            }
        );
        assert!(index.reach(1));
    }
}
