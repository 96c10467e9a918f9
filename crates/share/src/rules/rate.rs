//! Rate limits: a bucket per share and address, asked before the passcode counter.
//!
//! Generic cell rate algorithm (ITU-T I.371): one stored number per bucket, the theoretical
//! arrival time. A request is taken when it does not come more than `burst − 1` intervals early.

/// How many requests in which time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RatePolicy {
    /// Requests that may come at once.
    pub burst: u32,
    /// Then one in this many milliseconds.
    pub interval_ms: u64,
}

impl RatePolicy {
    /// Manifest, direct file and status requests of one address to one share: twenty at once,
    /// then one in three seconds.
    pub const MANIFEST: Self = Self {
        burst: 20,
        interval_ms: 3_000,
    };
    /// Files of one address of one share: two hundred at once, then ten a second.
    pub const FILES: Self = Self {
        burst: 200,
        interval_ms: 100,
    };
}

/// One bucket; `Default` is a full one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RateBucket {
    arrival_ms: u64,
}

/// The request comes too early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooEarly {
    /// For `Retry-After`.
    pub retry_after_seconds: u64,
}

impl RateBucket {
    /// Takes a request, or says when to come again. A refused request costs nothing.
    pub fn take(&mut self, policy: &RatePolicy, now_ms: u64) -> Result<(), TooEarly> {
        let ahead = policy
            .interval_ms
            .saturating_mul(u64::from(policy.burst.saturating_sub(1)));
        let arrival = self.arrival_ms.max(now_ms);
        let wait = arrival.saturating_sub(ahead).saturating_sub(now_ms);
        if wait > 0 {
            return Err(TooEarly {
                retry_after_seconds: wait.div_ceil(1000),
            });
        }
        self.arrival_ms = arrival.saturating_add(policy.interval_ms);
        Ok(())
    }

    /// Whether the bucket is full again and need not be kept.
    pub fn is_idle(&self, now_ms: u64) -> bool {
        self.arrival_ms <= now_ms
    }
}
