//! Engines: what puts transactions in order and makes them final.
//!
//! An engine knows nothing of medicine; the contracts know nothing of engines. Both engines give
//! the same log for the same transactions. A block that an engine delivers may be delivered again
//! after a restart; the [`crate::ledger::Writer`] takes each once.

pub mod embedded;
mod pool;

use medfolder_ledger::{Block, Certificate, Outcome, Refusal, TxId};
use thiserror::Error;
use tokio::sync::oneshot;

use crate::store::StoreError;

/// The fate of a transaction that is in a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The transaction.
    pub id: TxId,
    /// Its block.
    pub height: u64,
    /// That block's time, in milliseconds.
    pub time: u64,
    /// Position in the log, or the contract's refusal.
    pub result: Result<u64, Refusal>,
}

impl Settled {
    pub(crate) fn of(id: TxId, height: u64, time: u64, outcome: &Outcome) -> Self {
        let result = match outcome {
            Outcome::Accepted(accepted) => Ok(accepted.position),
            Outcome::Refused(refusal) => Err(*refusal),
        };
        Self {
            id,
            height,
            time,
            result,
        }
    }
}

/// Why a transaction did not come into a block, as far as this node knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SubmitError {
    /// It can never be accepted as it is: malformed, wrongly signed, or out of its time.
    #[error("{0}")]
    Refused(Refusal),
    /// Too many wait already.
    #[error("too many transactions wait; try again in a second")]
    Busy,
    /// Blocks cannot be written; whether this transaction is in one is told after the repair.
    #[error("the node cannot write blocks at present")]
    Unavailable(&'static str),
    /// The node copies another one's blocks and takes no transactions.
    #[error("this node follows another one and takes no transactions")]
    Follower,
}

impl SubmitError {
    /// Stable code of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            SubmitError::Refused(refusal) => refusal.code(),
            SubmitError::Busy => "node.busy",
            SubmitError::Unavailable(code) => code,
            SubmitError::Follower => "node.follower",
        }
    }
}

/// What a submitter waits for.
pub type Fate = Result<Settled, SubmitError>;

/// A transaction that was taken.
#[derive(Debug)]
pub struct Ticket {
    /// Its id.
    pub id: TxId,
    /// Answers once its block is durable and final.
    pub fate: oneshot::Receiver<Fate>,
}

/// Orders transactions and makes them final.
pub trait Engine: Send + Sync {
    /// Takes a transaction's stored bytes. Taking the same one again is harmless: its fate is told.
    ///
    /// # Errors
    /// [`SubmitError`].
    fn submit(&self, transaction: Vec<u8>) -> Result<Ticket, SubmitError>;

    /// How many wait for a block.
    fn waiting(&self) -> usize;

    /// Whether this transaction waits for a block.
    fn is_waiting(&self, id: &TxId) -> bool;

    /// Up to `limit` final blocks from height `from` on, each with its certificate.
    ///
    /// # Errors
    /// [`StoreError`].
    fn blocks(&self, from: u64, limit: usize) -> Result<Vec<(Block, Certificate)>, StoreError>;

    /// The certificate of a final block.
    ///
    /// # Errors
    /// [`StoreError`].
    fn certificate(&self, height: u64) -> Result<Option<Certificate>, StoreError>;

    /// Stops and waits until nothing is written any more.
    fn stop(&self);
}
