//! The newest checkpoint that was verified, and the rule by which it moves: only forwards, and only
//! to a continuation of what was known.

use std::sync::{Mutex, PoisonError};

use medfolder_crypto::from_cbor;
use medfolder_ledger::log::ConsistencyProof;
use medfolder_ledger::proof::verify_consistency;
use medfolder_ledger::{Chain, Checkpoint};

use super::{Conflict, LedgerError, Node};
use crate::api::ledger::ConsistencyAnswer;
use crate::http::{HttpError, join};

/// Longest consistency proof: two siblings for each of 64 levels.
const MAX_PROOF: usize = 8 * 1024;

#[derive(Debug)]
pub(super) struct Heads(Mutex<Option<Checkpoint>>);

impl Heads {
    pub(super) const fn new(known: Option<Checkpoint>) -> Self {
        Self(Mutex::new(known))
    }

    pub(super) fn known(&self) -> Option<Checkpoint> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Takes a checkpoint as the newest, if it is.
    fn advance(&self, to: &Checkpoint) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known
            .as_ref()
            .is_none_or(|known| known.header.height < to.header.height)
        {
            *known = Some(to.clone());
        }
    }

    pub(super) async fn observe(
        &self,
        chain: &Chain,
        node: &Node,
        seen: &Checkpoint,
    ) -> Result<(), LedgerError> {
        seen.verify(chain)?;
        let Some(known) = self.known() else {
            self.advance(seen);
            return Ok(());
        };
        let (old, new) = (&known.header, &seen.header);
        if new.height < old.height {
            return Err(LedgerError::OldHead {
                known: old.height,
                shown: new.height,
            });
        }
        if new.height == old.height {
            return if new == old {
                Ok(())
            } else {
                Err(fork(known, seen))
            };
        }
        continues(chain, node, &known, seen).await?;
        self.advance(seen);
        Ok(())
    }
}

/// That `newer` continues `older`, with the log's proof from the node that shows `newer`.
///
/// # Errors
/// [`LedgerError::Fork`] when it does not; the two contradict each other then.
pub(super) async fn continues(
    chain: &Chain,
    node: &Node,
    older: &Checkpoint,
    newer: &Checkpoint,
) -> Result<(), LedgerError> {
    let (from, to) = (older.header.log_size, newer.header.log_size);
    let proof = if from >= to || from == 0 {
        // Nothing was added, or there was nothing before: the proof is empty.
        ConsistencyProof {
            from,
            to,
            path: Vec::new(),
        }
    } else {
        fetch(node, from, to).await?
    };
    verify_consistency(chain, older, newer, &proof).map_err(|_| fork(older.clone(), newer))
}

async fn fetch(node: &Node, from: u64, to: u64) -> Result<ConsistencyProof, LedgerError> {
    let path = format!("v1/proofs/consistency?from={from}&to={to}");
    let url = join(&node.address.url, &path)?;
    let answer: ConsistencyAnswer = node.http.get(&url, None).await?;
    Ok(from_cbor(&answer.proof.0, MAX_PROOF).map_err(|_| HttpError::Malformed)?)
}

fn fork(known: Checkpoint, shown: &Checkpoint) -> LedgerError {
    LedgerError::Fork(Conflict {
        known: Box::new(known),
        shown: Box::new(shown.clone()),
    })
}
