//! Requests to the inner zone that are bent, or never end.

use std::time::Duration;

use medfolder_crypto::Suite;
use reqwest::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::world::World;

const PATIENCE: Duration = Duration::from_millis(500);
/// Far more than a loaded machine needs, far less than for ever.
const BOUND: Duration = Duration::from_secs(20);

async fn impatient() -> (World, TcpStream) {
    let world = World::with(Suite::International, |config| {
        config.tuning.patience = PATIENCE.as_millis() as u64;
    })
    .await;
    let addr = world.url.strip_prefix("http://").unwrap();
    let stream = TcpStream::connect(addr).await.unwrap();
    (world, stream)
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_head_is_not_waited_for() {
    let (_world, mut stream) = impatient().await;
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let closed = timeout(BOUND, stream.read_to_end(&mut answer)).await;
    assert!(closed.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_that_trickles_is_cut_off_with_a_code() {
    let (world, stream) = impatient().await;
    let (mut read, mut write) = stream.into_split();
    let head = format!(
        "POST /v1/fhir HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: 9999\r\n\r\n",
        world.token("feed")
    );
    write.write_all(head.as_bytes()).await.unwrap();
    let feed = tokio::spawn(async move {
        while write.write_all(b" ").await.is_ok() {
            sleep(PATIENCE / 10).await;
        }
    });
    let mut answer = vec![0; 4096];
    let count = timeout(BOUND, read.read(&mut answer)).await.unwrap();
    feed.abort();
    let answer = String::from_utf8_lossy(&answer[..count.unwrap()]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("body.too_slow"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_refused_with_a_problem_and_a_code() {
    let world = World::new(Suite::International).await;
    let twice = r#"{"patient":"P1","patient":"P2"}"#;
    let reason = r#"{"reason":"ended","x":1,"x":2}"#;
    let revoke = format!("staff/{}/revoke", "0".repeat(64));
    for (method, caller, path, body, status, code) in [
        ("POST", "desk", "desk/codes", "{", 400, "body.malformed"),
        (
            "POST",
            "desk",
            "desk/codes",
            r#"{"patient":1}"#,
            400,
            "body.malformed",
        ),
        ("POST", "desk", "desk/codes", twice, 400, "body.malformed"),
        ("POST", "desk", &revoke, reason, 400, "body.malformed"),
        ("POST", "desk", "staff", "[]", 400, "body.malformed"),
        ("GET", "signer", "worklist", "", 400, "request.malformed"),
        ("GET", "signer", "worklist/x", "", 400, "request.malformed"),
        ("DELETE", "desk", "desk/codes", "", 405, "http.method"),
        ("GET", "desk", "nothing", "", 404, "route.absent"),
    ] {
        let method: Method = method.parse().unwrap();
        let request = world.request(method, path).bearer_auth(world.token(caller));
        let answer = request.body(body.to_owned()).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{path} {body}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        let problem: serde_json::Value =
            serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        assert_eq!(problem["code"], code, "{path} {body}");
    }
}
