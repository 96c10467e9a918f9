//! Checks an evidence file offline, and says in plain words what it proves and what not.

use super::policy;
use crate::args::Lang;
use crate::error::CliError;
use crate::output::Output;
use crate::time::rfc3339;
use medfolder_share::evidence::{CheckResult, Evidence, Outcome, Report, SealState};
use serde_json::json;
use std::path::Path;

/// `medfolder verify FILE`
pub(crate) fn run(file: &Path, genesis: Option<&Path>, output: Output) -> Result<(), CliError> {
    let bytes = std::fs::read(file).map_err(|error| CliError::new("file.read", error))?;
    let known = genesis.map(policy::genesis).transpose()?;
    let evidence = Evidence::from_bytes(&bytes)
        .map_err(|error| CliError::verification(error.code(), error))?;
    let report = evidence.verify(known.as_ref(), None);
    for check in &report.checks {
        output.line(check, || row(check, output));
    }
    output.line(&summary(&report, output), || {
        format!("\n{}", sentence(&report, output))
    });
    match (report.seal, report.failed()) {
        (SealState::Failed, Some(check)) => Err(CliError::verification(check.code, check.en)),
        (SealState::Failed, None) => Err(CliError::verification("evidence.genesis", "no genesis")),
        _ => Ok(()),
    }
}

fn row(check: &CheckResult, output: Output) -> String {
    let mark = match check.outcome {
        Outcome::Holds => '✓',
        Outcome::Fails => '✗',
        Outcome::NotChecked => '·',
    };
    format!("{mark} {}", output.say(check.zh, check.en))
}

fn summary(report: &Report, output: Output) -> serde_json::Value {
    json!({
        "seal": report.seal, "record": report.record, "hospital": report.hospital,
        "title": report.statement.as_ref().map(|statement| &statement.title),
        "genesis": report.genesis, "trust": report.trust, "standing": report.standing,
        "existed_before": report.existed_before.map(rfc3339), "sentence": sentence(report, output),
    })
}

fn sentence(report: &Report, output: Output) -> String {
    match output.lang {
        Lang::Zh => report.summary().0,
        Lang::En => report.summary().1,
    }
}
