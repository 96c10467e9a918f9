//! The newest checkpoint that was verified, and the rule by which it moves: only forwards, and only
//! to a continuation of what was known.

use std::sync::{Mutex, PoisonError};

use medfolder_crypto::from_cbor;
use medfolder_ledger::block::Header;
use medfolder_ledger::log::ConsistencyProof;
use medfolder_ledger::proof::{ProofError, verify_consistency};
use medfolder_ledger::{Chain, Checkpoint};

use super::{Conflict, LedgerError, Node};
use crate::api::ledger::{CheckpointAnswer, ConsistencyAnswer};
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
        if new == old {
            return Ok(());
        }
        if contradict(old, new) {
            return Err(fork(known, seen));
        }
        if new.height < old.height {
            return Err(LedgerError::OldHead {
                known: old.height,
                shown: new.height,
            });
        }
        continues(chain, node, &known, seen).await?;
        self.advance(seen);
        Ok(())
    }
}

/// That `newer` continues `older`, with the log's proof from the node that shows `newer`.
///
/// A proof that does not hold convicts nobody but its node: somebody may have changed it on its way,
/// and the same history may be proven by another. Two certified headers that one history cannot
/// have do.
///
/// # Errors
/// [`LedgerError::Fork`] when the two, or `older` and what the node shows of its height, contradict
/// each other; [`LedgerError::Proof`] or [`LedgerError::Http`] when the node proves nothing.
pub(super) async fn continues(
    chain: &Chain,
    node: &Node,
    older: &Checkpoint,
    newer: &Checkpoint,
) -> Result<(), LedgerError> {
    if contradict(&older.header, &newer.header) {
        return Err(fork(older.clone(), newer));
    }
    let failed = match proof(node, older.header.log_size, newer.header.log_size).await {
        Ok(proof) => match verify_consistency(chain, older, newer, &proof) {
            Ok(()) => return Ok(()),
            Err(failed) => failed.into(),
        },
        Err(failed) => failed,
    };
    match checkpoint_at(chain, node, older.header.height).await {
        Ok(other) if other.header != older.header => Err(fork(older.clone(), &other)),
        _ => Err(failed),
    }
}

/// Whether no history has both: as heights rise, time does and the log does not shrink, and a log of
/// one size is one log.
fn contradict(a: &Header, b: &Header) -> bool {
    let (older, newer) = if a.height <= b.height { (a, b) } else { (b, a) };
    if older.height == newer.height {
        return older != newer;
    }
    older.time >= newer.time
        || older.log_size > newer.log_size
        || older.log_size == newer.log_size && older.log_root != newer.log_root
}

async fn proof(node: &Node, from: u64, to: u64) -> Result<ConsistencyProof, LedgerError> {
    if from == to || from == 0 {
        // Nothing was added, or there was nothing before: the proof is empty.
        let path = Vec::new();
        return Ok(ConsistencyProof { from, to, path });
    }
    let path = format!("v1/proofs/consistency?from={from}&to={to}");
    let url = join(&node.address.url, &path)?;
    let answer: ConsistencyAnswer = node.http.get(&url, None).await?;
    Ok(from_cbor(&answer.proof.0, MAX_PROOF).map_err(ProofError::Encoding)?)
}

/// The certified checkpoint that a node shows of this height.
pub(super) async fn checkpoint_at(
    chain: &Chain,
    node: &Node,
    height: u64,
) -> Result<Checkpoint, LedgerError> {
    let url = join(&node.address.url, &format!("v1/checkpoints/{height}"))?;
    let answer: CheckpointAnswer = node.http.get(&url, None).await?;
    let shown = Checkpoint::from_bytes(&answer.checkpoint.0).map_err(|_| HttpError::Malformed)?;
    shown.verify(chain)?;
    if shown.header.height == height {
        Ok(shown)
    } else {
        Err(HttpError::Malformed.into())
    }
}

fn fork(known: Checkpoint, shown: &Checkpoint) -> LedgerError {
    LedgerError::Fork(Conflict {
        known: Box::new(known),
        shown: Box::new(shown.clone()),
    })
}
