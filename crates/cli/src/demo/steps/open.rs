//! A reader opens the link: a process that has nothing but link and passcode, in an empty folder
//! and with an empty environment.

use super::{broken, seconds};
use crate::demo::stage::Stage;
use crate::error::CliError;
use medfolder_folder::share::Made;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;
use tokio::process::Command;

/// What the reader says she is.
pub(crate) const READER: &str = "周医生 Dr. Zhou";

/// How a reader's process ended.
#[derive(Debug)]
pub(crate) struct Reading {
    /// Exit code.
    pub(crate) exit: i32,
    /// Its last line.
    pub(crate) line: Value,
}

/// Runs `medfolder open`.
pub(crate) async fn read(
    directory: &Path,
    link: &str,
    passcode: Option<&str>,
) -> Result<Reading, CliError> {
    let failed = |error| broken("open", error);
    let empty = directory.join("reader");
    std::fs::create_dir_all(&empty).map_err(failed)?;
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    command.args([
        "open",
        link,
        "--json",
        "--lang",
        "en",
        "--recipient",
        READER,
    ]);
    if let Some(passcode) = passcode {
        command.args(["--passcode", passcode]);
    }
    let done = command
        .env_clear()
        .current_dir(&empty)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(failed)?;
    let text = String::from_utf8_lossy(&done.stdout);
    let line = text
        .lines()
        .last()
        .and_then(|line| serde_json::from_str(line).ok());
    Ok(Reading {
        exit: done.status.code().unwrap_or(-1),
        line: line.unwrap_or(Value::Null),
    })
}

/// The reader opens the share and sees whose seal each record carries.
pub(crate) async fn run(stage: &Stage, made: &Made, records: usize) -> Result<Value, CliError> {
    let began = Instant::now();
    let passcode = made.passcode.as_ref().map(|passcode| passcode.as_str());
    let reading = read(&stage.world.directory, &made.link, passcode).await?;
    let opened = reading.line["records"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let verified = opened
        .iter()
        .filter(|record| record["seal"] == "verified")
        .count();
    if reading.exit != 0 || opened.len() != records || verified != records {
        return Err(broken(
            "open",
            format!("exit {}: {}", reading.exit, reading.line),
        ));
    }
    let titles: Vec<Value> = opened
        .iter()
        .map(|r| json!({ "title": r["title"], "hospital": r["hospital"], "seal": r["seal"] }))
        .collect();
    Ok(json!({
        "step": "open", "files": reading.line["files"], "records": titles,
        "seconds": seconds(began),
    }))
}

/// The same reader tries again after the end.
pub(crate) async fn refused(stage: &Stage, made: &Made) -> Result<Value, CliError> {
    let passcode = made.passcode.as_ref().map(|passcode| passcode.as_str());
    let reading = read(&stage.world.directory, &made.link, passcode).await?;
    let code = reading.line["error"]["code"].clone();
    if reading.exit != 1 || code != "share.revoked" {
        return Err(broken(
            "open_after_revoke",
            format!("exit {}: {code}", reading.exit),
        ));
    }
    Ok(json!({ "step": "open_after_revoke", "refused": true, "code": code }))
}
