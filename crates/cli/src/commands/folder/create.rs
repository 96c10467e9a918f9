//! A new folder, or an old one from its words.

use super::vault::Place;
use crate::args::{self, Lang};
use crate::error::CliError;
use crate::output::Output;
use medfolder_client::clock::Clock;
use medfolder_crypto::words::WordList;
use medfolder_folder::{Folder, Trust};
use serde_json::json;
use std::io::{BufRead as _, IsTerminal as _};
use zeroize::Zeroizing;

/// `medfolder folder create`
pub(crate) fn create(
    place: &Place,
    trust: &args::Trust,
    clock: &Clock,
    output: Output,
) -> Result<(), CliError> {
    let genesis = genesis(trust)?;
    let key_store = trust.key_store;
    let trust = Trust {
        genesis: &genesis,
        ledger: &trust.ledger,
    };
    // What can never work makes no vault.
    trust.check()?;
    let vault = place.open_or_create(key_store)?;
    let folder = vault.create_folder(place.new_name(), &trust, clock.now())?;
    let list = if output.lang == Lang::Zh {
        WordList::Chinese
    } else {
        WordList::English
    };
    let words = folder.recovery_words(list)?;
    let line = json!({
        "folder": folder.number, "name": folder.name, "words": words.as_slice(),
    });
    output.line(&line, || {
        let told = output.say(
            "病历夹已建好。请把这 24 个词抄在纸上，不要给任何人看：",
            "The folder is made. Write these 24 words on paper and show them to nobody:",
        );
        format!("{told}\n{}", numbered(&words))
    });
    Ok(())
}

fn numbered(words: &[String]) -> String {
    let cell = |(i, word): (usize, &String)| format!("{:>2} {word:<10}", i + 1);
    let cells: Vec<String> = words.iter().enumerate().map(cell).collect();
    let rows: Vec<String> = cells.chunks(6).map(|row| row.join(" ")).collect();
    rows.join("\n")
}

/// `medfolder folder restore`
pub(crate) fn restore(
    place: &Place,
    trust: &args::Trust,
    clock: &Clock,
    output: Output,
) -> Result<(), CliError> {
    let genesis = genesis(trust)?;
    let key_store = trust.key_store;
    let trust = Trust {
        genesis: &genesis,
        ledger: &trust.ledger,
    };
    trust.check()?;
    let words = words()?;
    let vault = place.open_or_create(key_store)?;
    let folder = vault.restore_folder(place.new_name(), &words, &trust, clock.now())?;
    let line = json!({ "folder": folder.number, "name": folder.name });
    output.line(&line, || told(&folder, output));
    Ok(())
}

fn told(folder: &Folder<'_>, output: Output) -> String {
    let text = output.say(
        "病历夹已恢复。下一次同步会找回各医院的卡和病历；以前的分享不会恢复，会按时自动结束。",
        "The folder is back. The next sync finds its cards and records; earlier shares are not \
         restored and end by themselves.",
    );
    format!("{text}\n{}", folder.number)
}

fn genesis(trust: &args::Trust) -> Result<Vec<u8>, CliError> {
    std::fs::read(&trust.genesis).map_err(|error| CliError::new("genesis.file", error))
}

fn words() -> Result<Zeroizing<String>, CliError> {
    let failed = |error: std::io::Error| CliError::new("words.count", error);
    if std::io::stdin().is_terminal() {
        return rpassword::prompt_password("24 个词 24 words: ")
            .map(Zeroizing::new)
            .map_err(failed);
    }
    let mut all = Zeroizing::new(String::new());
    for line in std::io::stdin().lock().lines() {
        all.push_str(Zeroizing::new(line.map_err(failed)?).as_str());
        all.push(' ');
    }
    Ok(all)
}
