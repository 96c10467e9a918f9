//! The story's steps, one file each. A step does one thing, says what came of it, and fails when
//! it did not hold.

pub mod access_log;
pub mod ingest;
pub mod link;
pub mod open;
pub mod revoke;
pub mod search;
pub mod share;
pub mod sync;

use crate::error::CliError;
use std::time::Instant;

/// What did not hold.
pub fn broken(step: &str, what: impl core::fmt::Display) -> CliError {
    CliError::new("demo.step_failed", format!("{step}: {what}"))
}

/// Seconds with two decimals.
pub fn seconds(since: Instant) -> f64 {
    (since.elapsed().as_secs_f64() * 100.0).round() / 100.0
}
