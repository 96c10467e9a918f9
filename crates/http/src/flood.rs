//! What strangers may fill is bounded, and filling it locks nobody out.
//!
//! A challenge of a log-in is given to whoever asks. There is room for so many: the oldest makes room
//! for the next, so that a flood has to be faster than the answer of an honest client.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What counts as one caller: an address, or the 2⁶⁴ addresses that one connection of IPv6 gives.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        address => address,
    }
}

/// Challenges that wait for their answer: for whom each is, and when it ends (ms).
#[derive(Debug)]
pub struct Challenges<K, S> {
    capacity: usize,
    open: Mutex<Open<K, S>>,
}

#[derive(Debug)]
struct Open<K, S> {
    waiting: HashMap<K, (S, u64)>,
    /// In the order in which they were given, with those that were answered since.
    given: VecDeque<K>,
}

impl<K: Hash + Eq + Copy, S> Challenges<K, S> {
    /// Room for `capacity` challenges.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let (waiting, given) = (HashMap::new(), VecDeque::new());
        Self {
            capacity,
            open: Mutex::new(Open { waiting, given }),
        }
    }

    /// Notes a challenge; the oldest makes room for it.
    pub fn give(&self, challenge: K, subject: S, expires: u64) {
        let mut open = self.open();
        while open.given.len() >= self.capacity {
            let Some(oldest) = open.given.pop_front() else {
                break;
            };
            open.waiting.remove(&oldest);
        }
        open.given.push_back(challenge);
        open.waiting.insert(challenge, (subject, expires));
    }

    /// Takes a challenge back, once: for whom it was and when it ends.
    pub fn take(&self, challenge: &K) -> Option<(S, u64)> {
        self.open().waiting.remove(challenge)
    }

    fn open(&self) -> MutexGuard<'_, Open<K, S>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_connection_of_ipv6_is_one_caller_and_two_are_two() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8:0:1::1"), of("2001:db8:0:1:ffff::2"));
        assert_ne!(of("2001:db8:0:1::1"), of("2001:db8:0:2::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }

    #[test]
    fn a_flood_of_challenges_locks_nobody_out_and_takes_no_more_room() {
        let challenges = Challenges::new(100);
        for stranger in 0..1_000 {
            challenges.give(stranger, "stranger", 9);
        }
        challenges.give(5_000, "patient", 9);
        for stranger in 1_000..1_050 {
            challenges.give(stranger, "stranger", 9);
        }
        assert_eq!(challenges.take(&5_000), Some(("patient", 9)));
        assert_eq!(challenges.take(&5_000), None);
        assert_eq!(challenges.take(&0), None);
        let open = challenges.open();
        assert!(open.given.len() <= 100 && open.waiting.len() <= 100);
    }
}
