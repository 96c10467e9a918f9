//! A token bucket per network: `rate` requests a second, bursts of one second's worth.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use medfolder_http::network;

/// Networks kept; when there are more, those with a full bucket are forgotten.
const MOST: usize = 16_384;

/// Buckets of all networks. Levels are in thousandths of a request.
pub(crate) struct Limiter {
    rate: u64,
    buckets: Mutex<HashMap<IpAddr, (u64, u64)>>,
}

impl Limiter {
    pub(crate) fn new(rate: u32) -> Self {
        Self {
            rate: u64::from(rate),
            buckets: Mutex::default(),
        }
    }

    /// Whether a request of `address` is let through at `now`.
    pub(crate) fn admits(&self, address: IpAddr, now: u64) -> bool {
        let full = self.rate * 1_000;
        let address = network(address);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST {
            buckets.retain(|_, (level, then)| self.filled(*level, *then, now) < full);
        }
        let (level, then) = buckets.get(&address).copied().unwrap_or((full, now));
        let level = self.filled(level, then, now);
        let admitted = level >= 1_000;
        buckets.insert(address, (level - if admitted { 1_000 } else { 0 }, now));
        admitted
    }

    fn filled(&self, level: u64, then: u64, now: u64) -> u64 {
        let gained = now.saturating_sub(then).saturating_mul(self.rate);
        level.saturating_add(gained).min(self.rate * 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_gets_its_rate_and_no_more_and_others_are_not_held_up() {
        let (limiter, one) = (Limiter::new(5), IpAddr::from([10, 0, 0, 1]));
        assert_eq!((0..10).filter(|_| limiter.admits(one, 0)).count(), 5);
        assert!(limiter.admits(IpAddr::from([10, 0, 0, 2]), 0));
        assert_eq!((0..10).filter(|_| limiter.admits(one, 400)).count(), 2);
    }
}
