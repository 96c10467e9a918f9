//! All routes of the edge.
//!
//! Logs hold method, route (the pattern, never the path) and status: no link, ticket, token,
//! recipient or body ever reaches them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post, put};
use medfolder_http::{Json, Problem, network};
use medfolder_share::rules::answer::HttpAnswer;

use super::login;
use crate::edge::app::App;
use crate::edge::desk;
use crate::edge::share::{answer, door, draft, held, owner, publish};
use crate::edge::zone::{audit, fetch, slots};

/// Longest JSON body.
pub(crate) const JSON_LIMIT: usize = 256 * 1024;

/// What patients and readers reach.
pub(crate) fn public(app: &Arc<App>) -> Router {
    Router::new()
        .merge(cards())
        .merge(shares())
        .route("/healthz", get(healthz))
        .fallback(|| async { Problem::absent("route.absent") })
        .layer(middleware::from_fn(medfolder_http::alike))
        // What readers meet has answers of its own.
        .merge(readers().layer(middleware::from_fn(medfolder_http::paced)))
        .layer(DefaultBodyLimit::max(JSON_LIMIT))
        .layer(middleware::from_fn_with_state(app.clone(), guard))
        .with_state(app.clone())
}

/// What an operator reaches.
pub(crate) fn admin(app: &Arc<App>) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/v1/audit", post(run_audit))
        .fallback(|| async { Problem::absent("route.absent") })
        .layer(middleware::from_fn(medfolder_http::alike))
        .with_state(app.clone())
}

fn readers() -> Router<Arc<App>> {
    Router::new()
        .route(
            "/s/{segment}",
            get(door::direct)
                .post(door::manifest)
                .head(door::head)
                .options(answer::preflight),
        )
        .route(
            "/s/{segment}/files/{token}",
            get(door::file).head(door::head).options(answer::preflight),
        )
        .route(
            "/s/{segment}/status",
            post(door::status).options(answer::preflight),
        )
}

fn cards() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/info", get(fetch::info))
        .route("/v1/sessions/challenge", post(login::challenge))
        .route("/v1/sessions", post(login::open))
        .route("/v1/zone/fetch", post(fetch::batch))
        .route("/v1/zone/records/{record}/envelope", get(fetch::envelope))
        .route(
            "/v1/zone/records/{record}/attachments/{j}",
            get(fetch::attachment),
        )
        .route(
            "/v1/zone/slots/{visit}/{seq}",
            get(slots::get).put(slots::put),
        )
        .route("/v1/desk/claims", post(desk::claim))
        .route("/v1/desk/claims/{claim}", get(desk::status))
}

fn shares() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/shares/drafts", post(draft::open))
        .route("/v1/shares/drafts/{draft}/files", put(draft::upload_many))
        .route("/v1/shares/drafts/{draft}/files/{k}", put(draft::upload))
        .route("/v1/shares/drafts/{draft}/publish", post(publish::publish))
        .route("/v1/shares/held", get(held::list))
        .route("/v1/shares/held/{grant}", put(held::confirm))
        .route("/v1/shares/{grant}/accesses", get(owner::accesses))
        .route("/v1/shares/{grant}/state", get(owner::state))
        .route("/v1/shares/{grant}/passcode", post(owner::passcode))
        .route("/v1/shares/{grant}/revoke", post(owner::revoke))
        .route("/v1/shares/{grant}/shorten", post(owner::shorten))
        .route("/v1/shares/{grant}/extend", post(owner::extend))
        .route("/v1/shares/{grant}/files/{k}", put(owner::update))
}

async fn healthz() -> &'static str {
    "ok\n"
}

async fn run_audit(State(app): State<Arc<App>>) -> Result<Json<audit::AuditResult>, Problem> {
    audit::run(&app, Duration::ZERO)
        .await
        .map(Json)
        .map_err(|error| {
            tracing::error!(%error, "the audit stopped");
            Problem::internal()
        })
}

/// Limits each address, then logs what became of the request.
async fn guard(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("-", MatchedPath::as_str);
    if let Err(early) = app.limits.address.take(network(peer.ip()), app.now()) {
        return match route.starts_with("/s/") {
            true => answer::public(HttpAnswer::too_early(early)),
            false => Problem::too_often(early.retry_after_seconds).into_response(),
        };
    }
    let method = request.method().clone();
    let (route, response) = (route.to_owned(), next.run(request).await);
    tracing::debug!(%method, route, status = response.status().as_u16(), "answered");
    response
}
