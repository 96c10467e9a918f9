//! What goes to standard output: a JSON object per line, or lines for a person.

use crate::args::{Global, Lang};
use crate::error::{CliError, WRONG_USAGE};
use clap::ValueEnum as _;
use serde::Serialize;
use std::ffi::OsString;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use unicode_width::UnicodeWidthStr;

/// How this run speaks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
    /// Language of messages.
    pub(crate) lang: Lang,
}

impl Output {
    /// As the options ask.
    pub(crate) fn new(global: &Global) -> Self {
        Self {
            // Commands of later versions take whatever follows them, this option too.
            json: global.json || json_is_asked(),
            quiet: global.quiet,
            lang: global.lang.unwrap_or_else(locale),
        }
    }

    /// As words that are still to be understood seem to ask.
    pub(crate) fn early(words: &[OsString]) -> Self {
        let mut words = words.iter().filter_map(|word| word.to_str());
        let asked = words.clone().find_map(|word| word.strip_prefix("--lang="));
        let asked = asked.or_else(|| words.find(|word| *word == "--lang").and(words.next()));
        let named = asked.and_then(|name| Lang::from_str(name, true).ok());
        Self {
            json: json_is_asked(),
            quiet: false,
            lang: named.unwrap_or_else(locale),
        }
    }

    /// Prints a result: `value` as JSON, or `person()` for a person.
    pub(crate) fn line<T: Serialize>(self, value: &T, person: impl FnOnce() -> String) {
        let text = if self.json {
            serde_json::to_string(value).unwrap_or_default()
        } else {
            harmless(&person())
        };
        heed(writeln!(std::io::stdout().lock(), "{text}"));
    }

    /// Prints a picture for a person: the one thing that may set a terminal's colours.
    pub(crate) fn picture(self, text: &str) {
        if !self.json {
            heed(writeln!(std::io::stdout().lock(), "{text}"));
        }
    }

    /// Prints a result byte for byte, with nothing added.
    pub(crate) fn bytes(self, bytes: &[u8]) {
        let mut out = std::io::stdout().lock();
        heed(out.write_all(bytes).and_then(|()| out.flush()));
    }

    /// Whether a result could not be printed.
    pub(crate) fn is_lost() -> bool {
        LOST.load(Ordering::Relaxed)
    }

    /// Whether a program reads what is printed.
    pub(crate) const fn is_json(self) -> bool {
        self.json
    }

    /// Tells a person that there is nothing to list; a program sees it by itself.
    pub(crate) fn nothing(self, zh: &str, en: &str) {
        if !self.json && !self.quiet {
            let _ = writeln!(std::io::stderr().lock(), "{}", self.say(zh, en));
        }
    }

    /// Whether nobody wants to hear what is going on.
    pub(crate) const fn is_quiet(self) -> bool {
        self.quiet
    }

    /// Tells what is going on, on standard error.
    pub(crate) fn progress(self, text: &str) {
        if !self.quiet {
            let _ = writeln!(std::io::stderr().lock(), "{}", harmless(text));
        }
    }

    /// Prints an error as the last line.
    pub(crate) fn error(self, error: &CliError) {
        if self.json {
            self.line(&error.to_json(self.lang), String::new);
        } else {
            let (message, hint) = error.sentences(self.lang);
            let detail = match particulars(error, &message, self.lang) {
                detail if detail.is_empty() => detail,
                detail => format!(" — {detail}"),
            };
            let text = format!("{message}  [{}]{detail}\n{hint}", error.code);
            let _ = writeln!(std::io::stderr().lock(), "{}", harmless(&text));
        }
    }

    /// Prints what is wrong with the words: for a program the error object, for a person that and
    /// a page that helps.
    pub(crate) fn usage(self, error: &CliError, page: &str) {
        self.error(error);
        if !self.json && !page.is_empty() {
            let _ = write!(std::io::stderr().lock(), "\n{page}");
        }
    }

    /// One of two texts, by language.
    pub(crate) fn say<'a>(self, zh: &'a str, en: &'a str) -> &'a str {
        match self.lang {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }
}

fn json_is_asked() -> bool {
    std::env::args_os().any(|word| word == "--json")
}

/// Set when standard output did not take a result.
static LOST: AtomicBool = AtomicBool::new(false);

/// A reader that went away (`| head`) is not an error of ours; a full disk is.
fn heed(written: std::io::Result<()>) {
    if written.is_err_and(|error| error.kind() != std::io::ErrorKind::BrokenPipe) {
        LOST.store(true, Ordering::Relaxed);
    }
}

/// A text that commands no terminal: what strangers wrote may hold control characters, or turn the
/// direction of what stands around it.
fn harmless(text: &str) -> String {
    let commands = |c: char| {
        let turns = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        turns || (c.is_control() && c != '\n' && c != '\t')
    };
    text.replace(commands, "\u{fffd}")
}

/// What a detail adds to the message: paths, names and figures, not the same again in English. A
/// parser's complaint about a file quotes, and is kept.
fn particulars(error: &CliError, message: &str, lang: Lang) -> String {
    // What is wrong with the words themselves is told in the reader's language already.
    if error.exit == WRONG_USAGE {
        return error.detail.clone();
    }
    let is_news = |part: &&str| {
        let quotes = part.contains(['`', '"']);
        let counts = lang == Lang::En && part.contains(|c: char| c.is_ascii_digit());
        *part != error.code && *part != message && (!is_prose(part) || quotes || counts)
    };
    let parts: Vec<&str> = error.detail.split(": ").filter(is_news).collect();
    parts.join(": ")
}

/// Whether a part of a detail is an English sentence, around a name or not, and no path, number or
/// name.
fn is_prose(detail: &str) -> bool {
    let words = || detail.split(' ').filter(|word| !word.contains('/'));
    let small = |word: &&str| word.starts_with(|c: char| c.is_ascii_lowercase());
    (detail.is_ascii() && words().count() > 2) || words().filter(small).count() > 2
}

/// A text that fills so many columns of a terminal; Chinese characters take two.
pub(crate) fn padded(text: &str, columns: usize) -> String {
    let missing = columns.saturating_sub(text.width());
    format!("{text}{}", " ".repeat(missing))
}

/// Columns that the widest of these texts takes.
pub(crate) fn widest<'a>(texts: impl IntoIterator<Item = &'a str>) -> usize {
    texts
        .into_iter()
        .map(UnicodeWidthStr::width)
        .max()
        .unwrap_or(0)
}

fn locale() -> Lang {
    let variables = ["LC_ALL", "LC_MESSAGES", "LANG"];
    let set = variables
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    if set.is_some_and(|value| value.starts_with("zh")) {
        Lang::Zh
    } else {
        Lang::En
    }
}
