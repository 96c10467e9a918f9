//! Indexing after a sync, a batch of verified records with each transaction: records can be read
//! before their words are found, and a stop in the middle loses nothing. While one thread reads the
//! words of a batch, the other puts those of the one before into the index.

use super::source::{STORED, Source, Stored};
use super::spaced;
use crate::{Folder, FolderError};
use rusqlite::{Connection, params};
use std::sync::mpsc::{Receiver, Sender, channel};

/// What is put into the index of a record.
struct Words {
    row: i64,
    heading: String,
    body: String,
}

impl Folder<'_> {
    /// Adds the records that wait to the index, up to `batch` in a transaction; the vault is free
    /// for others in between. `go_on` hears after each how many were added, and says whether to go
    /// on. Gives how many were added.
    ///
    /// # Errors
    /// `vault.storage`, `vault.storage_full`, `vault.locked`; what was committed stays.
    pub fn index(
        &self,
        batch: usize,
        mut go_on: impl FnMut(usize) -> bool,
    ) -> Result<usize, FolderError> {
        let keys = self.keys(&*self.vault.database()?)?;
        let source = Source::new(self.consortium.suite(), &keys);
        let (stored, to_read) = channel();
        let (read, words) = channel();
        std::thread::scope(move |scope| {
            scope.spawn(move || read_all(source, &to_read, &read));
            let (mut added, mut due, mut last) = (0, 0, 0);
            loop {
                let mut database = self.vault.database()?;
                let transaction = database.transaction()?;
                let ahead = send_waiting(&transaction, self.id, &mut last, batch, &stored)?;
                for words in words.iter().take(due) {
                    added += usize::from(add(&transaction, &words)?);
                }
                transaction.commit()?;
                drop(database);
                if ahead == 0 || (due > 0 && !go_on(added)) {
                    return Ok(added);
                }
                due = ahead;
            }
        })
    }
}

/// Reads the words of records until no more come, or nobody listens.
fn read_all(mut source: Source<'_>, stored: &Receiver<Stored>, to: &Sender<Words>) {
    for stored in stored {
        let words = Words {
            row: stored.row,
            heading: spaced(&stored.heading),
            body: spaced(&source.words(&stored)),
        };
        if to.send(words).is_err() {
            break;
        }
    }
}

/// Sends the records that wait behind the last one, which it moves on; gives how many.
fn send_waiting(
    database: &Connection,
    folder: i64,
    last: &mut i64,
    batch: usize,
    to: &Sender<Stored>,
) -> Result<usize, FolderError> {
    let mut statement = database.prepare_cached(&format!(
        "SELECT {STORED}
         WHERE record.indexed = 0 AND record.state = 'verified' AND record.folder = ?1
           AND record.id > ?2
         ORDER BY record.id LIMIT ?3"
    ))?;
    let mut sent = 0;
    for stored in statement.query_map(params![folder, *last, batch], Stored::read)? {
        let stored = stored?;
        *last = stored.row;
        sent += 1;
        // Its receiver ends after this sender.
        drop(to.send(stored));
    }
    Ok(sent)
}

/// Adds a record's words, unless another did so since it was read.
fn add(database: &Connection, words: &Words) -> Result<bool, FolderError> {
    let noted = database
        .prepare_cached(
            "UPDATE record SET indexed = 1
             WHERE id = ?1 AND indexed = 0 AND state = 'verified'",
        )?
        .execute([words.row])?;
    if noted == 1 {
        put_words(database, words.row, &words.heading, &words.body)?;
    }
    Ok(noted == 1)
}

pub(super) fn put_words(
    database: &Connection,
    row: i64,
    heading: &str,
    body: &str,
) -> Result<(), FolderError> {
    database
        .prepare_cached("INSERT INTO words (rowid, title, body) VALUES (?1, ?2, ?3)")?
        .execute(params![row, heading, body])?;
    Ok(())
}
