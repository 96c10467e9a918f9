//! Indexing in the background: a batch of verified records per call, so that sync never waits
//! for it and a stop in the middle loses nothing.

use super::spaced;
use crate::{FolderError, Vault};
use rusqlite::{Connection, params};

/// What one batch did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Indexed {
    /// Records that this batch added to the index.
    pub added: usize,
    /// Whether there may be more.
    pub more: bool,
}

impl Vault {
    /// Adds up to `batch` records to the index in one transaction.
    pub(crate) fn index_batch(
        &self,
        folder: i64,
        batch: usize,
        text_of: impl Fn(&Connection, i64) -> Result<(String, String), FolderError>,
    ) -> Result<Indexed, FolderError> {
        let mut database = self.database();
        let transaction = database.transaction()?;
        let rows = transaction
            .prepare_cached(
                "SELECT id FROM record WHERE indexed = 0 AND state = 'verified' AND folder = ?1
                 ORDER BY id LIMIT ?2",
            )?
            .query_map(params![folder, batch], |row| row.get(0))?
            .collect::<Result<Vec<i64>, _>>()?;
        for row in &rows {
            let (title, body) = text_of(&transaction, *row)?;
            add(&transaction, *row, &title, &body)?;
        }
        transaction.commit()?;
        Ok(Indexed {
            added: rows.len(),
            more: rows.len() == batch,
        })
    }
}

fn add(database: &Connection, row: i64, title: &str, body: &str) -> Result<(), FolderError> {
    database
        .prepare_cached("INSERT INTO words (rowid, title, body) VALUES (?1, ?2, ?3)")?
        .execute(params![row, spaced(title), spaced(body)])?;
    database
        .prepare_cached("UPDATE record SET indexed = 1 WHERE id = ?1")?
        .execute([row])?;
    Ok(())
}
