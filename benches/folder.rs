//! Figures of a folder: sync, indexing, the first page, search, one record, a share of fifty.

use super::primitives::Primitives;
use crate::demo::stage::Stage;
use crate::error::CliError;
use medfolder_folder::records::Filter;
use medfolder_folder::share::{Code, ShareOptions};
use medfolder_folder::sync::{Cancel, SyncOptions};
use medfolder_folder::{Folder, FolderError};
use medfolder_node::bench::{Figure, processor};
use std::time::Instant;

/// How often a short operation is timed; the median counts.
const TIMES: usize = 21;
/// Records that the background adds to the index in one transaction.
const INDEX_BATCH: usize = 200;
const PAGE: usize = 50;
const SHARED: usize = 50;
const HOUR: u64 = 60 * 60 * 1_000;

/// Measures in the first owner's folder.
pub(super) async fn measure(
    stage: &Stage,
    records: usize,
    alone: &mut Primitives,
    report: &mut dyn FnMut(Figure),
) -> Result<(), CliError> {
    let owner = stage
        .owners
        .first()
        .ok_or_else(|| CliError::new("bench.failed", "nobody"))?;
    let folder = stage.folder(owner)?;
    sync(stage, &folder, records, alone, report).await?;
    index(&folder, alone, report)?;
    reads(&folder, report)?;
    share(stage, &folder, report).await
}

async fn sync(
    stage: &Stage,
    folder: &Folder<'_>,
    records: usize,
    alone: &mut Primitives,
    report: &mut dyn FnMut(Figure),
) -> Result<(), CliError> {
    let clock = stage.clock.clone();
    let options = SyncOptions {
        clock,
        progress: &|_| (),
        cancel: Cancel::default(),
    };
    // Linux: 5 sets the peak back to what is used now.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let (before, began) = (processor(), Instant::now());
    let synced = folder.sync(&options).await?;
    let (used, seconds) = (processor() - before, began.elapsed().as_secs_f64());
    if synced.verified != records || !synced.complete {
        return Err(CliError::new(
            "bench.failed",
            format!("{} records synced", synced.verified),
        ));
    }
    let memory = peak_memory();
    for _ in 0..2 {
        let failed = |error: std::io::Error| CliError::new("bench.failed", error);
        alone.measure_sync().map_err(failed)?;
    }
    let peer = alone.sync();
    let figure = Figure::plain("records.sync_processor", used, "s");
    let figure = figure.against("primitives and plain inserts", peer);
    report(figure.wanted("<= 1.5 of the primitives", used <= 1.5 * peer));
    report(Figure::plain(
        "records.sync_rate",
        records as f64 / seconds,
        "records/s",
    ));
    let figure = Figure::plain("records.sync_memory", memory, "MB");
    report(figure.wanted("< 200 MB", memory < 200.0));
    Ok(())
}

/// Most memory that this process held, in MB.
fn peak_memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.unwrap_or(f64::NAN) / 1_024.0
}

fn index(
    folder: &Folder<'_>,
    alone: &Primitives,
    report: &mut dyn FnMut(Figure),
) -> Result<(), CliError> {
    let (before, began) = (processor(), Instant::now());
    let indexed = folder.index(INDEX_BATCH, |_| true)?;
    let (used, seconds) = (processor() - before, began.elapsed().as_secs_f64());
    let rate = indexed as f64 / seconds;
    let peer = indexed as f64 / alone.index.seconds;
    let figure =
        Figure::plain("records.index", rate, "records/s").against("plain FTS5 inserts", peer);
    report(figure.wanted(">= 0.6 of the inserts", rate >= 0.6 * peer));
    let figure = Figure::plain("records.index_processor", used, "s");
    report(figure.against("plain FTS5 inserts", alone.index.processor));
    Ok(())
}

fn reads(folder: &Folder<'_>, report: &mut dyn FnMut(Figure)) -> Result<(), CliError> {
    let first = Filter {
        limit: PAGE,
        ..Filter::default()
    };
    let page = folder.list(&first)?.records;
    let listed = median(|| folder.list(&first).map(drop))?;
    report(Figure::plain("records.first_page", listed, "ms").wanted("<= 50 ms", listed <= 50.0));
    let found = median(|| folder.search("指标7 mmol", 20).map(drop))?;
    report(Figure::plain("records.search", found, "ms").wanted("<= 50 ms", found <= 50.0));
    let name = page
        .first()
        .map(|record| record.record.to_string())
        .unwrap_or_default();
    let opened = median(|| folder.open_record(&name).map(drop))?;
    report(Figure::plain("records.open", opened, "ms").wanted("<= 20 ms", opened <= 20.0));
    Ok(())
}

/// Milliseconds, the median of several times.
fn median(mut work: impl FnMut() -> Result<(), FolderError>) -> Result<f64, CliError> {
    let mut times = Vec::with_capacity(TIMES);
    for _ in 0..TIMES {
        let began = Instant::now();
        work()?;
        times.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    times.sort_by(f64::total_cmp);
    Ok(times.get(TIMES / 2).copied().unwrap_or(f64::NAN))
}

async fn share(
    stage: &Stage,
    folder: &Folder<'_>,
    report: &mut dyn FnMut(Figure),
) -> Result<(), CliError> {
    let page = folder
        .list(&Filter {
            limit: SHARED,
            ..Filter::default()
        })?
        .records;
    let options = ShareOptions {
        records: page.into_iter().map(|record| record.record).collect(),
        code: Code::Drawn,
        duration: HOUR,
        openings: None,
        label: None,
    };
    let began = Instant::now();
    folder.share(&options, &stage.clock).await?;
    let taken = began.elapsed().as_secs_f64() * 1_000.0;
    report(Figure::plain("records.share_fifty", taken, "ms").wanted("<= 500 ms", taken <= 500.0));
    Ok(())
}
