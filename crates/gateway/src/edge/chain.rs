//! Transactions as the edge handles them: read, checked in part, co-signed, made.

use medfolder_crypto::{Digest, PublicKeyBytes};
use medfolder_ledger::body::{Body, Seal};
use medfolder_ledger::genesis::Chain;
use medfolder_ledger::transaction::{Transaction, Unsigned};

use super::app::App;

/// How long a transaction that the edge makes stays valid, in milliseconds.
const VALIDITY: u64 = 60 * 60 * 1_000;

/// A transaction with what the outbox needs to know of it.
#[derive(Debug, Clone)]
pub(crate) struct Queued {
    pub(crate) id: Digest,
    pub(crate) bytes: Vec<u8>,
    pub(crate) valid_until: u64,
}

/// Reads stored bytes strictly; `None` for anything else. Checks no signature.
pub(crate) fn decode(_: &Chain, bytes: &[u8]) -> Option<Transaction> {
    Transaction::from_bytes(bytes).ok()
}

/// A transaction that others signed, ready for the outbox.
pub(crate) fn queued(chain: &Chain, bytes: &[u8]) -> Option<Queued> {
    let transaction = decode(chain, bytes)?;
    let id = Digest(transaction.id(chain).0);
    Some(Queued {
        id,
        bytes: bytes.to_vec(),
        valid_until: transaction.valid_until,
    })
}

/// The seal in a transaction.
pub(crate) fn seal_of(chain: &Chain, bytes: &[u8]) -> Option<Seal> {
    match decode(chain, bytes)?.body {
        Body::Seal(seal) => Some(seal),
        _ => None,
    }
}

/// Whether the first signature is by `key`.
pub(crate) fn signed_first_by(
    chain: &Chain,
    transaction: &Transaction,
    key: &PublicKeyBytes,
) -> bool {
    let unsigned = Unsigned::new(transaction.body.clone(), transaction.valid_until);
    let first = transaction.signatures.first();
    first.is_some_and(|signature| unsigned.verify(chain, key, signature))
}

/// The transaction with its first signature and the host's own.
pub(crate) fn cosigned(app: &App, transaction: &Transaction) -> Option<Queued> {
    let [first, ..] = transaction.signatures.as_slice() else {
        return None;
    };
    let unsigned = Unsigned::new(transaction.body.clone(), transaction.valid_until);
    let own = unsigned.sign(&app.chain, &app.key);
    let id = Digest(unsigned.id(&app.chain).0);
    let bytes = unsigned.with_signatures(vec![*first, own]).to_bytes();
    Some(Queued {
        id,
        bytes,
        valid_until: transaction.valid_until,
    })
}

/// A transaction of the edge's own, signed with the host key.
pub(crate) fn signed(app: &App, body: impl Into<Body>) -> Queued {
    let valid_until = app.now().saturating_add(VALIDITY);
    let unsigned = Unsigned::new(body, valid_until);
    let id = Digest(unsigned.id(&app.chain).0);
    let bytes = unsigned.signed_by(&app.chain, &[&app.key]).to_bytes();
    Queued {
        id,
        bytes,
        valid_until,
    }
}
