//! Searches every folder, offline.

use super::broken;
use crate::demo::stage::Stage;
use crate::error::CliError;
use medfolder_record::RecordId;
use serde_json::{Value, json};
use std::time::Instant;

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
    let word = stage
        .searched
        .as_deref()
        .ok_or_else(|| broken("search", "no word to search for"))?;
    let (mut found, mut best, mut snippet) = (0, (0, Vec::new()), String::new());
    let mut slowest = 0.0_f64;
    for (number, owner) in stage.owners.iter().enumerate() {
        let began = Instant::now();
        let hits = stage.folder(owner)?.search(word, LIMIT)?;
        slowest = slowest.max(began.elapsed().as_secs_f64() * 1_000.0);
        found += hits.len();
        if hits.len() > best.1.len() {
            snippet = hits
                .first()
                .map(|hit| hit.snippet.clone())
                .unwrap_or_default();
            best = (
                number,
                hits.into_iter().map(|hit| hit.record.record).collect(),
            );
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
