//! Writes of a block in the making, over the state before it.
//!
//! A transaction writes into a layer of its own, which is kept when it is accepted and dropped
//! when it is refused: a refused transaction changes nothing, whatever the contract did before.

use std::collections::BTreeMap;
use std::rc::Rc;

use medfolder_crypto::to_cbor;
use medfolder_record::MemberId;
use minicbor::{Decode, Encode};

use super::{MemberEntry, StateError, StateKey, StateRead, decode};
use crate::refusal::Refusal;

/// Why a contract stops.
#[derive(Debug)]
pub(crate) enum Stop {
    /// A rule.
    Refused(Refusal),
    /// The state cannot be read.
    Failed(StateError),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StateError> for Stop {
    fn from(error: StateError) -> Self {
        Self::Failed(error)
    }
}

/// The overlay.
pub(crate) struct Stage<'a> {
    base: &'a dyn StateRead,
    block: BTreeMap<StateKey, Vec<u8>>,
    transaction: BTreeMap<StateKey, Vec<u8>>,
    members: BTreeMap<MemberId, Option<Rc<MemberEntry>>>,
}

impl<'a> Stage<'a> {
    pub(crate) fn new(base: &'a dyn StateRead) -> Self {
        Self {
            base,
            block: BTreeMap::new(),
            transaction: BTreeMap::new(),
            members: BTreeMap::new(),
        }
    }

    pub(crate) fn get<T: for<'b> Decode<'b, ()>>(
        &self,
        key: &StateKey,
    ) -> Result<Option<T>, StateError> {
        match self.transaction.get(key).or_else(|| self.block.get(key)) {
            Some(bytes) => decode(bytes).map(Some),
            None => super::read(self.base, key),
        }
    }

    pub(crate) fn exists(&self, key: &StateKey) -> Result<bool, StateError> {
        let staged = self.transaction.contains_key(key) || self.block.contains_key(key);
        Ok(staged || self.base.get(key)?.is_some())
    }

    pub(crate) fn put<T: Encode<()>>(&mut self, key: StateKey, entry: &T) {
        self.transaction.insert(key, to_cbor(entry));
    }

    /// A member's entry, decoded once per block: every transaction asks for one.
    pub(crate) fn member(
        &mut self,
        id: &MemberId,
        key: impl Fn() -> StateKey,
    ) -> Result<Option<Rc<MemberEntry>>, StateError> {
        if let Some(known) = self.members.get(id) {
            return Ok(known.clone());
        }
        let entry = self.get::<MemberEntry>(&key())?.map(Rc::new);
        self.members.insert(*id, entry.clone());
        Ok(entry)
    }

    /// Keeps the transaction's writes.
    pub(crate) fn keep(&mut self) {
        let changed = std::mem::take(&mut self.transaction);
        self.block.extend(changed);
    }

    /// Forgets decoded members after one changed.
    pub(crate) fn forget_members(&mut self) {
        self.members.clear();
    }

    /// Drops the transaction's writes.
    pub(crate) fn drop_transaction(&mut self) {
        self.transaction.clear();
    }

    /// All writes of the block, by key.
    pub(crate) fn into_writes(self) -> BTreeMap<StateKey, Vec<u8>> {
        self.block
    }
}
