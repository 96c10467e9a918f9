//! Everybody's folder fetches what the ledger names, proves the list whole, and verifies and
//! decrypts every record.

use super::{broken, seconds};
use crate::commands::folder::sync::whole;
use crate::demo::stage::Stage;
use crate::error::CliError;
use medfolder_folder::records::{Filter, State};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How long sealing may take after the last card was linked.
const PATIENCE: Duration = Duration::from_secs(600);
const POLL: Duration = Duration::from_millis(200);

/// Syncs until all `expected` records are there.
pub(crate) async fn run(stage: &mut Stage, expected: usize) -> Result<Value, CliError> {
    let began = Instant::now();
    wait_for_seals(stage).await?;
    loop {
        let (records, verified, failed, complete) = all(stage).await?;
        let settled = records >= expected && verified == records;
        if settled || !failed.is_empty() || began.elapsed() > PATIENCE {
            if !failed.is_empty() || !complete || records != expected || !settled {
                let what = format!(
                    "{records} records of {expected}, {verified} verified, {failed:?} failed",
                );
                return Err(broken("sync", what));
            }
            return Ok(json!({
                "step": "sync", "records": records, "verified": verified, "failed": 0,
                "complete": complete, "seconds": seconds(began),
            }));
        }
        stage.processes.all_run()?;
        tokio::time::sleep(POLL).await;
    }
}

/// Until no inner zone has a visit on its way.
pub(crate) async fn wait_for_seals(stage: &mut Stage) -> Result<(), CliError> {
    let began = Instant::now();
    loop {
        let mut waiting = 0;
        for control in &stage.controls {
            let status = control.status().await?;
            waiting += status.signed + status.sealed + status.outbox;
        }
        if waiting == 0 || began.elapsed() > PATIENCE {
            return Ok(());
        }
        stage.processes.all_run()?;
        tokio::time::sleep(POLL).await;
    }
}

async fn all(stage: &Stage) -> Result<(usize, usize, Vec<String>, bool), CliError> {
    let (mut records, mut verified, mut failed, mut complete) = (0, 0, Vec::new(), true);
    for owner in &stage.owners {
        let folder = stage.folder(owner)?;
        let report = whole(&folder, &stage.clock, &|_| ()).await?;
        complete &= report.complete;
        failed.extend(
            report
                .failed
                .iter()
                .map(|f| format!("{}: {}", f.record, f.check)),
        );
        let listed = folder
            .list(&Filter {
                all_versions: true,
                ..Filter::default()
            })?
            .records;
        records += listed.len();
        verified += listed
            .iter()
            .filter(|record| record.state == State::Verified)
            .count();
    }
    Ok((records, verified, failed, complete))
}
