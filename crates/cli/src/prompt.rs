//! Secrets that a person types where nobody sees them.

use crate::error::CliError;
use crate::output::Output;
use std::ffi::OsString;
use std::io::ErrorKind;
use zeroize::Zeroizing;

/// Asks at the terminal; without an answer the error has this code, after Ctrl-C that of a stop.
pub(crate) fn secret(zh: &str, en: &str, code: &str) -> Result<Zeroizing<String>, CliError> {
    let words: Vec<OsString> = std::env::args_os().collect();
    rpassword::prompt_password(Output::early(&words).say(zh, en))
        .map(Zeroizing::new)
        .map_err(|error| match error.kind() {
            ErrorKind::Interrupted => CliError::new("system.interrupted", ""),
            _ => CliError::new(code, error),
        })
}
