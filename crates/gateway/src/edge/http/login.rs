//! POST /v1/sessions/challenge and POST /v1/sessions: cards log in.

use std::sync::Arc;

use axum::extract::State;
use medfolder_client::api::session::{Challenge, ChallengeRequest, Session, SessionRequest};
use medfolder_http::{Json, Problem};
use medfolder_ledger::login::{LOGIN_VERSION, LoginError, LoginStatement, LoginSubject};

use crate::edge::app::App;
use crate::edge::card;
use crate::edge::session::Holder;

/// Hands out a challenge. Whether the card exists is not said here.
pub(crate) async fn challenge(
    State(app): State<Arc<App>>,
    Json(request): Json<ChallengeRequest>,
) -> Result<Json<Challenge>, Problem> {
    let LoginSubject::Card(_) = request.subject else {
        return Err(Problem::bad("login.subject"));
    };
    // The statement's clock is the host's own, which the client's is compared with.
    let (challenge, expires) = app.sessions.challenge(request.subject, app.clock.now());
    Ok(Json(Challenge {
        challenge,
        expires,
        member: app.member,
    }))
}

/// Takes the answer, once, and opens a session for a card that may read.
pub(crate) async fn open(
    State(app): State<Arc<App>>,
    Json(request): Json<SessionRequest>,
) -> Result<Json<Session>, Problem> {
    let refused = || Problem::unauthorized("login.refused");
    // Also one that a restart forgot: whoever asks for another gets in.
    let expired = || Problem::unauthorized(LoginError::Expired.code());
    let (subject, expires) = app.sessions.take(&request.challenge).ok_or_else(expired)?;
    let LoginSubject::Card(number) = subject else {
        return Err(refused());
    };
    if subject != request.subject {
        return Err(refused());
    }
    let keys = request.keys.ok_or_else(refused)?;
    let signing = keys
        .signing_key_of(app.suite, subject)
        .map_err(|_| refused())?;
    let statement = LoginStatement {
        version: LOGIN_VERSION,
        genesis: app.chain.digest(),
        member: app.member,
        origin: app.origin.clone(),
        subject,
        challenge: request.challenge,
        expires,
    };
    statement
        .verify(app.suite, &signing, &request.signature, app.clock.now())
        .map_err(|error| Problem::unauthorized(error.code()))?;
    let state = app
        .db
        .read(move |c| card::state(c, &number))
        .await?
        .ok_or_else(refused)?;
    state.may_read().map_err(Problem::forbidden)?;
    let opened = app.sessions.open(
        Holder {
            card: number,
            signing,
        },
        app.now(),
    );
    let busy = Problem::unavailable("login.busy");
    let (token, expires) = opened.ok_or(busy)?;
    Ok(Json(Session { token, expires }))
}
