//! How often one address may ask: buckets of the share rules, kept in memory.
//!
//! A restart forgives. The table is bounded: when it is full, idle buckets go first, and if none
//! is idle everything starts anew rather than growing.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use medfolder_share::rules::rate::{RateBucket, RatePolicy, TooEarly};

/// A rate in the configuration.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Requests that may come at once.
    pub burst: u32,
    /// Then one in this many milliseconds.
    pub interval: u64,
}

impl From<RatePolicy> for Rate {
    fn from(policy: RatePolicy) -> Self {
        Self {
            burst: policy.burst,
            interval: policy.interval_ms,
        }
    }
}

impl From<Rate> for RatePolicy {
    fn from(rate: Rate) -> Self {
        Self {
            burst: rate.burst,
            interval_ms: rate.interval,
        }
    }
}

/// Buckets by key.
#[derive(Debug)]
pub(crate) struct Limiter<K> {
    policy: RatePolicy,
    capacity: usize,
    buckets: Mutex<HashMap<K, RateBucket>>,
}

impl<K: Hash + Eq> Limiter<K> {
    pub(crate) fn new(rate: Rate, capacity: usize) -> Self {
        Self {
            policy: rate.into(),
            capacity,
            buckets: Mutex::default(),
        }
    }

    /// Takes one request from the key's bucket, or says when to come again.
    pub(crate) fn take(&self, key: K, now: u64) -> Result<(), TooEarly> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= self.capacity && !buckets.contains_key(&key) {
            buckets.retain(|_, bucket| !bucket.is_idle(now));
            if buckets.len() >= self.capacity {
                buckets.clear();
            }
        }
        buckets.entry(key).or_default().take(&self.policy, now)
    }
}

#[cfg(test)]
mod tests {
    use super::{Limiter, Rate};

    #[test]
    fn one_key_does_not_use_up_anothers_bucket() {
        let limiter = Limiter::new(
            Rate {
                burst: 1,
                interval: 1_000,
            },
            10,
        );
        assert!(limiter.take("a", 0).is_ok() && limiter.take("b", 0).is_ok());
        assert_eq!(limiter.take("a", 0).unwrap_err().retry_after_seconds, 1);
        assert!(limiter.take("a", 1_000).is_ok());
    }

    #[test]
    fn the_table_does_not_grow_beyond_its_capacity() {
        let limiter = Limiter::new(
            Rate {
                burst: 1,
                interval: 1_000,
            },
            10,
        );
        for key in 0..1_000 {
            limiter.take(key, 0).unwrap();
        }
        assert!(limiter.buckets.lock().unwrap().len() <= 10);
    }
}
