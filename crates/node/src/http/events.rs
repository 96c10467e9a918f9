//! `GET /v1/events`: a server-sent event per block, for members; id and data are the height.
//!
//! Resumable: `Last-Event-ID` (or `?from=`) says which height came last (or comes next), and every
//! height since follows. Blocks themselves are fetched by height.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream::unfold;
use medfolder_ledger::Checkpoint;
use medfolder_ledger::policy::Action;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::Shared;
use super::caller::permit;
use super::problem::Refused;

/// Events handed over at once.
const BATCH: u64 = 256;

/// Where to begin.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Begin {
    from: Option<u64>,
}

struct Feed {
    next: u64,
    ready: VecDeque<u64>,
    head: watch::Receiver<Arc<Checkpoint>>,
    shutdown: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
}

/// The stream.
pub(super) async fn stream(
    State(app): Shared,
    headers: HeaderMap,
    Query(begin): Query<Begin>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refused> {
    permit(&app, &headers, Action::ReadEvents)?;
    let permit = app
        .streams
        .clone()
        .try_acquire_owned()
        .map_err(|_| Refused::busy(10))?;
    let head = app.ledger.watch();
    let last = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok()?.parse::<u64>().ok());
    let newest = head.borrow().header.height;
    let next = last
        .map(|last| last.saturating_add(1))
        .or(begin.from)
        .unwrap_or(newest);
    let shutdown = app.shutdown.clone();
    let feed = Feed {
        next,
        ready: VecDeque::new(),
        head,
        shutdown,
        _permit: permit,
    };
    let keep_alive = KeepAlive::new().interval(Duration::from_secs(15));
    Ok(Sse::new(unfold(feed, following)).keep_alive(keep_alive))
}

async fn following(mut feed: Feed) -> Option<(Result<Event, Infallible>, Feed)> {
    while feed.ready.is_empty() {
        let newest = feed.head.borrow_and_update().header.height;
        if feed.next <= newest {
            let end = newest.min(feed.next + BATCH - 1);
            feed.ready.extend(feed.next..=end);
            feed.next = end + 1;
            break;
        }
        tokio::select! {
            changed = feed.head.changed() => changed.ok()?,
            _ = feed.shutdown.wait_for(|stop| *stop) => return None,
        }
    }
    let height = feed.ready.pop_front()?.to_string();
    Some((Ok(Event::default().id(&height).data(&height)), feed))
}
