//! kill −9: whatever was answered is there afterwards. The journal is kept out here.
//!
//! A round kills the process twice: while it starts and replays, and under load or, every second
//! round, while the state is folded, which begins once nothing was submitted for a glance. The
//! moments move from round to round without a source of chance. `MEDFOLDER_KILLS` says how many
//! rounds there are.

use std::io::{BufRead as _, BufReader};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use medfolder_client::api::Blob;
use medfolder_client::api::ledger::{SubmitRequest, TransactionState, TransactionStatus};
use medfolder_client::http::{Http, HttpOptions, join};
use medfolder_crypto::Suite;
use medfolder_ledger::TxId;
use medfolder_node::bench::fixture::Fixture;
use medfolder_node::clock::{Clock as _, SystemClock};
use url::Url;

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    fn start(config: &Path) -> Self {
        let node = Command::new(env!("CARGO_BIN_EXE_medfolder-node"))
            .arg(config)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        Self(node.unwrap())
    }

    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn launch(config: &Path) -> (Process, Url) {
    let mut process = Process::start(config);
    let mut line = String::new();
    BufReader::new(process.0.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let said: serde_json::Value = serde_json::from_str(&line).unwrap();
    let url = said["listening"]
        .as_str()
        .unwrap_or_else(|| panic!("{line}"))
        .parse()
        .unwrap();
    (process, url)
}

/// Submits cards until the node is gone; what it answered.
async fn load(http: Http, url: Url, fixture: Arc<Fixture>, cards: Range<u64>) -> Vec<(TxId, u64)> {
    let mut journal = Vec::new();
    for n in cards {
        let stored = fixture.register(&fixture.card(n), SystemClock.now());
        let request = SubmitRequest {
            transaction: Blob(stored),
        };
        let path = join(&url, "v1/transactions?wait=final").unwrap();
        match http.post::<TransactionStatus>(&path, None, &request).await {
            Ok(status) => journal.push((status.id, status.position.unwrap())),
            Err(_) => break,
        }
    }
    journal
}

/// A chain with a configuration file for its node.
fn install() -> (tempfile::TempDir, Arc<Fixture>, PathBuf) {
    let (dir, fixture) = crate::support::chain(Suite::International);
    fixture.install(dir.path()).unwrap();
    let config = dir.path().join("node.json");
    let text = serde_json::json!({
        "genesis": "genesis.bin", "data_dir": "data", "listen": "127.0.0.1:0",
        "member": "01".repeat(16), "engine_key": "engine.key",
        "state": {"buckets": 64_000, "cache_mib": 16},
    });
    std::fs::write(&config, text.to_string()).unwrap();
    (dir, fixture, config)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answered_transaction_is_lost_whenever_the_process_is_killed() {
    const LANES: u64 = 4;
    let rounds = std::env::var("MEDFOLDER_KILLS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(20);
    let (_dir, fixture, config) = install();
    let mut journal: Vec<(TxId, u64)> = Vec::new();
    let wait = |ms| tokio::time::sleep(Duration::from_millis(ms));
    for round in 0..rounds {
        let starting = Process::start(&config);
        wait(3 + 7 * (round % 13)).await;
        starting.kill();
        let http = Http::new(HttpOptions::default()).unwrap();
        let (process, url) = launch(&config);
        // Few transactions end before the kill: the engine is idle, and folds, when it comes.
        let folds = round % 2 == 1;
        let count = if folds { 5 } else { 1_000_000 };
        let loads: Vec<_> = (0..LANES)
            .map(|lane| (round * LANES + lane) * 1_000_000)
            .map(|first| {
                load(
                    http.clone(),
                    url.clone(),
                    fixture.clone(),
                    first..first + count,
                )
            })
            .map(tokio::spawn)
            .collect();
        let ended = async {
            let ended = futures_util::future::join_all(loads).await;
            ended
                .into_iter()
                .flat_map(Result::unwrap)
                .collect::<Vec<_>>()
        };
        if folds {
            journal.extend(ended.await);
            wait(200 + 3 * (round % 17)).await;
            process.kill();
        } else {
            wait(60 + 37 * (round % 11)).await;
            process.kill();
            journal.extend(ended.await);
        }
    }
    let (_process, url) = launch(&config);
    let http = Http::new(HttpOptions::default()).unwrap();
    assert!(
        journal.len() as u64 > rounds * LANES,
        "the load was too small to show anything"
    );
    for (id, position) in journal {
        let path = join(&url, &format!("v1/transactions/{id}")).unwrap();
        let status: TransactionStatus = http.get(&path, None).await.unwrap();
        assert_eq!(
            (status.state, status.position),
            (TransactionState::Final, Some(position))
        );
    }
}
