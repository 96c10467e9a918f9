//! The gateway's only clock.
//!
//! Everything that decides by time (expiry, tickets, sessions, limits) asks a [`Clock`], so that
//! tests move time by hand and nothing else reads the system's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A source of the present time.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since the Unix epoch, UTC.
    fn now(&self) -> u64;
}

/// A clock that parts of a gateway share.
pub type SharedClock = Arc<dyn Clock>;

/// The operating system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> u64 {
        medfolder_client::clock::system_time()
    }
}

/// A clock that stands still until it is set; for replays and tests.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// A clock that shows `now`.
    pub fn at(now: u64) -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(now)))
    }

    /// Moves the clock on by `milliseconds`.
    pub fn advance(&self, milliseconds: u64) {
        self.0.fetch_add(milliseconds, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}
