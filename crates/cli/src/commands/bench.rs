//! Figures, each as a ratio against a peer or the sum of its primitives in the same run.

use crate::bench;
use crate::demo::Directory;
use crate::error::CliError;
use crate::output::Output;
use medfolder_node::bench::{Figure, Scale};

/// What the names of the figures about records begin with; all others are the ledger's.
const RECORDS: &str = "records";
/// Records of one patient.
const MANY: usize = 10_000;
const FEW: usize = 96;

/// `medfolder bench [NAME…]`
pub(crate) async fn run(names: &[String], small: bool, output: Output) -> Result<(), CliError> {
    let wanted = |figure: &str| {
        let fits = |name: &String| figure == name || figure.starts_with(&format!("{name}."));
        names.is_empty() || names.iter().any(fits)
    };
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
