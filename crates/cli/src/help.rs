//! Help and usage errors in the reader's language. clap knows the shape of the command line, from
//! `args.rs`; every text stands in `messages/help.json`, in both languages:
//!
//! ```text
//! #heading          words that clap would say in English
//! <VALUE>           what an option's value is called
//! folder share      a command; "medfolder" is the program itself
//! folder share --qr an option; one of every command has no command before it
//! open <link>       an argument by its place
//! open: examples    lines that a test parses · open: note
//! ```

use crate::args::{Cli, Lang};
use crate::error::CliError;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, CommandFactory as _, FromArgMatches as _};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::error::Error as _;
use std::ffi::OsString;
use std::sync::LazyLock;
use unicode_width::UnicodeWidthStr as _;

/// Columns of a terminal that nobody widened.
const COLUMNS: usize = 80;
/// The program's own key.
const PROGRAM: &str = "medfolder";

#[derive(Deserialize)]
struct Texts<T> {
    zh: T,
    en: T,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Lines(Texts<Vec<String>>),
    Text(Texts<String>),
}

static TEXTS: LazyLock<BTreeMap<String, Entry>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../messages/help.json")).unwrap_or_default()
});

/// Why there is nothing to run.
#[derive(Debug)]
pub(crate) enum Unrun {
    /// Help or version was asked for; clap prints it.
    Asked(clap::Error),
    /// The words are wrong: the error, and the page or usage line that helps.
    Wrong(CliError, String),
}

/// Reads the command line; `words` begins with the program's name.
pub(crate) fn parse(words: &[OsString], lang: Lang) -> Result<Cli, Unrun> {
    let mut command = command(lang);
    let read = command.try_get_matches_from_mut(asked_for(words));
    read.and_then(|matches| Cli::from_arg_matches(&matches))
        .map_err(|error| unrun(error, lang))
}

/// `help COMMAND …` and `GROUP help COMMAND` take the options of every command too, being the same
/// as `COMMAND … --help`.
fn asked_for(words: &[OsString]) -> Vec<OsString> {
    let mut command = Cli::command();
    for (at, word) in words.iter().enumerate().skip(1) {
        if word == "help" && command.has_subcommands() {
            let rest = words.iter().enumerate().filter(|(other, _)| *other != at);
            let rest = rest.map(|(_, word)| word.clone());
            return rest.chain(["--help".into()]).collect();
        }
        match command.find_subcommand(word) {
            Some(sub) => command = sub.clone(),
            None if word.to_string_lossy().starts_with('-') => {}
            None => break,
        }
    }
    words.to_vec()
}

/// The command line with its help in a language.
pub(crate) fn command(lang: Lang) -> Command {
    let mut command = Cli::command();
    // Only a built command has its help option and the options of every command.
    command.build();
    worded(command, "", lang)
}

fn worded(command: Command, path: &str, lang: Lang) -> Command {
    let key = if path.is_empty() { PROGRAM } else { path };
    let command = command
        .about(text(key, lang))
        .after_help(after(key, lang))
        .term_width(COLUMNS)
        .help_template(template(lang))
        .subcommand_help_heading(text("#commands", lang))
        .subcommand_value_name(text("<COMMAND>", lang))
        .mut_args(|arg| argument(arg, path, lang))
        .mut_subcommands(|sub| match sub.get_name() {
            "help" => sub.about(text("help", lang)),
            name => {
                let path = format!("{path} {name}");
                worded(sub, path.trim_start(), lang)
            }
        });
    let usage = usage(&mut command.clone(), lang);
    command.override_usage(usage)
}

fn template(lang: Lang) -> String {
    let usage = text("#usage", lang);
    format!("{{about-with-newline}}\n{usage}: {{usage}}\n\n{{all-args}}{{after-help}}")
}

/// As clap has it, less what it says in English.
fn usage(command: &mut Command, lang: Lang) -> String {
    let usage = command.render_usage().to_string();
    let usage = usage.strip_prefix("Usage: ").unwrap_or(&usage);
    let usage = usage.replace("[OPTIONS]", text("#some_options", lang));
    fold(&usage, COLUMNS - "Usage: ".len())
}

/// In lines of so many columns, those that follow indented.
fn fold(text: &str, columns: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.width() + 1 + word.width() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n         ")
}

fn argument(arg: Arg, path: &str, lang: Lang) -> Arg {
    let (key, own) = key(&arg, path);
    let names: Vec<&str> = value_names(&arg)
        .iter()
        .map(|name| text(&format!("<{name}>"), lang))
        .collect();
    let heading = match (own, arg.is_positional()) {
        (false, _) => "#common",
        (true, true) => "#arguments",
        (true, false) => "#options",
    };
    let help = described(&arg, &key, lang);
    let arg = if names.is_empty() {
        arg
    } else {
        arg.value_names(names)
    };
    arg.help(help)
        .help_heading(text(heading, lang))
        .hide_default_value(true)
        .hide_possible_values(true)
}

fn value_names(arg: &Arg) -> &[clap::builder::Str] {
    match arg.get_action().takes_values() {
        true => arg.get_value_names().unwrap_or_default(),
        false => &[],
    }
}

/// An argument's key, and whether it is its command's own.
fn key(arg: &Arg, path: &str) -> (String, bool) {
    let name = match arg.get_long() {
        Some(long) => format!("--{long}"),
        None => format!("<{}>", arg.get_id()),
    };
    if !path.is_empty() && TEXTS.contains_key(&format!("{path} {name}")) {
        return (format!("{path} {name}"), true);
    }
    // What every command below a group has is told with the group.
    let group = path.split(' ').next().unwrap_or_default();
    let of_group = format!("{group} {name}");
    match TEXTS.contains_key(&of_group) {
        true => (of_group, false),
        false => (name, false),
    }
}

/// What it is, what it may be, and what it is if nobody says.
fn described(arg: &Arg, key: &str, lang: Lang) -> String {
    let values = arg.get_possible_values();
    let values: Vec<&str> = values.iter().map(|value| value.get_name()).collect();
    let defaults = arg.get_default_values().iter();
    let defaults: Vec<_> = defaults.map(|value| value.to_string_lossy()).collect();
    let mut notes = Vec::new();
    if !values.is_empty() {
        notes.push(("#values", values.join(list_mark(lang))));
    }
    if arg.get_action().takes_values() && !defaults.is_empty() {
        notes.push(("#default", defaults.join(" ")));
    }
    format!("{}{}", text(key, lang), noted(&notes, lang))
}

fn noted(notes: &[(&str, String)], lang: Lang) -> String {
    if notes.is_empty() {
        return String::new();
    }
    let (mark, between) = match lang {
        Lang::Zh => ("：", "；"),
        Lang::En => (": ", "; "),
    };
    let notes = notes
        .iter()
        .map(|(heading, what)| format!("{}{mark}{what}", text(heading, lang)));
    let notes = notes.collect::<Vec<_>>().join(between);
    match lang {
        Lang::Zh => format!("（{notes}）"),
        Lang::En => format!(" ({notes})"),
    }
}

const fn list_mark(lang: Lang) -> &'static str {
    match lang {
        Lang::Zh => "、",
        Lang::En => ", ",
    }
}

/// Examples and note.
fn after(key: &str, lang: Lang) -> String {
    let mut parts = Vec::new();
    if let Some(Entry::Lines(lines)) = TEXTS.get(&format!("{key}: examples")) {
        let lines = of(lines, lang).iter().map(|line| format!("\n  {line}"));
        let lines: String = lines.collect();
        parts.push(format!("{}:{lines}", text("#examples", lang)));
    }
    let note = text(&format!("{key}: note"), lang);
    parts.extend((!note.is_empty()).then(|| note.to_owned()));
    parts.join("\n\n")
}

const fn of<T>(texts: &Texts<T>, lang: Lang) -> &T {
    match lang {
        Lang::Zh => &texts.zh,
        Lang::En => &texts.en,
    }
}

fn text(key: &str, lang: Lang) -> &'static str {
    match TEXTS.get(key) {
        Some(Entry::Text(texts)) => of(texts, lang).as_str(),
        _ => "",
    }
}

fn unrun(error: clap::Error, lang: Lang) -> Unrun {
    let page = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => return Unrun::Asked(error),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => error.render().to_string(),
        _ => {
            let usage = said(&error, ContextKind::Usage, "");
            match usage.trim_start_matches("Usage: ") {
                // Of a value that does not fit the hint has said already what does.
                "" => String::new(),
                usage => format!("{}: {usage}\n", text("#usage", lang)),
            }
        }
    };
    Unrun::Wrong(wrong(&error, lang), page)
}

/// The error with its stable code; its detail names the words and what fits.
fn wrong(error: &clap::Error, lang: Lang) -> CliError {
    let told = |kind| said(error, kind, list_mark(lang));
    let code = code(error);
    // What was meant to be a secret is not repeated on the screen.
    let is_secret = code == "passcode.length";
    let mut detail = told(match error.kind() {
        ErrorKind::InvalidSubcommand => ContextKind::InvalidSubcommand,
        _ => ContextKind::InvalidArg,
    });
    for also in [ContextKind::InvalidValue, ContextKind::PriorArg] {
        if !told(also).is_empty() && !is_secret {
            detail = format!("{detail} {}", told(also));
        }
    }
    let similar = [
        ContextKind::SuggestedArg,
        ContextKind::SuggestedSubcommand,
        ContextKind::SuggestedValue,
    ];
    let similar = similar.map(told).concat();
    let values = [ContextKind::ValidValue, ContextKind::ValidSubcommand];
    let values = values.map(told).concat();
    let notes = [("#similar", similar), ("#values", values)];
    let fits = notes.into_iter().find(|(_, what)| !what.is_empty());
    let fits = noted(&Vec::from_iter(fits), lang);
    CliError::usage(code, format!("{detail}{fits}").trim_start())
}

/// What the readers of values say is wrong with one.
const READERS: [&str; 8] = [
    "link.label_not_text",
    "link.label_too_long",
    "passcode.length",
    "share.too_long",
    "usage.count",
    "usage.day",
    "usage.duration",
    "usage.port",
];

/// A value's own reader says by code what is wrong with it.
fn code(error: &clap::Error) -> &'static str {
    let reader = error.source().map(ToString::to_string).unwrap_or_default();
    let value = error.get(ContextKind::InvalidValue);
    match (error.kind(), reader.as_str()) {
        (ErrorKind::InvalidValue, _) if value == Some(&ContextValue::String(String::new())) => {
            "usage.no_value"
        }
        (ErrorKind::InvalidValue | ErrorKind::ValueValidation, reader) => {
            let told = READERS.iter().find(|code| **code == reader);
            told.copied().unwrap_or("usage.value")
        }
        (ErrorKind::UnknownArgument, _) => "usage.unknown_option",
        (ErrorKind::InvalidSubcommand, _) => "usage.unknown_command",
        (ErrorKind::ArgumentConflict, _) => "usage.conflict",
        (ErrorKind::MissingRequiredArgument, _) => "usage.missing",
        (ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand, _) => {
            "usage.missing_command"
        }
        (ErrorKind::InvalidUtf8, _) => "usage.not_utf8",
        _ => "usage.number_of_values",
    }
}

/// A part of clap's error as text.
fn said(error: &clap::Error, kind: ContextKind, mark: &str) -> String {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(all)) => all.join(mark),
        Some(ContextValue::StyledStr(text)) => text.to_string(),
        Some(ContextValue::StyledStrs(all)) => {
            let all: Vec<String> = all.iter().map(ToString::to_string).collect();
            all.join(mark)
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const LANGS: [Lang; 2] = [Lang::Zh, Lang::En];

    /// Every command with its path, those that clap adds left out.
    fn commands(lang: Lang) -> Vec<(String, Command)> {
        fn collect(command: &Command, path: &str, into: &mut Vec<(String, Command)>) {
            into.push((path.to_owned(), command.clone()));
            for sub in command
                .get_subcommands()
                .filter(|sub| sub.get_name() != "help")
            {
                let path = format!("{path} {}", sub.get_name());
                collect(sub, path.trim_start(), into);
            }
        }
        let mut all = Vec::new();
        collect(&command(lang), "", &mut all);
        all
    }

    fn program(path: &str) -> &str {
        if path.is_empty() { PROGRAM } else { path }
    }

    /// Every key that the command line asks for.
    fn wanted() -> BTreeSet<String> {
        let mut built = Cli::command();
        built.build();
        let mut values: BTreeSet<String> =
            BTreeSet::from(["<COMMAND>".to_owned(), "help".to_owned()]);
        fn collect(command: &Command, path: &str, into: &mut BTreeSet<String>) {
            into.insert(program(path).to_owned());
            for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
                into.insert(key(arg, path).0);
                into.extend(value_names(arg).iter().map(|name| format!("<{name}>")));
            }
            for sub in command
                .get_subcommands()
                .filter(|sub| sub.get_name() != "help")
            {
                collect(sub, format!("{path} {}", sub.get_name()).trim_start(), into);
            }
        }
        collect(&built, "", &mut values);
        values
    }

    #[test]
    fn every_command_option_and_value_is_told_in_both_languages_and_nothing_else_is() {
        let wanted = wanted();
        let missing: Vec<&String> = wanted
            .iter()
            .filter(|key| !TEXTS.contains_key(*key))
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
        let own = include_str!("help.rs");
        for (key, entry) in TEXTS.iter() {
            let (command, part) = key.split_once(": ").unwrap_or((key, ""));
            let is_used = wanted.contains(command) && ["", "examples", "note"].contains(&part);
            let is_heading = key.starts_with('#') && own.contains(&format!("\"{key}\""));
            assert!(is_used || is_heading, "{key} is not used");
            if let Entry::Text(texts) = entry {
                assert!(!texts.zh.is_empty() && !texts.en.is_empty(), "{key}");
                assert!(key.starts_with('<') || !texts.zh.is_ascii(), "{key}");
            }
        }
    }

    /// The words of a line as a shell reads them: comments and quotes.
    fn shell(line: &str) -> Vec<OsString> {
        let line = line
            .split("  #")
            .next()
            .unwrap_or_default()
            .replace("\\\n", " ");
        let mut words = Vec::new();
        for (number, part) in line.split('\'').enumerate() {
            if number % 2 == 1 {
                words.push(part.into());
            } else {
                words.extend(part.split_whitespace().map(OsString::from));
            }
        }
        words
    }

    #[test]
    fn every_example_can_be_typed_and_is_one_of_its_command() {
        for lang in LANGS {
            for (path, command) in commands(lang) {
                let Some(Entry::Lines(lines)) = TEXTS.get(&format!("{}: examples", program(&path)))
                else {
                    let later = command.get_about().unwrap().to_string().contains('（');
                    assert!(later || lang == Lang::En, "{path} has no example");
                    continue;
                };
                for line in of(lines, lang) {
                    let words = shell(line);
                    // Else clap would break it where nobody can type it.
                    assert!(line.lines().all(|row| row.width() + 2 <= COLUMNS), "{line}");
                    assert!(
                        line.starts_with(format!("medfolder {path}").trim_end()),
                        "{line}"
                    );
                    assert!(parse(&words, lang).is_ok(), "{line}");
                }
            }
        }
    }

    /// The contract's table, word by word.
    const CONTRACT: &str = "
        medfolder demo --headless --data DIR --engine embedded --suite international
        medfolder demo --headless --engine bft --suite national
        medfolder demo --serve --data DIR --port 4000 --engine embedded --suite national
        medfolder demo
        medfolder folder create --genesis FILE --ledger URL
        medfolder folder restore --genesis FILE --ledger URL
        medfolder desk code --config FILE --patient NUMBER
        medfolder desk confirm CODE --card-end XXXXXXXX
        medfolder folder link LINK
        medfolder folder link CODE --member NAME
        medfolder folder sync
        medfolder folder list --hospital H --kind 11502-2 --from 2024-01-01 --to 2024-12-31 --limit 5 --after CURSOR
        medfolder folder search TEXT
        medfolder folder show RECORD --fhir --out FILE
        medfolder folder show RECORD --evidence --out FILE
        medfolder folder share --records A B --to-phone N --for 1h --openings 2 --label L --mask --qr FILE
        medfolder folder share --records A,B --passcode 2468
        medfolder folder share --records A --records B --no-code
        medfolder folder share --visit V --for 30m
        medfolder folder share --all --no-code
        medfolder folder shares
        medfolder folder revoke SHARE
        medfolder folder shorten SHARE --for 30m
        medfolder folder extend SHARE --for 2h
        medfolder folder export --out FILE
        medfolder folder backup --out FILE
        medfolder folder access-log
        medfolder open LINK --passcode P --recipient NAME --out DIR
        medfolder policy explain MEMBER ACTION
        medfolder trace FILE
        medfolder verify FILE
        medfolder bench
        medfolder bench records.open ledger.list";

    #[test]
    fn every_command_of_the_contract_can_be_typed_with_every_common_option() {
        let all = "--json --data-dir DIR --lang en --quiet";
        for line in CONTRACT.lines().map(str::trim).filter(|l| !l.is_empty()) {
            let folder = match line.starts_with("medfolder folder") {
                true => "--folder NAME",
                false => "",
            };
            for words in [line.to_owned(), format!("{line} {all} {folder}")] {
                assert!(parse(&shell(&words), Lang::En).is_ok(), "{words}");
            }
        }
    }

    #[test]
    fn every_command_of_the_readme_can_be_typed() {
        let readme = include_str!("../../../README.md");
        let lines = readme
            .lines()
            .map(|line| line.trim_start_matches("target/release/"));
        let typed = lines.filter(|line| line.starts_with("medfolder "));
        let typed: Vec<&str> = typed.collect();
        assert!(typed.len() > 7, "{typed:?}");
        for line in typed {
            assert!(parse(&shell(line), Lang::En).is_ok(), "{line}");
        }
    }

    #[test]
    fn help_is_asked_for_before_a_command_and_inside_its_group() {
        let typed = |line: &str| asked_for(&shell(line));
        let asked = shell("medfolder folder list --lang en --help");
        for line in [
            "medfolder help folder list --lang en",
            "medfolder folder help list --lang en",
        ] {
            assert_eq!(typed(line), asked, "{line}");
        }
        let searched = "medfolder folder search help";
        assert_eq!(typed(searched), shell(searched));
    }

    #[test]
    fn help_fits_a_terminal_and_is_in_one_language() {
        let english = [
            "Usage",
            "OPTIONS",
            "Options",
            "Commands",
            "Arguments",
            "default",
            "Print",
            "COMMAND",
        ];
        for lang in LANGS {
            for (path, mut command) in commands(lang) {
                let page = command.render_long_help().to_string();
                for line in page.lines() {
                    assert!(line.width() <= COLUMNS, "{path}: {line}");
                }
                let found = english.iter().find(|word| page.contains(*word));
                assert!(
                    lang == Lang::En || found.is_none(),
                    "{path}: {found:?} in {page}"
                );
                let chinese = page.chars().any(|c| ('\u{4e00}'..'\u{9fff}').contains(&c));
                assert!(lang == Lang::Zh || !chinese, "{page}");
            }
        }
    }
}
