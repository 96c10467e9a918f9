//! An edge in a process of its own, with the system's right to end it at any instruction.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use medfolder_gateway::clock::ManualClock;
use medfolder_gateway::edge::ledger::Nodes;
use medfolder_gateway::edge::{Config, Parts, serve_with};
use tokio::sync::watch;

use crate::chain::{self, MEMBER, NOW};
use crate::world::{World, config_file};

const CONFIG: &str = "MEDFOLDER_TEST_EDGE_CONFIG";

/// The process that is killed; does nothing unless a test started it.
#[test]
#[ignore = "started by other tests"]
fn child() {
    let Ok(path) = std::env::var(CONFIG) else {
        return;
    };
    let path = Path::new(&path);
    let config = Config::read(path).unwrap();
    let chain = medfolder_ledger::Chain::from_bytes(&std::fs::read(&config.genesis).unwrap());
    let chain = chain.unwrap();
    let key = chain::key(chain.suite(), 3);
    let clock = medfolder_client::clock::Clock::of(|| NOW);
    let ledger = Arc::new(Nodes::new(&config.ledger, &chain, MEMBER, key, clock).unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (_stop, stopped) = watch::channel(false);
        let parts = Parts {
            clock: ManualClock::at(NOW),
            ledger,
            blobs: None,
        };
        let running = serve_with(config, parts, stopped).await.unwrap();
        let addresses = format!("{} {}", running.addr, running.admin.unwrap());
        std::fs::write(path.with_extension("new"), addresses).unwrap();
        std::fs::rename(path.with_extension("new"), path.with_extension("addr")).unwrap();
        running.task.await.unwrap();
    });
}

/// A process that ends with this value.
pub(crate) struct Process(Child);

impl Process {
    /// SIGKILL, and waits until nothing of it runs.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    /// The most memory that it ever held, in bytes.
    pub(crate) fn peak(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = line.unwrap().split_whitespace().next().unwrap();
        1_024 * kibibytes.parse::<u64>().unwrap()
    }

    fn end(&mut self) {
        // One that is gone already is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

impl World {
    /// Starts the edge as a process on this world's data, behind the node at `ledger`.
    pub(crate) async fn launch(&mut self, ledger: &str) -> Process {
        let path = self.dir.path().join("edge.json");
        let config = config_file(self.dir.path(), ledger);
        std::fs::write(&path, config.to_string()).unwrap();
        let addr = path.with_extension("addr");
        let _ = std::fs::remove_file(&addr);
        let command = Command::new(std::env::current_exe().unwrap())
            .args(["process::child", "--exact", "--ignored", "--nocapture"])
            .env(CONFIG, &path)
            .stdout(Stdio::null())
            .spawn();
        let process = Process(command.unwrap());
        let started = Instant::now();
        while !addr.exists() {
            assert!(started.elapsed() < Duration::from_secs(30), "no start");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let text = std::fs::read_to_string(&addr).unwrap();
        let (public, admin) = text.split_once(' ').unwrap();
        (self.addr, self.admin) = (public.parse().unwrap(), admin.parse().unwrap());
        // Connections to the one before are of no use.
        self.http = crate::world::client();
        process
    }
}
