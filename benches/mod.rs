//! What `medfolder bench` measures of hospitals and folders: the demonstration's own processes with
//! one patient of many records and one doctor's key, beside the same run's primitives.

mod data;
mod folder;
mod primitives;

use crate::args::{Demo, Engine};
use crate::demo::stage::Stage;
use crate::demo::steps::{ingest, link, sync};
use crate::error::CliError;
use crate::output::Output;
use medfolder_node::bench::Figure;
use primitives::Primitives;
use std::path::Path;
use std::time::{Duration, Instant};

const POLL: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(60);

/// Measures with `records` records and reports each figure as it is known.
pub(crate) async fn run(
    directory: &Path,
    records: usize,
    output: Output,
    report: &mut dyn FnMut(Figure),
) -> Result<(), CliError> {
    let failed = |error: std::io::Error| CliError::new("bench.failed", error);
    let data = directory.join("data");
    data::write(&data, records).map_err(failed)?;
    let mut alone =
        Primitives::measure(&directory.join("alone"), &data, records).map_err(failed)?;
    alone.measure_hospital().map_err(failed)?;
    let words = Demo {
        headless: true,
        serve: false,
        data: Some(data),
        port: None,
        engine: Engine::Embedded,
        suite: "international".to_owned(),
    };
    let mut stage = Stage::set(&words, directory, output).await?;
    let measured = measure(&mut stage, records, &mut alone, report).await;
    stage.processes.stop().await;
    measured
}

async fn measure(
    stage: &mut Stage,
    records: usize,
    alone: &mut Primitives,
    report: &mut dyn FnMut(Figure),
) -> Result<(), CliError> {
    enrol(stage).await?;
    let began = deliver(stage)?;
    let states = ingest::settle(stage).await?;
    let signing = began.elapsed();
    let taken: u64 = states.iter().map(|state| state.records).sum();
    if taken != records as u64 {
        let found = format!("{taken} of {records} records");
        return Err(CliError::new("bench.failed", found));
    }
    link::run(stage).await?;
    let linked = Instant::now();
    sync::wait_for_spools(stage).await?;
    let rate = records as f64 / (signing + linked.elapsed()).as_secs_f64();
    sync::wait_for_seals(stage).await?;
    let ended = records as f64 / (signing + linked.elapsed()).as_secs_f64();
    for _ in 0..2 {
        let failed = |error: std::io::Error| CliError::new("bench.failed", error);
        alone.measure_hospital().map_err(failed)?;
    }
    let peer = alone.hospital();
    let figure = Figure::plain("records.ingest", rate, "records/s");
    let figure = figure.against("primitives on all cores", peer);
    let met = rate >= 1_000.0 && rate >= 0.5 * peer;
    report(figure.wanted(">= 1000/s and >= 0.5 of the primitives", met));
    report(Figure::plain("records.final", ended, "records/s"));
    folder::measure(stage, records, alone, report).await
}

/// Enrols the doctors and waits until the ledger says so.
async fn enrol(stage: &mut Stage) -> Result<(), CliError> {
    ingest::enrol(stage).await?;
    let began = Instant::now();
    for control in &stage.controls {
        while !control.all_enrolled().await? {
            if began.elapsed() > PATIENCE {
                return Err(CliError::new("bench.failed", "a doctor is not enrolled"));
            }
            tokio::time::sleep(POLL).await;
        }
    }
    Ok(())
}

/// Lays all files ready and shows them to the first hospital at once: what its own systems do
/// before is not measured.
fn deliver(stage: &Stage) -> Result<Instant, CliError> {
    let failed = |error: std::io::Error| CliError::new("bench.failed", error);
    let Some(hospital) = stage.world.hospitals.first() else {
        return Err(CliError::new("bench.failed", "no hospital"));
    };
    let (inlet, hidden) = (hospital.file("fhir"), hospital.file("fhir/.ready"));
    for delivery in &stage.plan.deliveries {
        let to = hidden.join(&delivery.place);
        to.parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .map_err(failed)?;
        std::fs::copy(stage.plan.root.join(&delivery.file), to).map_err(failed)?;
    }
    let began = Instant::now();
    std::fs::rename(hidden, inlet.join("ready")).map_err(failed)?;
    Ok(began)
}
