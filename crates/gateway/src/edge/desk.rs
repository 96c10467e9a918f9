//! The public half of the front desk: passes claims inwards and answers outwards.
//!
//! ```text
//! POST /v1/desk/claims              T_R with the card's signature, and the code's MAC    202 {claim}
//! GET  /v1/desk/claims/{claim}      waiting · confirmed · refused
//! ```
//! The edge never sees the code and decides nothing: inner checks the MAC, the desk compares the
//! card number. The same claim twice is one claim. As anybody may make one up, each network has few
//! places, and a rate: whoever floods takes no place of somebody elsewhere.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};

use axum::extract::{ConnectInfo, Path, State};
use axum::http::StatusCode;
use medfolder_client::api::desk::{ClaimAccepted, ClaimId, ClaimRequest, ClaimState, ClaimStatus};
use medfolder_crypto::{Digest, os_rng};
use medfolder_http::{Json, Problem};
use medfolder_ledger::TxId;
use medfolder_ledger::body::Body;
use medfolder_share::rules::rate::TooEarly;
use rand_core::Rng as _;
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::app::App;
use super::chain;
use super::db::{DbError, digest, int, number};
use crate::full::is_full;
use crate::spool::{CardClaim, DeskAnswer, DeskOutcome, In, SpoolError};

/// Claims that may wait for the inner zone at one time. One network's: twice what it may send at once.
const MAX_WAITING: u64 = 4_000;
/// How long a claim may wait, in milliseconds: a code's lifetime, and the claim's after it.
const WAITING: u64 = 20 * 60 * 1_000;
/// How long a claim is kept, and a refused one.
const LIFETIME: u64 = 24 * 60 * 60 * 1_000;
const REFUSED_LIFETIME: u64 = 60 * 60 * 1_000;
const BUSY_SECONDS: u64 = 60;

/// POST /v1/desk/claims.
pub(crate) async fn claim(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Json(request): Json<ClaimRequest>,
) -> Result<(StatusCode, Json<ClaimAccepted>), Problem> {
    let network = medfolder_http::network(peer.ip());
    let early = |early: TooEarly| Problem::too_often(early.retry_after_seconds);
    app.limits.claim.take(network, app.now()).map_err(early)?;
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
    let (now, source) = (app.now(), app.limits.source(network));
    let most = u64::from(app.tuning.claim_rate.burst).saturating_mul(2);
    let stored = app.db.write(move |t| {
        let sql = "SELECT id, state FROM claim WHERE digest = ?1";
        let known: Option<([u8; 16], i64)> = t
            .query_row(sql, params![name.0], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        if let Some((known, state)) = known {
            return Ok(Some((known, state == 0)));
        }
        if !has_place(t, &source, most, now)? {
            return Ok(None);
        }
        t.execute(
            "INSERT INTO claim (id, digest, received_at, source) VALUES (?1, ?2, ?3, ?4)",
            params![fresh, name.0, int(now), source.0],
        )?;
        Ok(Some((fresh, true)))
    });
    let busy = Problem::unavailable("desk.busy").after(BUSY_SECONDS);
    let (claim, waits) = stored.await?.ok_or(busy)?;
    let accepted = Json(ClaimAccepted {
        claim: ClaimId(claim),
    });
    if !waits {
        return Ok((StatusCode::ACCEPTED, accepted));
    }
    // Sent for a known claim too: a crash may have come between storing and sending.
    let card = CardClaim {
        claim,
        member: app.member,
        transaction: bytes,
        mac: request.mac,
    };
    send(&app, card).await?;
    Ok((StatusCode::ACCEPTED, accepted))
}

/// Whether one more claim from there may wait, beside at most `most` others.
fn has_place(t: &Transaction<'_>, source: &Digest, most: u64, now: u64) -> rusqlite::Result<bool> {
    let sql = "SELECT count(*), count(*) FILTER (WHERE source = ?2) FROM claim
               WHERE state = 0 AND received_at > ?1";
    let since = int(now.saturating_sub(WAITING));
    t.query_row(sql, params![since, source.0], |row| {
        Ok(number(row, 0)? < MAX_WAITING && number(row, 1)? < most)
    })
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
            "SELECT state, code, tx, replaces FROM claim WHERE id = ?1",
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
                    replaces: row
                        .get::<_, Option<i64>>(3)?
                        .map(|time| time.unsigned_abs()),
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
            DeskOutcome::Replaces { since } => {
                let sql = "UPDATE claim SET replaces = ?2 WHERE id = ?1 AND state = 0";
                return t.execute(sql, params![answer.claim, int(*since)]).map(drop);
            }
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
    t.execute(
        "DELETE FROM claim WHERE received_at < ?1 OR (state = 2 AND received_at < ?2)",
        params![
            int(now.saturating_sub(LIFETIME)),
            int(now.saturating_sub(REFUSED_LIFETIME))
        ],
    )
}
