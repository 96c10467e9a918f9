//! Somebody tampers: with ciphertext at the edges, with the share host's files, with a vault, a
//! link, an evidence file. Each is tried on real data of the running demonstration, and each must
//! be caught by its name.
//!
//! The records are looked at through a second device: the owner's folder restored from its words
//! into a new vault, which fetches everything again from the edges that were tampered with.

mod device;
mod edge_store;
mod papers;

use super::stage::Stage;
use super::steps::{broken, seconds};
use crate::error::CliError;
use serde_json::{Value, json};
use std::time::Instant;

/// One tampering and what came of it.
#[derive(Debug)]
pub(crate) struct Finding {
    /// What was tampered with.
    pub(crate) what: &'static str,
    /// The code that named it; `None` when nobody noticed.
    pub(crate) caught_by: Option<String>,
}

/// A tampering for which the data at hand give no occasion.
#[derive(Debug)]
pub(crate) struct Untried {
    /// What would have been tampered with.
    pub(crate) what: &'static str,
    /// `no_attachment` or `few_visits`.
    pub(crate) why: &'static str,
}

/// Tampers with everything, one thing after the other.
pub(crate) async fn run(stage: &mut Stage, owner: usize) -> Result<Value, CliError> {
    let began = Instant::now();
    let mut findings = papers::run(stage, owner).await?;
    let (at_edges, untried) = device::run(stage, owner).await?;
    findings.extend(at_edges);
    let detected = findings
        .iter()
        .filter(|finding| finding.caught_by.is_some())
        .count();
    let lines: Vec<Value> = findings
        .iter()
        .map(|finding| json!({ "what": finding.what, "caught_by": finding.caught_by }))
        .collect();
    let untried: Vec<Value> = untried
        .iter()
        .map(|one| json!({ "what": one.what, "why": one.why }))
        .collect();
    let line = json!({
        "step": "tamper", "untried": untried, "tried": findings.len(), "detected": detected, "findings": lines,
        "seconds": seconds(began),
    });
    if detected == findings.len() {
        Ok(line)
    } else {
        Err(broken("tamper", line))
    }
}
