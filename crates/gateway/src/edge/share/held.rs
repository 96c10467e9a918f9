//! What a hand-over at the desk leaves to the new card: the old one's shares rest until she
//! confirms each.
//!
//! ```text
//! GET  /v1/shares/held                 {"shares":[{"grant","transaction","end","opened"}…]}
//! PUT  /v1/shares/held/{grant}         {"consent"}: the new card's signature over the same grant
//! ```
//! With the successor's token. What she does not confirm stays closed until its end. The former
//! holder keeps the grant key: she can still end such a share, never lengthen it.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use medfolder_client::api::Blob;
use medfolder_client::api::share::{ConfirmRequest, HeldAnswer, HeldShare};
use medfolder_client::card_consent;
use medfolder_crypto::Signature;
use medfolder_http::{Json, Problem};
use medfolder_ledger::body::Body;
use medfolder_record::{CardNumber, GrantId};
use rusqlite::{Connection, Transaction, params};

use super::store;
use crate::edge::app::App;
use crate::edge::db::digest;
use crate::edge::http::card::ActiveCard;
use crate::edge::{card, chain};

/// Most shares of one answer.
const MOST: u32 = 1_000;

/// Lets all shares of a card, and of those before it, rest.
pub(crate) fn hold_all(t: &Transaction<'_>, card: &CardNumber) -> rusqlite::Result<()> {
    for one in card::predecessors(t, card)? {
        t.execute(
            "UPDATE share SET held = 1 WHERE card = ?1 AND revoked = 0",
            params![one.as_bytes()],
        )?;
    }
    Ok(())
}

/// GET …/held.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    ActiveCard(holder): ActiveCard,
) -> Result<Json<HeldAnswer>, Problem> {
    let now = app.now();
    let shares = app.db.read(move |c| of(c, &holder.card, now)).await?;
    Ok(Json(HeldAnswer { shares }))
}

/// The resting shares that a card may confirm.
fn of(connection: &Connection, card: &CardNumber, now: u64) -> rusqlite::Result<Vec<HeldShare>> {
    let mut shares = Vec::new();
    for one in card::predecessors(connection, card)? {
        let sql = "SELECT grant_id, tx FROM share WHERE card = ?1 AND held = 1 LIMIT ?2";
        let found: Vec<(GrantId, Vec<u8>)> = connection
            .prepare_cached(sql)?
            .query_map(params![one.as_bytes(), MOST], |row| {
                Ok((GrantId(digest(row, 0)?), row.get(1)?))
            })?
            .collect::<rusqlite::Result<_>>()?;
        for (grant, transaction) in found {
            let share = store::by_grant(connection, &grant)?;
            if let Some(share) = share.filter(|share| !share.has_ended(now)) {
                shares.push(HeldShare {
                    grant,
                    transaction: Blob(transaction),
                    end: share.state.ends_ms(),
                    opened: share.state.uses(),
                });
            }
        }
    }
    Ok(shares)
}

/// PUT …/held/{grant}.
pub(crate) async fn confirm(
    State(app): State<Arc<App>>,
    ActiveCard(holder): ActiveCard,
    Path(grant): Path<GrantId>,
    Json(request): Json<ConfirmRequest>,
) -> Result<StatusCode, Problem> {
    let now = app.now();
    let held = app.db.read(move |c| of(c, &holder.card, now)).await?;
    let share = held.into_iter().find(|share| share.grant == grant);
    let share = share.ok_or(Problem::absent("share.absent"))?;
    let agreed = chain::decode(&app.chain, &share.transaction.0).is_some_and(|transaction| {
        let Body::Grant(grant) = &transaction.body else {
            return false;
        };
        let (genesis, consent) = (app.chain.digest(), &request.consent);
        card_consent::holds(&genesis, app.suite, &holder.signing, grant, consent)
    });
    if !agreed {
        return Err(Problem::forbidden("grant.refused"));
    }
    let write = move |t: &Transaction<'_>| let_go(t, &grant, &request.consent);
    app.db.write(write).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The share opens again, under the new card's word.
fn let_go(t: &Transaction<'_>, grant: &GrantId, consent: &Signature) -> rusqlite::Result<()> {
    t.execute(
        "UPDATE share SET held = 0, consent = ?2 WHERE grant_id = ?1",
        params![grant.as_bytes(), consent.0],
    )
    .map(drop)
}
