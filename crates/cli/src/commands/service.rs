//! Services: read a configuration, run until asked to stop.

use crate::error::CliError;
use crate::prompt;
use medfolder_gateway::clock::SystemClock;
use medfolder_gateway::{edge, inner, signer};
use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

/// A configuration that cannot be read is told with its path.
pub(crate) fn readable(config: &Path) -> Result<(), CliError> {
    let path = config.display();
    std::fs::File::open(config)
        .map(drop)
        .map_err(|error| CliError::new("config.unreadable", format!("{path}: {error}")))
}

/// `medfolder node --config FILE`
pub(crate) async fn node(config: &Path, asked: watch::Receiver<bool>) -> Result<(), CliError> {
    readable(config)?;
    let config = medfolder_node::Config::load(config)
        .map_err(|error| CliError::new(error.code(), &error))?;
    let running = medfolder_node::serve(config, asked).await;
    let running = running.map_err(|error| CliError::new(error.code(), &error))?;
    tracing::info!(address = %running.addr, "the node listens");
    until_the_end(running.handle).await
}

/// `medfolder gateway inner --config FILE`
pub(crate) async fn inner(config: &Path, asked: watch::Receiver<bool>) -> Result<(), CliError> {
    readable(config)?;
    let failed = |error: inner::InnerError| CliError::new(error.code(), &error);
    let config = inner::Config::read(config).map_err(failed)?;
    let running = inner::serve(config, asked).await.map_err(failed)?;
    tracing::info!(address = %running.addr, "the inner zone listens");
    until_the_end(running.task).await
}

/// `medfolder gateway edge --config FILE`
pub(crate) async fn edge(config: &Path, asked: watch::Receiver<bool>) -> Result<(), CliError> {
    readable(config)?;
    let config = edge::Config::read(config).map_err(|error| CliError::new(error.code(), &error))?;
    let running = edge::serve(config, asked).await;
    let running = running.map_err(|error| CliError::new(error.code(), &error))?;
    tracing::info!(address = %running.addr, origin = running.origin, "the edge listens");
    until_the_end(running.task).await
}

/// `medfolder signer --config FILE`
pub(crate) async fn signer(config: &Path, asked: watch::Receiver<bool>) -> Result<(), CliError> {
    readable(config)?;
    let failed = |error: signer::SignerError| CliError::new(error.code(), &error);
    let config = signer::Config::read(config).map_err(failed)?;
    let keys = config.unlock(&mut ask_pin).map_err(failed)?;
    let doctors = keys.len();
    let task = signer::serve(&config, keys, Arc::new(SystemClock), asked).map_err(failed)?;
    tracing::info!(doctors, "the signer looks for work");
    until_the_end(task).await
}

async fn until_the_end(task: JoinHandle<()>) -> Result<(), CliError> {
    task.await
        .map_err(|error| CliError::new("system.runtime", error))
}

/// Nobody is asked where nobody sits.
fn ask_pin(key: &Path) -> Option<Zeroizing<String>> {
    if !std::io::stdin().is_terminal() {
        return None;
    }
    let text = format!("PIN {}: ", key.display());
    prompt::secret(&text, &text, "signer.no_pin").ok()
}
