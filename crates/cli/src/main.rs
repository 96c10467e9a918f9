//! The `medfolder` binary: reads its words, does what they ask, and tells how it ended.

mod args;
#[path = "../../../benches/mod.rs"]
mod bench;
mod commands;
mod demo;
mod error;
mod help;
mod log;
mod output;
mod patience;
mod prompt;
mod qr;
mod shutdown;
mod time;

use args::{Cli, Command, Gateway};
use error::CliError;
use help::Unrun;
use output::Output;
use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

/// How long tasks may go on after the command has ended.
const LEAVE: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    let early = Output::early(&words);
    let cli = match help::parse(&words, early.lang) {
        Ok(cli) => cli,
        Err(Unrun::Asked(page)) => {
            let _ = page.print();
            return ExitCode::SUCCESS;
        }
        Err(Unrun::Wrong(error, page)) => {
            early.usage(&error, &page);
            return ExitCode::from(error.exit);
        }
    };
    // Vaults, keys and exports are their owner's; two services may share a spool through a group.
    let others = if is_service(&cli.command) {
        0o027
    } else {
        0o077
    };
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(others));
    let output = Output::new(&cli.global);
    // Every TLS connection of this process; a second installation would be refused.
    let _ = rustls::crypto::ring::default_provider().install_default();
    log::start(cli.global.quiet, is_service(&cli.command));
    let done = match run(cli, output) {
        Ok(()) if Output::is_lost() => Err(CliError::new("output.write", "standard output")),
        done => done,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if !error.told {
                output.error(&error);
            }
            ExitCode::from(error.exit)
        }
    }
}

fn run(cli: Cli, output: Output) -> Result<(), CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::new("system.runtime", error))?;
    let done = runtime.block_on(commands::run(cli, output));
    runtime.shutdown_timeout(LEAVE);
    done
}

const fn is_service(command: &Command) -> bool {
    matches!(
        command,
        Command::Node(_)
            | Command::Signer(_)
            | Command::Gateway(Gateway::Inner(_) | Gateway::Edge(_))
    )
}
