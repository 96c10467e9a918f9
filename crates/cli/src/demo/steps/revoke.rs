//! The owner ends the share and sees how much was received before.

use super::{broken, seconds};
use crate::demo::stage::Stage;
use crate::error::CliError;
use medfolder_client::clock::Clock;
use medfolder_folder::Folder;
use medfolder_folder::share::{Made, ShareInfo};
use medfolder_ledger::body::AccessOutcome;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How long the host may take to report what its readers received.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(100);

/// Revokes the share on its host and the ledger.
pub(crate) async fn run(stage: &Stage, owner: usize, made: &Made) -> Result<Value, CliError> {
    let began = Instant::now();
    let owner = stage
        .owners
        .get(owner)
        .ok_or_else(|| broken("revoke", "nobody"))?;
    let folder = stage.folder(owner)?;
    let share = folder.find_share(&made.grant.to_string(), stage.clock.now())?;
    folder.revoke_share(&share, &stage.clock).await?;
    let received = received(&folder, &share, &stage.clock).await?;
    Ok(json!({
        "step": "revoke", "share": made.grant, "received": received, "of": share.records.len(),
        "seconds": seconds(began),
    }))
}

/// How many of the records readers fetched, once the host closed their sessions.
async fn received(
    folder: &Folder<'_>,
    share: &ShareInfo,
    clock: &Clock,
) -> Result<usize, CliError> {
    let began = Instant::now();
    loop {
        let accesses = folder.share_accesses(share, clock).await?;
        let mut ended = accesses
            .iter()
            .filter(|a| a.outcome == AccessOutcome::Ended)
            .peekable();
        if ended.peek().is_some() {
            return Ok(ended
                .flat_map(|access| &access.records)
                .collect::<BTreeSet<_>>()
                .len());
        }
        if began.elapsed() > PATIENCE {
            return Err(broken(
                "revoke",
                "the host did not report what was received",
            ));
        }
        tokio::time::sleep(POLL).await;
    }
}
