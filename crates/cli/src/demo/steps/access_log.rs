//! The owner sees who opened the share and what was received, proven whole.

use super::{broken, seconds};
use crate::commands::folder::access::access_line;
use crate::demo::stage::Stage;
use crate::demo::steps::open::READER;
use crate::error::CliError;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How long the host may take to report an opening.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(100);

/// Waits until the opening is on the ledger.
pub(crate) async fn run(stage: &Stage, owner: usize) -> Result<Value, CliError> {
    let began = Instant::now();
    let owner = stage
        .owners
        .get(owner)
        .ok_or_else(|| broken("access_log", "nobody"))?;
    let folder = stage.folder(owner)?;
    loop {
        let log = folder.access_log(&stage.clock).await?;
        let lines: Vec<Value> = log.accesses.iter().map(access_line).collect();
        let opened = lines
            .iter()
            .any(|line| line["who"] == READER && line["outcome"] == "opened");
        if opened && log.complete {
            return Ok(json!({
                "step": "access_log", "accesses": lines.len(), "who": READER, "lines": lines,
                "complete": true, "seconds": seconds(began),
            }));
        }
        if began.elapsed() > PATIENCE {
            let what = format!("{} accesses, complete: {}", lines.len(), log.complete);
            return Err(broken("access_log", what));
        }
        tokio::time::sleep(POLL).await;
    }
}
