//! The story's steps, one file each. A step does one thing, says what came of it, and fails when
//! it did not hold.

pub(crate) mod access_log;
pub(crate) mod ingest;
pub(crate) mod link;
pub(crate) mod open;
pub(crate) mod revoke;
pub(crate) mod search;
pub(crate) mod share;
pub(crate) mod sync;

use crate::error::CliError;
use std::time::Instant;

/// What did not hold.
pub(crate) fn broken(step: &str, what: impl core::fmt::Display) -> CliError {
    CliError::new("demo.step_failed", format!("{step}: {what}"))
}

/// Seconds with two decimals.
pub(crate) fn seconds(since: Instant) -> f64 {
    (since.elapsed().as_secs_f64() * 100.0).round() / 100.0
}
