//! The one writer: executes a block, makes it durable, shows it, and feeds what is derived.
//!
//! ```text
//! execute   contracts → writes → state root, log root, header            changes nothing
//! append    block store (durable) → log nodes → state layer and head → index (behind, in batches)
//! fold      index holds the block → state's newest version into its base on disk (behind)
//! ```
//! Nothing of the writer changes before the block is durable, so a failed append leaves it as it
//! was; whether the block was kept after all is found out by [`Writer::recover`].

use std::sync::{Arc, PoisonError};
use std::time::Instant;

use medfolder_crypto::{Digest, to_cbor};
use medfolder_ledger::block::Roots;
use medfolder_ledger::log::Frontier;
use medfolder_ledger::{
    Block, BlockError, Certificate, Checkpoint, Executed, Header, Outcome, Prepared, Refusal,
    StateError, StateKey, execute,
};
use thiserror::Error;

use super::behind::{Behind, index_block};
use super::{Ledger, unpack};
use crate::metrics::{add, set};
use crate::monitor::{At, Monitor, grant_in};
use crate::recent;
use crate::state::{Layer, MapError};
use crate::store::{Grown, IndexAlert, IndexBlock, StoreError, StoredBlock};

/// Why a block was not written.
#[derive(Clone, Debug, Error)]
pub enum WriteError {
    /// The block store, the log or the index.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The state cannot be read or written.
    #[error("{0}")]
    State(String),
    /// A copied block does not hold.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// A copied transaction is malformed.
    #[error("a block holds a malformed transaction: {0}")]
    Transaction(Refusal),
}

impl WriteError {
    /// Stable code of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            WriteError::Store(error) => error.code(),
            WriteError::State(_) => "node.storage",
            WriteError::Block(error) => error.code(),
            WriteError::Transaction(refusal) => refusal.code(),
        }
    }
}

impl From<MapError> for WriteError {
    fn from(error: MapError) -> Self {
        Self::State(error.to_string())
    }
}

impl From<StateError> for WriteError {
    fn from(error: StateError) -> Self {
        Self::State(error.to_string())
    }
}

impl From<std::io::Error> for WriteError {
    fn from(error: std::io::Error) -> Self {
        Self::Store(error.into())
    }
}

/// An executed block that is not durable yet.
pub struct Candidate {
    header: Header,
    stored: StoredBlock,
    executed: Executed,
    ids: Vec<[u8; 32]>,
    layer: Option<Layer>,
    frontier: Frontier,
    grown: Grown,
}

impl Candidate {
    /// The header to be certified.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// What became of each transaction, in order.
    #[must_use]
    pub fn outcomes(&self) -> &[Outcome] {
        &self.executed.outcomes
    }
}

/// Appends blocks.
pub struct Writer {
    ledger: Arc<Ledger>,
    header: Header,
    frontier: Frontier,
    monitor: Monitor,
    behind: Behind,
}

impl Writer {
    /// A writer after block `header`, whose log has this frontier.
    ///
    /// # Errors
    /// [`WriteError::Store`] when no thread can be started.
    pub(super) fn new(
        ledger: Arc<Ledger>,
        header: Header,
        frontier: Frontier,
    ) -> Result<Self, WriteError> {
        let monitor = Monitor::new(ledger.chain.policy().alerts);
        let behind = Behind::start(&ledger)?;
        Ok(Self {
            ledger,
            header,
            frontier,
            monitor,
            behind,
        })
    }

    /// The ledger that is written.
    #[must_use]
    pub const fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// The newest header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Executes the next block's transactions; changes nothing.
    ///
    /// # Errors
    /// [`WriteError::State`].
    pub fn execute(&self, time: u64, transactions: &[Prepared]) -> Result<Candidate, WriteError> {
        let (ledger, suite) = (&self.ledger, self.ledger.chain.suite());
        let begun = Instant::now();
        let executed = {
            let recent = ledger.recent.read().unwrap_or_else(PoisonError::into_inner);
            let size = self.frontier.size();
            execute(
                &ledger.chain,
                ledger.as_ref(),
                &*recent,
                time,
                size,
                transactions,
            )?
        };
        let mut frontier = self.frontier.clone();
        let grown = Grown::of(suite, &mut frontier, &executed.leaves);
        ledger.metrics.contracts_seconds.since(begun);
        let begun = Instant::now();
        let layer = layer(ledger, &executed)?;
        ledger.metrics.state_seconds.since(begun);
        let roots = Roots {
            log_size: frontier.size(),
            log_root: frontier.root(suite),
            state_root: layer
                .as_ref()
                .map_or(self.header.state_root, |l| Digest(l.root())),
        };
        let results: Vec<(Digest, u16)> = transactions
            .iter()
            .zip(&executed.outcomes)
            .map(|(prepared, outcome)| (prepared.leaf(), outcome.number()))
            .collect();
        let header = self.header.next(suite, &results, roots, time);
        let stored = stored(&header, transactions, &executed);
        let ids = transactions
            .iter()
            .map(|prepared| prepared.id().0)
            .collect();
        Ok(Candidate {
            header,
            stored,
            executed,
            ids,
            layer,
            frontier,
            grown,
        })
    }

    /// Makes a candidate durable and shows it. Its outcomes may be told when this returns.
    ///
    /// # Errors
    /// [`WriteError`]; whether the block is durable is then unknown, see [`Writer::recover`].
    pub fn append(
        &mut self,
        mut candidate: Candidate,
        certificate: Certificate,
    ) -> Result<Vec<Outcome>, WriteError> {
        candidate.stored.certificate = to_cbor(&certificate);
        let begun = Instant::now();
        self.ledger.blocks.append(&candidate.stored)?;
        self.ledger.metrics.write_seconds.since(begun);
        self.show(candidate, certificate)
    }

    /// Shows a block that is durable already.
    fn show(
        &mut self,
        candidate: Candidate,
        certificate: Certificate,
    ) -> Result<Vec<Outcome>, WriteError> {
        let Candidate {
            header,
            stored,
            executed,
            ids,
            layer,
            frontier,
            grown,
        } = candidate;
        self.ledger.tree.append(self.frontier.size(), &grown)?;
        self.remember(&stored.ids, header.time);
        let at = At {
            height: header.height,
            time: header.time,
        };
        let alerts = self.watch(at, &executed);
        let block = index_block(&header, &ids, &executed, alerts);
        let checkpoint = Arc::new(Checkpoint {
            header: header.clone(),
            certificate,
        });
        let head = &self.ledger.head;
        match layer {
            Some(layer) => {
                self.ledger
                    .map
                    .push(layer, &mut || drop(head.send_replace(checkpoint.clone())));
            }
            None => drop(head.send_replace(checkpoint)),
        }
        self.count(&header, &executed, &block);
        (self.header, self.frontier) = (header, frontier);
        self.behind.index(block)?;
        Ok(executed.outcomes)
    }

    fn remember(&self, ids: &[u8], time: u64) {
        let mut recent = self
            .ledger
            .recent
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        recent.add(ids, time);
        recent.forget(time);
    }

    fn watch(&mut self, at: At, executed: &Executed) -> Vec<IndexAlert> {
        let suite = self.ledger.chain.suite();
        let mut raised = Vec::new();
        for outcome in &executed.outcomes {
            if let Outcome::Accepted(accepted) = outcome {
                let grant = |id: &_| grant_in(&executed.writes, &StateKey::grant(suite, id));
                raised.extend(self.monitor.watch(at, accepted, grant));
            }
        }
        raised
    }

    fn count(&self, header: &Header, executed: &Executed, block: &IndexBlock) {
        let metrics = &self.ledger.metrics;
        set(&metrics.height, header.height);
        add(&metrics.accepted, executed.leaves.len() as u64);
        add(
            &metrics.refused,
            (executed.outcomes.len() - executed.leaves.len()) as u64,
        );
        add(&metrics.alerts, block.alerts.len() as u64);
    }

    /// Takes a block of another node: checks that it follows, executes it, compares the header and
    /// checks the certificate, then appends it.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn copy(&mut self, block: &Block, certificate: Certificate) -> Result<(), WriteError> {
        let chain = &self.ledger.chain;
        let checkpoint = Checkpoint {
            header: block.header.clone(),
            certificate,
        };
        checkpoint.verify(chain)?;
        block.check(chain, &self.header)?;
        let candidate = self.again(block)?;
        self.append(candidate, checkpoint.certificate).map(drop)
    }

    /// Executes a block again and compares everything that its header commits to.
    fn again(&self, block: &Block) -> Result<Candidate, WriteError> {
        let chain = &self.ledger.chain;
        let prepared = block
            .transactions
            .iter()
            .map(|tx| Prepared::read(chain, tx.bytes.clone()).map_err(WriteError::Transaction))
            .collect::<Result<Vec<_>, _>>()?;
        let candidate = self.execute(block.header.time, &prepared)?;
        if candidate.header == block.header {
            Ok(candidate)
        } else {
            Err(BlockError::Execution.into())
        }
    }

    /// Shows every block that is durable and was not shown: after a restart, and after an append
    /// whose outcome is unknown.
    ///
    /// # Errors
    /// [`WriteError`]; then nothing may be appended.
    pub fn recover(&mut self) -> Result<(), WriteError> {
        while let Some(stored) = self
            .ledger
            .blocks
            .blocks(self.header.height + 1, 1)?
            .into_iter()
            .next()
        {
            let (block, certificate) = unpack(stored)?;
            let candidate = self.again(&block)?;
            self.show(candidate, certificate)?;
            self.fold(false)?;
        }
        Ok(())
    }

    /// Whether a block could be written now.
    ///
    /// # Errors
    /// [`WriteError`] when it could not.
    pub fn probe(&self) -> Result<(), WriteError> {
        self.ledger.blocks.probe()?;
        self.behind.folds()
    }

    /// Has the state's newest version folded into its base when many entries wait, or when `idle`.
    /// Returns at once, unless far too many wait.
    ///
    /// # Errors
    /// [`WriteError::State`] when the last fold failed and was not made good yet.
    pub fn fold(&self, idle: bool) -> Result<(), WriteError> {
        self.behind.fold(&self.header, idle)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.behind.stop();
        if self.ledger.index.progress().height == self.header.height {
            let _ = self.ledger.map.fold(self.header.state_root.0);
        }
    }
}

fn layer(ledger: &Ledger, executed: &Executed) -> Result<Option<Layer>, MapError> {
    if executed.writes.is_empty() {
        return Ok(None);
    }
    let writes = executed.writes.iter();
    let writes = writes.map(|(key, value)| (key.0, value.as_slice()));
    ledger.map.prepare(writes.collect()).map(Some)
}

fn stored(header: &Header, transactions: &[Prepared], executed: &Executed) -> StoredBlock {
    let pairs = || transactions.iter().zip(&executed.outcomes);
    let accepted = pairs().filter(|(_, outcome)| outcome.position().is_some());
    let ids = accepted
        .flat_map(|(prepared, _)| recent::row(prepared.id(), prepared.transaction().valid_until))
        .collect();
    let transactions = pairs()
        .map(|(prepared, outcome)| (outcome.number(), prepared.bytes().to_vec()))
        .collect();
    StoredBlock {
        height: header.height,
        header: to_cbor(header),
        certificate: Vec::new(),
        ids,
        transactions,
    }
}
