//! Indexing after a sync: a batch of verified records per call, so that records can be read before
//! their words are found and a stop in the middle loses nothing. While one thread reads words, the
//! other puts them into the index.

use super::source::{STORED, Source, Stored};
use super::spaced;
use crate::{Folder, FolderError};
use rusqlite::{Connection, params};
use std::sync::mpsc::{Sender, channel};

/// What one batch did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Indexed {
    /// Records that this batch added to the index.
    pub added: usize,
    /// Whether there may be more.
    pub more: bool,
}

impl Folder<'_> {
    /// Adds up to `batch` records to the index, in one transaction; call until there are no more.
    ///
    /// # Errors
    /// `vault.storage`, `vault.storage_full`, `vault.locked`.
    pub fn index(&self, batch: usize) -> Result<Indexed, FolderError> {
        let mut database = self.vault.database()?;
        let keys = self.keys(&database)?;
        let transaction = database.transaction()?;
        let mut source = Source::new(self.consortium.suite(), &keys);
        let (stored, to_read) = channel::<Stored>();
        let (read, words) = channel();
        let added = std::thread::scope(|scope| {
            scope.spawn(move || {
                for stored in to_read {
                    let words = spaced(&source.words(&stored));
                    // Nobody listens any more when the other side failed.
                    if read
                        .send((stored.row, spaced(&stored.heading), words))
                        .is_err()
                    {
                        break;
                    }
                }
            });
            let last = waiting(&transaction, self.id, batch, stored)?;
            let mut added = 0;
            for (row, heading, words) in words {
                add(&transaction, row, &heading, &words)?;
                added += 1;
            }
            note(&transaction, self.id, last)?;
            Ok::<_, FolderError>(added)
        })?;
        transaction.commit()?;
        Ok(Indexed {
            added,
            more: added == batch,
        })
    }
}

/// Sends the records that wait, one after the other; returns the last one's number.
fn waiting(
    database: &Connection,
    folder: i64,
    batch: usize,
    to: Sender<Stored>,
) -> Result<i64, FolderError> {
    let mut statement = database.prepare_cached(&format!(
        "SELECT {STORED}
         WHERE record.indexed = 0 AND record.state = 'verified' AND record.folder = ?1
         ORDER BY record.id LIMIT ?2"
    ))?;
    let mut last = 0;
    for stored in statement.query_map(params![folder, batch], Stored::read)? {
        let stored = stored?;
        last = stored.row;
        // Its receiver ends after this sender.
        drop(to.send(stored));
    }
    Ok(last)
}

pub(super) fn add(
    database: &Connection,
    row: i64,
    heading: &str,
    words: &str,
) -> Result<(), FolderError> {
    database
        .prepare_cached("INSERT INTO words (rowid, title, body) VALUES (?1, ?2, ?3)")?
        .execute(params![row, heading, words])?;
    Ok(())
}

/// Notes that the records up to this one are in the index.
fn note(database: &Connection, folder: i64, last: i64) -> Result<(), FolderError> {
    database
        .prepare_cached(
            "UPDATE record SET indexed = 1
             WHERE indexed = 0 AND state = 'verified' AND folder = ?1 AND id <= ?2",
        )?
        .execute([folder, last])?;
    Ok(())
}
