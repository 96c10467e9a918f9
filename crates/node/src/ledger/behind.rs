//! What follows the blocks on threads of its own: the index, and the state's fold to disk.
//!
//! ```text
//! index   blocks in order, many in one commit                       may lag 256 blocks
//! fold    index holds the block? → the state's newest version → base on disk
//! ```
//! Nothing here is needed for durability: what is missing after a crash comes back from the
//! blocks. The base is never ahead of the index. A failure is told to the writer, which then takes
//! no blocks, and tried again every second.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use medfolder_crypto::{Digest, to_cbor};
use medfolder_ledger::event::{Step, Touch};
use medfolder_ledger::{Executed, Header, Outcome};

use super::{Ledger, WriteError};
use crate::store::{IndexAlert, IndexBlock, IndexEntry, StoreError};

/// Entries that wait in memory before they are folded into the state's base: more fold cheaper by
/// the key, but take longer to execute again after a crash.
const FOLD_AT: usize = 16_384;
/// Entries that wait at most; then the writer waits for the fold.
const MOST_WAITING: usize = 3 * FOLD_AT;
/// Blocks that the index may lag behind before the writer waits.
const INDEX_LAG: usize = 256;
/// Transactions that the index takes in one commit: many share its pages.
const INDEX_BATCH: usize = 4_096;
/// How long the index waits for so many, if nobody asks for what it lacks.
const INDEX_WAIT: Duration = Duration::from_millis(500);
/// How often it looks whether somebody does.
const INDEX_GLANCE: Duration = Duration::from_millis(2);
/// Blocks after which the block store is put in order.
const TIDY_AFTER: usize = 256;
/// Pause before something is written again after a failure.
const RETRY: Duration = Duration::from_secs(1);

/// The threads.
pub(super) struct Behind {
    ledger: Arc<Ledger>,
    blocks: Option<SyncSender<IndexBlock>>,
    folding: Arc<Folding>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Folding {
    inner: Mutex<Inner>,
    changed: Condvar,
}

/// What the fold's thread is asked, and what it says.
#[derive(Default)]
struct Inner {
    /// The block whose state is to be folded: its height and state root.
    wanted: Option<(u64, Digest)>,
    busy: bool,
    failed: Option<String>,
    closed: bool,
}

impl Folding {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(
        &self,
        inner: MutexGuard<'a, Inner>,
        until: impl Fn(&Inner) -> bool,
    ) -> MutexGuard<'a, Inner> {
        self.changed
            .wait_while(inner, |inner| !until(inner))
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Behind {
    /// Starts the threads.
    ///
    /// # Errors
    /// What the operating system answers when no thread can be started.
    pub(super) fn start(ledger: &Arc<Ledger>) -> io::Result<Self> {
        let (sender, blocks) = sync_channel(INDEX_LAG);
        let folding = Arc::new(Folding::default());
        let thread = |name: &str| std::thread::Builder::new().name(name.to_owned());
        let keeper = ledger.clone();
        let index = thread("index").spawn(move || keep_index(&keeper, &blocks))?;
        let (keeper, told) = (ledger.clone(), folding.clone());
        let fold = thread("fold").spawn(move || keep_state(&keeper, &told))?;
        Ok(Self {
            ledger: ledger.clone(),
            blocks: Some(sender),
            folding,
            threads: vec![index, fold],
        })
    }

    /// Hands a block to the index.
    pub(super) fn index(&self, block: IndexBlock) -> Result<(), StoreError> {
        let sent = self.blocks.as_ref().map(|blocks| blocks.send(block));
        match sent {
            Some(Ok(())) => Ok(()),
            _ => Err(StoreError::Failed("no index".to_owned())),
        }
    }

    /// Asks for a fold of the state as of a block when many entries wait, or when `idle`.
    pub(super) fn fold(&self, header: &Header, idle: bool) -> Result<(), WriteError> {
        self.folds()?;
        let pending = self.ledger.map.pending();
        if pending == 0 || !idle && pending < FOLD_AT {
            return Ok(());
        }
        let mut inner = self.folding.lock();
        if pending >= MOST_WAITING {
            inner = self
                .folding
                .wait(inner, |inner| !inner.busy || inner.failed.is_some());
        }
        if !inner.busy {
            (inner.wanted, inner.busy) = (Some((header.height, header.state_root)), true);
            self.folding.changed.notify_all();
        }
        Ok(())
    }

    /// Whether the last fold succeeded, as far as is known.
    pub(super) fn folds(&self) -> Result<(), WriteError> {
        match &self.folding.lock().failed {
            Some(error) => Err(WriteError::State(error.clone())),
            None => Ok(()),
        }
    }

    /// Ends the threads; the index takes what it was handed.
    pub(super) fn stop(&mut self) {
        self.ledger.closing.store(true, Ordering::SeqCst);
        self.folding.lock().closed = true;
        self.folding.changed.notify_all();
        drop(self.blocks.take());
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// The fold's thread.
fn keep_state(ledger: &Ledger, folding: &Folding) {
    loop {
        let inner = folding.lock();
        let mut inner = folding.wait(inner, |inner| inner.wanted.is_some() || inner.closed);
        let Some((height, root)) = inner.wanted.take().filter(|_| !inner.closed) else {
            return;
        };
        drop(inner);
        while let Err(error) = fold(ledger, height, root) {
            tracing::error!(%error, "the state cannot be folded");
            let mut inner = folding.lock();
            inner.failed = Some(error.to_string());
            folding.changed.notify_all();
            let waited = folding
                .changed
                .wait_timeout_while(inner, RETRY, |inner| !inner.closed);
            let (inner, _) = waited.unwrap_or_else(PoisonError::into_inner);
            if inner.closed {
                return;
            }
        }
        let mut inner = folding.lock();
        (inner.busy, inner.failed) = (false, None);
        folding.changed.notify_all();
    }
}

fn fold(ledger: &Ledger, height: u64, root: Digest) -> Result<(), WriteError> {
    if !ledger.index.reach(height) {
        return Err(StoreError::Failed("the index does not follow".to_owned()).into());
    }
    let begun = Instant::now();
    ledger.map.fold(root.0)?;
    ledger.metrics.fold_seconds.since(begun);
    Ok(())
}

/// The index thread: many blocks in one commit; ends when the writer does.
fn keep_index(ledger: &Ledger, blocks: &Receiver<IndexBlock>) {
    let mut untidy = 0;
    while let Ok(first) = blocks.recv() {
        let batch = gather(ledger, first, blocks);
        while let Err(error) = keep_batch(ledger, &batch) {
            tracing::error!(%error, "the index cannot be written");
            if ledger.closing.load(Ordering::SeqCst) {
                return;
            }
            std::thread::sleep(RETRY);
        }
        untidy += batch.len();
        if untidy >= TIDY_AFTER {
            untidy = 0;
            let _ = ledger.blocks.tidy();
        }
    }
}

/// As many blocks as come before the index should commit.
fn gather(ledger: &Ledger, first: IndexBlock, blocks: &Receiver<IndexBlock>) -> Vec<IndexBlock> {
    let begun = Instant::now();
    let mut transactions = first.transactions.len();
    let mut batch = vec![first];
    while transactions < INDEX_BATCH && begun.elapsed() < INDEX_WAIT && !ledger.index.is_wanted() {
        match blocks.recv_timeout(INDEX_GLANCE) {
            Ok(block) => {
                transactions += block.transactions.len();
                batch.push(block);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    batch
}

fn keep_batch(ledger: &Ledger, batch: &[IndexBlock]) -> Result<(), StoreError> {
    ledger.tree.sync()?;
    ledger.index.add(batch)
}

/// What the index keeps of a block.
pub(super) fn index_block(
    header: &Header,
    ids: &[[u8; 32]],
    executed: &Executed,
    alerts: Vec<IndexAlert>,
) -> IndexBlock {
    let outcomes = || executed.outcomes.iter().zip(0_u16..);
    let touches = |outcome: &Outcome, place| match outcome {
        Outcome::Accepted(accepted) => accepted
            .touches
            .iter()
            .map(|touch| index_entry(touch, place))
            .collect(),
        Outcome::Refused(_) => Vec::new(),
    };
    IndexBlock {
        height: header.height,
        log_size: header.log_size,
        transactions: ids
            .iter()
            .copied()
            .zip(outcomes().map(|(o, _)| o.position()))
            .collect(),
        entries: outcomes()
            .flat_map(|(outcome, place)| touches(outcome, place))
            .collect(),
        alerts,
    }
}

fn index_entry(touch: &Touch, place: u16) -> IndexEntry {
    let (position, step) = match &touch.step {
        Step::Transaction { position, .. } => (*position, Vec::new()),
        Step::Access { position, access } => (*position, to_cbor(access)),
    };
    IndexEntry {
        subject: touch.subject,
        place,
        position,
        step,
    }
}
