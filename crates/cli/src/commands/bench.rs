//! Figures, each as a ratio against a peer or the sum of its primitives in the same run.

use crate::bench;
use crate::demo::Directory;
use crate::error::CliError;
use crate::output::Output;
use medfolder_node::bench::{Figure, Scale};

/// What the names of the figures about records begin with; all others are the ledger's.
const RECORDS: &str = "records";
/// What is measured, but for the figures of the engine under load: of those this is the start.
const FIGURES: [&str; 39] = [
    "records.ingest",
    "records.final",
    "records.sync_processor",
    "records.sync_rate",
    "records.sync_memory",
    "records.index",
    "records.index_processor",
    "records.first_page",
    "records.search",
    "records.open",
    "records.share_fifty",
    "primitive.signature_check",
    "primitive.map_update",
    "primitive.fsync_p50",
    "primitive.processor",
    "primitive.bound",
    "engine.embedded.64",
    "engine.embedded.1024",
    "engine.embedded.mean.block",
    "engine.embedded.mean.contracts",
    "engine.embedded.mean.state",
    "engine.embedded.mean.write",
    "engine.embedded.mean.fold",
    "engine.embedded.http.rate",
    "engine.embedded.http.p50",
    "engine.embedded.http.p99",
    "ledger.list",
    "ledger.list.bytes",
    "ledger.sync.increment",
    "ledger.idle.bytes_per_heartbeat",
    "ledger.idle.growth",
    "ledger.idle.heartbeat",
    "ledger.idle.heartbeats",
    "ledger.idle.processor",
    "ledger.idle.processor.heartbeats",
    "ledger.restart",
    "ledger.restart.transactions",
    "ledger.answer.late",
    "ledger.bytes_per_transaction",
];
/// Records of one patient.
const MANY: usize = 10_000;
const FEW: usize = 96;

/// `medfolder bench [NAME…]`
pub(crate) async fn run(names: &[String], small: bool, output: Output) -> Result<(), CliError> {
    if let Some(unknown) = names.iter().find(|name| !is_known(name)) {
        let known = FIGURES.join("|");
        return Err(CliError::usage(
            "bench.unknown",
            format!("{unknown} ({known})"),
        ));
    }
    let wanted =
        |figure: &str| names.is_empty() || names.iter().any(|name| is_of(figure, name.as_str()));
    let mut report = |figure: Figure| {
        if wanted(&figure.name) {
            output.line(&figure, || row(&figure));
        }
    };
    let is_record = |name: &String| name == RECORDS || name.starts_with("records.");
    let directory = Directory::new(None)?;
    if names.is_empty() || names.iter().any(is_record) {
        let records = if small { FEW } else { MANY };
        bench::run(&directory.path.join(RECORDS), records, output, &mut report).await?;
    }
    if names.is_empty() || !names.iter().all(is_record) {
        let scale = if small { Scale::SMALL } else { Scale::FULL };
        let ledger = directory.path.join("ledger");
        std::fs::create_dir_all(&ledger).map_err(|e| CliError::new("bench.failed", e))?;
        let done = medfolder_node::bench::run(&ledger, scale, &mut report).await;
        done.map_err(|error| CliError::new(error.code(), error))?;
    }
    Ok(())
}

/// Whether a name is this one or begins with its parts.
fn is_of(name: &str, start: &str) -> bool {
    let rest = name.strip_prefix(start);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn is_known(name: &str) -> bool {
    let under_load = |figure: &str| figure.ends_with("64") || figure.ends_with("1024");
    let fits = |figure: &&str| is_of(figure, name) || (under_load(figure) && is_of(name, figure));
    FIGURES.iter().any(fits)
}

fn row(figure: &Figure) -> String {
    let Figure {
        name, value, unit, ..
    } = figure;
    let mark = match figure.met {
        Some(true) => '✓',
        Some(false) => '✗',
        None => ' ',
    };
    let mut row = format!("{mark} {name:<28} {value:>12.2} {unit}");
    if let (Some(peer), Some(peer_value), Some(ratio)) =
        (&figure.peer, figure.peer_value, figure.ratio)
    {
        row.push_str(&format!("   {ratio:.2} × {peer} ({peer_value:.2})"));
    }
    if !figure.target.is_empty() {
        row.push_str(&format!("   [{}]", figure.target));
    }
    row
}
