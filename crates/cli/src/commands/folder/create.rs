//! A new folder, or an old one from its words.

use super::vault::Place;
use crate::args::{self, Lang};
use crate::error::CliError;
use crate::output::{Output, padded};
use crate::prompt;
use medfolder_client::clock::Clock;
use medfolder_crypto::words::{WordList, WordsError};
use medfolder_folder::{Folder, Trust};
use serde_json::json;
use std::io::{BufRead as _, IsTerminal as _};
use std::time::Duration;
use zeroize::Zeroizing;

/// How long the ledger may take to show that it is there.
const LEDGER_WITHIN: Duration = Duration::from_secs(4);

/// `medfolder folder create`
pub(crate) async fn create(
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
        let next = output.say(
            "接着向医院前台要一个绑定码，然后运行：medfolder folder link 绑定码 --member 医院名称",
            "Then ask a hospital’s front desk for a code: medfolder folder link CODE --member HOSPITAL",
        );
        format!("{told}\n{}\n\n{next}", numbered(&words))
    });
    warn_of_silence(&folder, clock, output).await;
    Ok(())
}

/// A folder is made without a network, too; that its ledger does not answer is said at once.
async fn warn_of_silence(folder: &Folder<'_>, clock: &Clock, output: Output) {
    let asked = tokio::time::timeout(LEDGER_WITHIN, folder.reach_ledger(clock)).await;
    if !matches!(asked, Ok(Ok(()))) {
        output.progress(output.say(
            "⚠ 账本现在没有正常回答：病历夹已建好，但绑定和同步要等它能联系上。地址不对的话，用 folder sync --ledger 地址 改正。",
            "⚠ The ledger does not answer properly now: the folder is made, but linking and syncing need it. \
             If the address is wrong, set it with `folder sync --ledger URL`.",
        ));
    }
}

fn numbered(words: &[String]) -> String {
    let cell = |(i, word): (usize, &String)| format!("{:>2} {}", i + 1, padded(word, 9));
    let cells: Vec<String> = words.iter().enumerate().map(cell).collect();
    let rows = cells
        .chunks(6)
        .map(|row| row.join(" ").trim_end().to_owned());
    let rows: Vec<String> = rows.collect();
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
    medfolder_crypto::words::to_root(&words).map_err(|error| wrong(error, output))?;
    let vault = place.open_or_create(key_store)?;
    let folder = vault.restore_folder(place.new_name(), &words, &trust, clock.now())?;
    let line = json!({ "folder": folder.number, "name": folder.name });
    output.line(&line, || told(output));
    Ok(())
}

fn told(output: Output) -> String {
    let text = output.say(
        "病历夹已恢复。请运行 medfolder folder sync 找回各医院的卡和病历；以前的分享不会恢复，会按时自动结束。",
        "The folder is back. Run `medfolder folder sync` to find its cards and records; earlier \
         shares are not restored and end by themselves.",
    );
    text.to_owned()
}

fn genesis(trust: &args::Trust) -> Result<Vec<u8>, CliError> {
    let path = trust.genesis.display();
    std::fs::read(&trust.genesis)
        .map_err(|error| CliError::new("genesis.file", format!("{path}: {error}")))
}

/// What is wrong with the words, by their place: none of them is repeated on the screen.
fn wrong(error: WordsError, output: Output) -> CliError {
    let detail = match (error, output.lang) {
        (WordsError::Unknown(place), Lang::Zh) => format!("第 {place} 个词"),
        (WordsError::Unknown(place), Lang::En) => format!("it is word {place}"),
        (WordsError::Count(count), Lang::Zh) => format!("收到 {count} 个"),
        (WordsError::Count(count), Lang::En) => format!("there are {count}"),
        (WordsError::Checksum, _) => String::new(),
    };
    CliError::new(error.code(), detail)
}

fn words() -> Result<Zeroizing<String>, CliError> {
    let failed = |error: std::io::Error| CliError::new("words.count", error);
    if std::io::stdin().is_terminal() {
        return prompt::secret("24 个恢复词：", "The 24 words: ", "words.count");
    }
    let mut all = Zeroizing::new(String::new());
    for line in std::io::stdin().lock().lines() {
        all.push_str(Zeroizing::new(line.map_err(failed)?).as_str());
        all.push(' ');
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_word_is_told_by_its_place_and_never_repeated() {
        let detail = |lang: &str, error| wrong(error, Output::early(&[lang.into()])).detail;
        assert_eq!(detail("--lang=zh", WordsError::Unknown(7)), "第 7 个词");
        assert_eq!(detail("--lang=en", WordsError::Unknown(7)), "it is word 7");
    }
}
