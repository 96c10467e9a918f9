//! Doctors are enrolled, the hospitals' systems deliver, doctors sign: until every record that
//! can be signed is signed and nothing lies in a watched folder.

use super::{broken, seconds};
use crate::demo::plan::Plan;
use crate::demo::stage::Stage;
use crate::error::CliError;
use medfolder_gateway::inner::Status;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long nothing may change before what is left is taken as it is.
const STANDSTILL: Duration = Duration::from_secs(20);
/// The same while somebody has something to do, on a machine that has more to do than this.
const BUSY: Duration = Duration::from_secs(180);
const POLL: Duration = Duration::from_millis(50);

/// What came of it.
#[derive(Debug)]
pub(crate) struct Ingested {
    /// The step's line.
    pub(crate) line: Value,
    /// Signed records.
    pub(crate) records: usize,
}

/// Enrols the doctors, delivers every file, and waits until all is signed.
pub(crate) async fn run(stage: &mut Stage) -> Result<Ingested, CliError> {
    let began = Instant::now();
    enrol(stage).await?;
    stage.deliver()?;
    let states = settle(stage).await?;
    let records: u64 = states.iter().map(signed).sum();
    let skipped = skipped(stage, &states);
    let attachments = attachments(stage, &skipped);
    let held: Vec<&str> = states
        .iter()
        .flat_map(|s| &s.held)
        .map(|held| held.reason.as_str())
        .collect();
    let records = usize::try_from(records).map_err(|error| broken("ingest", error))?;
    let mut line = json!({
        "step": "ingest", "patients": stage.plan.people.len(), "records": records,
        "attachments": attachments, "hospitals": stage.world.hospitals.len(),
        "doctors": states.iter().map(|state| state.signers).sum::<u64>(),
        "skipped": named(&skipped),
        "seconds": seconds(began),
    });
    if !held.is_empty() {
        line["held"] = json!(held);
    }
    Ok(Ingested { line, records })
}

/// The step's line when no file is anybody's record.
pub(crate) fn nothing(plan: &Plan, began: Instant) -> Value {
    let skipped: Vec<_> = plan.unread.iter().chain(&plan.strange).cloned().collect();
    json!({
        "step": "ingest", "patients": 0, "records": 0, "attachments": 0, "doctors": 0,
        "skipped": named(&skipped), "seconds": seconds(began),
    })
}

fn named(skipped: &[(PathBuf, impl Serialize)]) -> Vec<Value> {
    let files = skipped.iter();
    files
        .map(|(file, code)| json!({ "file": file, "code": code }))
        .collect()
}

/// Files that were refused, by their names below the data directory.
fn skipped(stage: &Stage, states: &[Status]) -> Vec<(PathBuf, String)> {
    let plan = &stage.plan;
    let unread = plan
        .unread
        .iter()
        .map(|(file, code)| (file.clone(), (*code).to_owned()));
    let refused = states
        .iter()
        .flat_map(|state| &state.skipped)
        .map(|skipped| {
            let place = Path::new(&skipped.file);
            let delivery = plan
                .deliveries
                .iter()
                .find(|delivery| delivery.place == place);
            (
                delivery
                    .map_or(place, |delivery| &delivery.file)
                    .to_path_buf(),
                skipped.code.clone(),
            )
        });
    unread.chain(refused).collect()
}

/// Attachments of the documents that were taken in, each once.
fn attachments(stage: &Stage, skipped: &[(PathBuf, String)]) -> usize {
    let bad: BTreeSet<&PathBuf> = skipped.iter().map(|(file, _)| file).collect();
    let taken = stage
        .plan
        .deliveries
        .iter()
        .filter(|delivery| !bad.contains(&delivery.file));
    let named = taken.flat_map(|d| d.attachments.iter().map(|name| d.file.with_file_name(name)));
    named.collect::<BTreeSet<PathBuf>>().len()
}

pub(crate) async fn enrol(stage: &Stage) -> Result<(), CliError> {
    for (hospital, control) in stage.world.hospitals.iter().zip(&stage.controls) {
        for (key, doctor) in &hospital.doctors {
            control.enrol(key, doctor).await?;
        }
    }
    Ok(())
}

/// Records that carry their doctor's signature.
fn signed(state: &Status) -> u64 {
    let unassigned: u64 = state.unassigned.values().sum();
    let held = state.held.iter().filter(|held| held.record != 0).count();
    state
        .records
        .saturating_sub(unassigned + state.to_sign + held as u64)
}

/// Waits until no document lies in a watched folder and every record that can be signed is.
pub(crate) async fn settle(stage: &mut Stage) -> Result<Vec<Status>, CliError> {
    let (mut last, mut changed) = (Vec::new(), Instant::now());
    loop {
        // Looked at first: a file is removed after what it holds is counted.
        let mut inlets = stage.world.hospitals.iter().map(|h| h.file("fhir"));
        let delivering = inlets.any(|inlet| has_document(&inlet));
        let mut states = Vec::new();
        for control in &stage.controls {
            states.push(control.status().await?);
        }
        let unsigned: u64 = states
            .iter()
            .map(|s| s.to_sign + s.unassigned.values().sum::<u64>())
            .sum();
        if unsigned == 0 && !delivering {
            return Ok(states);
        }
        let now: Vec<(u64, u64)> = states.iter().map(|s| (s.records, signed(s))).collect();
        if last != now {
            (last, changed) = (now, Instant::now());
        } else if changed.elapsed() > STANDSTILL
            && changed.elapsed() > patience(stage, &states, delivering).await?
        {
            return if delivering {
                Err(broken("ingest", "files were not taken in"))
            } else {
                Ok(states)
            };
        }
        stage.processes.all_run()?;
        tokio::time::sleep(POLL).await;
    }
}

/// A file that lies there is taken in, a doctor who is enrolled becomes known, a record with a doctor
/// is signed: it takes as long as it takes. What is left then changes no more.
async fn patience(
    stage: &Stage,
    states: &[Status],
    delivering: bool,
) -> Result<Duration, CliError> {
    if delivering || states.iter().any(|state| state.to_sign > 0) {
        return Ok(BUSY);
    }
    for control in &stage.controls {
        if !control.all_enrolled().await? {
            return Ok(BUSY);
        }
    }
    Ok(STANDSTILL)
}

/// Whether a document lies below a watched folder.
fn has_document(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return false;
    };
    let is_json = |path: &Path| {
        path.extension()
            .is_some_and(|ending| ending.eq_ignore_ascii_case("json"))
    };
    let mut paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    paths.any(|path| match path.is_dir() {
        true => has_document(&path),
        false => is_json(&path),
    })
}
