//! What can be wrong with a ledger, or with the node that one asks.

use medfolder_ledger::Checkpoint;
use medfolder_ledger::block::BlockError;
use medfolder_ledger::proof::ProofError;

use crate::api::Peer;
use crate::http::HttpError;
use crate::login::LoginFailure;

/// Two certified checkpoints of one chain of which neither continues the other: whoever certifies
/// this ledger lied. Keep it: at one height it convinces anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The one that was known.
    pub known: Box<Checkpoint>,
    /// The one that a node showed.
    pub shown: Box<Checkpoint>,
}

/// Why the ledger gave no answer that holds.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// No node is known.
    #[error("no node of the ledger is known")]
    NoNode,
    /// No node could be reached, or none took the request.
    #[error(transparent)]
    Http(HttpError),
    /// No session was opened.
    #[error(transparent)]
    Login(LoginFailure),
    /// A proof does not hold; the text names the check.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// A block or checkpoint does not hold.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// An older state than was known, or than a second node shows.
    #[error("a node shows an old state of the ledger (block {shown}, known is {known})")]
    OldHead {
        /// Height that is known.
        known: u64,
        /// Height that was shown.
        shown: u64,
    },
    /// History was rewritten, or there are two.
    #[error("the ledger was forked: two certified states contradict each other")]
    Fork(Conflict),
    /// Every node refused the transaction before it was ordered.
    #[error("the ledger does not take the transaction: {0}")]
    Rejected(String),
    /// What became of a transaction could not be learned in time. Asking again, or sending the same
    /// bytes again, is safe.
    #[error("what became of the transaction is not known yet")]
    Unresolved,
    /// The bytes are no transaction.
    #[error("these bytes are no transaction")]
    NoTransaction,
}

impl LedgerError {
    /// Stable code of the error.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            LedgerError::NoNode => "ledger.no_node",
            LedgerError::Http(error) | LedgerError::Login(LoginFailure::Http(error)) => {
                of_http(error)
            }
            LedgerError::Login(error) => error.code_from(Peer::Node),
            LedgerError::Proof(error) => error.code(),
            LedgerError::Block(error) => error.code(),
            LedgerError::OldHead { .. } => "ledger.old_head",
            LedgerError::Fork(_) => "ledger.fork",
            LedgerError::Rejected(code) => Peer::Node.code(code),
            LedgerError::Unresolved => "ledger.unresolved",
            LedgerError::NoTransaction => "ledger.no_transaction",
        }
    }

    /// Whether a node's answer was compared with what proves it, and does not hold.
    #[must_use]
    pub const fn is_unproven(&self) -> bool {
        self.weight() >= 3
    }

    /// Of two nodes' failures the one that says more: a lie before a refusal, a refusal before
    /// silence.
    pub(super) fn or_worse(self, other: Self) -> Self {
        if other.weight() > self.weight() {
            other
        } else {
            self
        }
    }

    const fn weight(&self) -> u8 {
        match self {
            LedgerError::Fork(_) => 5,
            LedgerError::Proof(_) | LedgerError::Block(_) => 4,
            LedgerError::OldHead { .. } => 3,
            LedgerError::Rejected(_) | LedgerError::NoTransaction => 2,
            LedgerError::Http(error) if is_answer(error) => 2,
            LedgerError::Login(LoginFailure::Http(error)) if is_answer(error) => 2,
            LedgerError::Login(LoginFailure::OtherMember | LoginFailure::Clock) => 2,
            LedgerError::Http(_) | LedgerError::Login(_) | LedgerError::Unresolved => 1,
            LedgerError::NoNode => 0,
        }
    }
}

/// A node that answers nonsense is not away.
fn of_http(error: &HttpError) -> &str {
    match error {
        HttpError::Certificate => error.code(),
        HttpError::Malformed | HttpError::TooLarge | HttpError::Redirected => "node.answer",
        error if error.status().is_none() => "ledger.unreachable",
        error => error.code_from(Peer::Node),
    }
}

const fn is_answer(error: &HttpError) -> bool {
    let nonsense = matches!(
        error,
        HttpError::Malformed | HttpError::TooLarge | HttpError::Redirected
    );
    nonsense || error.status().is_some()
}

impl From<HttpError> for LedgerError {
    fn from(error: HttpError) -> Self {
        LedgerError::Http(error)
    }
}

impl From<LoginFailure> for LedgerError {
    fn from(error: LoginFailure) -> Self {
        LedgerError::Login(error)
    }
}
