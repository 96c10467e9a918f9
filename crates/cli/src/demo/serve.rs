//! Keeps the demonstration up: services, folders and a share to play with, until it is stopped.

use super::again::Kept;
use super::narrate::sentence;
use super::processes::Processes;
use super::stage::Stage;
use super::story::{self, begin};
use crate::error::CliError;
use crate::output::Output;
use crate::shutdown;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::watch;

/// How often it looks whether every service still runs.
const LOOK: Duration = Duration::from_secs(1);

/// Serves until asked to stop.
pub(crate) async fn run(stage: &mut Stage, asked: watch::Receiver<bool>) -> Result<(), CliError> {
    let begun = begin(stage).await?;
    let made = &begun.shared.made;
    let share = json!({
        "link": made.link.as_str(), "page": Value::Null,
        "passcode": made.passcode.as_ref().map(|passcode| passcode.as_str()),
    });
    let folders = folders(stage);
    let gateways: Vec<Value> = stage
        .world
        .hospitals
        .iter()
        .map(|hospital| {
            json!({
                "name": hospital.name, "url": hospital.edge,
                "inner_config": hospital.file("inner.json"),
            })
        })
        .collect();
    let ready = json!({
        "step": "ready", "ledger": stage.world.ledger, "genesis": stage.world.genesis,
        "gateways": gateways, "folders": folders, "shares": [share],
    });
    let (directory, suite) = (&stage.world.directory, stage.world.chain.suite());
    Kept::write(directory, &suite.to_string(), &ready, &stage.processes)?;
    story::say(stage, &ready);
    watch_over(&mut stage.processes, asked).await
}

/// Serves a world that was stopped, from there on.
pub(crate) async fn again(
    (directory, kept): &(PathBuf, Kept),
    output: Output,
    mut asked: watch::Receiver<bool>,
) -> Result<(), CliError> {
    let mut processes = tokio::select! {
        started = kept.start(directory, output) => started?,
        () = shutdown::wait(&mut asked) => return Ok(()),
    };
    output.line(&kept.ready, || sentence(&kept.ready, output));
    let ended = watch_over(&mut processes, asked).await;
    processes.stop().await;
    ended
}

/// Until it is asked to stop, or a service ends by itself.
async fn watch_over(
    processes: &mut Processes,
    mut asked: watch::Receiver<bool>,
) -> Result<(), CliError> {
    while tokio::time::timeout(LOOK, shutdown::wait(&mut asked))
        .await
        .is_err()
    {
        processes.all_run()?;
    }
    Ok(())
}

/// The folders, closed, so that other processes can open their vaults.
fn folders(stage: &mut Stage) -> Vec<Value> {
    let safes = stage.close_vaults();
    let line = |owner: &super::stage::Owner| {
        let (directory, passphrase) = safes.get(owner.vault)?;
        Some(json!({
            "name": owner.person.name, "data_dir": directory, "passphrase": passphrase,
        }))
    };
    stage.owners.iter().filter_map(line).collect()
}
