//! An error as the command line tells it: a stable code, a sentence and what to do next.
//!
//! The sentences of both languages stand in `messages/errors.json`, one entry per code; a test
//! over the workspace's sources keeps it complete.

use crate::args::Lang;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Exit code for words that cannot be understood.
pub(crate) const WRONG_USAGE: u8 = 2;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) struct CliError {
    /// Stable code, such as `share.expired`.
    pub(crate) code: String,
    /// Details for the log and for `--json`, in English.
    pub(crate) detail: String,
    /// 1 refused or failed, 2 wrong usage, 3 verification failed.
    pub(crate) exit: u8,
    /// The result that was printed says it already.
    pub(crate) told: bool,
}

impl CliError {
    /// Refused or failed.
    pub(crate) fn new(code: impl Into<String>, detail: impl ToString) -> Self {
        Self {
            code: code.into(),
            detail: detail.to_string(),
            exit: 1,
            told: false,
        }
    }

    /// Something did not verify.
    pub(crate) fn verification(code: impl Into<String>, detail: impl ToString) -> Self {
        Self {
            exit: 3,
            ..Self::new(code, detail)
        }
    }

    /// Something did not verify, and the result that was printed names it.
    pub(crate) fn told() -> Self {
        Self {
            told: true,
            ..Self::verification("", "")
        }
    }

    /// The words cannot be understood.
    pub(crate) fn usage(code: impl Into<String>, detail: impl ToString) -> Self {
        Self {
            exit: WRONG_USAGE,
            ..Self::new(code, detail)
        }
    }

    /// A command or option that a later version brings.
    pub(crate) fn not_yet(what: &str) -> Self {
        Self::new("not_yet.available", what)
    }

    /// The sentence and the hint in a language.
    pub(crate) fn sentences(&self, lang: Lang) -> (String, String) {
        match MESSAGES.get(&self.code) {
            Some(entry) => {
                let [message, hint] = match lang {
                    Lang::Zh => &entry.zh,
                    Lang::En => &entry.en,
                };
                (message.clone(), hint.clone())
            }
            // A code of another host's own: what it said is all that is known.
            None => (self.detail.clone(), self.unknown_hint(lang).to_owned()),
        }
    }

    const fn unknown_hint(&self, lang: Lang) -> &'static str {
        match lang {
            Lang::Zh => "请稍后再试；仍不行请把错误代码告诉对方。",
            Lang::En => "Try again later; if it goes on, tell whoever runs that server this code.",
        }
    }

    /// The error object of the contract.
    pub(crate) fn to_json(&self, lang: Lang) -> Value {
        let (message, hint) = self.sentences(lang);
        json!({ "error": {
            "code": self.code, "message": message, "hint": hint, "detail": self.detail,
        } })
    }
}

#[derive(serde::Deserialize)]
struct Sentences {
    zh: [String; 2],
    en: [String; 2],
}

static MESSAGES: LazyLock<BTreeMap<String, Sentences>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../messages/errors.json")).unwrap_or_default()
});

#[cfg(test)]
mod tests {
    use super::*;
    use medfolder_ledger::Refusal;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};

    /// Lines that give a code out.
    const MARKS: [&str; 6] = [
        "=> \"",
        "CliError::new(",
        "verification(",
        "Problem::new(",
        "wait(db,",
        "broken(",
    ];

    fn sources(directory: &Path, into: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, into);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                into.push(path);
            }
        }
    }

    /// `group.name` in small letters, digits and underscores.
    fn is_code(text: &str) -> bool {
        let part = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        text.split_once('.')
            .is_some_and(|(group, name)| part(group) && part(name))
    }

    fn codes() -> BTreeSet<String> {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut files = Vec::new();
        for entry in fs::read_dir(crates).unwrap() {
            let folder = entry.unwrap().path().join("src");
            if folder.is_dir() {
                sources(&folder, &mut files);
            }
        }
        let mut codes: BTreeSet<String> = Refusal::ALL
            .iter()
            .map(|refusal| refusal.code().to_owned())
            .collect();
        codes.extend(
            medfolder_record::Check::CODES
                .iter()
                .map(|code| (*code).to_owned()),
        );
        for file in files.iter().filter(|file| !is_test(file)) {
            let text = fs::read_to_string(file).unwrap();
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            let lines = text
                .lines()
                .filter(|line| MARKS.iter().any(|mark| line.contains(mark)));
            for line in lines {
                codes.extend(
                    line.split('"')
                        .skip(1)
                        .step_by(2)
                        .filter(|t| is_code(t))
                        .map(str::to_owned),
                );
            }
        }
        codes
    }

    /// Modules of tests, benches and policy names give no errors out.
    fn is_test(file: &Path) -> bool {
        let named = |name: &str| file.components().any(|part| part.as_os_str() == name);
        named("tests")
            || named("bench")
            || file.ends_with("tests.rs")
            || file.ends_with("table.rs")
            || file.ends_with("report.rs")
    }

    #[test]
    fn every_code_has_a_sentence_and_what_to_do_in_both_languages() {
        let codes = codes();
        assert!(codes.len() > 300, "only {} codes were found", codes.len());
        let missing: Vec<&String> = codes
            .iter()
            .filter(|c| !MESSAGES.contains_key(*c))
            .collect();
        assert!(missing.is_empty(), "no sentence for {missing:?}");
        for (code, entry) in MESSAGES.iter() {
            for text in entry.zh.iter().chain(&entry.en) {
                assert!(!text.trim().is_empty(), "{code}");
            }
            assert!(
                entry
                    .en
                    .iter()
                    .all(|text| text.is_ascii() || text.contains('’')),
                "{code}"
            );
            assert!(entry.zh.iter().any(|text| !text.is_ascii()), "{code}");
        }
    }

    #[test]
    fn an_error_is_told_with_its_code_its_sentence_and_what_to_do() {
        let error = CliError::new("share.expired", "detail");
        let line = error.to_json(Lang::En);
        assert_eq!(line["error"]["code"], "share.expired");
        assert_eq!(line["error"]["message"], "The share has expired.");
        assert_eq!(
            error.to_json(Lang::Zh)["error"]["hint"],
            "请发送者重新分享。"
        );
    }
}
