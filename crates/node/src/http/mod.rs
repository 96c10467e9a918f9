//! The node's HTTP interface (`docs/openapi-node.json`).
//!
//! Every route asks the ledger's policy table ([`caller::permit`]) before it does anything. What a
//! client relies on travels as canonical CBOR that it checks itself; errors are RFC 9457 problems.

mod blocks;
mod caller;
mod checkpoints;
mod entries;
mod entry;
mod events;
mod info;
mod limit;
mod openapi;
mod problem;
mod routes;
mod session;
mod sessions;
mod transactions;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use medfolder_record::MemberId;
use tokio::sync::{Semaphore, watch};

use crate::clock::Clock;
use crate::engine::Engine;
use crate::ledger::Ledger;
use crate::metrics::add;
use limit::Limiter;
use problem::Refused;
use routes::ROUTES;
use session::Sessions;

/// Longest body of a request in bytes: a transaction in base64 with room around it.
const MAX_BODY: usize = 128 << 10;
/// Longest time for one answer, except for streams.
const PATIENCE: Duration = Duration::from_secs(30);

/// What every handler knows.
pub(crate) struct App {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) engine: Option<Arc<dyn Engine>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) member: MemberId,
    pub(crate) origins: Vec<String>,
    pub(crate) sessions: Sessions,
    pub(crate) requests: Limiter,
    pub(crate) logins: Limiter,
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) shutdown: watch::Receiver<bool>,
    #[cfg(feature = "lying")]
    pub(crate) lie: Option<crate::lying::Lie>,
}

type Shared = State<Arc<App>>;

impl App {
    pub(crate) fn new(
        ledger: Arc<Ledger>,
        engine: Option<Arc<dyn Engine>>,
        clock: Arc<dyn Clock>,
        config: &crate::config::Config,
        origins: Vec<String>,
        shutdown: watch::Receiver<bool>,
    ) -> Self {
        Self {
            sessions: Sessions::new(ledger.chain().suite()),
            ledger,
            engine,
            clock,
            member: config.member,
            origins,
            requests: Limiter::new(config.limits.requests),
            logins: Limiter::new(config.limits.sessions),
            streams: Arc::new(Semaphore::new(config.limits.streams)),
            shutdown,
            #[cfg(feature = "lying")]
            lie: config.lie,
        }
    }
}

/// All routes.
pub(crate) fn router(app: Arc<App>) -> Router {
    let limited = from_fn_with_state(app.clone(), limit_logins);
    let mut router = Router::new();
    for route in ROUTES {
        let handler = (route.handler)();
        router = router.route(
            route.path,
            match route.path.starts_with("/v1/sessions") {
                true => handler.route_layer(limited.clone()),
                false => handler,
            },
        );
    }
    router
        .fallback(|| async { Refused::not_found() })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn_with_state(app.clone(), admit))
        .layer(from_fn(medfolder_http::alike))
        .with_state(app)
}

/// Rate limit per address, counters, and the time that an answer may take.
async fn admit(
    State(app): Shared,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let metrics = app.ledger.metrics.clone();
    add(&metrics.requests, 1);
    if !app.requests.admits(peer.ip(), app.clock.now()) {
        return Refused::busy(1).into_response();
    }
    let response = match tokio::time::timeout(PATIENCE, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Refused::unavailable("node.slow").into_response(),
    };
    if response.status().is_server_error() {
        add(&metrics.failures, 1);
    }
    response
}

async fn limit_logins(
    State(app): Shared,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    match app.logins.admits(peer.ip(), app.clock.now()) {
        true => next.run(request).await,
        false => Refused::busy(1).into_response(),
    }
}

/// Runs what reads disks away from the threads that serve connections.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refused> + Send + 'static,
) -> Result<T, Refused> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(Refused::storage()))
}
