//! How often one address may ask for one thing.
//!
//! A token bucket per key: `burst` requests at once, then one each `refill` milliseconds. Kept in
//! memory; a restart forgives. The table is bounded: when it is full, buckets that are full again
//! go first, and if none is, everything starts anew rather than growing.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// Size of a bucket and how fast it fills.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
pub struct Rate {
    /// Requests that may come at once.
    pub burst: u32,
    /// Milliseconds until one more may come.
    pub refill: u64,
}

/// Token buckets by key.
#[derive(Debug)]
pub struct Limiter<K> {
    rate: Rate,
    capacity: usize,
    buckets: Mutex<HashMap<K, u64>>,
}

impl<K: Hash + Eq> Limiter<K> {
    /// Buckets of this rate for at most `capacity` keys.
    pub fn new(rate: Rate, capacity: usize) -> Self {
        Self { rate, capacity, buckets: Mutex::default() }
    }

    /// Takes one request from the key's bucket.
    ///
    /// # Errors
    /// The whole seconds after which the next one is taken.
    pub fn take(&self, key: K, now: u64) -> Result<(), u64> {
        let refill = self.rate.refill.max(1);
        let span = refill.saturating_mul(u64::from(self.rate.burst));
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= self.capacity && !buckets.contains_key(&key) {
            buckets.retain(|_, full_at| *full_at > now);
            if buckets.len() >= self.capacity {
                buckets.clear();
            }
        }
        // A bucket is the moment at which it will be full again (generic cell rate algorithm).
        let full_at = buckets.entry(key).or_insert(now);
        let next = (*full_at).max(now).saturating_add(refill);
        if next > now.saturating_add(span) {
            return Err(next.saturating_sub(now.saturating_add(span)).div_ceil(1000).max(1));
        }
        *full_at = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Limiter, Rate};

    #[test]
    fn a_burst_passes_then_one_request_each_refill() {
        let limiter = Limiter::new(Rate { burst: 3, refill: 2_000 }, 10);
        assert!((0..3).all(|_| limiter.take("a", 0).is_ok()));
        assert_eq!(limiter.take("a", 0), Err(2));
        assert_eq!(limiter.take("a", 1_000), Err(1));
        assert_eq!(limiter.take("a", 2_000), Ok(()));
        assert!(limiter.take("a", 2_000).is_err());
    }

    #[test]
    fn one_key_does_not_use_up_anothers_bucket() {
        let limiter = Limiter::new(Rate { burst: 1, refill: 1_000 }, 10);
        assert!(limiter.take("a", 0).is_ok() && limiter.take("b", 0).is_ok());
        assert!(limiter.take("a", 0).is_err());
    }

    #[test]
    fn the_table_does_not_grow_beyond_its_capacity() {
        let limiter = Limiter::new(Rate { burst: 1, refill: 1_000 }, 10);
        for key in 0..1_000 {
            limiter.take(key, 0).unwrap();
        }
        assert!(limiter.buckets.lock().unwrap().len() <= 10);
    }
}
