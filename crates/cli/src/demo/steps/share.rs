//! Shares three records with a passcode for a day.

use super::{broken, seconds};
use crate::demo::stage::Stage;
use crate::demo::steps::search::Found;
use crate::error::CliError;
use medfolder_folder::records::Filter;
use medfolder_folder::share::{Code, Made, ShareOptions};
use medfolder_record::RecordId;
use serde_json::{Value, json};
use std::time::Instant;

const RECORDS: usize = 3;
const DAY: u64 = 24 * 60 * 60 * 1_000;

/// The share and the step's line.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The step's line.
    pub(crate) line: Value,
    /// The share.
    pub(crate) made: Made,
    /// Its records.
    pub(crate) records: Vec<RecordId>,
}

/// Shares what was found, filled up with the newest records.
pub(crate) async fn run(stage: &Stage, found: &Found) -> Result<Shared, CliError> {
    let began = Instant::now();
    let owner = stage
        .owners
        .get(found.owner)
        .ok_or_else(|| broken("share", "nobody to share"))?;
    let folder = stage.folder(owner)?;
    let mut records = found.records.clone();
    let newest = folder
        .list(&Filter {
            limit: RECORDS * 2,
            ..Filter::default()
        })?
        .records;
    for record in newest.into_iter().map(|listed| listed.record) {
        if !records.contains(&record) {
            records.push(record);
        }
    }
    records.truncate(RECORDS);
    let options = ShareOptions {
        records: records.clone(),
        code: Code::Drawn,
        duration: DAY,
        openings: None,
        label: Some(stage.output.say("给医生看", "For the doctor").to_owned()),
    };
    let made = folder.share(&options, &stage.clock).await?;
    let line = json!({
        "step": "share", "share": made.grant, "owner": owner.person.name,
        "records": records.len(), "passcode": made.passcode.is_some(), "seconds": seconds(began),
    });
    Ok(Shared {
        line,
        made,
        records,
    })
}
