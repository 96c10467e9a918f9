//! A patient's words as an FTS5 query, and what it finds.

use super::{is_ideograph, snippet};
use crate::{FolderError, Vault};
use rusqlite::params;

/// A record that a search found, best first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The record's row in the vault.
    pub(crate) row: i64,
    /// The passage around the first match, with … where it was cut.
    pub snippet: String,
}

impl Vault {
    /// Rows of the records of `folder` in which every word of `text` stands, best first.
    ///
    /// # Errors
    /// `search.empty` when `text` holds no word.
    pub(crate) fn find(
        &self,
        folder: i64,
        text: &str,
        limit: usize,
        body_of: impl Fn(&rusqlite::Connection, i64) -> Result<String, FolderError>,
    ) -> Result<Vec<Hit>, FolderError> {
        let query = fts_query(text).ok_or(FolderError::EmptySearch)?;
        let database = self.database();
        let mut statement = database.prepare_cached(
            "SELECT record.id FROM words JOIN record ON record.id = words.rowid
             WHERE words MATCH ?1 AND record.folder = ?2
             ORDER BY bm25(words, 4.0, 1.0), record.date DESC LIMIT ?3",
        )?;
        let rows = statement
            .query_map(params![query, folder, limit], |row| row.get(0))?
            .collect::<Result<Vec<i64>, _>>()?;
        rows.into_iter()
            .map(|row| {
                let body = body_of(&database, row)?;
                Ok(Hit {
                    row,
                    snippet: snippet::around(&body, text),
                })
            })
            .collect()
    }
}

/// Each run of ideographs a phrase, each other word a string, the last one a prefix too.
pub(super) fn fts_query(text: &str) -> Option<String> {
    let terms = terms(text);
    let last = terms.len().checked_sub(1)?;
    let quoted = terms.iter().enumerate().map(|(at, term)| {
        let ideographs = term.chars().all(is_ideograph);
        let star = if at == last && !ideographs { "*" } else { "" };
        format!(
            "\"{}\"{star}",
            if ideographs {
                super::spaced(term)
            } else {
                term.clone()
            }
        )
    });
    Some(quoted.collect::<Vec<_>>().join(" AND "))
}

/// Runs of ideographs and runs of letters or digits; punctuation separates.
pub(super) fn terms(text: &str) -> Vec<String> {
    let mut terms: Vec<String> = Vec::new();
    let mut previous = None;
    for c in text.chars() {
        let class = if is_ideograph(c) {
            Some(true)
        } else {
            c.is_alphanumeric().then_some(false)
        };
        match (class, terms.last_mut()) {
            (Some(_), Some(term)) if class == previous => term.push(c),
            (Some(_), _) => terms.push(c.to_string()),
            (None, _) => {}
        }
        previous = class;
    }
    terms
}

#[cfg(test)]
mod tests {
    use super::fts_query;

    #[test]
    fn a_chinese_word_becomes_a_phrase_and_an_english_one_a_prefix() {
        assert_eq!(fts_query("青霉素").unwrap(), "\" 青  霉  素 \"");
        assert_eq!(fts_query("hba1c 血").unwrap(), "\"hba1c\" AND \" 血 \"");
        assert_eq!(fts_query("penic").unwrap(), "\"penic\"*");
    }

    #[test]
    fn quotes_and_operators_of_the_query_language_mean_nothing() {
        assert_eq!(fts_query("a\" OR *").unwrap(), "\"a\" AND \"OR\"*");
        assert_eq!(fts_query(" \"*() "), None);
    }
}
