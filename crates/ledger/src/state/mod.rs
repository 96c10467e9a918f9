//! The authenticated state: what contracts read and write.
//!
//! ```text
//! key   = H("medfolder/state-key" ‖ 0 ‖ kind (1 byte) ‖ id)
//! value = strict CBOR array of the entry
//! ```
//! Every entry lies in a Merkle map ([`crate::tree`]) whose root stands in the block header. An
//! entry is never deleted. Cards, grants and folders carry a [`Running`] digest over everything
//! that concerns them, so that a list is provably whole.

mod entries;
mod key;
mod running;
mod stage;

pub use entries::{
    AnchorEntry, AreaEntry, CardEntry, CardStatus, FolderEntry, FolderHead, Freeze, GrantEntry,
    KeyHistory, MemberEntry, ReceiptEntry, RecordEntry, SealEntry, StaffEnd, StaffEntry,
};
pub use key::StateKey;
pub use running::{AccessClass, AccessStep, Running, Subject, TransactionStep};
pub(crate) use stage::{Stage, Stop};

use std::collections::BTreeMap;

/// The state cannot be read: the disk failed or holds what no contract wrote. Fatal for a node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the ledger's state cannot be read: {0}")]
pub struct StateError(pub String);

impl StateError {
    /// Stable code of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "state.unreadable"
    }
}

/// Reads entries of the state as of one block.
pub trait StateRead {
    /// The entry's bytes; `None` when there is none.
    ///
    /// # Errors
    /// [`StateError`] when the answer cannot be known.
    fn get(&self, key: &StateKey) -> Result<Option<Vec<u8>>, StateError>;
}

impl StateRead for BTreeMap<StateKey, Vec<u8>> {
    fn get(&self, key: &StateKey) -> Result<Option<Vec<u8>>, StateError> {
        Ok(BTreeMap::get(self, key).cloned())
    }
}

impl<T: StateRead + ?Sized> StateRead for &T {
    fn get(&self, key: &StateKey) -> Result<Option<Vec<u8>>, StateError> {
        (**self).get(key)
    }
}

/// Reads and decodes an entry.
///
/// # Errors
/// [`StateError`] when it cannot be read or is no such entry.
pub fn read<T: for<'b> minicbor::Decode<'b, ()>>(
    state: &(impl StateRead + ?Sized),
    key: &StateKey,
) -> Result<Option<T>, StateError> {
    state.get(key)?.map(|bytes| decode(&bytes)).transpose()
}

pub(crate) fn decode<T: for<'b> minicbor::Decode<'b, ()>>(bytes: &[u8]) -> Result<T, StateError> {
    minicbor::decode(bytes).map_err(|error| StateError(error.to_string()))
}
