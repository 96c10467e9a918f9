//! What `medfolder bench` measures of hospitals and folders: the demonstration's own processes with
//! one patient of many records and one doctor's key, beside the same run's primitives.

mod data;
mod figure;
mod folder;
mod primitives;

use crate::args::{Demo, Engine};
use crate::demo::stage::Stage;
use crate::demo::steps::{ingest, link, sync};
use crate::error::CliError;
use crate::output::Output;
use figure::{against, plain, wanted};
use medfolder_node::bench::Figure;
use primitives::Primitives;
use std::path::Path;
use std::time::Instant;

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
    let alone = Primitives::measure(&directory.join("alone"), &data, records).map_err(failed)?;
    let words = Demo {
        headless: true,
        serve: false,
        data: Some(data),
        port: None,
        engine: Engine::Embedded,
        suite: "international".to_owned(),
    };
    let mut stage = Stage::set(&words, directory, output).await?;
    let measured = measure(&mut stage, records, &alone, report).await;
    stage.processes.stop().await;
    measured
}

async fn measure(
    stage: &mut Stage,
    records: usize,
    alone: &Primitives,
    report: &mut dyn FnMut(Figure),
) -> Result<(), CliError> {
    let began = Instant::now();
    let taken = ingest::run(stage).await?.records;
    let signing = began.elapsed();
    link::run(stage).await?;
    let linked = Instant::now();
    sync::wait_for_seals(stage).await?;
    let seconds = signing.as_secs_f64() + linked.elapsed().as_secs_f64();
    if taken != records {
        return Err(CliError::new(
            "bench.failed",
            format!("{taken} of {records} records"),
        ));
    }
    let rate = records as f64 / seconds;
    let figure = plain("records.ingest", rate, "records/s");
    let figure = against(figure, "primitives on all cores", alone.hospital);
    let met = rate >= 1_000.0 && rate >= 0.5 * alone.hospital;
    report(wanted(
        figure,
        ">= 1000/s and >= 0.5 of the primitives",
        met,
    ));
    folder::measure(stage, records, alone, report).await
}
