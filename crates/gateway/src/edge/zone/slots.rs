//! Key slots one by one: reading, and a successor's own.
//!
//! A successor opens each slot with the old card, wraps the seal key to itself, puts the new slot
//! here and reads it back. The old slot goes thirty days later ([`prune`]); until then the old card
//! gets nothing, as a rotated card has no session.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use medfolder_http::Problem;
use medfolder_record::KeySlot;
use medfolder_record::VisitId;
use rusqlite::{Transaction, params};

use super::{fetch, index};
use crate::edge::app::App;
use crate::edge::card;
use crate::edge::db::int;
use crate::edge::http::card::ReadingCard;

/// How long a slot stays beside its successor's, in milliseconds.
const OLD_SLOT_LIFETIME: u64 = 30 * 24 * 60 * 60 * 1_000;

/// GET /v1/zone/slots/{visit}/{seq}.
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    ReadingCard(card): ReadingCard,
    Path((visit, seq)): Path<(String, u32)>,
) -> Result<Response, Problem> {
    let visit = visit.parse().map_err(|_| Problem::absent("zone.absent"))?;
    let slot = fetch::slot_bytes(&app, card, visit, seq).await?;
    let slot = slot.ok_or(Problem::absent("zone.absent"))?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, slot).into_response())
}

/// PUT /v1/zone/slots/{visit}/{seq}.
pub(crate) async fn put(
    State(app): State<Arc<App>>,
    ReadingCard(card): ReadingCard,
    Path((visit, seq)): Path<(String, u32)>,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    let visit: VisitId = visit.parse().map_err(|_| Problem::absent("zone.absent"))?;
    let place = KeySlot::from_bytes(&body)
        .map_err(|_| Problem::bad("slot.malformed"))?
        .place();
    if (place.member, place.card, place.visit, place.seq) != (app.member, card, visit, seq) {
        return Err(Problem::bad("slot.misplaced"));
    }
    let now = app.now();
    let stored = app.db.write(move |t| {
        let owner = index::card_of_seal(t, &visit, seq)?;
        let allowed = match owner {
            // What the hospital sealed to a card stays as it was sealed, whoever holds its token.
            Some(owner) => owner != card && card::speaks_for(t, &card, &owner)?,
            None => false,
        };
        if allowed {
            index::put_slot(t, &visit, seq, &card, &body, now)?;
        }
        Ok(allowed)
    });
    if stored.await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::absent("zone.absent"))
    }
}

/// Removes slots of rotated cards when one of a card after it, be it the next or a later one, is
/// thirty days old.
pub(crate) fn prune(t: &Transaction<'_>, now: u64) -> rusqlite::Result<usize> {
    t.execute(
        "WITH RECURSIVE later (old, number) AS (
           SELECT number, successor FROM card WHERE state = 2 AND successor IS NOT NULL
           UNION
           SELECT later.old, card.successor FROM later JOIN card ON card.number = later.number
           WHERE card.state = 2 AND card.successor IS NOT NULL)
         DELETE FROM slot WHERE EXISTS (
           SELECT 1 FROM later JOIN slot s ON s.card = later.number
           WHERE later.old = slot.card
           AND s.visit = slot.visit AND s.seq = slot.seq AND s.put_at < ?1)",
        params![int(now.saturating_sub(OLD_SLOT_LIFETIME))],
    )
}
