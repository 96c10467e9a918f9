//! A patient's words as an FTS5 query, and what it finds.

use super::source::Source;
use super::{is_ideograph, snippet, spaced, usual_width};
use crate::records::{COLUMNS, Listed, read};
use crate::{Folder, FolderError};
use rusqlite::{Connection, params};

/// A record that a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The record.
    pub record: Listed,
    /// The passage around the first match, with … where it was cut.
    pub snippet: String,
}

impl Folder<'_> {
    /// Records in which every word of `text` stands, best first: those in force before those that
    /// were replaced or withdrawn, then those where the words stand side by side as written, then by how much they say and where (a title counts more), then the
    /// newest. Works offline.
    ///
    /// # Errors
    /// `search.empty` when `text` holds no word, `vault.storage`.
    pub fn search(&self, text: &str, limit: usize) -> Result<Vec<Found>, FolderError> {
        let database = self.vault.database()?;
        let keys = self.keys(&database)?;
        let mut source = Source::new(self.consortium.suite(), &keys);
        find(&database, self.id, text, limit, |row| {
            source.text(&database, row)
        })
    }
}

pub(super) fn find(
    database: &Connection,
    folder: i64,
    text: &str,
    limit: usize,
    mut text_of: impl FnMut(i64) -> Result<String, FolderError>,
) -> Result<Vec<Found>, FolderError> {
    let terms = terms(text);
    let (every, together) = queries(&terms).ok_or(FolderError::EmptySearch)?;
    // One term stands side by side with itself.
    let together_if = if terms.len() > 1 {
        "words.rowid IN (SELECT rowid FROM words WHERE words MATCH ?2)"
    } else {
        "?2 IS NOT NULL"
    };
    let mut statement = database.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM (
             SELECT words.rowid AS id, bm25(words, 4.0, 1.0) AS score, found.date AS date,
                 {together_if} AS together,
                 found.replaced_by IS NOT NULL OR found.withdrawn = 1 AS over
             FROM words JOIN record AS found ON found.id = words.rowid
             WHERE words MATCH ?1 AND found.folder = ?3
             ORDER BY over, together DESC, score, date DESC LIMIT ?4) AS hit
         JOIN record ON record.id = hit.id JOIN seal ON seal.id = record.seal
         ORDER BY hit.over, hit.together DESC, hit.score, hit.date DESC"
    ))?;
    let rows = statement.query_map(params![every, together, folder, limit], read)?;
    let found = rows
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .map(|record| {
            let snippet = snippet::around(&text_of(record.row)?, &terms);
            Ok(Found { record, snippet })
        });
    found.collect()
}

/// What is looked for: every term, and all of them side by side. The last word is also a prefix.
fn queries(terms: &[String]) -> Option<(String, String)> {
    let last = terms.last()?;
    let star = if last.chars().all(is_ideograph) {
        ""
    } else {
        "*"
    };
    let quoted: Vec<String> = terms
        .iter()
        .map(|term| format!("\"{}\"", spaced(term)))
        .collect();
    let together = terms.iter().map(|term| spaced(term)).collect::<Vec<_>>();
    Some((
        format!("{}{star}", quoted.join(" AND ")),
        format!("\"{}\"{star}", together.join(" ")),
    ))
}

/// Runs of ideographs, and runs of letters and digits with the signs between them (`Z88.0`,
/// `mmol/L`), which FTS5 reads as words side by side. White space and other signs separate.
pub(super) fn terms(text: &str) -> Vec<String> {
    let mut terms: Vec<String> = Vec::new();
    let mut previous = Class::Apart;
    for c in text.chars().map(usual_width) {
        let class = Class::of(c);
        match (class, previous, terms.last_mut()) {
            (Class::Apart, ..) => {}
            // A sign belongs to a term that goes on behind it; at its end it is cut off below.
            (Class::Sign, Class::Word | Class::Sign, Some(term)) => term.push(c),
            (Class::Sign, ..) => continue,
            (Class::Word, Class::Word | Class::Sign, Some(term)) => term.push(c),
            (Class::Ideograph, Class::Ideograph, Some(term)) => term.push(c),
            _ => terms.push(c.to_string()),
        }
        previous = class;
    }
    let cut = |term: String| {
        term.trim_end_matches(|c| Class::of(c) == Class::Sign)
            .to_owned()
    };
    terms.into_iter().map(cut).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Ideograph,
    Word,
    /// Joins the parts of a code or a unit.
    Sign,
    Apart,
}

impl Class {
    fn of(c: char) -> Self {
        match c {
            c if is_ideograph(c) => Self::Ideograph,
            c if c.is_alphanumeric() => Self::Word,
            '.' | '-' | '/' | '_' | ':' | '^' => Self::Sign,
            _ => Self::Apart,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{queries, terms};

    fn every(text: &str) -> Option<String> {
        queries(&terms(text)).map(|(every, _)| every)
    }

    #[test]
    fn a_chinese_word_becomes_a_phrase_and_an_english_one_a_prefix() {
        assert_eq!(every("青霉素").unwrap(), "\" 青 霉 素\"");
        assert_eq!(every("hba1c 血").unwrap(), "\"hba1c\" AND \" 血\"");
        assert_eq!(every("penic").unwrap(), "\"penic\"*");
        assert_eq!(every("指标7").unwrap(), "\" 指 标\" AND \"7\"*");
    }

    #[test]
    fn a_code_or_a_unit_stays_one_term() {
        assert_eq!(
            terms("Z88.0, mmol/L; 138/82."),
            ["Z88.0", "mmol/L", "138/82"]
        );
        assert_eq!(terms("ＨｂＡ１ｃ－x"), ["HbA1c-x"]);
        assert_eq!(terms("-x -"), ["x"]);
    }

    #[test]
    fn quotes_and_operators_of_the_query_language_mean_nothing() {
        assert_eq!(every("a\" OR *").unwrap(), "\"a\" AND \"OR\"*");
        assert_eq!(
            every("NEAR(a b, 2)").unwrap(),
            "\"NEAR\" AND \"a\" AND \"b\" AND \"2\"*"
        );
        assert_eq!(every(" \"*() "), None);
        assert_eq!(every("--"), None);
    }
}
