//! What every part of the inner zone works with.

use std::path::PathBuf;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use medfolder_crypto::{Digest, Suite};
use medfolder_ledger::Chain;
use medfolder_record::{AreaId, MemberId};

use super::config::Config;
use super::keys::SealKeys;
use super::store::Store;
use super::zone_key::ZoneKey;
use crate::clock::SharedClock;
use crate::troubles::Troubles;

/// The inner zone: its configuration, keys, database and clock.
pub(crate) struct Zone {
    pub(crate) config: Config,
    pub(crate) chain: Chain,
    pub(crate) area: AreaId,
    pub(crate) seals: SealKeys,
    pub(crate) carried_roots: Vec<Vec<u8>>,
    pub(crate) key: ZoneKey,
    pub(crate) store: Store,
    pub(crate) files: PathBuf,
    pub(crate) clock: SharedClock,
    pub(crate) wake: Wake,
    pub(crate) troubles: Troubles,
}

impl Zone {
    pub(crate) fn suite(&self) -> Suite {
        self.chain.suite()
    }

    pub(crate) fn genesis(&self) -> Digest {
        self.chain.digest()
    }

    pub(crate) fn member(&self) -> MemberId {
        self.config.member
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.now()
    }
}

/// Rouses the working thread before its next round is due.
#[derive(Default)]
pub(crate) struct Wake {
    roused: Mutex<bool>,
    condition: Condvar,
}

impl Wake {
    pub(crate) fn rouse(&self) {
        *self.roused.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.condition.notify_all();
    }

    /// Waits until roused, at most `limit`; says whether it was.
    pub(crate) fn wait(&self, limit: Duration) -> bool {
        let roused = self.roused.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .condition
            .wait_timeout_while(roused, limit, |roused| !*roused);
        std::mem::take(&mut *waited.unwrap_or_else(PoisonError::into_inner).0)
    }
}

/// Milliseconds as SQLite keeps them.
pub(crate) fn sql_time(time: u64) -> i64 {
    i64::try_from(time).unwrap_or(i64::MAX)
}

/// Milliseconds as SQLite kept them.
pub(crate) fn time_of(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
