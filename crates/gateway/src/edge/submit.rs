//! Sends what waits in the outbox, again and again, until a block holds it.

use std::collections::HashMap;
use std::sync::Arc;

use medfolder_crypto::Digest;
use rusqlite::params;

use super::app::App;
use super::db::DbError;
use super::ledger::LedgerError;
use super::outbox::{self, Kind};

const BATCH: u32 = 256;
/// A transaction that a node took is sent again after this time, in milliseconds.
const AGAIN: u64 = 5_000;

/// When each waiting transaction was sent last, by the edge's clock.
#[derive(Debug, Default)]
pub(crate) struct Sent(HashMap<Digest, u64>);

/// Sends what is due, oldest first; says whether anything still waits.
pub(crate) async fn round(app: &Arc<App>, sent: &mut Sent) -> Result<bool, DbError> {
    let waiting = app.db.read(|c| outbox::waiting(c, BATCH)).await?;
    let now = app.clock.now();
    sent.0
        .retain(|id, _| waiting.iter().any(|(other, _)| other == id));
    let any = !waiting.is_empty();
    for (id, bytes) in waiting {
        let due = sent
            .0
            .get(&id)
            .is_none_or(|at| now.saturating_sub(*at) >= AGAIN);
        if !due {
            continue;
        }
        match app.ledger.submit(bytes).await {
            Ok(()) => {}
            Err(LedgerError::Unreachable) => return Ok(any),
            Err(LedgerError::Refused(code)) => refused(app, id, code).await?,
        }
        sent.0.insert(id, now);
    }
    Ok(any)
}

/// A node's word is no proof: only a share's owner, who waits for an answer, is told so. A block
/// that holds the transaction nevertheless overrides it.
async fn refused(app: &Arc<App>, id: Digest, code: String) -> Result<(), DbError> {
    tracing::warn!(transaction = %id, code, "a node did not take a transaction");
    app.db
        .write(move |t| {
            t.execute(
                "UPDATE outbox SET state = 2, code = ?2 WHERE id = ?1 AND kind = ?3 AND state = 0",
                params![id.0, code, Kind::Share as i64],
            )
        })
        .await?;
    app.head.touch();
    Ok(())
}
