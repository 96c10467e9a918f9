//! Against a small server that checks what a real one checks.

use super::*;
use axum::extract::{Json, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use medfolder_crypto::{EncryptionSecret, Secret32, Suite};
use medfolder_record::CardNumber;
use std::sync::atomic::{AtomicU64, Ordering};

const GENESIS: Digest = Digest([3; 32]);
const MEMBER: MemberId = MemberId([4; 16]);
const SUITE: Suite = Suite::International;

#[derive(Clone, Default)]
struct Server {
    origin: Arc<std::sync::Mutex<String>>,
    sessions: Arc<AtomicU64>,
    lifetime: u64,
}

fn card() -> Identity {
    let key = SigningKey::from_seed(SUITE, &Secret32::new([1; 32]));
    let other = EncryptionSecret::from_seed(SUITE, &Secret32::new([2; 32]));
    let keys = ShownKeys {
        signing: key.public(),
        encryption: other.public().to_bytes(),
    };
    let number = CardNumber::of(SUITE, &keys.signing, &keys.encryption);
    Identity {
        subject: LoginSubject::Card(number),
        keys: Some(keys),
        key: Arc::new(key),
    }
}

async fn challenge(State(server): State<Server>) -> Json<Challenge> {
    let expires = Clock::system().now() + server.lifetime;
    Json(Challenge {
        challenge: Digest([5; 32]),
        expires,
        member: MEMBER,
    })
}

async fn open(
    State(server): State<Server>,
    Json(request): Json<SessionRequest>,
) -> Result<Json<Session>, StatusCode> {
    let keys = request.keys.ok_or(StatusCode::BAD_REQUEST)?;
    let key = keys
        .signing_key_of(SUITE, request.subject)
        .map_err(|_| StatusCode::FORBIDDEN)?;
    let now = Clock::system().now();
    // The server remembers when its own challenges end; here they were made just now.
    let signed = (now..=now + 120_000).rev().take(5_000).any(|expires| {
        let statement = LoginStatement {
            version: LOGIN_VERSION,
            genesis: GENESIS,
            member: MEMBER,
            origin: server.origin.lock().unwrap().clone(),
            subject: request.subject,
            challenge: Digest([5; 32]),
            expires,
        };
        statement
            .verify(SUITE, &key, &request.signature, now)
            .is_ok()
    });
    if !signed {
        return Err(StatusCode::FORBIDDEN);
    }
    let count = server.sessions.fetch_add(1, Ordering::SeqCst);
    Ok(Json(Session {
        token: format!("token-{count}"),
        expires: now + 900_000,
    }))
}

/// Takes only the second session's token, as after a restart.
async fn second_only(headers: HeaderMap) -> StatusCode {
    let second = headers
        .get("authorization")
        .is_some_and(|value| value == "Bearer token-1");
    if second {
        StatusCode::OK
    } else {
        StatusCode::UNAUTHORIZED
    }
}

async fn serve(lifetime: u64) -> (Url, Server) {
    let server = Server {
        lifetime,
        ..Server::default()
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base: Url = format!("http://{}", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    *server.origin.lock().unwrap() = origin(&base);
    let routes = axum::Router::new()
        .route("/v1/sessions/challenge", post(challenge))
        .route("/v1/sessions", post(open))
        .route("/v1/info", get(second_only))
        .with_state(server.clone());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (base, server)
}

fn door(base: Url, member: MemberId) -> Door {
    let http = Http::new(crate::http::HttpOptions::default()).unwrap();
    Door::new(http, base, GENESIS, Some(member), card(), Clock::system())
}

#[tokio::test]
async fn a_card_logs_in_and_keeps_its_session() {
    let (base, server) = serve(119_000).await;
    let door = door(base, MEMBER);
    assert_eq!(door.token().await.unwrap(), "token-0");
    assert_eq!(door.token().await.unwrap(), "token-0");
    assert_eq!(server.sessions.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_session_that_the_server_forgot_is_opened_again_once() {
    let (base, server) = serve(119_000).await;
    let door = door(base, MEMBER);
    let answer = door.get_bytes("v1/info", 10).await;
    assert!(answer.is_ok());
    assert_eq!(server.sessions.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn another_members_server_gets_no_signature() {
    let (base, server) = serve(119_000).await;
    let error = door(base, MemberId([9; 16])).token().await.unwrap_err();
    assert_eq!(error.code(), "login.other_member");
    assert_eq!(server.sessions.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_challenge_that_runs_for_an_hour_gets_no_signature() {
    let (base, _) = serve(3_600_000).await;
    assert_eq!(
        door(base, MEMBER).token().await.unwrap_err().code(),
        "login.clock"
    );
}
