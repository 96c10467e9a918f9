//! How slowly a body may come.
//!
//! A body that is not whole after a listener's [`Patience`] and one second per [`RATE`] bytes received
//! is cut off: whoever sends a byte now and then holds nothing for long, and 24 MiB over a slow line
//! arrive.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http_body::Frame;
use tokio::time::{Instant, Sleep, sleep};

/// How long a silent client is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Patience(pub(crate) Duration);

impl Patience {
    /// This many milliseconds.
    #[must_use]
    pub const fn of(milliseconds: u64) -> Self {
        Self(Duration::from_millis(milliseconds))
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self(Duration::from_secs(30))
    }
}

/// Bytes a second, on average.
const RATE: u64 = 32 << 10;

/// Whether a request's body was cut off for being slow.
#[derive(Clone, Debug, Default)]
pub struct Pace(Arc<AtomicBool>);

impl Pace {
    /// Puts a request's body under the clock.
    #[must_use]
    pub fn set(request: Request) -> (Request, Self) {
        let pace = Self::default();
        let slow = pace.clone();
        let patience = request.extensions().get::<Patience>().copied();
        let patience = patience.unwrap_or_default().0;
        let request = request.map(|body| {
            Body::new(Paced {
                body,
                due: Instant::now() + patience,
                received: 0,
                end: Box::pin(sleep(patience)),
                slow,
            })
        });
        (request, pace)
    }

    /// Whether it was.
    #[must_use]
    pub fn was_slow(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Middleware that only puts bodies under the clock: what is cut off looks malformed to the handler.
pub async fn paced(request: Request, next: Next) -> Response {
    next.run(Pace::set(request).0).await
}

struct Paced {
    body: Body,
    due: Instant,
    received: u64,
    end: Pin<Box<Sleep>>,
    slow: Pace,
}

impl http_body::Body for Paced {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            let more = frame.data_ref().map_or(0, Bytes::len) as u64;
            self.received = self.received.saturating_add(more);
            let earned = Duration::from_millis(self.received.saturating_mul(1_000) / RATE);
            let end = self.due + earned;
            self.end.as_mut().reset(end);
        }
        // Looked at even when bytes are there: one that is always just ready is slow too.
        if self.end.as_mut().poll(context).is_ready() {
            self.slow.0.store(true, Ordering::SeqCst);
            let error = std::io::Error::from(std::io::ErrorKind::TimedOut);
            return Poll::Ready(Some(Err(axum::Error::new(error))));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
