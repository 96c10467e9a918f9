//! Help, usage errors and QR codes, in both languages.

use super::person::for_a_person;
use super::{refused, text, told};
use medfolder_tests::{Ended, Served, binary, medfolder, run};
use qrcode::{Color, EcLevel, QrCode};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;
use unicode_width::UnicodeWidthStr as _;

/// A command in a person's words only, with this locale and no other.
fn typed(words: &[&str], locale: (&str, &str)) -> Ended {
    let mut command = Command::new(binary());
    for name in ["LC_ALL", "LC_MESSAGES", "LANG"] {
        command.env_remove(name);
    }
    run(command.args(words).env(locale.0, locale.1))
}

fn is_chinese(text: &str) -> bool {
    text.chars().any(|c| ('\u{4e00}'..'\u{9fff}').contains(&c))
}

#[test]
fn help_is_in_the_language_of_the_option_or_of_the_locale() {
    let english = typed(&["folder", "share", "--help"], ("LANG", "C.UTF-8"));
    assert_eq!(english.exit, 0);
    assert!(english.stdout.contains("Usage: medfolder folder share"));
    assert!(english.stdout.contains("Examples:") && !is_chinese(&english.stdout));
    let words = ["folder", "share", "--help", "--lang", "zh"];
    let chinese = typed(&words, ("LANG", "C.UTF-8"));
    for word in [
        "用法: medfolder folder share [选项]",
        "选项:",
        "通用选项:",
        "例子:",
    ] {
        assert!(chinese.stdout.contains(word), "{}", chinese.stdout);
    }
    for name in ["LC_ALL", "LC_MESSAGES", "LANG"] {
        let local = typed(&["folder", "share", "--help"], (name, "zh_CN.UTF-8"));
        assert_eq!(local.stdout, chinese.stdout, "{name}");
    }
    let equals = typed(
        &["--lang=en", "folder", "share", "--help"],
        ("LANG", "zh_CN"),
    );
    assert_eq!(equals.stdout, english.stdout);
    let words = ["help", "folder", "share", "--lang", "zh"];
    assert_eq!(typed(&words, ("LANG", "C")).stdout, chinese.stdout);
}

const WRONG: [(&[&str], &str); 20] = [
    (&["folder", "frob"], "usage.unknown_command"),
    (&["frob"], "usage.unknown_command"),
    (&["folder"], "usage.missing_command"),
    (&[], "usage.missing_command"),
    (&["open"], "usage.missing"),
    (&["folder", "share"], "usage.missing"),
    (
        &["folder", "list", "--frmo", "2024-01-01"],
        "usage.unknown_option",
    ),
    (&["folder", "list", "--from", "yesterday"], "usage.day"),
    (&["folder", "list", "--limit", "0"], "usage.count"),
    (&["folder", "list", "--limit", "-1"], "usage.count"),
    (&["folder", "list", "--kind", "foo"], "list.kind"),
    (
        &[
            "folder",
            "list",
            "--from",
            "2024-02-01",
            "--to",
            "2024-01-01",
        ],
        "usage.days_turned",
    ),
    (
        &["folder", "share", "--all", "--passcode", "12"],
        "passcode.length",
    ),
    (
        &["folder", "share", "--all", "--for", "100d"],
        "share.too_long",
    ),
    (
        &["folder", "share", "--all", "--label", "a\nb"],
        "link.label_not_text",
    ),
    (
        &["folder", "share", "--all", "--for", "soon"],
        "usage.duration",
    ),
    (&["demo", "--port", "70000"], "usage.port"),
    (&["demo", "--suite", "x"], "usage.value"),
    (&["demo", "--suite"], "usage.no_value"),
    (&["demo", "--headless", "--serve"], "usage.conflict"),
];

#[test]
fn wrong_usage_exits_with_two_and_gives_a_program_the_error_object() {
    for (words, code) in WRONG {
        let ended = run(&mut medfolder(words));
        assert_eq!((ended.exit, ended.error_code()), (2, code), "{words:?}");
        assert_eq!(ended.stdout.lines().count(), 1, "{}", ended.stdout);
        assert!(!text(&ended.last()["error"], "hint").is_empty());
    }
}

#[test]
fn wrong_usage_is_told_to_a_person_in_her_language_with_what_would_fit() {
    for (words, code) in WRONG {
        let chinese = typed(words, ("LC_ALL", "zh_CN.UTF-8"));
        assert_eq!(
            (chinese.exit, chinese.stdout.as_str()),
            (2, ""),
            "{words:?}"
        );
        assert!(
            chinese.stderr.contains(&format!("[{code}]")),
            "{}",
            chinese.stderr
        );
        let usage = chinese
            .stderr
            .lines()
            .find(|line| line.starts_with("用法:"));
        assert_ne!(usage.map(str::trim), Some("用法:"), "{words:?}");
        for english in ["error:", "Usage", "tip", "For more"] {
            assert!(!chinese.stderr.contains(english), "{}", chinese.stderr);
        }
        let english = typed(words, ("LC_ALL", "C"));
        assert!(!is_chinese(&english.stderr), "{}", english.stderr);
    }
    let close = typed(&["folder", "list", "--frmo", "x"], ("LC_ALL", "zh_CN"));
    assert!(
        close.stderr.contains("--frmo（是不是想写：--from）"),
        "{}",
        close.stderr
    );
    let close = typed(&["folder", "lst"], ("LC_ALL", "C"));
    assert!(
        close.stderr.contains("lst (did you mean: list"),
        "{}",
        close.stderr
    );
    let values = typed(&["demo", "--suite", "x"], ("LC_ALL", "C"));
    assert!(
        values.stderr.contains("(one of: international, national)"),
        "{}",
        values.stderr
    );
}

pub(crate) fn a_desk_code_is_shown_as_a_qr_code_and_written_to_a_file(
    served: &Served,
    place: &Path,
) {
    let picture = place.join("desk.svg");
    let inner = served.text("/gateways/0/inner_config");
    let words = ["desk", "code", "--config", inner, "--patient", "T00351204"];
    let code = |rest: &[&str]| medfolder(&[&words, rest].concat());
    let file = picture.to_str().unwrap();
    let given = told(&mut code(&["--qr", file]));
    assert_eq!(text(given.last(), "qr"), file);
    assert!(fs::read_to_string(&picture).unwrap().contains("<svg"));
    refused(&mut code(&["--qr", file]), "file.exists");
    let shown = for_a_person(&code(&[])).stdout;
    let link = shown
        .split_whitespace()
        .find(|word| word.starts_with("medfolder:link/"));
    let code = QrCode::with_error_correction_level(link.unwrap(), EcLevel::M).unwrap();
    assert_eq!(modules(&shown, code.width()), code.to_colors());
}

/// Dark modules of the half blocks in a text, without their quiet zone of four.
fn modules(shown: &str, width: usize) -> Vec<Color> {
    let blocks =
        |line: &&str| line.chars().count() == width + 8 && line.chars().all(|c| " ▀▄█".contains(c));
    let lines: Vec<&str> = shown.lines().filter(blocks).collect();
    let upper = |c: char| {
        if "▀█".contains(c) {
            Color::Dark
        } else {
            Color::Light
        }
    };
    let lower = |c: char| {
        if "▄█".contains(c) {
            Color::Dark
        } else {
            Color::Light
        }
    };
    let rows = lines.iter().flat_map(|line| {
        let line = || line.chars().skip(4).take(width);
        [
            line().map(upper).collect::<Vec<_>>(),
            line().map(lower).collect(),
        ]
    });
    rows.skip(4).take(width).flatten().collect()
}

pub(crate) fn lists_stand_in_columns_and_details_are_no_second_sentence(served: &Served) {
    let rows = for_a_person(&served.folder(0, &["list"])).stdout;
    let titles = rows.lines().filter_map(|row| {
        let hospital = row.find("医院  ").or(row.find("中心医院    "))?;
        let before = &row[..hospital];
        let rest = row[hospital..].find(' ')? + hospital;
        let spaces = row[rest..].chars().take_while(|c| *c == ' ').count();
        Some(before.width() + row[hospital..rest].width() + spaces)
    });
    let columns: Vec<usize> = titles.collect();
    assert!(
        columns.len() > 10 && columns.iter().all(|at| *at == columns[0]),
        "{columns:?}"
    );
    let error = |words: &[&str], lang: &str| {
        let mut command = for_locale(&served.folder(0, words), lang);
        run(&mut command).stderr
    };
    let unknown = error(&["show", "ffffffff"], "en");
    assert!(unknown.starts_with("There is no such record in this folder.  [record.unknown]\n"));
    let which = error(&["list", "--hospital", "x"], "zh");
    assert!(
        which.contains("浦江市第一人民医院") && !which.contains("consortium"),
        "{which}"
    );
    let mut unknown = Command::new(binary());
    unknown.args(["folder", "list", "--folder", "小明", "--lang", "zh"]);
    unknown.args(["--data-dir", served.text("/folders/0/data_dir")]);
    unknown.env("MEDFOLDER_PASSPHRASE", served.text("/folders/0/passphrase"));
    let folder = run(&mut unknown).stderr;
    let first = folder.lines().next().unwrap_or_default();
    assert_eq!(
        first
            .split_once(" — ")
            .map(|(_, there)| there.contains("王秀兰")),
        Some(true),
        "{folder}"
    );
    assert!(!folder.contains("there"), "{folder}");
    let kinds = error(&["list", "--kind", "x"], "en");
    assert!(kinds.contains("|lab-report|"), "{kinds}");
}

/// The same command for a person who reads this language.
fn for_locale(command: &Command, lang: &str) -> Command {
    let words = command
        .get_args()
        .filter(|word| *word != "--json" && *word != "en");
    let mut plain = Command::new(command.get_program());
    plain.args(words.map(|word| {
        if word == "--lang" {
            "--quiet"
        } else {
            word.to_str().unwrap()
        }
    }));
    plain.args(["--lang", lang]);
    plain.envs(
        command
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    plain
}

/// A name that would command the terminal, in a pack that nobody signed like that.
pub(crate) fn what_a_stranger_wrote_commands_no_terminal(pack: &str) {
    let bytes = fs::read(pack).unwrap();
    let mut hostile = bytes.clone();
    let (name, command) = ("王秀兰".as_bytes(), b"\\u001babc");
    let places: Vec<usize> = memchr::memmem::find_iter(&bytes, name).collect();
    for at in places {
        hostile[at..at + name.len()].copy_from_slice(command);
    }
    let file = format!("{pack}.hostile");
    fs::write(&file, hostile).unwrap();
    let ended = for_a_person(&medfolder(&["verify", &file]));
    assert_eq!(ended.exit, 3);
    // A name that the content root does not prove is not even shown.
    assert!(!ended.stdout.contains("abc"), "{}", ended.stdout);
    assert!(
        ended.stdout.contains("name not proven, not shown"),
        "{}",
        ended.stdout
    );
    let failed = run(&mut medfolder(&["verify", &file]));
    let result = failed
        .lines
        .iter()
        .find(|line| line["seal"] == "failed")
        .unwrap();
    assert_eq!(result["patient"], Value::Null);
    let ended = typed(&["\u{1b}[2Jabc"], ("LC_ALL", "C"));
    assert!(ended.stderr.contains("\u{fffd}[2Jabc"), "{}", ended.stderr);
    assert!(!ended.stdout.contains('\u{1b}') && !ended.stderr.contains('\u{1b}'));
}

pub(crate) fn a_verified_file_says_whose_record_it_is(pack: &str, listed: &Value) {
    let proven = told(&mut medfolder(&["verify", pack]));
    for name in ["title", "hospital", "author", "date"] {
        assert_eq!(proven.last()[name], listed[name], "{name}");
    }
    let patient = text(proven.last(), "patient");
    assert_eq!(patient, "王秀兰");
    let page = for_a_person(&medfolder(&["verify", pack])).stdout;
    let heading = page.split('✓').next().unwrap();
    for told in [text(listed, "title"), text(listed, "hospital"), patient] {
        assert!(heading.contains(told), "{told} in {heading}");
    }
    assert!(heading.contains(&text(listed, "date")[..7]), "{heading}");
}
