//! Figures, each as a ratio against a peer in the same run.

use crate::error::CliError;
use crate::output::Output;

/// `medfolder bench [NAME…]`
pub(crate) async fn run(_names: &[String], _output: Output) -> Result<(), CliError> {
    Err(CliError::not_yet("bench"))
}
