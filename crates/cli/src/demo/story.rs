//! The story, step by step; each step's line as the contract has it, or a sentence for a person.

use super::narrate::sentence;
use super::stage::Stage;
use super::steps::share::Shared;
use super::steps::{access_log, ingest, link, open, revoke, search, seconds, share, sync};
use super::tamper;
use crate::error::CliError;
use serde_json::{Value, json};

/// How far the start of both the story and the server brought it.
#[derive(Debug)]
pub(crate) struct Begun {
    /// Index of the owner who shares.
    pub(crate) owner: usize,
    /// The share.
    pub(crate) shared: Shared,
}

/// From delivery to a share that is live.
pub(crate) async fn begin(stage: &mut Stage) -> Result<Begun, CliError> {
    let ingest = ingest::run(stage).await?;
    say(stage, &ingest.line);
    if ingest.records == 0 {
        let data = stage.plan.root.display();
        return Err(CliError::new("demo.no_patient", data));
    }
    say(stage, &link::run(stage).await?);
    let synced = sync::run(stage, ingest.records).await?;
    say(stage, &synced);
    let found = search::run(stage)?;
    say(stage, &found.line);
    let shared = share::run(stage, &found).await?;
    say(stage, &shared.line);
    Ok(Begun {
        owner: found.owner,
        shared,
    })
}

/// The whole story.
pub(crate) async fn tell(stage: &mut Stage) -> Result<(), CliError> {
    let Begun { owner, shared } = begin(stage).await?;
    say(
        stage,
        &open::run(stage, &shared.made, shared.records.len()).await?,
    );
    say(stage, &access_log::run(stage, owner).await?);
    say(stage, &revoke::run(stage, owner, &shared.made).await?);
    say(stage, &open::refused(stage, &shared.made).await?);
    let tampered = tamper::run(stage, owner).await?;
    say(stage, &tampered);
    say(
        stage,
        &json!({ "step": "done", "ok": true, "seconds": seconds(stage.began) }),
    );
    Ok(())
}

/// Prints a step.
pub(crate) fn say(stage: &Stage, line: &Value) {
    stage.output.line(line, || sentence(line, stage.output));
}
