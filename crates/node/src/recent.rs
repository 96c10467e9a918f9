//! Ids of accepted transactions that are still valid, so that a replay is refused.
//!
//! An id is kept until block time has passed its valid-until, and up to a minute longer, in which
//! the transaction is refused for its time anyway. At start they are read from the block store's
//! id columns: 40 bytes each, without decoding or hashing a block.

use std::collections::{BTreeMap, HashSet};

use medfolder_ledger::{RecentIds, TxId};

/// Bytes of one id in a block's id column.
const ROW: usize = 40;
/// Ids are forgotten by the minute.
const STEP: u64 = 60_000;

/// The ids.
#[derive(Debug, Default)]
pub struct Recent {
    ids: HashSet<TxId>,
    ends: BTreeMap<u64, Vec<TxId>>,
}

/// The id column's row of one accepted transaction.
#[must_use]
pub fn row(id: TxId, valid_until: u64) -> [u8; ROW] {
    let mut row = [0; ROW];
    let (left, right) = row.split_at_mut(32);
    left.copy_from_slice(&id.0);
    right.copy_from_slice(&valid_until.to_be_bytes());
    row
}

impl Recent {
    /// Remembers the rows of a block's id column that are still valid at `now`.
    pub fn add(&mut self, column: &[u8], now: u64) {
        let (rows, _) = column.as_chunks::<ROW>();
        for row in rows {
            let (id, valid_until) = row.split_at(32);
            let valid_until = valid_until.try_into().map_or(0, u64::from_be_bytes);
            if let (Ok(id), true) = (id.try_into().map(TxId), valid_until > now) {
                self.ids.insert(id);
                self.ends.entry(valid_until / STEP).or_default().push(id);
            }
        }
    }

    /// Forgets what is no longer valid at `now`.
    pub fn forget(&mut self, now: u64) {
        while let Some(first) = self.ends.first_entry() {
            if (first.key() + 1) * STEP > now {
                return;
            }
            for id in first.remove() {
                self.ids.remove(&id);
            }
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

impl RecentIds for Recent {
    fn contains(&self, id: &TxId) -> bool {
        self.ids.contains(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_known_while_it_is_valid_and_forgotten_soon_after() {
        let (id, end) = (TxId([7; 32]), 10 * STEP + 5);
        let mut recent = Recent::default();
        recent.add(&row(id, end), 0);
        recent.forget(end - 1);
        assert!(recent.contains(&id));
        recent.forget(end + STEP);
        assert!(!recent.contains(&id) && recent.is_empty());
    }

    #[test]
    fn what_is_over_already_is_not_kept() {
        let mut recent = Recent::default();
        let column = [row(TxId([1; 32]), 5), row(TxId([2; 32]), 6)].concat();
        recent.add(&column, 5);
        assert_eq!(recent.len(), 1);
        assert!(recent.contains(&TxId([2; 32])));
    }
}
