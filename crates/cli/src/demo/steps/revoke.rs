//! The owner ends the share.

use super::{broken, seconds};
use crate::demo::stage::Stage;
use crate::error::CliError;
use medfolder_folder::share::Made;
use serde_json::{Value, json};
use std::time::Instant;

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
    Ok(json!({ "step": "revoke", "share": made.grant, "seconds": seconds(began) }))
}
