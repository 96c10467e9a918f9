//! Everybody links a card at each of their hospitals: the desk gives a code, the app claims it,
//! the desk compares the card's last characters, the ledger registers it.

use super::seconds;
use crate::commands::folder::link::card_end;
use crate::demo::stage::{Owner, Stage};
use crate::error::CliError;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};
use std::time::Instant;

/// People at the desks at the same time.
const PARALLEL: usize = 8;

/// Links everybody.
pub(crate) async fn run(stage: &Stage) -> Result<Value, CliError> {
    let began = Instant::now();
    let linked: Vec<usize> = stream::iter(&stage.owners)
        .map(|owner| person(stage, owner))
        .buffer_unordered(PARALLEL)
        .try_collect()
        .await?;
    Ok(json!({
        "step": "link", "folders": linked.len(), "cards": linked.iter().sum::<usize>(),
        "seconds": seconds(began),
    }))
}

async fn person(stage: &Stage, owner: &Owner) -> Result<usize, CliError> {
    let folder = stage.folder(owner)?;
    let mut cards = 0;
    for (hospital, number) in &owner.person.numbers {
        let Some(desk) = stage.controls.get(*hospital) else {
            continue;
        };
        let code = match desk.code(number).await {
            // The hospital refused every file of this patient, so there is nobody to link.
            Err(error) if error.code == "desk.patient_unknown" => continue,
            code => code?,
        };
        let invitation = folder.read_invitation(&code.link, None)?;
        let pending = folder.claim_card(&invitation, &stage.clock).await?;
        let shown = pending.number().to_string();
        desk.confirm(&code.code, card_end(&shown)).await?;
        folder.wait_for_desk(&pending, &stage.clock, |_| ()).await?;
        cards += 1;
    }
    Ok(cards)
}
