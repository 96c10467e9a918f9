//! Against a small host that loses its answers and checks signatures.

use super::*;
use crate::api::Problem;
use crate::api::session::{Challenge, Session};
use crate::http::HttpOptions;
use crate::login::Identity;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post, put};
use medfolder_crypto::{Secret32, Signature, Suite};
use medfolder_ledger::login::LoginSubject;
use medfolder_record::{CardNumber, MemberId};
use medfolder_share::rules::status::ShareCondition;
use std::sync::Mutex;

const SUITE: Suite = Suite::International;
const GENESIS: Digest = Digest([3; 32]);
const GRANT: GrantId = GrantId(Digest([4; 32]));

/// Every body that a request to publish or upload had.
type Seen = Arc<Mutex<Vec<Vec<u8>>>>;

fn grant_key() -> SigningKey {
    SigningKey::from_seed(SUITE, &Secret32::new([8; 32]))
}

/// Loses the first answer to each kind of request.
async fn publish(State(seen): State<Seen>, body: Bytes) -> Result<Json<Published>, StatusCode> {
    let mut seen = seen.lock().unwrap();
    seen.push(body.to_vec());
    if seen.len() == 1 {
        return Err(StatusCode::BAD_GATEWAY);
    }
    Ok(Json(Published {
        grant: GRANT,
        position: 5,
        end: 9,
    }))
}

async fn refuse() -> (StatusCode, Json<Problem>) {
    (
        StatusCode::FORBIDDEN,
        Json(Problem::new(403, "Forbidden", "card.frozen")),
    )
}

async fn owner(
    uri: axum::http::Uri,
    headers: HeaderMap,
    method: axum::http::Method,
    body: Bytes,
) -> Result<Json<ShareState>, StatusCode> {
    let host = headers["host"].to_str().unwrap();
    let request = GrantRequest {
        genesis: GENESIS,
        grant: GRANT,
        method: method.as_str(),
        origin: &format!("http://{host}"),
        path: uri.path(),
        body: &body,
    };
    let header = headers[SIGNATURE_HEADER].to_str().unwrap();
    let now = Clock::system().now();
    request
        .verify(SUITE, &grant_key().public(), header, now)
        .map_err(|_| StatusCode::FORBIDDEN)?;
    let (state, since, end) = (ShareCondition::Live, 1, 2);
    Ok(Json(ShareState {
        state,
        since,
        end,
        opened: 0,
        openings: None,
        tries_left: None,
    }))
}

async fn serve() -> (Url, Seen) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let seen = Seen::default();
    let challenge = || async {
        let expires = Clock::system().now() + 60_000;
        Json(Challenge {
            challenge: Digest([1; 32]),
            expires,
            member: MemberId([2; 16]),
        })
    };
    let session = || async {
        Json(Session {
            token: "t".to_owned(),
            expires: Clock::system().now() + 900_000,
        })
    };
    let routes = axum::Router::new()
        .route("/v1/sessions/challenge", post(challenge))
        .route("/v1/sessions", post(session))
        .route("/v1/shares/drafts", post(refuse))
        .route("/v1/shares/drafts/{draft}/publish", post(publish))
        .route("/v1/shares/drafts/{draft}/files", put(publish))
        .route("/v1/shares/{grant}/state", get(owner))
        .route("/v1/shares/{grant}/passcode", post(owner))
        .with_state(Arc::clone(&seen));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (base, seen)
}

fn host(base: Url) -> ShareHost {
    let key = Arc::new(SigningKey::from_seed(SUITE, &Secret32::new([1; 32])));
    let subject = LoginSubject::Card(CardNumber(Digest([1; 32])));
    let identity = Identity {
        subject,
        keys: None,
        key,
    };
    let http = Http::new(HttpOptions::default()).unwrap();
    ShareHost::new(Door::new(
        http,
        base,
        GENESIS,
        None,
        identity,
        Clock::system(),
    ))
}

fn request() -> PublishRequest {
    PublishRequest {
        transaction: Blob(vec![1, 2, 3]),
        consent: Signature([0; 64]),
        passcode: None,
        openings: None,
        status_digest: Digest::default(),
        files: Vec::new(),
    }
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_with_the_same_bytes() {
    let (base, seen) = serve().await;
    let done = host(base)
        .publish(DraftId([1; 16]), &request())
        .await
        .unwrap();
    assert_eq!((done.grant, done.position), (GRANT, 5));
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen.first(), seen.last());
}

#[tokio::test]
async fn every_file_is_uploaded_although_one_answer_is_lost() {
    let (base, seen) = serve().await;
    let long = |k: usize| format!("{k}{}", "x".repeat(PARCEL / 3));
    let files: Vec<String> = (0..7).map(long).collect();
    host(base)
        .upload(DraftId([1; 16]), files.clone())
        .await
        .unwrap();
    let seen = seen.lock().unwrap();
    // Two in a parcel, and one parcel twice.
    assert_eq!(seen.len(), 5);
    let parcels = files.chunks(2).map(|some| some.join("\n").into_bytes());
    assert!(parcels.into_iter().all(|parcel| seen.contains(&parcel)));
}

#[test]
fn small_files_travel_together_and_a_long_one_alone() {
    let long = "x".repeat(PARCEL);
    let files = ["a", "b", &long, "c"].map(str::to_owned).to_vec();
    let parcels = parcels(files);
    let first: Vec<usize> = parcels.iter().map(|(first, _)| *first).collect();
    assert_eq!(first, [0, 2, 3]);
    assert_eq!(parcels[0].1, "a\nb");
}

#[tokio::test]
async fn a_refusal_is_not_repeated_and_keeps_its_code() {
    let (base, _) = serve().await;
    assert_eq!(host(base).draft().await.unwrap_err().code(), "card.frozen");
}

#[tokio::test]
async fn the_owner_signs_every_request_with_the_grant_key() {
    let (base, _) = serve().await;
    let owner = |key: SigningKey| ShareOwner {
        http: Http::new(HttpOptions::default()).unwrap(),
        base: base.clone(),
        genesis: GENESIS,
        grant: GRANT,
        key: Arc::new(key),
        clock: Clock::system(),
    };
    let own = owner(grant_key());
    assert_eq!(own.state().await.unwrap().state, ShareCondition::Live);
    assert_eq!(own.set_passcode("2468").await.unwrap().end, 2);
    let stranger = owner(SigningKey::from_seed(SUITE, &Secret32::new([9; 32])));
    assert_eq!(stranger.state().await.unwrap_err().status(), Some(403));
}

#[test]
fn a_request_is_signed_with_its_query_as_the_host_sees_it() {
    let asked = |text: &str| super::asked(&Url::parse(text).unwrap());
    assert_eq!(asked("https://edge.example/v1/a?b=c&d"), "/v1/a?b=c&d");
    assert_eq!(asked("https://edge.example/v1/a"), "/v1/a");
}
