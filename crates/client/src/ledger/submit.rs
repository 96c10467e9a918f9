//! Handing in a transaction: once on the ledger, however often it is sent.
//!
//! The same bytes have the same id, and the ledger takes an id once; so after an unknown outcome
//! (a lost connection, a node that restarts) the client asks for the id, and where nobody knows it
//! sends the same bytes again, to the next node. It never makes a second transaction.
//!
//! "Final" is believed with a receipt that verifies for these bytes, "refused" with the certified
//! block that says so. A refusal before ordering is one node's word: the others are asked, too.

use std::time::Duration;

use medfolder_ledger::proof::{ProofError, Receipt, RefusalProof};
use medfolder_ledger::{Refusal, Transaction, TxId};
use reqwest::{Method, StatusCode};
use tokio::time::Instant;

use super::{LedgerClient, LedgerError, Node};
use crate::api::Blob;
use crate::api::ledger::{SubmitRequest, Submitted, TransactionState, TransactionStatus};
use crate::http::{HttpError, join, json, send};

/// First pause between two looks; doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How long to wait for a transaction's fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience(pub Duration);

impl Default for Patience {
    /// Thirty seconds.
    fn default() -> Self {
        Self(Duration::from_secs(30))
    }
}

/// A transaction's proven fate.
#[derive(Clone, Debug)]
pub enum Submission {
    /// Accepted.
    Final {
        /// Its id.
        id: TxId,
        /// Its place in the log.
        position: u64,
        /// Time of the checkpoint that proves it, in milliseconds: it existed before.
        time: u64,
        /// The proof.
        receipt: Box<Receipt>,
    },
    /// Refused by its contract; it changed nothing.
    Refused {
        /// Its id.
        id: TxId,
        /// Why.
        refusal: Refusal,
        /// The block that says so.
        height: u64,
    },
}

impl Submission {
    /// The position of an accepted transaction.
    ///
    /// # Errors
    /// [`LedgerError::Rejected`] with the refusal's code.
    pub fn accepted(&self) -> Result<u64, LedgerError> {
        match self {
            Submission::Final { position, .. } => Ok(*position),
            Submission::Refused { refusal, .. } => {
                Err(LedgerError::Rejected(refusal.code().to_owned()))
            }
        }
    }
}

/// What one attempt led to.
enum Attempt {
    Done(Submission),
    /// Nobody knows yet: look again.
    Open,
}

impl LedgerClient {
    /// Hands in a transaction's stored bytes and waits for its fate.
    ///
    /// # Errors
    /// [`LedgerError::Rejected`] when every node refuses it before ordering;
    /// [`LedgerError::Unresolved`] when patience is over: sending the same bytes again is safe.
    pub async fn submit(
        &self,
        stored: &[u8],
        patience: Patience,
    ) -> Result<Submission, LedgerError> {
        let transaction =
            Transaction::from_bytes(stored).map_err(|_| LedgerError::NoTransaction)?;
        let id = transaction.id(self.chain());
        let end = Instant::now() + patience.0;
        let mut pause = FIRST_PAUSE;
        loop {
            if let Attempt::Done(done) = self.try_all(id, stored).await? {
                return Ok(done);
            }
            if Instant::now() + pause > end {
                return Err(LedgerError::Unresolved);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// What became of a transaction; `None` when no node knows it (any more).
    ///
    /// # Errors
    /// [`LedgerError`] when no node answered, or what one answered does not hold.
    pub async fn status(&self, stored: &[u8]) -> Result<Option<Submission>, LedgerError> {
        let transaction =
            Transaction::from_bytes(stored).map_err(|_| LedgerError::NoTransaction)?;
        let id = transaction.id(self.chain());
        let (mut failed, mut answered) = (LedgerError::NoNode, false);
        for (_, node) in self.in_turn() {
            match self.status_at(node, id, stored).await {
                Ok(Some(Attempt::Done(done))) => return Ok(Some(done)),
                Ok(_) => answered = true,
                Err(fork @ LedgerError::Fork(_)) => return Err(fork),
                Err(error) => failed = error.or_worse(failed),
            }
        }
        if answered { Ok(None) } else { Err(failed) }
    }

    /// Sends to one node after the other until one takes it.
    async fn try_all(&self, id: TxId, stored: &[u8]) -> Result<Attempt, LedgerError> {
        let mut rejected = None;
        let mut open = false;
        for (index, node) in self.in_turn() {
            match self.send_to(node, id, stored).await {
                Ok(Attempt::Done(done)) => {
                    self.prefer(index);
                    return Ok(Attempt::Done(done));
                }
                Ok(Attempt::Open) => {
                    // Whoever says "not yet" for ever holds nothing up: the next look is elsewhere.
                    self.prefer(index.saturating_add(1));
                    return Ok(Attempt::Open);
                }
                Err(LedgerError::Rejected(code)) => rejected = Some(code),
                Err(fork @ LedgerError::Fork(_)) => return Err(fork),
                // A lie or silence: perhaps it went through all the same, so somebody is asked.
                Err(_) => open = true,
            }
        }
        match rejected {
            Some(code) if !open => self.rejected(id, stored, code).await,
            _ => Ok(Attempt::Open),
        }
    }

    /// A rejection may be that of a second copy: the first one's fate counts.
    async fn rejected(
        &self,
        id: TxId,
        stored: &[u8],
        code: String,
    ) -> Result<Attempt, LedgerError> {
        for (_, node) in self.in_turn() {
            if let Ok(Some(attempt)) = self.status_at(node, id, stored).await {
                return Ok(attempt);
            }
        }
        Err(LedgerError::Rejected(code))
    }

    async fn send_to(&self, node: &Node, id: TxId, stored: &[u8]) -> Result<Attempt, LedgerError> {
        let url = join(&node.address.url, "v1/transactions?wait=final")?;
        let body = SubmitRequest {
            transaction: Blob(stored.to_vec()),
        };
        let request = node.http.request(Method::POST, &url)?.json(&body);
        let response = match send(request).await {
            Ok(response) => response,
            Err(error) if error.outcome_unknown() => {
                return self.after_silence(node, id, stored).await;
            }
            Err(HttpError::Problem(problem)) if problem.status != 429 => {
                return Err(LedgerError::Rejected(problem.code));
            }
            Err(error) => return Err(error.into()),
        };
        if response.status() == StatusCode::ACCEPTED {
            let taken: Submitted = json(response).await?;
            return if taken.id == id {
                Ok(Attempt::Open)
            } else {
                Err(HttpError::Malformed.into())
            };
        }
        let status: TransactionStatus = json(response).await?;
        Ok(self
            .judge(node, id, stored, status)
            .await?
            .unwrap_or(Attempt::Open))
    }

    /// The node may have taken it: ask before anything is sent again.
    async fn after_silence(
        &self,
        node: &Node,
        id: TxId,
        stored: &[u8],
    ) -> Result<Attempt, LedgerError> {
        match self.status_at(node, id, stored).await {
            Ok(Some(attempt)) => Ok(attempt),
            Ok(None) => Err(HttpError::Interrupted.into()),
            Err(error) => Err(error),
        }
    }

    async fn status_at(
        &self,
        node: &Node,
        id: TxId,
        stored: &[u8],
    ) -> Result<Option<Attempt>, LedgerError> {
        let url = join(&node.address.url, &format!("v1/transactions/{id}"))?;
        match node.http.get::<TransactionStatus>(&url, None).await {
            Ok(status) => self.judge(node, id, stored, status).await,
            Err(error) if error.status() == Some(404) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Believes a status as far as it is proven; `None` when the node does not know the id.
    async fn judge(
        &self,
        node: &Node,
        id: TxId,
        stored: &[u8],
        status: TransactionStatus,
    ) -> Result<Option<Attempt>, LedgerError> {
        if status.id != id {
            return Err(HttpError::Malformed.into());
        }
        match status.state {
            TransactionState::Unknown => Ok(None),
            TransactionState::Waiting => Ok(Some(Attempt::Open)),
            TransactionState::Final => {
                let receipt = status.receipt.ok_or(HttpError::Malformed)?;
                self.accepted(node, id, stored, &receipt.0).await.map(Some)
            }
            TransactionState::Refused => {
                let proof = status.refusal.ok_or(HttpError::Malformed)?;
                let expired = status.code.filter(|code| code == Refusal::Expired.code());
                match (self.refused(id, stored, &proof.0), expired) {
                    // An earlier block may have taken it: this node's word, as before ordering.
                    (Err(LedgerError::Proof(ProofError::NotRefused)), Some(code)) => {
                        Err(LedgerError::Rejected(code))
                    }
                    (refused, _) => refused.map(Some),
                }
            }
        }
    }

    async fn accepted(
        &self,
        node: &Node,
        id: TxId,
        stored: &[u8],
        receipt: &[u8],
    ) -> Result<Attempt, LedgerError> {
        let receipt = Receipt::from_bytes(receipt)?;
        let position = receipt.verify(self.chain(), stored)?;
        let header = &receipt.checkpoint.header;
        let newer = self
            .known()
            .is_none_or(|known| known.header.height < header.height);
        if newer {
            self.observe(node, &receipt.checkpoint).await?;
        }
        let time = header.time;
        Ok(Attempt::Done(Submission::Final {
            id,
            position,
            time,
            receipt: Box::new(receipt),
        }))
    }

    fn refused(&self, id: TxId, stored: &[u8], proof: &[u8]) -> Result<Attempt, LedgerError> {
        let proof = RefusalProof::from_bytes(proof)?;
        let refusal = proof.verify(self.chain(), stored)?;
        let height = proof.checkpoint.header.height;
        Ok(Attempt::Done(Submission::Refused {
            id,
            refusal,
            height,
        }))
    }
}
