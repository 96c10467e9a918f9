//! A patient's words as an FTS5 query, and what it finds.

use super::source::Source;
use super::{is_ideograph, snippet, spaced, usual_width};
use crate::records::{COLUMNS, Listed, read};
use crate::{Folder, FolderError};
use medfolder_fhir::kind::Kind;
use medfolder_fhir::text::Passage;
use rusqlite::{Connection, params};

/// A record that a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The record.
    pub record: Listed,
    /// The passage that answers best, around the match, with … where it was cut.
    pub snippet: String,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hits {
    /// The best of it, best first.
    pub best: Vec<Found>,
    /// Records in which every word stands, those that are left out of `best` among them.
    pub total: usize,
}

/// Words that may stand between two that are near each other.
pub(super) const NEAR: usize = 12;
/// Records more than are wanted that are read to see what they say: one that denies what is looked
/// for makes room for one that says it.
const MORE: usize = 20;

impl Folder<'_> {
    /// Records in which every word of `text` stands, best first: those in force before those that
    /// were replaced or withdrawn; then those that say it before those that deny it; then lists of
    /// allergies; then those where the words stand side by side as written or near each other; then
    /// by how much they say and where (a title counts more; of very many, by the title alone); then
    /// the newest. A run of ideographs
    /// is found also in two parts near each other: 青霉素过敏 finds 青霉素类（阿莫西林）过敏. Works
    /// offline.
    ///
    /// # Errors
    /// `search.empty` when `text` holds no word, `vault.storage`.
    pub fn search(&self, text: &str, limit: usize) -> Result<Hits, FolderError> {
        let database = self.vault.database()?;
        let keys = self.keys(&database)?;
        let mut source = Source::new(self.consortium.suite(), &keys);
        find(&database, self.id, text, limit, |row| {
            source.passages(&database, row)
        })
    }
}

pub(super) fn find(
    database: &Connection,
    folder: i64,
    text: &str,
    limit: usize,
    mut passages_of: impl FnMut(i64) -> Result<Vec<Passage>, FolderError>,
) -> Result<Hits, FolderError> {
    let terms = terms(text);
    let queries = Queries::of(&terms).ok_or(FolderError::EmptySearch)?;
    let (candidates, total) = candidates(database, folder, &queries, limit.saturating_add(MORE))?;
    let mut ranked = Vec::with_capacity(candidates.len());
    for (place, (record, closeness)) in candidates.into_iter().enumerate() {
        let answer = snippet::answer(&passages_of(record.row)?, &terms);
        let is_list = answer.of_allergies && record.kind == Kind::AllergyList.loinc();
        let rank = (
            record.superseded,
            answer.denied,
            !is_list,
            !answer.of_allergies,
            std::cmp::Reverse(closeness),
            place,
        );
        let snippet = answer.snippet;
        ranked.push((rank, Found { record, snippet }));
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.truncate(limit);
    let best = ranked.into_iter().map(|(_, found)| found).collect();
    Ok(Hits { best, total })
}

/// A record that fits, with how close to each other the words stand.
type Candidate = (Listed, i64);

/// So many records are weighed by how much they say and where (BM25). Of more, which hold words that
/// stand everywhere, those come first whose title holds them, then the newest: weighing takes the
/// longest of all that a search does.
const MOST_WEIGHED: usize = 1_000;

/// Records that fit, likely ones first, and how many there are.
fn candidates(
    database: &Connection,
    folder: i64,
    queries: &Queries,
    limit: usize,
) -> Result<(Vec<Candidate>, usize), FolderError> {
    // What stands whole in very many records is not looked for in parts as well.
    let whole = count(database, folder, &queries.whole)?;
    let (every, total) = match whole > MOST_WEIGHED || queries.every == queries.whole {
        true => (&queries.whole, whole),
        false => (&queries.every, count(database, folder, &queries.every)?),
    };
    let score = match total > MOST_WEIGHED {
        true => {
            "words.rowid NOT IN (SELECT rowid FROM words WHERE words MATCH '{title} : (' || ?1 || ')')"
        }
        false => "bm25(words, 4.0, 1.0)",
    };
    let mut statement = database.prepare_cached(&format!(
        "SELECT {COLUMNS}, hit.close, hit.total FROM (
             SELECT words.rowid AS id, {score} AS score, found.date AS date,
                 (words.rowid IN (SELECT rowid FROM words WHERE words MATCH ?2))
                     + (words.rowid IN (SELECT rowid FROM words WHERE words MATCH ?3)) AS close,
                 found.replaced_by IS NOT NULL OR found.withdrawn = 1 AS over,
                 found.kind = ?6 AS list, {total} AS total
             FROM words JOIN record AS found ON found.id = words.rowid
             WHERE words MATCH ?1 AND found.folder = ?4
             ORDER BY over, list DESC, close DESC, score, date DESC LIMIT ?5) AS hit
         JOIN record ON record.id = hit.id JOIN seal ON seal.id = record.seal
         ORDER BY hit.over, hit.close DESC, hit.score, hit.date DESC",
        total = if total > MOST_WEIGHED {
            "count(*) OVER ()"
        } else {
            "0"
        },
    ))?;
    let Queries { together, near, .. } = queries;
    let list = Kind::AllergyList.loinc();
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let values = params![every, together, near, folder, limit, list];
    let mut all = total;
    let rows = statement.query_map(values, |row| {
        all = all.max(row.get("total")?);
        Ok((read(row)?, row.get("close")?))
    })?;
    let found = rows.collect::<Result<_, _>>()?;
    Ok((found, all))
}

/// How many records fit, as far as it matters for their weight.
fn count(database: &Connection, folder: i64, every: &str) -> Result<usize, FolderError> {
    let count = database
        .prepare_cached(
            "SELECT count(*) FROM (SELECT 1 FROM words JOIN record ON record.id = words.rowid
                 WHERE words MATCH ?1 AND record.folder = ?2 LIMIT ?3)",
        )?
        .query_row(params![every, folder, MOST_WEIGHED + 1], |row| row.get(0))?;
    Ok(count)
}

/// What is looked for, as FTS5 takes it. The last word is also a prefix.
struct Queries {
    /// Every term; a run of ideographs whole or in two parts near each other.
    every: String,
    /// Every term whole.
    whole: String,
    /// All terms side by side.
    together: String,
    /// All terms near each other.
    near: String,
}

impl Queries {
    fn of(terms: &[String]) -> Option<Self> {
        let last = terms.last()?;
        let star = if last.chars().all(is_ideograph) {
            ""
        } else {
            "*"
        };
        let quoted: Vec<String> = terms.iter().map(|term| quoted(term)).collect();
        let every: Vec<String> = terms.iter().map(|term| whole_or_parted(term)).collect();
        let together = terms.iter().map(|term| spaced(term)).collect::<Vec<_>>();
        let near = quoted.join(" ");
        Some(Self {
            every: format!("{}{star}", every.join(" AND ")),
            whole: format!("{}{star}", quoted.join(" AND ")),
            // One term that stands nowhere in parts stands side by side with itself.
            together: match every.len() == 1 && every == quoted {
                true => NOTHING.to_owned(),
                false => format!("\"{}\"{star}", together.join(" ")),
            },
            near: match terms.len() {
                1 => NOTHING.to_owned(),
                _ => format!("NEAR({near}{star}, {NEAR})"),
            },
        })
    }
}

/// Finds nothing, at once.
const NOTHING: &str = "\"\"";

fn quoted(term: &str) -> String {
    format!("\"{}\"", spaced(term))
}

/// A run of ideographs, whole or in two parts near each other.
fn whole_or_parted(term: &str) -> String {
    let chars: Vec<char> = term.chars().collect();
    let text = |part: &[char]| quoted(&part.iter().collect::<String>());
    let ways = parts(&chars).map(|(a, b)| format!("NEAR({} {}, {NEAR})", text(a), text(b)));
    let ways: Vec<String> = [quoted(term)].into_iter().chain(ways).collect();
    match ways.as_slice() {
        [only] => only.clone(),
        several => format!("({})", several.join(" OR ")),
    }
}

/// The ways to part a run of ideographs in two words. Nobody says where a Chinese word ends, but one
/// has two characters at least.
pub(super) fn parts(term: &[char]) -> impl Iterator<Item = (&[char], &[char])> {
    let can = term.len() <= LONGEST_PARTED && term.iter().all(|c| is_ideograph(*c));
    let last = if can { term.len() } else { 0 };
    (2..last.saturating_sub(1)).filter_map(|at| term.split_at_checked(at))
}

/// Longer runs are sentences, which are found as they stand.
const LONGEST_PARTED: usize = 12;

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
    use super::{Queries, terms};

    fn every(text: &str) -> Option<String> {
        Queries::of(&terms(text)).map(|queries| queries.every)
    }

    #[test]
    fn a_chinese_word_becomes_a_phrase_and_an_english_one_a_prefix() {
        assert_eq!(every("青霉素").unwrap(), "\" 青 霉 素\"");
        assert_eq!(every("hba1c 血").unwrap(), "\"hba1c\" AND \" 血\"");
        assert_eq!(
            every("青霉素过敏").unwrap(),
            "(\" 青 霉 素 过 敏\" OR NEAR(\" 青 霉\" \" 素 过 敏\", 12) \
             OR NEAR(\" 青 霉 素\" \" 过 敏\", 12))"
        );
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
