//! Sends what waits in the outbox, again and again, until a block holds it.

use std::collections::HashMap;
use std::sync::Arc;

use medfolder_crypto::Digest;

use super::app::App;
use super::db::DbError;
use super::ledger::LedgerError;
use super::outbox::{self, Waiting};

const BATCH: u32 = 256;
/// A transaction is sent again after this time, in milliseconds.
const AGAIN: u64 = 5_000;

/// When each transaction whose turn it is was sent last, by the edge's clock.
#[derive(Debug, Default)]
pub(crate) struct Sent(HashMap<Digest, u64>);

impl Sent {
    fn is_due(&self, one: &Waiting, now: u64) -> bool {
        match self.0.get(&one.id) {
            Some(at) => now.saturating_sub(*at) >= AGAIN,
            // A clock that was ahead once delays nothing.
            None => now.abs_diff(one.tried_at) >= AGAIN,
        }
    }

    /// Notes a try; says whether it was not the first.
    fn note(&mut self, one: &Waiting, now: u64) -> bool {
        self.0.insert(one.id, now).is_some() || one.tried_at > 0
    }
}

/// What became of tries that brought nothing yet.
#[derive(Debug, Default)]
struct Vain {
    tried: Vec<Digest>,
    refused: Vec<(Digest, String)>,
}

/// Sends what is due; says whether anything still waits.
pub(crate) async fn round(app: &Arc<App>, sent: &mut Sent) -> Result<bool, DbError> {
    let waiting = app.db.read(|c| outbox::waiting(c, BATCH)).await?;
    let now = app.clock.now();
    sent.0
        .retain(|id, _| waiting.iter().any(|other| other.id == *id));
    let any = !waiting.is_empty();
    let mut vain = Vain::default();
    for mut one in waiting
        .into_iter()
        .filter(|one| sent.is_due(one, now))
        .collect::<Vec<_>>()
    {
        match app.ledger.submit(std::mem::take(&mut one.bytes)).await {
            Ok(()) => {}
            Err(LedgerError::Unreachable) => break,
            Err(LedgerError::Refused(code)) => {
                tracing::warn!(transaction = %one.id, code, "a node did not take a transaction");
                vain.refused.push((one.id, code));
            }
        }
        if sent.note(&one, now) {
            vain.tried.push(one.id);
        }
    }
    vain.note(app, now).await?;
    Ok(any)
}

impl Vain {
    async fn note(self, app: &Arc<App>, now: u64) -> Result<(), DbError> {
        let (any, refused) = (!self.tried.is_empty(), !self.refused.is_empty());
        if any || refused {
            app.db.write(move |t| self.write(t, now)).await?;
        }
        if refused {
            app.head.touch();
        }
        Ok(())
    }

    fn write(&self, t: &rusqlite::Transaction<'_>, now: u64) -> rusqlite::Result<()> {
        for (id, code) in &self.refused {
            outbox::refused(t, id, code)?;
            outbox::tried(t, id, now)?;
        }
        self.tried
            .iter()
            .try_for_each(|id| outbox::tried(t, id, now))
    }
}
