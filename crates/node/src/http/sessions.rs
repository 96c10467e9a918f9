//! `POST /v1/sessions/challenge`, `POST /v1/sessions`: a key on the ledger proves itself.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use medfolder_client::api::session::{
    Challenge, ChallengeRequest, Session, SessionRequest, Subject,
};
use medfolder_crypto::PublicKeyBytes;
use medfolder_http::Json;
use medfolder_ledger::StateKey;
use medfolder_ledger::login::{LOGIN_VERSION, LoginError, LoginStatement};
use medfolder_ledger::state::{CardEntry, FolderEntry, GrantEntry, MemberEntry, StaffEntry, read};

use super::problem::Refused;
use super::{App, Shared, blocking};

fn refused(error: LoginError) -> Refused {
    Refused::new(StatusCode::UNAUTHORIZED, error.code())
}

/// A challenge for whoever asks.
pub(super) async fn challenge(
    State(app): Shared,
    Json(request): Json<ChallengeRequest>,
) -> Result<Json<Challenge>, Refused> {
    let now = app.clock.now();
    let (challenge, expires) = app.sessions.challenge(request.subject, now);
    Ok(Json(Challenge {
        challenge,
        expires,
        member: app.member,
    }))
}

/// A session for whoever answers it.
pub(super) async fn open(
    State(app): Shared,
    Json(request): Json<SessionRequest>,
) -> Result<Json<Session>, Refused> {
    blocking(move || answer(&app, &request)).await.map(Json)
}

fn answer(app: &Arc<App>, request: &SessionRequest) -> Result<Session, Refused> {
    let now = app.clock.now();
    let expires = app
        .sessions
        .take(&request.challenge, request.subject, now)
        .ok_or(refused(LoginError::Expired))?;
    let key = key_of(app, request.subject, now)?.ok_or(refused(LoginError::Refused))?;
    let chain = app.ledger.chain();
    let mut statement = LoginStatement {
        version: LOGIN_VERSION,
        genesis: chain.digest(),
        member: app.member,
        origin: String::new(),
        subject: request.subject,
        challenge: request.challenge,
        expires,
    };
    // The client signs the address that it called; the node knows its few names.
    let answered = app.origins.iter().any(|origin| {
        statement.origin.clone_from(origin);
        statement
            .verify(chain.suite(), &key, &request.signature, now)
            .is_ok()
    });
    if !answered {
        return Err(refused(LoginError::Refused));
    }
    let (token, expires) = app
        .sessions
        .open(request.subject, now)
        .ok_or(Refused::busy(10))?;
    Ok(Session { token, expires })
}

/// The key on the ledger that answers for a subject.
fn key_of(app: &App, subject: Subject, now: u64) -> Result<Option<PublicKeyBytes>, Refused> {
    let (state, suite) = (app.ledger.as_ref(), app.ledger.chain().suite());
    Ok(match subject {
        Subject::Card(number) => {
            read::<CardEntry>(state, &StateKey::card(suite, &number))?.map(|entry| entry.signing)
        }
        Subject::Grant(id) => {
            read::<GrantEntry>(state, &StateKey::grant(suite, &id))?.map(|entry| entry.key)
        }
        Subject::Folder(number) => read::<FolderEntry>(state, &StateKey::folder(suite, &number))?
            .map(|entry| entry.signing),
        Subject::Staff(key) => read::<StaffEntry>(state, &StateKey::staff(suite, &key))?
            .filter(|entry| entry.end.is_none() && entry.from <= now && now < entry.until)
            .map(|entry| entry.signing),
        Subject::Member(id) => read::<MemberEntry>(state, &StateKey::member(suite, &id))?
            .map(|entry| entry.keys().host),
    })
}
