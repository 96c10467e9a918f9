//! Transactions between submitters and the engine's thread.
//!
//! A submitter's own thread reads the transaction and checks its signatures; the engine's thread
//! takes everything that waits at once (group commit) and answers when its block is durable. The
//! same transaction submitted twice waits once and is answered twice.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use medfolder_ledger::{Prepared, TxId};
use tokio::sync::oneshot;

use super::{Fate, Settled, SubmitError};

/// The pool.
pub(super) struct Pool {
    limit: usize,
    inner: Mutex<Inner>,
    filled: Condvar,
}

#[derive(Default)]
struct Inner {
    queue: VecDeque<Prepared>,
    waiting: HashMap<TxId, Vec<oneshot::Sender<Fate>>>,
    closed: bool,
}

impl Pool {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            inner: Mutex::default(),
            filled: Condvar::new(),
        }
    }

    /// Adds a transaction.
    pub(super) fn add(&self, prepared: Prepared) -> Result<oneshot::Receiver<Fate>, SubmitError> {
        let (sender, receiver) = oneshot::channel();
        let mut inner = self.lock();
        if inner.closed {
            return Err(SubmitError::Unavailable("node.stopping"));
        }
        if let Some(senders) = inner.waiting.get_mut(&prepared.id()) {
            senders.push(sender);
            return Ok(receiver);
        }
        if inner.waiting.len() >= self.limit {
            return Err(SubmitError::Busy);
        }
        inner.waiting.insert(prepared.id(), vec![sender]);
        inner.queue.push_back(prepared);
        drop(inner);
        self.filled.notify_one();
        Ok(receiver)
    }

    /// Waits at most `patience` for transactions, then takes up to `most`.
    pub(super) fn take(&self, most: usize, patience: Duration) -> Vec<Prepared> {
        let inner = self.lock();
        let idle = |inner: &mut Inner| inner.queue.is_empty() && !inner.closed;
        let waited = self.filled.wait_timeout_while(inner, patience, idle);
        let (mut inner, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let count = inner.queue.len().min(most);
        inner.queue.drain(..count).collect()
    }

    /// Answers those who wait for these transactions.
    pub(super) fn settle(&self, settled: Vec<Settled>) {
        let mut answers = Vec::with_capacity(settled.len());
        {
            let mut inner = self.lock();
            for one in settled {
                answers.push((inner.waiting.remove(&one.id).unwrap_or_default(), one));
            }
        }
        for (senders, one) in answers {
            for sender in senders {
                let _ = sender.send(Ok(one.clone()));
            }
        }
    }

    /// Turns everybody away who waits.
    pub(super) fn fail(&self, error: SubmitError) {
        let waiting = {
            let mut inner = self.lock();
            inner.queue.clear();
            std::mem::take(&mut inner.waiting)
        };
        for sender in waiting.into_values().flatten() {
            let _ = sender.send(Err(error));
        }
    }

    /// Takes nothing any more.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    pub(super) fn len(&self) -> usize {
        self.lock().waiting.len()
    }

    pub(super) fn holds(&self, id: &TxId) -> bool {
        self.lock().waiting.contains_key(id)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
