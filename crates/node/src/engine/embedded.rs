//! The embedded engine: one process, one key, group commit.
//!
//! ```text
//! submitter's thread   read, identify, check signatures under known keys        on all cores
//! engine's thread      take all that wait → execute → sign → one durable write → answer all
//! ```
//! While one block is written the next group's signatures are checked. One operator holds the key
//! and can do everything that a ledger must prevent; for tests, demos and private chains.
//!
//! Block time is max(previous + 1, clock). A clock that lies behind the last block by more than
//! the policy's tolerance stops the engine (`engine.clock_behind`) instead of stamping; it goes on
//! by itself when the clock is right again. So it does after a full disk.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use medfolder_ledger::block::EngineSigner;
use medfolder_ledger::state::StateRead;
use medfolder_ledger::transaction::signer_key;
use medfolder_ledger::{
    Block, Body, Certificate, PrepareError, Prepared, RecentIds as _, Refusal, Signer, TxId,
};
use tokio::sync::oneshot;

use super::pool::Pool;
use super::{Engine, Fate, Settled, SubmitError, Ticket};
use crate::clock::Clock;
use crate::ledger::{Ledger, WriteError, Writer};
use crate::metrics::{add, set};
use crate::store::StoreError;

/// Most transactions of one block.
pub const MAX_BLOCK: usize = 4_096;
/// How often an idle engine looks at the clock.
const GLANCE: Duration = Duration::from_millis(200);
/// Pause between attempts to write again after a failure.
const RETRY: Duration = Duration::from_secs(1);

/// The engine.
pub struct Embedded {
    ledger: Arc<Ledger>,
    pool: Arc<Pool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Embedded {
    /// Starts the engine's thread.
    ///
    /// # Errors
    /// [`StoreError`] when no thread can be started.
    pub fn start(
        writer: Writer,
        signer: EngineSigner,
        clock: Arc<dyn Clock>,
        limit: usize,
    ) -> Result<Self, StoreError> {
        let (ledger, pool) = (writer.ledger().clone(), Arc::new(Pool::new(limit)));
        let worker = Worker {
            writer,
            signer,
            clock,
            pool: pool.clone(),
        };
        let thread = std::thread::Builder::new()
            .name("engine".to_owned())
            .spawn(move || worker.run())?;
        Ok(Self {
            ledger,
            pool,
            thread: Mutex::new(Some(thread)),
        })
    }

    fn prepare(&self, bytes: Vec<u8>) -> Result<Prepared, SubmitError> {
        let (chain, state) = (self.ledger.chain(), self.ledger.as_ref());
        let prepared = Prepared::read(chain, bytes).map_err(SubmitError::Refused)?;
        self.check_time(&prepared).map_err(SubmitError::Refused)?;
        let prepared = prepared.verify(chain, state).map_err(|error| match error {
            PrepareError::Refused(refusal) => SubmitError::Refused(refusal),
            PrepareError::State(_) => SubmitError::Unavailable("node.storage"),
        })?;
        match prepared.is_verified() {
            true => Ok(prepared),
            false => Err(SubmitError::Refused(self.unknown(&prepared))),
        }
    }

    /// What a contract would refuse for its time alone is not worth a place in a block.
    fn check_time(&self, prepared: &Prepared) -> Result<(), Refusal> {
        let (until, windows) = (
            prepared.transaction().valid_until,
            &self.ledger.chain().policy().windows,
        );
        let late = matches!(&prepared.transaction().body, Body::Grant(grant) if grant.late);
        let longest = if late {
            windows.validity_late
        } else {
            windows.validity
        };
        let time = self.ledger.head().header.time;
        if until <= time {
            return Err(Refusal::Expired);
        }
        // An idle ledger's head may be a heartbeat old.
        let latest = time
            .saturating_add(longest)
            .saturating_add(2 * windows.heartbeat);
        if until > latest {
            Err(Refusal::ValidUntil)
        } else {
            Ok(())
        }
    }

    /// Which signer the ledger does not know. Nothing of unknown origin comes into a block.
    fn unknown(&self, prepared: &Prepared) -> Refusal {
        let (chain, state): (_, &dyn StateRead) = (self.ledger.chain(), self.ledger.as_ref());
        let signers = prepared.transaction().body.signers();
        let unknown = signers
            .iter()
            .find(|signer| matches!(signer_key(chain, state, signer), Ok(None)));
        match unknown {
            Some(Signer::Card(_)) => Refusal::CardUnknown,
            Some(Signer::Grant(_)) => Refusal::GrantUnknown,
            Some(Signer::Folder(_)) => Refusal::FolderUnknown,
            _ => Refusal::MemberUnknown,
        }
    }

    /// The fate of a transaction that is in a block already.
    fn settled(&self, id: TxId) -> Result<Option<Settled>, StoreError> {
        let known = self
            .ledger
            .recent
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&id);
        if !known {
            return Ok(None);
        }
        let reached = self.ledger.index.reach(self.ledger.head().header.height);
        let found = if reached {
            self.ledger.index.find(&id.0)?
        } else {
            None
        };
        let Some((located, position)) = found.and_then(|at| Some((at, at.position?))) else {
            return Ok(None);
        };
        let header = self
            .ledger
            .checkpoint(located.height)?
            .map(|checkpoint| checkpoint.header);
        let time = header.map_or(0, |header| header.time);
        Ok(Some(Settled {
            id,
            height: located.height,
            time,
            result: Ok(position),
        }))
    }
}

impl Engine for Embedded {
    fn submit(&self, transaction: Vec<u8>) -> Result<Ticket, SubmitError> {
        if let Some(code) = self.ledger.failure() {
            return Err(SubmitError::Unavailable(code));
        }
        let taken = self.prepare(transaction).and_then(|prepared| {
            let id = prepared.id();
            let settled = self
                .settled(id)
                .map_err(|_| SubmitError::Unavailable("node.storage"))?;
            let fate = match settled {
                Some(settled) => told(settled),
                None => self.pool.add(prepared)?,
            };
            Ok(Ticket { id, fate })
        });
        if taken.is_err() {
            add(&self.ledger.metrics.turned_away, 1);
        }
        taken
    }

    fn waiting(&self) -> usize {
        self.pool.len()
    }

    fn is_waiting(&self, id: &TxId) -> bool {
        self.pool.holds(id)
    }

    fn blocks(&self, from: u64, limit: usize) -> Result<Vec<(Block, Certificate)>, StoreError> {
        self.ledger.blocks(from, limit)
    }

    fn certificate(&self, height: u64) -> Result<Option<Certificate>, StoreError> {
        Ok(self
            .ledger
            .checkpoint(height)?
            .map(|checkpoint| checkpoint.certificate))
    }

    fn stop(&self) {
        self.pool.close();
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.stop();
    }
}

fn told(settled: Settled) -> oneshot::Receiver<Fate> {
    let (sender, receiver) = oneshot::channel();
    let _ = sender.send(Ok(settled));
    receiver
}

struct Worker {
    writer: Writer,
    signer: EngineSigner,
    clock: Arc<dyn Clock>,
    pool: Arc<Pool>,
}

impl Worker {
    fn run(mut self) {
        while !self.pool.is_closed() {
            let failure = self.behind();
            self.writer.ledger().set_failure(failure);
            let done = match failure {
                Some(code) => {
                    self.pool.fail(SubmitError::Unavailable(code));
                    std::thread::sleep(GLANCE);
                    Ok(())
                }
                None => self.turn(),
            };
            if let Err(error) = done {
                self.repair(&error);
            }
        }
        self.pool.fail(SubmitError::Unavailable("node.stopping"));
    }

    /// `engine.clock_behind` when the clock is too far behind the last block.
    fn behind(&self) -> Option<&'static str> {
        let tolerance = self.writer.ledger().chain().policy().windows.block_ahead;
        let late = self.clock.now().saturating_add(tolerance) < self.writer.header().time;
        late.then_some("engine.clock_behind")
    }

    /// One group, a heartbeat, or nothing.
    fn turn(&mut self) -> Result<(), WriteError> {
        let group = self.pool.take(MAX_BLOCK, GLANCE);
        let heartbeat = self.writer.ledger().chain().policy().windows.heartbeat;
        let due = self.clock.now() >= self.writer.header().time.saturating_add(heartbeat);
        if !group.is_empty() || due {
            self.block(&group)?;
        }
        self.writer.fold(group.is_empty())
    }

    fn block(&mut self, group: &[Prepared]) -> Result<(), WriteError> {
        let begun = Instant::now();
        let time = self.writer.header().next_time(self.clock.now());
        let candidate = self.writer.execute(time, group)?;
        let suite = self.writer.ledger().chain().suite();
        let certificate = self.signer.certify(suite, candidate.header());
        let height = candidate.header().height;
        let outcomes = self.writer.append(candidate, certificate)?;
        let pairs = group.iter().zip(&outcomes);
        self.pool.settle(
            pairs
                .map(|(tx, outcome)| Settled::of(tx.id(), height, time, outcome))
                .collect(),
        );
        let metrics = &self.writer.ledger().metrics;
        metrics.block_seconds.since(begun);
        set(&metrics.waiting, self.pool.len() as u64);
        Ok(())
    }

    /// After a failure nobody is told anything but that; then what the disk holds is found out,
    /// until it can be read and written again.
    fn repair(&mut self, error: &WriteError) {
        tracing::error!(%error, "no block can be written");
        self.writer.ledger().set_failure(Some(error.code()));
        while !self.pool.is_closed() {
            self.pool.fail(SubmitError::Unavailable(error.code()));
            let recovered = self.writer.recover().and_then(|()| self.writer.probe());
            if recovered.is_ok() {
                return;
            }
            std::thread::sleep(RETRY);
        }
    }
}
