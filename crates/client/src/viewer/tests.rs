//! Against small hosts on loopback addresses.

use super::*;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use medfolder_crypto::os_rng;
use medfolder_share::LinkDraft;
use medfolder_share::content_type::FHIR_JSON;
use medfolder_share::jwe::{Zip, encrypt};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

#[derive(Clone)]
struct HostState {
    base: String,
    jwe: String,
    manifests: Arc<AtomicU32>,
    mood: Mood,
}

#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Open,
    Busy,
    Away,
    Gone,
    /// Gone, and too busy at first to say why.
    Crowded,
    Elsewhere,
    /// 503 with this body.
    Pauses(&'static str),
}

async fn manifest(
    State(host): State<HostState>,
    Json(request): Json<Value>,
) -> axum::response::Response {
    let count = host.manifests.fetch_add(1, Ordering::SeqCst);
    match host.mood {
        Mood::Gone | Mood::Crowded => return StatusCode::NOT_FOUND.into_response(),
        Mood::Away => {
            let to = [("location", format!("{}/other", host.base))];
            return (StatusCode::TEMPORARY_REDIRECT, to).into_response();
        }
        Mood::Pauses(body) => return (StatusCode::SERVICE_UNAVAILABLE, body).into_response(),
        Mood::Busy if count == 0 => {
            return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "0")]).into_response();
        }
        _ => {}
    }
    if request["passcode"] != "1234" {
        let left = Json(json!({ "remainingAttempts": 4 }));
        return (StatusCode::UNAUTHORIZED, left).into_response();
    }
    assert_eq!(request["recipient"], "Dr. Li");
    let location = match host.mood {
        Mood::Elsewhere => "https://10.0.0.1/f".to_owned(),
        _ => format!("{}/f", host.base),
    };
    Json(json!({
        "status": "finalized",
        "files": [{ "contentType": FHIR_JSON, "location": location }],
    }))
    .into_response()
}

async fn file(State(host): State<HostState>, headers: HeaderMap) -> String {
    assert!(headers.get("authorization").is_none() && headers.get("referer").is_none());
    host.jwe
}

async fn why(State(host): State<HostState>) -> axum::response::Response {
    // Behind one manifest request: the first question why.
    if host.mood == Mood::Crowded && host.manifests.fetch_add(1, Ordering::SeqCst) == 1 {
        return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "0")]).into_response();
    }
    Json(json!({ "state": "revoked", "since": 5, "end": 9, "host": "H1" })).into_response()
}

async fn serve(mood: Mood) -> (String, Arc<AtomicU32>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let key = LinkKey::generate(&mut os_rng());
    let body = br#"{"resourceType":"Bundle","type":"document"}"#;
    let jwe = encrypt(&key, FHIR_JSON, body, Zip::None, &mut os_rng()).unwrap();
    let manifests = Arc::new(AtomicU32::new(0));
    let state = HostState {
        base: base.clone(),
        jwe,
        manifests: Arc::clone(&manifests),
        mood,
    };
    let segment = "A".repeat(43);
    let routes = axum::Router::new()
        .route(&format!("/s/{segment}"), post(manifest))
        .route(&format!("/s/{segment}/status"), post(why))
        .route("/f", get(file))
        .with_state(state);
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let link = Link::issue(LinkDraft {
        url: format!("{base}/s/{segment}"),
        key,
        flags: medfolder_share::Flags {
            passcode: true,
            ..Default::default()
        },
        label: Some("for Dr. Li".to_owned()),
        exp: None,
    })
    .unwrap();
    (link.to_uri().to_string(), manifests)
}

async fn open(link: &str, passcode: Option<&str>, reach: Reach) -> Result<OpenedLink, OpenError> {
    let options = OpenOptions {
        recipient: "Dr. Li".to_owned(),
        passcode: passcode.map(|passcode| Zeroizing::new(passcode.to_owned())),
        reach,
    };
    open_link(link, options, &Clock::system(), &mut os_rng()).await
}

#[tokio::test]
async fn a_link_with_its_passcode_opens() {
    let (link, _) = serve(Mood::Open).await;
    let opened = open(&link, Some("1234"), Reach::OwnHost).await.unwrap();
    assert_eq!(opened.label.as_deref(), Some("for Dr. Li"));
    assert_eq!(opened.status, Some(ManifestStatus::Finalized));
    assert_eq!(opened.files.len(), 1);
    assert!(opened.files.iter().all(ViewedFile::is_fhir));
}

#[tokio::test]
async fn a_wrong_passcode_is_sent_once_and_says_what_is_left() {
    let (link, manifests) = serve(Mood::Open).await;
    let error = open(&link, Some("0000"), Reach::OwnHost).await.unwrap_err();
    assert!(matches!(
        error,
        OpenError::PasscodeWrong { remaining: Some(4) }
    ));
    assert_eq!(manifests.load(Ordering::SeqCst), 1);
    let missing = open(&link, None, Reach::OwnHost).await.unwrap_err();
    assert_eq!(missing.code(), "share.passcode_needed");
    assert_eq!(manifests.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_revoked_share_says_so_to_the_holder_of_its_link_however_many_ask() {
    for mood in [Mood::Gone, Mood::Crowded] {
        let (link, _) = serve(mood).await;
        let error = open(&link, Some("1234"), Reach::OwnHost).await.unwrap_err();
        assert_eq!(error.code(), "share.revoked");
    }
}

#[tokio::test]
async fn a_busy_host_is_asked_again_after_its_time() {
    let (link, manifests) = serve(Mood::Busy).await;
    assert!(open(&link, Some("1234"), Reach::OwnHost).await.is_ok());
    assert_eq!(manifests.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_host_that_pauses_says_why_in_words_of_the_readers_own() {
    for (body, code) in [
        (
            r#"{"status":503,"code":"storage.full"}"#,
            "host.storage_full",
        ),
        (r#"{"status":503,"code":"ledger.old"}"#, "host.behind"),
        (r#"{"status":503,"code":"record.leaf"}"#, "host.pauses"),
        ("", "host.pauses"),
    ] {
        let (link, _) = serve(Mood::Pauses(body)).await;
        let opened = open(&link, Some("1234"), Reach::OwnHost).await;
        assert_eq!(opened.unwrap_err().code(), code);
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (link, _) = serve(Mood::Away).await;
    assert_eq!(
        open(&link, Some("1234"), Reach::OwnHost)
            .await
            .unwrap_err()
            .code(),
        "host.answer"
    );
}

#[tokio::test]
async fn a_manifest_cannot_lead_into_the_readers_network() {
    let (link, _) = serve(Mood::Elsewhere).await;
    let opened = open(&link, Some("1234"), Reach::OwnHost).await.unwrap();
    let problem = opened.files[0].content.as_ref().unwrap_err();
    assert_eq!(problem.code(), "address.private");
}

#[tokio::test]
async fn a_server_that_opens_links_for_others_stays_out_of_its_own_network() {
    let (link, manifests) = serve(Mood::Open).await;
    let error = open(&link, Some("1234"), Reach::Public).await.unwrap_err();
    assert_eq!(error.code(), "address.private");
    assert_eq!(manifests.load(Ordering::SeqCst), 0);
}
