//! kill −9 under load: whatever was answered is there afterwards. The journal is kept out here.
//!
//! `MEDFOLDER_KILLS` says how often (10 without it).

use std::io::{BufRead as _, BufReader};
use std::path::Path;
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

fn launch(config: &Path) -> (Process, Url) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_medfolder-node"))
        .arg(config)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let said: serde_json::Value = serde_json::from_str(&line).unwrap();
    let url = said["listening"]
        .as_str()
        .unwrap_or_else(|| panic!("{line}"))
        .parse()
        .unwrap();
    (Process(child), url)
}

/// Submits cards from `first` on until the node is gone; what it answered.
async fn load(http: Http, url: Url, fixture: Arc<Fixture>, first: u64) -> Vec<(TxId, u64)> {
    let mut journal = Vec::new();
    for n in first.. {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answered_transaction_is_lost_however_often_the_process_is_killed() {
    let kills = std::env::var("MEDFOLDER_KILLS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(10);
    let (dir, fixture) = crate::support::chain(Suite::International);
    fixture.install(dir.path()).unwrap();
    let config = dir.path().join("node.json");
    let text = serde_json::json!({
        "genesis": "genesis.bin", "data_dir": "data", "listen": "127.0.0.1:0",
        "member": "01".repeat(16), "engine_key": "engine.key",
        "state": {"buckets": 64_000, "cache_mib": 16},
    });
    std::fs::write(&config, text.to_string()).unwrap();
    let mut journal: Vec<(TxId, u64)> = Vec::new();
    for round in 0..kills {
        let http = Http::new(HttpOptions::default()).unwrap();
        let (mut process, url) = launch(&config);
        let loads: Vec<_> = (0..4_u64)
            .map(|lane| (round * 4 + lane) * 1_000_000)
            .map(|first| tokio::spawn(load(http.clone(), url.clone(), fixture.clone(), first)))
            .collect();
        // The moment differs from round to round without a source of chance.
        tokio::time::sleep(Duration::from_millis(60 + 37 * (round % 11))).await;
        process.0.kill().unwrap();
        process.0.wait().unwrap();
        for load in loads {
            journal.extend(load.await.unwrap());
        }
    }
    let (_process, url) = launch(&config);
    let http = Http::new(HttpOptions::default()).unwrap();
    assert!(
        journal.len() as u64 > kills,
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
