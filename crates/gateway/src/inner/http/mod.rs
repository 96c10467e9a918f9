//! The inner zone's HTTP interface, for the hospital's own systems only.
//!
//! ```text
//! feed    POST /v1/fhir                         a FHIR Bundle                 -> Taken
//! signer  GET  /v1/worklist · /v1/worklist/{id} · /v1/worklist/{id}/attachments/{j}
//!         POST /v1/worklist/answers             see `worklist`
//! desk    POST /v1/desk/codes                   {"patient"}                   -> {"code","link","expires"}
//!         POST /v1/desk/confirm                 {"code","card_end"}           -> {"card","transaction"}
//!         GET · POST /v1/staff                  StaffMember list · NewStaff   -> {"key"}
//!         POST /v1/staff/{key}/revoke           {"reason"}
//!         POST /v1/held/retry                                                 -> {"records"}
//! any     GET  /v1/status
//! nobody  GET  /healthz
//! ```
//! `authorization: Bearer <token>`, each caller with a token of its own. Errors are RFC 9457
//! problems with a stable code. Bodies are bounded on every route; nothing of them is logged.

mod auth;
mod problem;
mod routes;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use medfolder_http::Problem;

use super::InnerError;
use super::config::Config;
use super::zone::Zone;
use auth::{Gate, Tokens};

const SMALL: usize = 64 << 10;
const FHIR: usize = 64 << 20;

/// The routes over a zone; makes token files that do not exist.
pub(crate) fn router(zone: Arc<Zone>, config: &Config) -> Result<Router, InnerError> {
    let tokens = Arc::new(Tokens::load(config)?);
    let guarded = |routes: Router<Arc<Zone>>, caller: &'static [auth::Caller]| {
        let gate = Gate {
            tokens: Arc::clone(&tokens),
            caller,
        };
        routes.layer(from_fn_with_state(gate, auth::check))
    };
    let feed = Router::new()
        .route("/v1/fhir", post(routes::fhir))
        .layer(DefaultBodyLimit::max(FHIR));
    let signer = Router::new()
        .route("/v1/worklist", get(routes::items))
        .route("/v1/worklist/{id}", get(routes::item))
        .route(
            "/v1/worklist/{id}/attachments/{index}",
            get(routes::attachment),
        )
        .route("/v1/worklist/answers", post(routes::answers))
        .layer(DefaultBodyLimit::max(1 << 20));
    let desk = Router::new()
        .route("/v1/desk/codes", post(routes::code))
        .route("/v1/desk/confirm", post(routes::confirm))
        .route("/v1/staff", get(routes::staff).post(routes::enrol))
        .route("/v1/staff/{key}/revoke", post(routes::revoke))
        .route("/v1/held/retry", post(routes::retry))
        .layer(DefaultBodyLimit::max(SMALL));
    let any = Router::new().route("/v1/status", get(routes::status));
    Ok(Router::new()
        .route("/healthz", get(async || "ok"))
        .merge(guarded(feed, &[auth::Caller::Feed]))
        .merge(guarded(signer, &[auth::Caller::Signer]))
        .merge(guarded(desk, &[auth::Caller::Desk]))
        .merge(guarded(any, &auth::Caller::ALL))
        .fallback(|| async { Problem::absent("route.absent") })
        .layer(from_fn(medfolder_http::alike))
        .with_state(zone))
}
