//! Searches every folder, offline.

use super::broken;
use crate::demo::stage::Stage;
use crate::error::CliError;
use medfolder_fhir::json::Limits;
use medfolder_fhir::text::{self, Voice};
use medfolder_folder::records::Filter;
use medfolder_record::RecordId;
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::time::Instant;

/// Longer words are no better to search for.
const MOST_BYTES: usize = 24;
/// Records that a search gives at most.
const LIMIT: usize = 50;

/// What was found, and in whose folder most.
#[derive(Debug)]
pub(crate) struct Found {
    /// The step's line.
    pub(crate) line: Value,
    /// Index of the owner whose folder the story goes on with.
    pub(crate) owner: usize,
    /// Records found there, best first.
    pub(crate) records: Vec<RecordId>,
}

/// Searches for the stage's word.
pub(crate) fn run(stage: &Stage) -> Result<Found, CliError> {
    let word = match &stage.searched {
        Some(word) => word.clone(),
        None => first_word(stage)?,
    };
    let word = word.as_str();
    let (mut found, mut best, mut snippet) = (0, (0, Vec::new()), String::new());
    let mut slowest = 0.0_f64;
    for (number, owner) in stage.owners.iter().enumerate() {
        let began = Instant::now();
        let hits = stage.folder(owner)?.search(word, LIMIT)?;
        slowest = slowest.max(began.elapsed().as_secs_f64() * 1_000.0);
        found += hits.total;
        if hits.best.len() > best.1.len() {
            let first = hits.best.first();
            snippet = first.map(|hit| hit.snippet.clone()).unwrap_or_default();
            let records = hits.best.into_iter().map(|hit| hit.record.record);
            best = (number, records.collect());
        }
    }
    if found == 0 {
        return Err(broken("search", format!("nothing found for {word}")));
    }
    let line = json!({
        "step": "search", "text": word, "found": found, "snippet": snippet,
        "milliseconds": slowest.round(),
    });
    Ok(Found {
        line,
        owner: best.0,
        records: best.1,
    })
}

/// The longest word that somebody wrote in the newest record of the first folder that has any.
fn first_word(stage: &Stage) -> Result<String, CliError> {
    for owner in &stage.owners {
        let folder = stage.folder(owner)?;
        let newest = Filter {
            limit: 1,
            ..Filter::default()
        };
        for listed in folder.list(&newest)?.records {
            let shown = folder.open_record(&listed.record.to_string())?;
            let text = text::passages(shown.record.body(), &Limits::default()).unwrap_or_default();
            let said = text.iter().filter(|said| said.voice != Voice::Machine);
            let words = said.flat_map(|said| said.text.split(|c: char| !c.is_alphabetic()));
            let mut words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
            words.sort_by_key(|word| Reverse(word.len().min(MOST_BYTES)));
            words.dedup();
            for word in words {
                if folder.search(word, 1)?.total > 0 {
                    return Ok(word.to_owned());
                }
            }
        }
    }
    Err(broken("search", "no record to take a word from"))
}
