//! Secrets that a person types where nobody sees them.

use crate::error::CliError;
use std::io::ErrorKind;
use zeroize::Zeroizing;

/// Asks at the terminal; without an answer the error has this code, after Ctrl-C that of a stop.
pub(crate) fn secret(text: &str, code: &str) -> Result<Zeroizing<String>, CliError> {
    rpassword::prompt_password(text)
        .map(Zeroizing::new)
        .map_err(|error| match error.kind() {
            ErrorKind::Interrupted => CliError::new("system.interrupted", ""),
            _ => CliError::new(code, error),
        })
}
