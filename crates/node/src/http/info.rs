//! What a node tells about itself and its chain.

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use medfolder_client::api::Blob;
use medfolder_client::api::ledger::{Alert, AlertsAnswer, Policies, Stats};
use medfolder_crypto::to_cbor;
use medfolder_http::Json;
use medfolder_ledger::policy::Action;
use serde::Deserialize;

use super::caller::permit;
use super::problem::Refused;
use super::{Shared, blocking};

/// The policy in force.
pub(super) async fn policies(
    State(app): Shared,
    headers: HeaderMap,
) -> Result<Json<Policies>, Refused> {
    permit(&app, &headers, Action::ReadPolicy)?;
    let policy = app.ledger.chain().policy();
    Ok(Json(Policies {
        heartbeat: policy.windows.heartbeat,
        grant_window: policy.windows.grant,
        policy: Blob(to_cbor(policy)),
    }))
}

/// Sizes and counts.
pub(super) async fn stats(State(app): Shared, headers: HeaderMap) -> Result<Json<Stats>, Refused> {
    permit(&app, &headers, Action::ReadStats)?;
    blocking(move || {
        let head = app.ledger.head();
        // Refusals are counted by the index, which follows the blocks.
        if !app.ledger.index.reach(head.header.height) {
            return Err(Refused::storage());
        }
        Ok(Json(Stats {
            height: head.header.height,
            time: head.header.time,
            log_size: head.header.log_size,
            refused: app.ledger.index.progress().refused,
            waiting: app
                .engine
                .as_ref()
                .map_or(0, |engine| engine.waiting() as u64),
            bytes: app.ledger.blocks.size()?,
        }))
    })
    .await
}

/// How many alerts.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Limit {
    limit: Option<u64>,
}

/// Newest alerts first.
pub(super) async fn alerts(
    State(app): Shared,
    headers: HeaderMap,
    Query(Limit { limit }): Query<Limit>,
) -> Result<Json<AlertsAnswer>, Refused> {
    permit(&app, &headers, Action::ReadAlerts)?;
    blocking(move || {
        if !app.ledger.index.reach(app.ledger.head().header.height) {
            return Err(Refused::storage());
        }
        let found = app
            .ledger
            .index
            .alerts(limit.unwrap_or(100).clamp(1, 1_000))?;
        let alerts = found.into_iter().map(|alert| Alert {
            code: alert.code,
            height: alert.height,
            time: alert.time,
            subject: alert.subject,
        });
        Ok(Json(AlertsAnswer {
            alerts: alerts.collect(),
        }))
    })
    .await
}

/// The genesis file.
pub(super) async fn genesis(State(app): Shared) -> Response {
    let bytes = app.ledger.chain().to_bytes();
    ([(header::CONTENT_TYPE, "application/cbor")], bytes).into_response()
}

/// 200 while blocks can be written (or copied), else 503 with the reason's code.
pub(super) async fn health(State(app): Shared) -> Result<Response, Refused> {
    match app.ledger.failure() {
        None => Ok((StatusCode::OK, "ok\n").into_response()),
        Some(code) => Err(Refused::unavailable(code)),
    }
}

/// Counters for Prometheus.
pub(super) async fn metrics(State(app): Shared) -> Response {
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], app.ledger.metrics.text()).into_response()
}
