//! Back-pressure, rate limits, sizes, the event stream and HTTPS.

use std::sync::Arc;
use std::sync::{Condvar, Mutex};

use base64::Engine as _;
use medfolder_client::api::Blob;
use medfolder_client::api::ledger::{SubmitRequest, Submitted};
use medfolder_client::api::session::{Challenge, ChallengeRequest, Subject};
use medfolder_client::http::{Http, HttpOptions, Pin, join};
use medfolder_crypto::Suite;
use medfolder_node::Seams;
use medfolder_node::clock::Clock as _;
use medfolder_node::config::Tls;
use medfolder_node::store::{BlockStore, SqliteBlocks, StoreError, StoredBlock, StoredHeader};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{chain, start, start_with};

/// A store that waits before it writes until its gate is open.
struct Gated {
    inner: SqliteBlocks,
    gate: Arc<(Mutex<bool>, Condvar)>,
}

impl BlockStore for Gated {
    fn append(&self, block: &StoredBlock) -> Result<(), StoreError> {
        let (open, opened) = &*self.gate;
        let guard = open.lock().unwrap();
        drop(
            opened
                .wait_while(guard, |open| !*open && block.height > 0)
                .unwrap(),
        );
        self.inner.append(block)
    }

    fn probe(&self) -> Result<(), StoreError> {
        self.inner.probe()
    }

    fn blocks(&self, from: u64, limit: usize) -> Result<Vec<StoredBlock>, StoreError> {
        self.inner.blocks(from, limit)
    }

    fn transaction(&self, height: u64, place: u16) -> Result<(u16, Vec<u8>), StoreError> {
        self.inner.transaction(height, place)
    }

    fn header(&self, height: u64) -> Result<Option<StoredHeader>, StoreError> {
        self.inner.header(height)
    }

    fn last(&self) -> Result<Option<u64>, StoreError> {
        self.inner.last()
    }

    fn ids(&self, from: u64, to: u64) -> Result<Vec<Vec<u8>>, StoreError> {
        self.inner.ids(from, to)
    }

    fn size(&self) -> Result<u64, StoreError> {
        self.inner.size()
    }

    #[cfg(feature = "lying")]
    fn cut(&self, height: u64) -> Result<(), StoreError> {
        self.inner.cut(height)
    }
}

#[tokio::test]
async fn more_than_may_wait_are_turned_away_and_told_when_to_come_back() {
    let (dir, fixture) = chain(Suite::International);
    let mut config = fixture.install(dir.path()).unwrap();
    config.limits.waiting = 2;
    std::fs::create_dir_all(&config.data_dir).unwrap();
    let inner = SqliteBlocks::open(&config.data_dir.join("blocks.db")).unwrap();
    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let blocks: Arc<dyn BlockStore> = Arc::new(Gated {
        inner,
        gate: gate.clone(),
    });
    let seams = Seams {
        clock: None,
        blocks: Some(blocks),
    };
    let mut node = start_with(&fixture, config, seams).await;
    let now = node.clock.now();
    let path = node.path("v1/transactions");
    for n in 0..2 {
        let transaction = Blob(fixture.register(&fixture.card(n), now));
        let request = SubmitRequest { transaction };
        let _: Submitted = node.http.post(&path, None, &request).await.unwrap();
    }
    let third = node
        .submit(fixture.register(&fixture.card(3), now))
        .await
        .unwrap_err();
    assert_eq!((third.code(), third.status()), ("node.busy", Some(429)));
    *gate.0.lock().unwrap() = true;
    gate.1.notify_all();
    let mut heads = node.running().ledger.watch();
    heads
        .wait_for(|head| head.header.log_size == 2)
        .await
        .unwrap();
    assert!(
        node.submit(fixture.register(&fixture.card(3), now))
            .await
            .is_ok()
    );
    node.stop().await;
}

#[tokio::test]
async fn an_address_opens_no_more_sessions_a_second_than_the_limit() {
    let (dir, fixture) = chain(Suite::International);
    let mut config = fixture.install(dir.path()).unwrap();
    config.limits.sessions = 3;
    let mut node = start_with(&fixture, config, Seams::default()).await;
    let request = ChallengeRequest {
        subject: Subject::Member(fixture.hospitals[0].id),
    };
    let path = node.path("v1/sessions/challenge");
    let mut codes = Vec::new();
    for _ in 0..5 {
        let answer: Result<Challenge, _> = node.http.post(&path, None, &request).await;
        codes.push(answer.err().map(|error| error.code().to_owned()));
    }
    let busy = Some("node.busy".to_owned());
    assert_eq!(codes, [None, None, None, busy.clone(), busy]);
    node.stop().await;
}

#[tokio::test]
async fn what_the_framework_refuses_is_a_problem_with_a_code_too() {
    let (dir, fixture) = chain(Suite::International);
    let mut node = start(dir.path(), &fixture).await;
    let path = node.path("v1/transactions");
    let large = SubmitRequest {
        transaction: Blob(vec![0; 200_000]),
    };
    let answer = node.http.post::<Submitted>(&path, None, &large).await;
    assert_eq!(answer.unwrap_err().code(), "body.too_large");
    let answer = node
        .http
        .post::<Submitted>(&path, None, &serde_json::json!({"no": 1}))
        .await;
    assert_eq!(answer.unwrap_err().code(), "body.malformed");
    for (path, code) in [
        ("v1/nothing", "http.not_found"),
        ("v1/sessions", "http.method"),
        ("v1/cards/not-a-number/entries", "request.malformed"),
        ("v1/checkpoints/99", "http.not_found"),
        ("v1/proofs/consistency?from=2&to=1", "log.range"),
    ] {
        let answer = node
            .http
            .get::<serde_json::Value>(&node.path(path), None)
            .await;
        assert_eq!(answer.unwrap_err().code(), code, "{path}");
    }
    node.stop().await;
}

#[tokio::test]
async fn the_event_stream_goes_on_after_the_last_event_that_was_seen() {
    let (dir, fixture) = chain(Suite::International);
    let mut node = start(dir.path(), &fixture).await;
    for n in 1..=3 {
        node.registered(n).await;
    }
    let token = node.member_door().token().await.unwrap();
    let mut stream = tokio::net::TcpStream::connect(node.running().addr)
        .await
        .unwrap();
    let request = format!(
        "GET /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\nlast-event-id: 1\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut seen = String::new();
    let mut part = [0; 1_024];
    while !seen.contains("id: 3") {
        let count = stream.read(&mut part).await.unwrap();
        assert!(count > 0, "{seen}");
        seen.push_str(&String::from_utf8_lossy(&part[..count]));
    }
    assert!(
        seen.contains("id: 2") && !seen.contains("id: 1\n"),
        "{seen}"
    );
    node.registered(4).await;
    while !seen.contains("id: 4") {
        let count = stream.read(&mut part).await.unwrap();
        assert!(count > 0, "{seen}");
        seen.push_str(&String::from_utf8_lossy(&part[..count]));
    }
    node.stop().await;
}

/// RFC 7468.
fn pem(label: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .filter_map(|l| str::from_utf8(l).ok())
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

#[tokio::test]
async fn https_is_served_with_the_configured_key() {
    let (dir, fixture) = chain(Suite::International);
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    std::fs::write(&cert, pem("CERTIFICATE", made.cert.der())).unwrap();
    std::fs::write(&key, pem("PRIVATE KEY", &made.signing_key.serialize_der())).unwrap();
    // HTTP/2 is not spoken, so a client that could is not told otherwise.
    let offered = medfolder_http::certificate(&cert, &key)
        .unwrap()
        .get_inner();
    assert_eq!(offered.alpn_protocols, [b"http/1.1".to_vec()]);
    let mut config = fixture.install(dir.path()).unwrap();
    config.tls = Some(Tls { cert, key });
    let mut node = start_with(&fixture, config, Seams::default()).await;
    let url = node.running().url(true).parse().unwrap();
    let health = join(&url, "v1/policies").unwrap();
    let pin = Pin::of_certificate(made.cert.der());
    let pinned = Http::new(HttpOptions {
        pin,
        ..HttpOptions::default()
    })
    .unwrap();
    assert!(pinned.get::<serde_json::Value>(&health, None).await.is_ok());
    let other = Http::new(HttpOptions::default()).unwrap();
    let error = other
        .get::<serde_json::Value>(&health, None)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "http.certificate");
    node.stop().await;
}
