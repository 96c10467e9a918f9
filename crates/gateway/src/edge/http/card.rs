//! Who asks: the card whose token a request carries, as its ledger entry stands now.
//!
//! [`ReadingCard`] may fetch what is hers: an active or a closed card. [`ActiveCard`] may also
//! share: an active one. A frozen card does neither; a rotated one has handed over to its
//! successor.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use medfolder_http::Problem;
use medfolder_record::CardNumber;

use crate::edge::app::App;
use crate::edge::card::{self, CardState};
use crate::edge::session::Holder;

/// A card that may read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadingCard(pub(crate) CardNumber);

/// A card that may read and share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ActiveCard(pub(crate) Holder);

async fn logged_in(parts: &Parts, app: &Arc<App>) -> Result<(Holder, CardState), Problem> {
    let header = parts
        .headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let token = header.and_then(|value| value.strip_prefix("Bearer "));
    let holder = token.and_then(|token| app.sessions.holder(token.trim(), app.now()));
    let holder = holder.ok_or(Problem::unauthorized("session.required"))?;
    let state = app.db.read(move |c| card::state(c, &holder.card)).await?;
    Ok((
        holder,
        state.ok_or(Problem::unauthorized("session.required"))?,
    ))
}

impl FromRequestParts<Arc<App>> for ReadingCard {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let (holder, state) = logged_in(parts, app).await?;
        state
            .may_read()
            .map(|()| Self(holder.card))
            .map_err(Problem::forbidden)
    }
}

impl FromRequestParts<Arc<App>> for ActiveCard {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let (holder, state) = logged_in(parts, app).await?;
        state
            .may_share()
            .map(|()| Self(holder))
            .map_err(Problem::forbidden)
    }
}
