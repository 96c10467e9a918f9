//! What the tests across crates share: the built `medfolder` binary as a process, its lines as
//! JSON, a running demonstration that ends with its test, and a patient's device.

mod device;
mod recorder;

pub use device::{Device, Linked, PASSPHRASE};
pub use recorder::Recorder;

use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How a process ended.
#[derive(Debug)]
pub struct Ended {
    /// Exit code; -1 when a signal ended it.
    pub exit: i32,
    /// Lines of standard output that are JSON.
    pub lines: Vec<Value>,
    /// Standard output as it came.
    pub stdout: String,
    /// Standard error as it came.
    pub stderr: String,
}

impl Ended {
    /// The last line; null when there is none.
    #[must_use]
    pub fn last(&self) -> &Value {
        self.lines.last().unwrap_or(&Value::Null)
    }

    /// The code of the error object on the last line.
    #[must_use]
    pub fn error_code(&self) -> &str {
        self.last()["error"]["code"].as_str().unwrap_or_default()
    }

    /// The line of a step of the demonstration.
    #[must_use]
    pub fn step(&self, name: &str) -> &Value {
        self.lines
            .iter()
            .find(|line| line["step"] == name)
            .unwrap_or(&Value::Null)
    }
}

/// All Rust sources of crates and tests in one text.
#[must_use]
pub fn sources() -> String {
    sources_of(&["crates", "tests/tests"])
}

/// The Rust sources of these files and folders, named from the repository's root.
#[must_use]
pub fn sources_of(places: &[&str]) -> String {
    let mut text = String::new();
    for place in places {
        let place = root().join(place);
        text.push_str(&std::fs::read_to_string(&place).unwrap_or_default());
        read_sources(&place, &mut text);
    }
    text
}

fn read_sources(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            read_sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&std::fs::read_to_string(&path).unwrap_or_default());
        }
    }
}

/// Writes a genesis that holds, of the pinned vectors, to a file below `place`.
///
/// # Panics
/// When it cannot.
#[must_use]
pub fn genesis(place: &Path) -> PathBuf {
    let vectors = std::fs::read(root().join("tests/vectors/ledger/international.json"));
    let vectors: Option<Value> = vectors.ok().and_then(|v| serde_json::from_slice(&v).ok());
    let file = vectors.and_then(|v| hex::decode(v["genesis"]["file"].as_str()?).ok());
    let path = place.join("genesis");
    let written = std::fs::write(&path, file.unwrap_or_default());
    assert!(written.is_ok(), "the genesis cannot be written");
    path
}

/// The repository's root.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The binary of the same build: Cargo builds it before the tests of its package, two folders above
/// their own executables.
pub fn binary() -> PathBuf {
    let test = std::env::current_exe().unwrap_or_default();
    let built = test
        .ancestors()
        .nth(2)
        .unwrap_or(Path::new("."))
        .join("medfolder");
    assert!(
        built.exists(),
        "run these tests with `cargo test -p medfolder-cli`"
    );
    built
}

/// A command of the binary that speaks JSON and English, with no passphrase of the caller's.
pub fn medfolder(words: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command
        .args(words)
        .args(["--json", "--lang", "en"])
        .env_remove("MEDFOLDER_PASSPHRASE")
        // What a command notes for its next one is no business of whoever runs the tests.
        .env(
            "XDG_DATA_HOME",
            std::env::temp_dir().join("medfolder-tests"),
        );
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Ended {
    match command.output() {
        Ok(output) => {
            let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
            let lines = stdout
                .lines()
                .filter_map(|line| serde_json::from_str(line).ok());
            Ended {
                exit: output.status.code().unwrap_or(-1),
                lines: lines.collect(),
                stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
                stdout,
            }
        }
        Err(error) => Ended {
            exit: -1,
            lines: Vec::new(),
            stdout: String::new(),
            stderr: error.to_string(),
        },
    }
}

/// Runs a command that must succeed.
///
/// # Panics
/// When it does not.
pub fn told(command: &mut Command) -> Ended {
    let ended = run(command);
    assert_eq!(ended.exit, 0, "{}{}", ended.stdout, ended.stderr);
    ended
}

/// A demonstration that serves until it is dropped.
#[derive(Debug)]
pub struct Served {
    child: Child,
    ended: Option<i32>,
    /// The `ready` line.
    pub ready: Value,
}

impl Served {
    /// Starts `medfolder demo --serve` with its world below `directory`, and waits until it is
    /// ready.
    ///
    /// # Panics
    /// When it ends before it is ready.
    #[must_use]
    pub fn start(directory: &Path) -> Self {
        Self::start_with(directory, &[])
    }

    /// The same with further options.
    ///
    /// # Panics
    /// When it ends before it is ready.
    #[must_use]
    pub fn start_with(directory: &Path, words: &[&str]) -> Self {
        Self::start_logging(directory, words, "info")
    }

    /// The same, with services that log from this level on.
    ///
    /// # Panics
    /// When it ends before it is ready.
    #[must_use]
    pub fn start_logging(directory: &Path, words: &[&str], level: &str) -> Self {
        let place = directory.to_string_lossy();
        let mut command = medfolder(&["demo", "--serve", "--quiet", "--data-dir", &place]);
        command.args(words).env("RUST_LOG", level);
        let mut child = match command.stderr(Stdio::null()).spawn() {
            Ok(child) => child,
            Err(error) => unreachable!("the demonstration does not start: {error}"),
        };
        let mut ready = Value::Null;
        let mut said = String::new();
        if let Some(output) = child.stdout.take() {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                ready = serde_json::from_str(&line).unwrap_or_default();
                said.push_str(&line);
                if ready["step"] == "ready" {
                    break;
                }
            }
        }
        assert_eq!(ready["step"], "ready", "{said}");
        Self {
            child,
            ended: None,
            ready,
        }
    }

    /// A `medfolder folder` command in the folder at this place of the ready line.
    pub fn folder(&self, number: usize, words: &[&str]) -> Command {
        let folder = &self.ready["folders"][number];
        let text = |name: &str| folder[name].as_str().unwrap_or_default().to_owned();
        let mut command = medfolder(&["folder"]);
        command
            .args(words)
            .args(["--folder", &text("name"), "--data-dir", &text("data_dir")]);
        command.env("MEDFOLDER_PASSPHRASE", text("passphrase"));
        command
    }

    /// A text of the ready line.
    #[must_use]
    pub fn text(&self, pointer: &str) -> &str {
        self.ready
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// The demonstration's own process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it ends by itself and gives its exit code, or -1.
    pub fn wait(&mut self) -> i32 {
        let exit = self
            .child
            .wait()
            .ok()
            .and_then(|status| status.code())
            .unwrap_or(-1);
        *self.ended.get_or_insert(exit)
    }

    /// Sends the demonstration a signal by name, once, and gives its exit code, or -1.
    pub fn end_with(&mut self, signal: &str) -> i32 {
        if let Some(exit) = self.ended {
            return exit;
        }
        let _ = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status();
        let exit = self
            .child
            .wait()
            .ok()
            .and_then(|status| status.code())
            .unwrap_or(-1);
        self.ended = Some(exit);
        exit
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Asked to stop, it stops its services; killed, they notice by their closed input.
        self.end_with("-TERM");
    }
}

/// Waits until something holds, at most `patience`; says whether it did.
pub fn eventually(patience: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let began = Instant::now();
    while began.elapsed() < patience {
        if holds() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    false
}
