//! Serves a world again that an earlier `demo --serve --data-dir` left: the same hospitals, ledger
//! and folders, from where they were stopped.
//!
//! `serve.json` in the world's directory holds the `ready` line and how its services were started.

use super::processes::{Processes, Started};
use crate::error::CliError;
use crate::output::Output;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::{Path, PathBuf};

const FILE: &str = "serve.json";

/// What is needed to serve a world again.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    suite: String,
    /// The line that tells everybody where everything is.
    pub(crate) ready: Value,
    services: Vec<Started>,
}

impl Kept {
    /// Keeps how a world is served.
    pub(crate) fn write(
        directory: &Path,
        suite: &str,
        ready: &Value,
        processes: &Processes,
    ) -> Result<(), CliError> {
        let kept = Self {
            suite: suite.to_owned(),
            ready: ready.clone(),
            services: processes.started(),
        };
        let failed = |error: std::io::Error| CliError::new("demo.storage", error);
        let bytes = serde_json::to_vec_pretty(&kept).map_err(|error| failed(error.into()))?;
        let (part, file) = (directory.join(format!("{FILE}.part")), directory.join(FILE));
        std::fs::write(&part, bytes).map_err(failed)?;
        std::fs::rename(part, file).map_err(failed)
    }

    /// The newest world of this suite below a directory.
    pub(crate) fn find(named: &Path, suite: &str) -> Option<(PathBuf, Self)> {
        let worlds = (1..).map(|number| named.join(format!("demo-{number}")));
        let worlds = worlds.take_while(|path| path.is_dir());
        let read = |path: PathBuf| {
            let bytes = std::fs::read(path.join(FILE)).ok()?;
            let kept: Self = serde_json::from_slice(&bytes).ok()?;
            (kept.suite == suite).then_some((path, kept))
        };
        worlds.filter_map(read).last()
    }

    /// Starts its services in the order in which they were started first.
    pub(crate) async fn start(
        &self,
        directory: &Path,
        output: Output,
    ) -> Result<Processes, CliError> {
        let place = directory.display();
        output.progress(&format!(
            "{}{place}",
            output.say(
                "接着运行上次的演示：",
                "Serving the earlier demonstration again: "
            )
        ));
        let mut processes = Processes::new(&directory.join("logs"))?;
        let ledger = self.ready["ledger"].as_str().unwrap_or_default();
        if processes.answers(ledger).await {
            return Err(CliError::new("demo.served", place));
        }
        let (signers, others): (Vec<&Started>, Vec<&Started>) = self
            .services
            .iter()
            .partition(|service| service.is("signer"));
        for service in others {
            processes.start_again(service)?;
            if service.is("node") {
                processes.wait_for(ledger).await?;
            }
        }
        let gateways = self.ready["gateways"].as_array().into_iter().flatten();
        for address in gateways.filter_map(|gateway| gateway["url"].as_str()) {
            processes.wait_for(address).await?;
        }
        for signer in signers {
            processes.start_again(signer)?;
        }
        Ok(processes)
    }
}
