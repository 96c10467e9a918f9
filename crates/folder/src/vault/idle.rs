//! The open database, and the lock that closes it when nobody used it for a while.
//!
//! Locking closes the database: SQLCipher wipes its key, and folders hold no key of their own.
//! The vault's directory stays taken, so that unlocking finds what was left. A thread of its own
//! looks once a second, so that a window which nobody touches is locked too.

use super::{key, reconnect};
use crate::{FolderError, Unlock, Vault};
use medfolder_client::clock::Clock;
use rusqlite::Connection;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// How often the thread looks.
const LOOK: Duration = Duration::from_secs(1);

/// A vault's database, open or locked.
pub(super) struct State {
    /// While the vault is locked, an empty one in memory.
    database: Connection,
    locked: bool,
    limit: Option<Limit>,
}

/// When the vault locks itself.
struct Limit {
    /// Idle time in milliseconds.
    after: u64,
    clock: Clock,
    used: u64,
}

impl State {
    pub(super) fn open(database: Connection) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self {
            database,
            locked: false,
            limit: None,
        }))
    }

    fn lock(&mut self) -> Result<(), FolderError> {
        if !self.locked {
            self.database = Connection::open_in_memory()?;
            self.locked = true;
        }
        Ok(())
    }

    fn lock_if_idle(&mut self) -> Result<(), FolderError> {
        // A clock that was set back counts as idle too.
        let idle = self
            .limit
            .as_ref()
            .is_some_and(|limit| limit.clock.now().abs_diff(limit.used) >= limit.after);
        if idle { self.lock() } else { Ok(()) }
    }

    fn touch(&mut self) {
        if let Some(limit) = &mut self.limit {
            limit.used = limit.clock.now();
        }
    }
}

/// The database, for one piece of work at a time.
pub(crate) struct Database<'v>(MutexGuard<'v, State>);

impl Deref for Database<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.0.database
    }
}

impl DerefMut for Database<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.0.database
    }
}

impl Drop for Database<'_> {
    fn drop(&mut self) {
        self.0.touch();
    }
}

fn held(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Vault {
    /// The database; asking for it counts as use.
    ///
    /// # Errors
    /// `vault.locked`.
    pub(crate) fn database(&self) -> Result<Database<'_>, FolderError> {
        let mut state = held(&self.state);
        state.lock_if_idle()?;
        if state.locked {
            return Err(FolderError::Locked);
        }
        Ok(Database(state))
    }

    /// Locks the vault whenever nobody used it for `after`, by `clock`.
    pub fn lock_when_idle(&self, after: Duration, clock: Clock) {
        let mut state = held(&self.state);
        let watched = state.limit.is_some();
        let after = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        let used = clock.now();
        state.limit = Some(Limit { after, clock, used });
        if !watched {
            let weak = Arc::downgrade(&self.state);
            std::thread::spawn(move || watch(&weak));
        }
    }

    /// Locks the vault now.
    ///
    /// # Errors
    /// `vault.storage`.
    pub fn lock(&self) -> Result<(), FolderError> {
        held(&self.state).lock()
    }

    /// Whether the vault is locked.
    pub fn is_locked(&self) -> bool {
        held(&self.state).locked
    }

    /// Opens the vault again after it was locked; an open one stays open.
    ///
    /// # Errors
    /// As [`Vault::open`].
    pub fn unlock(&self, unlock: &Unlock<'_>) -> Result<(), FolderError> {
        let database = reconnect(&self.directory, &key::open(&self.directory, unlock)?)?;
        let mut state = held(&self.state);
        if state.locked {
            (state.database, state.locked) = (database, false);
        }
        state.touch();
        Ok(())
    }
}

/// Ends when the vault is closed.
fn watch(state: &Weak<Mutex<State>>) {
    while let Some(state) = state.upgrade() {
        if let Err(error) = held(&state).lock_if_idle() {
            tracing::warn!(code = error.code(), "the vault does not lock");
        }
        drop(state);
        std::thread::sleep(LOOK);
    }
}
