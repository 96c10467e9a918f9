//! The words of the folder's records: indexing in the background, search, snippets.

use super::list::{COLUMNS, Listed, read};
use super::open::reopen;
use crate::search::Indexed;
use crate::{Folder, FolderError};
use medfolder_fhir::json::Limits;
use rusqlite::Connection;

/// A record that a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The record.
    pub record: Listed,
    /// The passage around the first match.
    pub snippet: String,
}

impl Folder<'_> {
    /// Adds up to `batch` records that are not yet in the index; call until there are no more.
    ///
    /// # Errors
    /// `vault.storage`, `vault.storage_full`.
    pub fn index(&self, batch: usize) -> Result<Indexed, FolderError> {
        self.vault
            .index_batch(self.id, batch, |database, row| self.words(database, row))
    }

    /// Records in which every word of `text` stands, best first; works offline.
    ///
    /// # Errors
    /// `search.empty`, `vault.storage`.
    pub fn search(&self, text: &str, limit: usize) -> Result<Vec<Found>, FolderError> {
        let hits = self.vault.find(self.id, text, limit, |database, row| {
            self.words(database, row)
                .map(|(title, body)| format!("{title}\n{body}"))
        })?;
        let database = self.vault.database();
        let mut statement = database.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM record JOIN seal ON seal.id = record.seal WHERE record.id = ?1"
        ))?;
        hits.into_iter()
            .map(|hit| {
                let record = statement.query_row([hit.row], read)?;
                Ok(Found {
                    record,
                    snippet: hit.snippet,
                })
            })
            .collect()
    }

    /// Title and plain text of a record.
    fn words(&self, database: &Connection, row: i64) -> Result<(String, String), FolderError> {
        let (record, _) = reopen(database, self, row)?;
        let statement = record.statement();
        let heading = format!("{} {}", statement.title, statement.author.name);
        // A body that the reader's parser refuses is still found by its title.
        let body = medfolder_fhir::text::plain(record.body(), &Limits::default());
        Ok((heading, body.unwrap_or_default()))
    }
}
