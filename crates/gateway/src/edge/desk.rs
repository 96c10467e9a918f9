//! The public half of the front desk: passes claims inwards and answers outwards.
//!
//! ```text
//! POST /v1/desk/claims              T_R with the card's signature, and the code's MAC    202 {claim}
//! GET  /v1/desk/claims/{claim}      waiting · confirmed · refused
//! ```
//! The edge never sees the code and decides nothing: inner checks the MAC, the desk compares the
//! card number. The same claim twice is one claim.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};

use axum::Json;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::StatusCode;
use medfolder_client::api::desk::{ClaimAccepted, ClaimId, ClaimRequest, ClaimState, ClaimStatus};
use medfolder_crypto::os_rng;
use medfolder_ledger::TxId;
use medfolder_ledger::body::Body;
use rand_core::Rng as _;
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::app::App;
use super::chain;
use super::db::{DbError, digest, int, number};
use super::problem::Problem;
use crate::full::is_full;
use crate::spool::{CardClaim, DeskAnswer, DeskOutcome, In, SpoolError};

/// Claims that may wait at one time.
const MAX_WAITING: u64 = 1_000;
/// How long a claim is kept, in milliseconds.
const LIFETIME: u64 = 24 * 60 * 60 * 1_000;

/// POST /v1/desk/claims.
pub(crate) async fn claim(
    State(app): State<Arc<App>>,
    ConnectInfo(_): ConnectInfo<SocketAddr>,
    Json(request): Json<ClaimRequest>,
) -> Result<(StatusCode, Json<ClaimAccepted>), Problem> {
    let malformed = Problem::bad("claim.malformed");
    let bytes = request.transaction.0;
    let transaction = chain::decode(&app.chain, &bytes).ok_or(malformed.clone())?;
    match &transaction.body {
        Body::RegisterCard(card)
            if card.member == app.member
                && chain::signed_first_by(&app.chain, &transaction, &card.signing) => {}
        _ => return Err(malformed),
    }
    let name = app.suite.hash(&[&bytes, &request.mac.0]);
    let mut fresh = [0; 16];
    os_rng().fill_bytes(&mut fresh);
    let now = app.now();
    let stored = app.db.write(move |t| {
        let sql = "SELECT id FROM claim WHERE digest = ?1";
        let known: Option<[u8; 16]> = t
            .query_row(sql, params![name.0], |row| row.get(0))
            .optional()?;
        if let Some(known) = known {
            return Ok(Some((known, false)));
        }
        let waiting = "SELECT count(*) FROM claim WHERE state = 0 AND received_at > ?1";
        let since = int(now.saturating_sub(LIFETIME));
        if t.query_row(waiting, params![since], |row| number(row, 0))? >= MAX_WAITING {
            return Ok(None);
        }
        t.execute(
            "INSERT INTO claim (id, digest, received_at) VALUES (?1, ?2, ?3)",
            params![fresh, name.0, int(now)],
        )?;
        Ok(Some((fresh, true)))
    });
    let busy = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "desk.busy");
    let (claim, _) = stored.await?.ok_or(busy)?;
    // Sent for a known claim too: a crash may have come between storing and sending.
    let card = CardClaim {
        claim,
        member: app.member,
        transaction: bytes,
        mac: request.mac,
    };
    send(&app, card).await?;
    Ok((
        StatusCode::ACCEPTED,
        Json(ClaimAccepted {
            claim: ClaimId(claim),
        }),
    ))
}

async fn send(app: &Arc<App>, claim: CardClaim) -> Result<(), Problem> {
    let own = app.clone();
    let task = move || {
        let mut writer = own.to_inner.lock().unwrap_or_else(PoisonError::into_inner);
        writer.send(In::Claim(claim))
    };
    let sent = tokio::task::spawn_blocking(task)
        .await
        .map_err(|_| Problem::internal())?;
    sent.map_err(|error| {
        tracing::error!(code = error.code(), %error, "the spool to the inner zone failed");
        match error {
            SpoolError::Io(error) if is_full(&error) => Problem::full(),
            _ => Problem::internal(),
        }
    })
}

/// GET /v1/desk/claims/{claim}.
pub(crate) async fn status(
    State(app): State<Arc<App>>,
    Path(claim): Path<String>,
) -> Result<Json<ClaimStatus>, Problem> {
    let claim: ClaimId = claim.parse().map_err(|_| Problem::absent("claim.absent"))?;
    let found = app.db.read(move |c| {
        c.query_row(
            "SELECT state, code, tx FROM claim WHERE id = ?1",
            params![claim.0],
            |row| {
                let state = match row.get::<_, i64>(0)? {
                    0 => ClaimState::Waiting,
                    1 => ClaimState::Confirmed,
                    _ => ClaimState::Refused,
                };
                let code: String = row.get(1)?;
                let transaction = match state {
                    ClaimState::Confirmed => Some(TxId(digest(row, 2)?.0)),
                    _ => None,
                };
                Ok(ClaimStatus {
                    state,
                    code: Some(code).filter(|c| !c.is_empty()),
                    transaction,
                })
            },
        )
        .optional()
    });
    found
        .await?
        .map(Json)
        .ok_or(Problem::absent("claim.absent"))
}

/// Notes what the desk decided; again is no error, a second decision changes nothing.
pub(crate) fn answered(app: &App, answer: &DeskAnswer) -> Result<(), DbError> {
    app.db.write_now(|t| {
        let (state, code, tx) = match &answer.outcome {
            DeskOutcome::Confirmed { transaction } => (1, "", Some(transaction.0)),
            DeskOutcome::Refused { code } => (2, code.as_str(), None),
        };
        t.execute(
            "UPDATE claim SET state = ?2, code = ?3, tx = ?4 WHERE id = ?1 AND state = 0",
            params![answer.claim, state, code, tx],
        )
        .map(drop)
    })
}

/// Forgets old claims.
pub(crate) fn prune(t: &Transaction<'_>, now: u64) -> rusqlite::Result<usize> {
    let before = int(now.saturating_sub(LIFETIME));
    t.execute("DELETE FROM claim WHERE received_at < ?1", params![before])
}
