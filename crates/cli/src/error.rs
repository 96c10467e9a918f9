//! An error as the command line tells it: a stable code, a sentence and what to do next.
//!
//! The sentences of both languages stand in `messages/errors.json`, one entry per code; a test
//! over the workspace's sources keeps it complete.

use crate::args::Lang;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) struct CliError {
    /// Stable code, such as `share.expired`.
    pub(crate) code: String,
    /// Details for the log and for `--json`, in English.
    pub(crate) detail: String,
    /// 1 refused or failed, 2 wrong usage, 3 verification failed.
    pub(crate) exit: u8,
}

impl CliError {
    /// Refused or failed.
    pub(crate) fn new(code: impl Into<String>, detail: impl ToString) -> Self {
        Self { code: code.into(), detail: detail.to_string(), exit: 1 }
    }

    /// Something did not verify.
    pub(crate) fn verification(code: impl Into<String>, detail: impl ToString) -> Self {
        Self { exit: 3, ..Self::new(code, detail) }
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
                (format!("{message} [{}]", self.code), hint.clone())
            }
            None => (format!("{} [{}]", self.detail, self.code), String::new()),
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
