//! The one place where this crate asks for the time.

use core::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// A source of the time in milliseconds since the Unix epoch in UTC.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Arc::new(system_time))
    }

    /// A clock of the caller's own, such as one that runs wrong.
    #[must_use]
    pub fn of(time: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(time))
    }

    /// The time in milliseconds.
    #[must_use]
    pub fn now(&self) -> u64 {
        (self.0)()
    }
}

/// The system's time in milliseconds since the Unix epoch in UTC; every process of this project
/// asks here.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the clock that this project owns"
)]
pub fn system_time() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let time = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    time.saturating_add_signed(shift())
}

/// By how many milliseconds a test lets this process' clock run wrong: `MEDFOLDER_CLOCK_SHIFT`, which
/// release builds do not read.
#[cfg(debug_assertions)]
fn shift() -> i64 {
    static SHIFT: std::sync::OnceLock<i64> = std::sync::OnceLock::new();
    let told = || std::env::var("MEDFOLDER_CLOCK_SHIFT").ok()?.parse().ok();
    *SHIFT.get_or_init(|| told().unwrap_or(0))
}

#[cfg(not(debug_assertions))]
const fn shift() -> i64 {
    0
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
