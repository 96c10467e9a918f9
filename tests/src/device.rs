//! A patient's device: a vault of its own, used through the binary.

use super::{eventually, medfolder, run, told};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// What opens the vault.
pub const PASSPHRASE: &str = "a passphrase of a test";
/// How long the desk and the device may take to find each other.
const PATIENCE: Duration = Duration::from_secs(60);
/// How many characters of a card's number the desk compares.
const CARD_END: usize = 8;

/// A card that a desk linked.
#[derive(Debug, Clone)]
pub struct Linked {
    /// Its number.
    pub card: String,
    /// The desk's code, as it is typed.
    pub code: String,
}

/// A vault and what its folder trusts.
#[derive(Debug, Clone)]
pub struct Device {
    /// The vault's folder.
    pub vault: PathBuf,
    /// The genesis file.
    pub genesis: PathBuf,
    /// Address of a node.
    pub ledger: String,
}

impl Device {
    /// A `medfolder folder` command on this vault.
    #[must_use]
    pub fn folder(&self, words: &[&str]) -> Command {
        let mut command = medfolder(&["folder"]);
        command.args(words).arg("--data-dir").arg(&self.vault);
        command.env("MEDFOLDER_PASSPHRASE", PASSPHRASE);
        command
    }

    /// The options that say what a new folder trusts.
    #[must_use]
    pub fn trust(&self) -> [&str; 4] {
        let genesis = self.genesis.to_str().unwrap_or_default();
        ["--genesis", genesis, "--ledger", &self.ledger]
    }

    /// Makes vault and folder; gives the 24 words.
    pub fn create(&self) -> String {
        let created = told(self.folder(&["create"]).args(self.trust()));
        let words = created.last()["words"].as_array().cloned();
        let words = words.unwrap_or_default();
        let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
        words.join(" ")
    }

    /// Makes vault and folder from 24 words.
    ///
    /// # Panics
    /// When it cannot.
    pub fn restore(&self, words: &str) {
        let mut command = self.folder(&["restore"]);
        let restoring = command.args(self.trust()).stdin(Stdio::piped()).spawn();
        let restored = restoring.is_ok_and(|mut child| {
            // What is written is read to its end: the pipe closes behind it.
            let input = child.stdin.take();
            let typed = input.is_some_and(|mut input| input.write_all(words.as_bytes()).is_ok());
            typed && child.wait().is_ok_and(|status| status.success())
        });
        assert!(restored, "the folder does not come back from its words");
    }

    /// The verified records that a list shows.
    #[must_use]
    pub fn records(&self) -> BTreeSet<String> {
        let listed = told(&mut self.folder(&["list"]));
        let verified = listed.lines.iter().filter(|line| line["verified"] == true);
        verified
            .filter_map(|line| line["record"].as_str().map(str::to_owned))
            .collect()
    }

    /// Links the folder as the patient with this number at the desk of an inner zone.
    ///
    /// # Panics
    /// When desk and device do not find each other.
    pub fn link(&self, inner: &Path, patient: &str) -> Linked {
        let inner = inner.to_str().unwrap_or_default();
        let words = ["desk", "code", "--config", inner, "--patient", patient];
        let mut given = run(&mut medfolder(&words));
        // The desk has no code before the inner zone has read what the patient's number is.
        let ready = eventually(PATIENCE, || {
            given = run(&mut medfolder(&words));
            given.exit == 0
        });
        assert!(ready, "{}", given.stdout);
        let text = |name: &str| given.last()[name].as_str().unwrap_or_default().to_owned();
        let mut linking = match self.folder(&["link", &text("link")]).spawn() {
            Ok(linking) => linking,
            Err(error) => unreachable!("the command does not start: {error}"),
        };
        let said = linking.stderr.take();
        let shown = said.and_then(|said| {
            let mut lines = BufReader::new(said).lines().map_while(Result::ok);
            lines.find(|line| line.contains("card number"))
        });
        let shown = shown.unwrap_or_default();
        let end = shown.get(shown.len().saturating_sub(CARD_END)..);
        let card_end = end.unwrap_or_default();
        let code = text("code");
        let words = [
            "desk",
            "confirm",
            &code,
            "--config",
            inner,
            "--card-end",
            card_end,
        ];
        let confirmed = eventually(PATIENCE, || run(&mut medfolder(&words)).exit == 0);
        assert!(confirmed, "the desk does not see the card's claim: {shown}");
        let ended = linking
            .wait_with_output()
            .unwrap_or_else(|e| unreachable!("{e}"));
        assert!(ended.status.success());
        let line: Value = serde_json::from_slice(&ended.stdout).unwrap_or_default();
        let card = line["card"].as_str().unwrap_or_default().to_owned();
        Linked { card, code }
    }
}
