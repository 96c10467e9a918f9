//! Keeps the demonstration up: services, folders and a share to play with, until it is stopped.

use super::stage::Stage;
use super::story::{self, begin};
use crate::error::CliError;
use crate::shutdown;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::watch;

/// How often it looks whether every service still runs.
const LOOK: Duration = Duration::from_secs(1);

/// Serves until asked to stop.
pub(crate) async fn run(
    stage: &mut Stage,
    mut asked: watch::Receiver<bool>,
) -> Result<(), CliError> {
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
    story::say(stage, &ready);
    while tokio::time::timeout(LOOK, shutdown::wait(&mut asked))
        .await
        .is_err()
    {
        stage.processes.all_run()?;
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
