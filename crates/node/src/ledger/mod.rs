//! The ledger as this process keeps it: blocks, Merkle log, state and index, seen as of one block.
//!
//! ```text
//! blocks.db   the ledger itself, durable with every block
//! log         nodes of the Merkle log          ┐
//! index.db    where things are                 ├ derived; what is missing after a crash is
//! state/      the authenticated map            ┘ executed again from the blocks
//! ```
//! One [`Writer`] appends; any number of readers look through [`Ledger::view`].

mod behind;
mod history;
mod open;
mod view;
mod writer;

#[cfg(feature = "lying")]
pub(crate) use open::clear;
pub use open::{OpenError, Parts, open};
pub use view::View;
pub use writer::{Candidate, WriteError, Writer};

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use medfolder_crypto::{Digest, from_cbor};
use medfolder_ledger::block::{MAX_CHECKPOINT_LEN, transactions_digest};
use medfolder_ledger::{
    Block, BlockTransaction, Certificate, Chain, Checkpoint, Header, StateError, StateKey,
    StateRead,
};
use tokio::sync::watch;

use crate::metrics::{Metrics, set};
use crate::recent::Recent;
use crate::state::{Map, MapError};
use crate::store::{BlockStore, Index, IndexAlert, StoreError, StoredBlock, Tree};

/// Everything that readers see.
pub struct Ledger {
    pub(crate) chain: Chain,
    pub(crate) blocks: Arc<dyn BlockStore>,
    pub(crate) tree: Tree,
    pub(crate) map: Box<dyn Map>,
    pub(crate) index: Index,
    pub(crate) recent: RwLock<Recent>,
    pub(crate) metrics: Arc<Metrics>,
    head: watch::Sender<Arc<Checkpoint>>,
    failure: Mutex<Option<&'static str>>,
    closing: AtomicBool,
}

impl Ledger {
    /// The chain.
    #[must_use]
    pub const fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The newest checkpoint.
    #[must_use]
    pub fn head(&self) -> Arc<Checkpoint> {
        self.head.borrow().clone()
    }

    /// Follows the newest checkpoint.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<Checkpoint>> {
        self.head.subscribe()
    }

    /// Why no block is written at present.
    #[must_use]
    pub fn failure(&self) -> Option<&'static str> {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_failure(&self, code: Option<&'static str>) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = code;
        set(&self.metrics.healthy, u64::from(code.is_none()));
    }

    /// The checkpoint of a block, if there is one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn checkpoint(&self, height: u64) -> Result<Option<Checkpoint>, StoreError> {
        if height > self.head().header.height {
            return Ok(None);
        }
        self.blocks
            .header(height)?
            .map(|(header, certificate)| read(&header, &certificate))
            .transpose()
    }

    /// What the monitor noticed, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn alerts(&self, limit: u64) -> Result<Vec<IndexAlert>, StoreError> {
        self.index.alerts(limit)
    }

    /// Up to `limit` blocks from `from` on, each with its certificate.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn blocks(&self, from: u64, limit: usize) -> Result<Vec<(Block, Certificate)>, StoreError> {
        let head = self.head().header.height;
        let stored = self.blocks.blocks(from, limit)?;
        let stored = stored.into_iter().filter(|block| block.height <= head);
        let suite = self.chain.suite();
        // Rows that are gone as a whole are missed here.
        let whole = |(height, stored): (u64, StoredBlock)| {
            let (block, certificate) = unpack(stored)?;
            let digest = transactions_digest(suite, &block.results(suite));
            let holds = block.header.height == height && block.header.transactions == digest;
            holds
                .then_some((block, certificate))
                .ok_or(StoreError::Damaged)
        };
        (from..).zip(stored).map(whole).collect()
    }

    /// The log's root when it had `size` leaves, as the header of that block says; `None` when no
    /// block ended there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn log_root(&self, size: u64) -> Result<Option<Digest>, StoreError> {
        let (mut low, mut high) = (0, self.head().header.height);
        while low < high {
            let middle = low.midpoint(high);
            let checkpoint = self.checkpoint(middle)?.ok_or(StoreError::Damaged)?;
            if checkpoint.header.log_size < size {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let header = self.checkpoint(low)?.ok_or(StoreError::Damaged)?.header;
        Ok((header.log_size == size).then_some(header.log_root))
    }
}

/// Decodes a stored header and certificate.
fn read(header: &[u8], certificate: &[u8]) -> Result<Checkpoint, StoreError> {
    let damaged = |_| StoreError::Damaged;
    Ok(Checkpoint {
        header: from_cbor::<Header>(header, MAX_CHECKPOINT_LEN).map_err(damaged)?,
        certificate: from_cbor::<Certificate>(certificate, MAX_CHECKPOINT_LEN).map_err(damaged)?,
    })
}

/// Decodes a stored block.
fn unpack(stored: StoredBlock) -> Result<(Block, Certificate), StoreError> {
    let Checkpoint {
        header,
        certificate,
    } = read(&stored.header, &stored.certificate)?;
    let transactions = stored.transactions.into_iter();
    let transactions = transactions
        .map(|(result, bytes)| BlockTransaction { bytes, result })
        .collect();
    Ok((
        Block {
            header,
            transactions,
        },
        certificate,
    ))
}

fn unreadable(error: MapError) -> StateError {
    StateError(error.to_string())
}

/// The state as of the newest block, whichever that is.
impl StateRead for Ledger {
    fn get(&self, key: &StateKey) -> Result<Option<Vec<u8>>, StateError> {
        self.map.read(&key.0).map_err(unreadable)
    }
}
