//! `medfolder folder …`: the patient's side in words.

pub(crate) mod access;
mod attachment;
pub(crate) mod cards;
pub(crate) mod create;
mod export;
pub(crate) mod link;
pub(crate) mod list;
pub(crate) mod share;
mod shares;
pub(crate) mod show;
pub(crate) mod sync;
pub(crate) mod vault;

use crate::args::{self, FolderCommand};
use crate::error::CliError;
use crate::output::Output;
use crate::patience::told;
use medfolder_client::clock::Clock;
use medfolder_folder::FolderError;
use medfolder_folder::sync::Cancel;
use std::path::PathBuf;
use vault::Place;

impl From<FolderError> for CliError {
    fn from(error: FolderError) -> Self {
        let code = error.code().to_owned();
        match &error {
            // What was written can mean nothing, in any folder.
            FolderError::Cursor | FolderError::ShareTooLong => CliError::usage(code, ""),
            // A lie, or what was changed on its way or in the vault.
            FolderError::Ledger(ledger) if ledger.is_unproven() => {
                CliError::verification(code, &error)
            }
            FolderError::Check(_) | FolderError::FailedRecord(_) => {
                CliError::verification(code, &error)
            }
            _ => CliError::new(code, &error),
        }
    }
}

/// Does what the words ask.
pub(crate) async fn run(
    words: args::Folder,
    data_dir: Option<PathBuf>,
    cancel: &Cancel,
    output: Output,
) -> Result<(), CliError> {
    let args::Folder {
        folder: name,
        command,
    } = words;
    refuse_early(&command, output)?;
    let place = Place::new(data_dir, name)?;
    let clock = Clock::system();
    match command {
        FolderCommand::Create(trust) => {
            return create::create(&place, &trust, &clock, output).await;
        }
        FolderCommand::Restore(trust) => return create::restore(&place, &trust, &clock, output),
        _ => {}
    }
    let vault = place.open()?;
    let mut folder = vault.folder(place.name())?;
    match command {
        FolderCommand::Link { code, member } => {
            link::run(&folder, &code, member.as_deref(), &clock, output).await
        }
        FolderCommand::Sync { ledger } => {
            if !ledger.is_empty() {
                folder.set_ledger(&ledger)?;
            }
            sync::run(&folder, &clock, cancel, output).await
        }
        FolderCommand::Cards => cards::run(&folder, output),
        FolderCommand::List(words) => list::list(&folder, &words, output),
        FolderCommand::Search { text, limit } => {
            list::search(&folder, &text.join(" "), limit, output)
        }
        FolderCommand::Show {
            record,
            fhir,
            evidence,
            attachment,
            out,
        } => {
            if let Some(name) = attachment {
                return attachment::save(&folder, &record, &name, out.as_deref(), output);
            }
            let form = show::Form::of(fhir, evidence);
            let shown = show::run(&folder, &record, form, out.as_deref(), &clock, output);
            told(output, shown).await
        }
        FolderCommand::Share(words) => {
            told(output, share::share(&folder, &words, &clock, output)).await
        }
        FolderCommand::Shares => shares::run(&folder, &clock, output).await,
        FolderCommand::Revoke { share } => share::revoke(&folder, &share, &clock, output).await,
        FolderCommand::Shorten { share, duration } => {
            let moved = share::shorten(&folder, &share, duration, &clock, output);
            told(output, moved).await
        }
        FolderCommand::Extend { share, duration } => {
            let moved = share::extend(&folder, &share, duration, &clock, output);
            told(output, moved).await
        }
        FolderCommand::AccessLog => told(output, access::log(&folder, &clock, output)).await,
        FolderCommand::Export { out } => {
            told(output, export::run(&folder, &out, &clock, output)).await
        }
        FolderCommand::Create(_) | FolderCommand::Restore(_) | FolderCommand::Backup { .. } => {
            Ok(())
        }
    }
}

/// What later versions bring, and what contradicts itself, is refused before anything is opened or
/// asked.
fn refuse_early(command: &FolderCommand, output: Output) -> Result<(), CliError> {
    match command {
        FolderCommand::List(words) => list::understood(words, output),
        FolderCommand::Backup { .. } => Err(CliError::not_yet("folder backup")),
        FolderCommand::Share(words) if words.mask => Err(CliError::not_yet("--mask")),
        FolderCommand::Share(words) if words.to_phone.is_some() => {
            Err(CliError::not_yet("--to-phone"))
        }
        _ => Ok(()),
    }
}
