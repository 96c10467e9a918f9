//! Doctors are enrolled, the hospitals' systems deliver, doctors sign: until every record that
//! can be signed is signed and nothing lies in a watched folder.

use super::{broken, seconds};
use crate::demo::stage::Stage;
use crate::error::CliError;
use medfolder_gateway::inner::Status;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long nothing may change before what is left is taken as it is.
const STANDSTILL: Duration = Duration::from_secs(20);
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
        "doctors": stage.world.hospitals.iter().map(|h| h.doctors.len()).sum::<usize>(),
        "skipped": skipped.iter().map(|(file, code)| json!({ "file": file, "code": code }))
            .collect::<Vec<Value>>(),
        "seconds": seconds(began),
    });
    if !held.is_empty() {
        line["held"] = json!(held);
    }
    Ok(Ingested { line, records })
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

async fn enrol(stage: &Stage) -> Result<(), CliError> {
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

async fn settle(stage: &mut Stage) -> Result<Vec<Status>, CliError> {
    let (mut last, mut changed) = (Vec::new(), Instant::now());
    loop {
        let mut states = Vec::new();
        for control in &stage.controls {
            states.push(control.status().await?);
        }
        let waiting_files: usize = stage
            .world
            .hospitals
            .iter()
            .map(|h| documents(&h.file("fhir")))
            .sum();
        let unsigned: u64 = states
            .iter()
            .map(|s| s.to_sign + s.unassigned.values().sum::<u64>())
            .sum();
        if waiting_files == 0 && unsigned == 0 {
            return Ok(states);
        }
        let now = (
            waiting_files,
            states.iter().map(signed).collect::<Vec<u64>>(),
        );
        if last.first() != Some(&now) {
            (last, changed) = (vec![now], Instant::now());
        } else if changed.elapsed() > STANDSTILL {
            return if waiting_files == 0 {
                Ok(states)
            } else {
                Err(broken(
                    "ingest",
                    format!("{waiting_files} files were not taken in"),
                ))
            };
        }
        stage.processes.all_run()?;
        tokio::time::sleep(POLL).await;
    }
}

/// Documents below a watched folder.
fn documents(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    paths
        .map(|path| match path.is_dir() {
            true => documents(&path),
            false => usize::from(
                path.extension()
                    .is_some_and(|e| e.eq_ignore_ascii_case("json")),
            ),
        })
        .sum()
}
