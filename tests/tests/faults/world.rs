//! A consortium as processes that a test starts, kills and starts again. The demonstration makes
//! keys, genesis and configurations; then its processes stop and the test's own begin.

use crate::documents;
use medfolder_gateway::inner::Status;
use medfolder_ledger::Chain;
use medfolder_ledger::policy::Policy;
use medfolder_tests::{Device, Served, binary, eventually};
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// The two hospitals of the tests among the demonstration's three.
const HOSPITALS: [&str; 2] = ["hospital-1", "hospital-3"];
const PARTS: [&str; 3] = ["inner", "edge", "signer"];
/// Ports lie below those that the system gives to outgoing connections: a service that is down for
/// a moment must find its own port free again.
const PORTS: std::ops::Range<u64> = 12_000..30_000;
const START: Duration = Duration::from_secs(60);
const ANSWER: Duration = Duration::from_secs(10);

/// The world and its running processes.
pub(crate) struct World {
    place: TempDir,
    base: PathBuf,
    running: BTreeMap<String, Child>,
    /// Milliseconds by which a process' clock is wrong.
    shifts: BTreeMap<String, i64>,
    /// From which level on services log.
    level: &'static str,
}

impl World {
    /// Makes keys, genesis, configurations and enrolled doctors; nothing runs.
    pub(crate) fn new() -> Self {
        Self::of("international")
    }

    /// The same on a suite.
    pub(crate) fn of(suite: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        let data = place.path().join("data");
        for (hospital, name) in HOSPITALS.iter().enumerate() {
            // One visit each: the demonstration enrols the doctors that it finds.
            let from = documents::folders(hospital).next().unwrap();
            let to = data.join(name);
            fs::create_dir_all(&to).unwrap();
            for file in fs::read_dir(from).unwrap() {
                let file = file.unwrap();
                fs::copy(file.path(), to.join(file.file_name())).unwrap();
            }
        }
        let base = place.path().join("world");
        let (port, data) = (free_port().to_string(), data.to_str().unwrap());
        let words = ["--port", &port, "--data", data, "--suite", suite];
        let mut served = Served::start_with(&base, &words);
        let genesis = PathBuf::from(served.text("/genesis"));
        served.end_with("-TERM");
        let base = genesis.parent().unwrap().to_owned();
        HOSPITALS
            .iter()
            .for_each(|hospital| be_quick(&base, hospital));
        Self {
            base,
            place,
            running: BTreeMap::new(),
            shifts: BTreeMap::new(),
            level: "info",
        }
    }

    /// Founds the consortium anew with another policy: nothing ran, and nobody is enrolled.
    pub(crate) fn found_anew(&self, change: impl FnOnce(&mut Policy)) -> Chain {
        let path = self.file("genesis.cbor");
        let chain = Chain::from_bytes(&fs::read(&path).unwrap()).unwrap();
        let mut genesis = chain.genesis().clone();
        change(&mut genesis.policy);
        let chain = Chain::new(genesis).unwrap();
        fs::write(path, chain.to_bytes()).unwrap();
        let parts = ["inner", "edge", "spool/out", "spool/in"];
        let hospitals = HOSPITALS.map(|hospital| parts.map(|part| format!("{hospital}/{part}")));
        let folders = hospitals.into_iter().flatten();
        for folder in folders.chain(["node/data".to_owned()]) {
            let folder = self.file(&folder);
            fs::remove_dir_all(&folder).unwrap();
            fs::create_dir_all(folder).unwrap();
        }
        chain
    }

    /// Lets services tell everything in their logs, from their next start on.
    pub(crate) const fn log_all(&mut self) {
        self.level = "debug";
    }

    /// Where services log.
    pub(crate) fn logs(&self) -> PathBuf {
        self.place.path().join("logs")
    }

    /// Changes a service's configuration.
    pub(crate) fn change_config(&self, service: &str, change: impl FnOnce(&mut serde_json::Value)) {
        let path = self.config(service);
        let mut config = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        change(&mut config);
        fs::write(path, config.to_string()).unwrap();
    }

    /// A file of the world.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.base.join(name)
    }

    /// All services, in the order in which they start.
    pub(crate) fn services() -> Vec<String> {
        let of = |hospital: &str| PARTS.map(|part| format!("{hospital}-{part}"));
        let node = ["node".to_owned()].into_iter();
        node.chain(HOSPITALS.into_iter().flat_map(of)).collect()
    }

    /// A hospital's service.
    pub(crate) fn service(hospital: usize, part: &str) -> String {
        format!("{}-{part}", HOSPITALS[hospital])
    }

    /// The configuration of a service.
    pub(crate) fn config(&self, service: &str) -> PathBuf {
        match service.rsplit_once('-') {
            Some((hospital, part)) => self.file(&format!("{hospital}/{part}.json")),
            None => self.file(&format!("node/{service}.json")),
        }
    }

    /// A hospital's watched folder.
    pub(crate) fn watched(&self, hospital: usize) -> PathBuf {
        self.file(HOSPITALS[hospital]).join("fhir")
    }

    /// The address that a service listens on; signers have none.
    pub(crate) fn address(&self, service: &str) -> Option<SocketAddr> {
        let config: serde_json::Value =
            serde_json::from_slice(&fs::read(self.config(service)).unwrap()).unwrap();
        config["listen"]
            .as_str()
            .map(|address| address.parse().unwrap())
    }

    /// Lets a service run with a clock that is wrong, from its next start on.
    pub(crate) fn shift(&mut self, service: &str, milliseconds: i64) {
        self.shifts.insert(service.to_owned(), milliseconds);
    }

    /// Starts a service; does not wait for it.
    pub(crate) fn start(&mut self, service: &str) {
        let words: &[&str] = match service.rsplit_once('-') {
            None => &["node"],
            Some((_, "signer")) => &["signer"],
            Some((_, part)) => &["gateway", if part == "inner" { "inner" } else { "edge" }],
        };
        let logs = self.logs();
        fs::create_dir_all(&logs).unwrap();
        let log = logs.join(format!("{service}.log"));
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .unwrap();
        let mut command = Command::new(binary());
        command
            .args(words)
            .arg("--config")
            .arg(self.config(service));
        let shift = self.shifts.get(service).copied().unwrap_or_default();
        command.env("MEDFOLDER_CLOCK_SHIFT", shift.to_string());
        command.env("RUST_LOG", self.level);
        command
            // Its input closes when this process ends, however it ends.
            .arg("--exit-with-stdin")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log);
        self.running
            .insert(service.to_owned(), command.spawn().unwrap());
    }

    /// Lets a running service stand still (`STOP`) or go on (`CONT`).
    pub(crate) fn signal(&self, service: &str, signal: &str) {
        let id = self.running[service].id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &id]).status();
        assert!(sent.unwrap().success());
    }

    /// One of a hospital's two spools.
    pub(crate) fn spool(&self, hospital: usize, name: &str) -> PathBuf {
        let config = fs::read(self.config(&Self::service(hospital, "edge"))).unwrap();
        let config: serde_json::Value = serde_json::from_slice(&config).unwrap();
        self.file(HOSPITALS[hospital])
            .join(config[name].as_str().unwrap())
    }

    /// `kill -9`; gives what it said when it had ended by itself before.
    pub(crate) fn kill(&mut self, service: &str) -> Option<String> {
        let mut child = self.running.remove(service)?;
        let ended = child.try_wait().unwrap();
        let _ = child.kill();
        child.wait().unwrap();
        ended.map(|how| format!("{service} ended with {how}: {}", self.log(service)))
    }

    /// Kills all at once.
    pub(crate) fn kill_all(&mut self) {
        for child in self.running.values_mut() {
            child.kill().unwrap();
        }
        let names: Vec<String> = self.running.keys().cloned().collect();
        names.iter().for_each(|name| drop(self.kill(name)));
    }

    /// The last lines that a service wrote.
    pub(crate) fn log(&self, service: &str) -> String {
        let log = self.logs().join(format!("{service}.log"));
        let text = fs::read_to_string(log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(5)..].join("\n")
    }

    /// Starts all and waits until they answer.
    pub(crate) fn start_all(&mut self) {
        for service in Self::services() {
            self.start(&service);
            self.wait_for(&service);
        }
    }

    /// Waits until a service answers.
    pub(crate) fn wait_for(&mut self, service: &str) {
        let Some(address) = self.address(service) else {
            return;
        };
        let healthy = eventually(START, || healthy(address));
        assert!(healthy, "{service} does not answer: {}", self.log(service));
    }

    /// What an inner zone says of itself.
    pub(crate) fn status(&self, hospital: usize) -> Option<Status> {
        let service = Self::service(hospital, "inner");
        let token = self.token(hospital, "desk");
        let (status, body) = ask(self.address(&service)?, "GET", "/v1/status", &token, "")?;
        (status == 200).then(|| serde_json::from_str(&body).unwrap())
    }

    /// A token of an inner zone's interface.
    pub(crate) fn token(&self, hospital: usize, caller: &str) -> String {
        let path = self
            .file(HOSPITALS[hospital])
            .join("inner/tokens")
            .join(caller);
        fs::read_to_string(path)
            .unwrap_or_default()
            .trim()
            .to_owned()
    }

    /// A patient's device.
    pub(crate) fn device(&self, name: &str) -> Device {
        Device {
            vault: self.place.path().join(name),
            genesis: self.file("genesis.cbor"),
            ledger: format!("http://{}", self.address("node").unwrap()),
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.kill_all();
        if std::thread::panicking() {
            for service in Self::services() {
                eprintln!("--- {service}\n{}", self.log(&service));
            }
        }
    }
}

/// A correction whose original was lost with a killed connection stands by itself after a second,
/// not after ten minutes.
fn be_quick(base: &std::path::Path, hospital: &str) {
    let path = base.join(hospital).join("inner.json");
    let mut config: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    config["tuning"]["replaced_wait"] = 1_000.into();
    fs::write(&path, config.to_string()).unwrap();
}

/// The first of a row of free ports, one for each of the demonstration's services.
fn free_port() -> u16 {
    // Worlds of one process start at the same time and must not look in the same order.
    static WORLDS: AtomicU64 = AtomicU64::new(0);
    let world = WORLDS.fetch_add(1, Ordering::Relaxed);
    let mut random = crate::random::Random::new(world << 32 | u64::from(std::process::id()));
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    (0..1_000)
        .map(|_| (PORTS.start + random.below(PORTS.end - PORTS.start)) as u16)
        .find(|first| (*first..first + 8).all(free))
        .unwrap()
}

fn healthy(address: SocketAddr) -> bool {
    ask(address, "GET", "/healthz", "", "").is_some_and(|(status, _)| status == 200)
}

/// One request; nothing when no whole answer came.
pub(crate) fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    token: &str,
    body: &str,
) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWER).ok()?;
    stream.set_read_timeout(Some(ANSWER)).ok()?;
    // A wrong token is refused where none is needed.
    let authorization = match token {
        "" => String::new(),
        token => format!("authorization: Bearer {token}\r\n"),
    };
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\n{authorization}\
         content-type: application/fhir+json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
    .ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8(answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    // A connection that a kill cut answers with less than it promised.
    let whole = length.is_none_or(|length| length.parse() == Ok(body.len()));
    whole.then(|| (status, body.to_owned()))
}
