//! Indexing in the background: a batch of verified records per call, so that sync never waits
//! for it and a stop in the middle loses nothing. While one thread reads words, the other puts
//! them into the index.

use super::source::{STORED, Source, Stored};
use super::spaced;
use crate::{Folder, FolderError};
use rusqlite::{Connection, params};
use std::sync::mpsc::sync_channel;

/// Records whose words wait for their place in the index.
const WAITING: usize = 32;

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
        let waiting = waiting(&transaction, self.id, batch)?;
        let added = waiting.len();
        let mut source = Source::new(self.consortium.suite(), &keys);
        let (send, receive) = sync_channel(WAITING);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for stored in waiting {
                    let words = source.words(&stored);
                    // Nobody listens any more when the other side failed.
                    if send.send((stored.row, stored.heading, words)).is_err() {
                        break;
                    }
                }
            });
            let done = receive
                .iter()
                .try_for_each(|(row, heading, words)| add(&transaction, row, &heading, &words));
            // Before the other thread is waited for: it may be waiting to be heard.
            drop(receive);
            done
        })?;
        transaction.commit()?;
        Ok(Indexed {
            added,
            more: added == batch,
        })
    }
}

fn waiting(database: &Connection, folder: i64, batch: usize) -> Result<Vec<Stored>, FolderError> {
    let mut statement = database.prepare_cached(&format!(
        "SELECT {STORED}
         WHERE record.indexed = 0 AND record.state = 'verified' AND record.folder = ?1
         ORDER BY record.id LIMIT ?2"
    ))?;
    let rows = statement.query_map(params![folder, batch], Stored::read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn add(
    database: &Connection,
    row: i64,
    heading: &str,
    words: &str,
) -> Result<(), FolderError> {
    database
        .prepare_cached("INSERT INTO words (rowid, title, body) VALUES (?1, ?2, ?3)")?
        .execute(params![row, spaced(heading), spaced(words)])?;
    database
        .prepare_cached("UPDATE record SET indexed = 1 WHERE id = ?1")?
        .execute([row])?;
    Ok(())
}
