//! Clients that open a connection and then hardly speak.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use medfolder_crypto::Suite;
use medfolder_gateway::edge::Tuning;
use reqwest::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::world::{World, tuning};

const PATIENCE: Duration = Duration::from_millis(500);
/// Far more than a loaded machine needs, far less than for ever.
const BOUND: Duration = Duration::from_secs(20);

async fn world() -> World {
    let patience = PATIENCE.as_millis() as u64;
    let tuning = Tuning {
        patience,
        ..tuning()
    };
    World::with(Suite::International, tuning).await
}

/// Sends a beginning, then a byte now and then, until the server has enough; what it said.
async fn trickle(addr: SocketAddr, beginning: &str) -> String {
    let (mut read, mut write) = TcpStream::connect(addr).await.unwrap().into_split();
    write.write_all(beginning.as_bytes()).await.unwrap();
    let feed = tokio::spawn(async move {
        while write.write_all(b"A").await.is_ok() {
            sleep(PATIENCE / 10).await;
        }
    });
    let mut answer = vec![0; 4096];
    let count = timeout(BOUND, read.read(&mut answer)).await.unwrap();
    feed.abort();
    answer.truncate(count.unwrap_or_default());
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_connection_that_says_nothing_or_half_a_head_is_closed() {
    let world = world().await;
    for begin in ["", "P", "GET /healthz HTTP/1.1\r\nhost: x\r\n"] {
        for addr in [world.addr, world.admin] {
            let mut stream = TcpStream::connect(addr).await.unwrap();
            stream.write_all(begin.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            let closed = timeout(BOUND, stream.read_to_end(&mut answer)).await;
            assert!(closed.is_ok(), "{begin:?}");
        }
    }
}

#[tokio::test]
async fn a_body_that_trickles_is_cut_off_with_a_code_and_a_slow_line_is_not() {
    let world = world().await;
    let card = world.card().await;
    let token = world.log_in(&card).await.unwrap();
    let path = format!(
        "/v1/shares/drafts/{}/files/0",
        world.draft(&token, false).await.draft
    );
    for (line, length) in [
        (
            format!("PUT {path} HTTP/1.1\r\nauthorization: Bearer {token}"),
            1_000_000,
        ),
        ("POST /v1/desk/claims HTTP/1.1".to_owned(), 1_000),
    ] {
        let head = format!("{line}\r\nhost: x\r\ncontent-length: {length}\r\n\r\n");
        let answer = trickle(world.addr, &head).await;
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
        assert!(answer.contains("body.too_slow"), "{answer}");
    }
    // Four times as long as the patience, at four times the least rate.
    let begun = Instant::now();
    let part = vec![b'A'; 12 << 10];
    let body = futures_util::stream::unfold(0, move |sent| {
        let part = part.clone();
        async move {
            sleep(PATIENCE / 5).await;
            (sent < 20).then(|| (Ok::<_, std::io::Error>(part), sent + 1))
        }
    });
    let request = world.http.put(world.at(&path)).bearer_auth(&token);
    let answer = request.body(reqwest::Body::wrap_stream(body)).send().await;
    assert_eq!(answer.unwrap().status(), StatusCode::BAD_REQUEST);
    assert!(begun.elapsed() > PATIENCE * 3);
}

#[tokio::test]
async fn what_readers_meet_is_cut_off_too() {
    let world = world().await;
    let segment = "A".repeat(43);
    let head = format!("POST /s/{segment} HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n");
    let answer = trickle(world.addr, &head).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}
