//! What each command does; one file per group.

pub(crate) mod bench;
pub(crate) mod desk;
pub(crate) mod document;
pub(crate) mod folder;
pub(crate) mod member;
pub(crate) mod open;
pub(crate) mod policy;
pub(crate) mod service;
pub(crate) mod verify;

use crate::args::{Cli, Command, FolderCommand, Gateway, Member, Policy};
use crate::error::CliError;
use crate::output::Output;
use crate::patience::told;
use crate::{demo, shutdown};
use medfolder_folder::sync::Cancel;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::watch;

/// Does what the words ask; Ctrl-C ends it cleanly.
pub(crate) async fn run(cli: Cli, output: Output) -> Result<(), CliError> {
    let Cli { global, command } = cli;
    let mut asked = shutdown::asked(global.exit_with_stdin)?;
    match command {
        // These stop by themselves when they are asked to.
        Command::Node(service) => service::node(&service.config, asked).await,
        Command::Gateway(Gateway::Inner(service)) => service::inner(&service.config, asked).await,
        Command::Gateway(Gateway::Edge(service)) => service::edge(&service.config, asked).await,
        Command::Signer(service) => service::signer(&service.config, asked).await,
        Command::Demo(words) => demo::run(&words, &global, output, asked).await,
        other => {
            let (stopped, cancel) = (stopped(&other), Cancel::default());
            let gives_up = match stopped {
                // While it reads or writes, the sync hears of nothing: another task listens.
                SYNC_STOPPED => tokio::spawn(stop(asked.clone(), cancel.clone(), output)),
                _ => tokio::spawn(async move { shutdown::wait(&mut asked).await }),
            };
            tokio::select! {
                done = once(other, global.data_dir, &cancel, output) => done,
                _ = gives_up => Err(CliError::new(stopped, "")),
            }
        }
    }
}

/// Asks a sync to stop; ends when nobody waits for it any longer.
async fn stop(mut asked: watch::Receiver<bool>, cancel: Cancel, output: Output) {
    shutdown::wait(&mut asked).await;
    let again = shutdown::interrupts();
    output.progress(output.say(
        "正在停止：先收完手上这一批（再按一次 Ctrl-C 立即停止）…",
        "Stopping after the batch in hand (Ctrl-C again stops at once) …",
    ));
    cancel.cancel();
    if let Ok(mut again) = again {
        // Either way it is over.
        let _ = tokio::time::timeout(IN_HAND, again.recv()).await;
    }
}

/// How long a sync that is asked to stop may take over the batch in hand.
const IN_HAND: Duration = Duration::from_secs(10);
const SYNC_STOPPED: &str = "sync.cancelled";

/// What Ctrl-C means for a command: a claim at a front desk stands without us, and what a sync has
/// brought stays.
const fn stopped(command: &Command) -> &'static str {
    let Command::Folder(folder) = command else {
        return "system.interrupted";
    };
    match folder.command {
        FolderCommand::Link { .. } => "link.interrupted",
        FolderCommand::Sync { .. } => SYNC_STOPPED,
        _ => "system.interrupted",
    }
}

async fn once(
    command: Command,
    data_dir: Option<PathBuf>,
    cancel: &Cancel,
    output: Output,
) -> Result<(), CliError> {
    match command {
        Command::Desk(words) => told(output, desk::run(words, data_dir, output)).await,
        Command::Folder(words) => folder::run(words, data_dir, cancel, output).await,
        Command::Open(words) => open::run(words, output).await,
        Command::Verify {
            file,
            document,
            genesis,
        } => {
            let place = folder::vault::Place::new(data_dir, None)?;
            let files = verify::Files {
                pack: &file,
                document: document.as_deref(),
                genesis: genesis.as_deref(),
            };
            verify::run(&files, &place, output)
        }
        Command::Member(Member::List { ledger, genesis }) => {
            told(output, member::list(&ledger, &genesis, output)).await
        }
        Command::Member(Member::Propose(_)) => Err(CliError::not_yet("member propose")),
        Command::Member(Member::Vote(_)) => Err(CliError::not_yet("member vote")),
        Command::Member(Member::Remove(_)) => Err(CliError::not_yet("member remove")),
        Command::Policy(Policy::Explain {
            member,
            action,
            genesis,
        }) => policy::explain(&member, &action, genesis.as_deref(), data_dir, output),
        Command::Trace { .. } => Err(CliError::not_yet("trace")),
        Command::Bench { names, small } => bench::run(&names, small, output).await,
        Command::Demo(_) | Command::Node(_) | Command::Gateway(_) | Command::Signer(_) => Ok(()),
    }
}
