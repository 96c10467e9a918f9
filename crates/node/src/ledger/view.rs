//! A reader's view of one block: its checkpoint and the state that its root commits to.

use std::sync::Arc;

use medfolder_ledger::proof::EntryProof;
use medfolder_ledger::tree::StateProof;
use medfolder_ledger::{Checkpoint, StateError, StateKey, StateRead};

use super::{Ledger, unreadable};
use crate::state::{MapError, Snapshot};

/// A view of one block. Short-lived: while one is open the state cannot be folded to disk.
pub struct View<'a> {
    checkpoint: Arc<Checkpoint>,
    snapshot: Box<dyn Snapshot + 'a>,
}

impl Ledger {
    /// The state as of the newest block. Take one view at a time.
    ///
    /// # Errors
    /// [`MapError`].
    pub fn view(&self) -> Result<View<'_>, MapError> {
        let mut checkpoint = None;
        let snapshot = self.map.snapshot(&mut || checkpoint = Some(self.head()))?;
        Ok(View {
            checkpoint: checkpoint.unwrap_or_else(|| self.head()),
            snapshot,
        })
    }
}

impl View<'_> {
    /// The block.
    #[must_use]
    pub const fn checkpoint(&self) -> &Arc<Checkpoint> {
        &self.checkpoint
    }

    /// A proof of the entry under `key`, or of its absence.
    ///
    /// # Errors
    /// [`MapError`].
    pub fn prove(&self, key: &StateKey) -> Result<StateProof, MapError> {
        let (path, value) = (self.snapshot.prove(&key.0)?, self.snapshot.read(&key.0)?);
        Ok(StateProof::from_path(path, key, value))
    }

    /// The same with the checkpoint.
    ///
    /// # Errors
    /// [`MapError`].
    pub fn entry(&self, key: &StateKey) -> Result<EntryProof, MapError> {
        let state = self.prove(key)?;
        Ok(EntryProof {
            state,
            checkpoint: Checkpoint::clone(&self.checkpoint),
        })
    }
}

impl StateRead for View<'_> {
    fn get(&self, key: &StateKey) -> Result<Option<Vec<u8>>, StateError> {
        self.snapshot.read(&key.0).map_err(unreadable)
    }
}
