//! Everybody's folder fetches what the ledger names, proves the list whole, and verifies and
//! decrypts every record.

use super::{broken, seconds};
use crate::commands::folder::sync::whole;
use crate::demo::stage::Stage;
use crate::error::CliError;
use medfolder_folder::records::{Filter, State};
use medfolder_folder::sync::Cancel;
use medfolder_gateway::inner::Status;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How long nothing may change before what is missing counts as missing.
const STANDSTILL: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

/// Syncs until all `expected` records are there.
pub(crate) async fn run(stage: &mut Stage, expected: usize) -> Result<Value, CliError> {
    let began = Instant::now();
    wait_for_seals(stage).await?;
    let (mut last, mut changed) = (0, Instant::now());
    loop {
        let synced = all(stage).await?;
        if synced.holds(expected) {
            return Ok(json!({
                "step": "sync", "records": synced.records, "verified": synced.verified,
                "failed": 0, "complete": synced.complete, "seconds": seconds(began),
            }));
        }
        if synced.verified != last {
            (last, changed) = (synced.verified, Instant::now());
        }
        if !synced.failed.is_empty() || changed.elapsed() > STANDSTILL {
            return Err(broken("sync", format!("{synced:?} of {expected}")));
        }
        stage.processes.all_run()?;
        tokio::time::sleep(POLL).await;
    }
}

/// Until no inner zone has a visit on its way.
pub(crate) async fn wait_for_seals(stage: &mut Stage) -> Result<(), CliError> {
    wait_until_none(stage, |status| {
        status.signed + status.sealed + status.outbox
    })
    .await
}

/// Until every inner zone's sealed visits lie in the spool to its edge.
pub(crate) async fn wait_for_spools(stage: &mut Stage) -> Result<(), CliError> {
    wait_until_none(stage, |status| status.signed + status.outbox).await
}

async fn wait_until_none(stage: &mut Stage, left: fn(&Status) -> u64) -> Result<(), CliError> {
    let (mut last, mut changed) = (0, Instant::now());
    loop {
        let mut waiting = 0;
        for control in &stage.controls {
            waiting += left(&control.status().await?);
        }
        if waiting != last {
            (last, changed) = (waiting, Instant::now());
        }
        if waiting == 0 || changed.elapsed() > STANDSTILL {
            return Ok(());
        }
        stage.processes.all_run()?;
        tokio::time::sleep(POLL).await;
    }
}

/// What all folders hold.
#[derive(Debug)]
struct Synced {
    records: usize,
    verified: usize,
    failed: Vec<String>,
    complete: bool,
}

impl Synced {
    fn holds(&self, expected: usize) -> bool {
        let all = self.records == expected && self.verified == expected;
        all && self.failed.is_empty() && self.complete
    }
}

async fn all(stage: &Stage) -> Result<Synced, CliError> {
    let mut synced = Synced {
        records: 0,
        verified: 0,
        failed: Vec::new(),
        complete: true,
    };
    for owner in &stage.owners {
        let folder = stage.folder(owner)?;
        let report = whole(&folder, &stage.clock, &|_| (), &Cancel::default()).await?;
        synced.complete &= report.complete;
        let failed = report
            .failed
            .iter()
            .map(|failure| (failure.record, &failure.check));
        synced
            .failed
            .extend(failed.map(|(record, check)| format!("{record}: {check}")));
        let filter = Filter {
            all_versions: true,
            ..Filter::default()
        };
        let listed = folder.list(&filter)?.records;
        synced.records += listed.len();
        let verified = listed
            .iter()
            .filter(|record| record.state == State::Verified);
        synced.verified += verified.count();
    }
    Ok(synced)
}
