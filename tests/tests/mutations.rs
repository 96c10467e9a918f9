//! “Skip this check”: each entry of `tests/mutations/*.txt` takes one check out of a copy of the
//! sources, and the tests that it names must fail then. `make mutations` runs the list (about half
//! an hour on two cores); the ordinary suite only holds it to the sources.
//!
//! ```text
//! = what goes wrong                       one line, the entry's name
//! rule: the sentence of the design that it breaks
//! file: crates/…/….rs
//! - old text                              as it stands in the file, once; lines follow each other
//! + new text                              may be left out; further pairs may follow
//! test: PACKAGE lib|TARGET NAME…          cargo test -p PACKAGE (--lib | --test TARGET) NAME…
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

use medfolder_tests::{root, sources_of};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How many entries the list must have at least.
const FEWEST: usize = 50;
/// A mutated program that does not come to an end has been noticed, too.
const PATIENCE: Duration = Duration::from_secs(240);

#[derive(Debug, Default, Clone)]
struct Mutation {
    name: String,
    rule: String,
    file: String,
    /// Old and new text.
    changes: Vec<(String, String)>,
    package: String,
    target: String,
    tests: Vec<String>,
}

impl Mutation {
    /// The changed text, if each old text stands in it once.
    fn applied(&self, text: &str) -> Option<String> {
        let mut text = text.to_owned();
        for (old, new) in &self.changes {
            if text.matches(old.as_str()).count() != 1 {
                return None;
            }
            text = text.replacen(old.as_str(), new, 1);
        }
        Some(text)
    }

    fn cargo(&self, tree: &Path, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO"));
        command
            .current_dir(tree)
            .args(["test", "--quiet", "--locked", "-p", &self.package]);
        match self.target.as_str() {
            "lib" => command.arg("--lib"),
            target => command.args(["--test", target]),
        };
        command
            .args(words)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }
}

/// Crates in the order in which they are worked through: those that build fast first.
const CRATES: [&str; 7] = [
    "crypto", "record", "ledger", "share", "client", "folder", "gateway",
];

fn list() -> Vec<Mutation> {
    let text = |name| fs::read_to_string(root().join(format!("tests/mutations/{name}.txt")));
    CRATES
        .iter()
        .flat_map(|name| parse(&text(name).unwrap()))
        .collect()
}

fn parse(text: &str) -> Vec<Mutation> {
    let mut list: Vec<Mutation> = Vec::new();
    let mut adding = false;
    for line in text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        if let Some(name) = line.strip_prefix("= ") {
            list.push(Mutation {
                name: name.to_owned(),
                ..Mutation::default()
            });
            continue;
        }
        let entry = list.last_mut().unwrap();
        let was_adding = std::mem::replace(&mut adding, false);
        if let Some(old) = line.strip_prefix("- ") {
            match entry
                .changes
                .last_mut()
                .filter(|change| !was_adding && change.1.is_empty())
            {
                Some((before, _)) => before.push_str(&format!("\n{old}")),
                None => entry.changes.push((old.to_owned(), String::new())),
            }
        } else if let Some(new) = line.strip_prefix("+ ") {
            let change = &mut entry.changes.last_mut().unwrap().1;
            if was_adding {
                change.push('\n');
            }
            change.push_str(new);
            adding = true;
        } else if let Some(rule) = line.strip_prefix("rule: ") {
            rule.clone_into(&mut entry.rule);
        } else if let Some(file) = line.strip_prefix("file: ") {
            file.clone_into(&mut entry.file);
        } else if let Some(test) = line.strip_prefix("test: ") {
            let mut words = test.split(' ').map(str::to_owned);
            (entry.package, entry.target) = (words.next().unwrap(), words.next().unwrap());
            entry.tests = words.collect();
        } else {
            panic!("what is this? {line}");
        }
    }
    list
}

#[test]
fn each_mutation_still_fits_the_sources_and_names_tests_that_exist() {
    let list = list();
    assert!(list.len() >= FEWEST, "{}", list.len());
    let names: BTreeSet<&str> = list.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names.len(), list.len(), "two have one name");
    let wrong: Vec<String> = list.iter().filter_map(wrong).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn wrong(entry: &Mutation) -> Option<String> {
    let text = fs::read_to_string(root().join(&entry.file)).unwrap_or_default();
    if entry.rule.is_empty() || entry.changes.is_empty() || entry.tests.is_empty() {
        return Some(format!("{}: something is missing", entry.name));
    }
    if entry.applied(&text).is_none() {
        return Some(format!(
            "{}: its text is not once in {}",
            entry.name, entry.file
        ));
    }
    let sources = sources_of_tests(entry);
    let unknown = entry.tests.iter().find(|test| {
        let name = test.rsplit("::").next().unwrap_or_default();
        !sources.contains(&format!("fn {name}("))
    })?;
    Some(format!("{}: there is no test {unknown}", entry.name))
}

/// The sources of the target that a mutation names: a test that lies elsewhere would not run.
fn sources_of_tests(entry: &Mutation) -> String {
    let package = entry.package.trim_start_matches("medfolder-");
    let place = match package {
        // The binary's tests lie with the others across crates.
        "cli" => "tests/tests",
        package => &format!("crates/{package}/tests"),
    };
    let tests = format!("{place}/{}", entry.target);
    match entry.target.as_str() {
        "lib" => sources_of(&[&format!("crates/{package}/src")]),
        _ => sources_of(&[&tests, &format!("{tests}.rs")]),
    }
}

/// What became of a mutation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Caught,
    Survived,
    DoesNotCompile,
}

#[test]
#[ignore = "`make mutations`: builds every crate many times"]
fn every_mutation_makes_its_test_fail() {
    // A part of a name or of a file's path picks some.
    let wanted = std::env::var("MEDFOLDER_MUTATIONS").unwrap_or_default();
    let picked = |entry: &&Mutation| entry.name.contains(&wanted) || entry.file.contains(&wanted);
    let tree = copy_of_the_sources();
    let mut bad = 0;
    for entry in list().iter().filter(picked) {
        let began = Instant::now();
        let fate = fate(&tree, entry);
        bad += usize::from(fate != Fate::Caught);
        println!(
            "{fate:<15?} {:>4} s  {}",
            began.elapsed().as_secs(),
            entry.name
        );
    }
    assert_eq!(bad, 0);
}

fn fate(tree: &Path, entry: &Mutation) -> Fate {
    let path = tree.join(&entry.file);
    let original = fs::read_to_string(&path).unwrap();
    fs::write(&path, entry.applied(&original).unwrap()).unwrap();
    let built = entry.cargo(tree, &["--no-run"]).status().unwrap().success();
    let passed = built && {
        let mut words = vec!["--"];
        words.extend(entry.tests.iter().map(String::as_str));
        ends_well(entry.cargo(tree, &words))
    };
    fs::write(&path, original).unwrap();
    match (built, passed) {
        (false, _) => Fate::DoesNotCompile,
        (true, true) => Fate::Survived,
        (true, false) => Fate::Caught,
    }
}

/// Whether a command succeeds in time.
fn ends_well(mut command: Command) -> bool {
    let mut child = command.spawn().unwrap();
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.success();
        }
        if began.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            return false;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The sources beside the build's own files, so that nobody's work is touched. What did not change
/// keeps its time: only what a mutation touched is built anew.
fn copy_of_the_sources() -> PathBuf {
    let target = std::env::current_exe().unwrap();
    let tree = target.ancestors().nth(3).unwrap().join("mutations");
    let listed = Command::new("git")
        .current_dir(root())
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    for file in listed.split('\0').filter(|file| !file.is_empty()) {
        let (from, to) = (root().join(file), tree.join(file));
        let Ok(content) = fs::read(from) else {
            continue;
        };
        if fs::read(&to).is_ok_and(|there| there == content) {
            continue;
        }
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::write(to, content).unwrap();
    }
    tree
}
