//! Logs go to standard error: of services from `info` on, of other commands only errors.
//! `RUST_LOG` overrides both. No record, key, code or link is ever logged.

use std::io::IsTerminal as _;
use tracing_subscriber::EnvFilter;

/// Starts logging for this process.
pub(crate) fn start(quiet: bool, service: bool) {
    let usual = match (quiet, service) {
        (true, false) => "off",
        (false, false) => "error",
        (_, true) => "info",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(usual));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}
