//! Messages to the edge: durable first, then shown in the spool, then forgotten here.
//!
//! Small ones wait in the database; a sealed visit is written to the spool once and waits there
//! under the name that the database notes. A crash in between sends a message twice; the edge
//! takes it once.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use medfolder_crypto::to_cbor;
use medfolder_ledger::body::Body;
use medfolder_ledger::{TxId, Unsigned};
use rusqlite::Connection;

use super::InnerError;
use super::seal::SharedWriter;
use super::zone::Zone;
use crate::spool::Out;

/// Messages that are sent with one visible step.
const GROUP: i64 = 256;

/// A transaction with all its signatures.
pub(crate) struct Signed {
    pub(crate) bytes: Vec<u8>,
    pub(crate) id: TxId,
    pub(crate) valid_until: u64,
}

/// Signs a transaction that wants the seal key alone.
pub(crate) fn sign(zone: &Zone, body: impl Into<Body>) -> Result<Signed, InnerError> {
    let valid_until = zone.now().saturating_add(zone.config.tuning.seal_validity);
    let unsigned = Unsigned::new(body, valid_until);
    let id = unsigned.id(&zone.chain);
    let key = zone.seals.current()?;
    Ok(Signed {
        bytes: unsigned.signed_by(&zone.chain, &[key]).to_bytes(),
        id,
        valid_until,
    })
}

/// Queues a message within the step that it belongs to.
pub(crate) fn queue(db: &Connection, message: &Out) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT INTO outbox (message, staged) VALUES (?1, '')")?
        .execute([to_cbor(message)])
        .map(|_| ())
}

/// Queues a message that lies in the spool already and is shown once this step is durable.
pub(crate) fn queue_staged(db: &Connection, name: &str) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT INTO outbox (message, staged) VALUES (x'', ?1)")?
        .execute([name])
        .map(|_| ())
}

/// Shows all queued messages in the spool, in order; returns how many.
pub(crate) fn flush(zone: &Zone, writer: &SharedWriter) -> Result<usize, InnerError> {
    let mut sent = 0;
    loop {
        let rows: Vec<(i64, Vec<u8>, String)> = zone.store.read(|db| {
            db.prepare_cached("SELECT id, message, staged FROM outbox ORDER BY id LIMIT ?1")?
                .query_map([GROUP], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
                .collect::<Result<_, rusqlite::Error>>()
        })?;
        let Some(last) = rows.last().map(|(id, ..)| *id) else {
            return Ok(sent);
        };
        let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut unsent = Vec::with_capacity(rows.len());
        for (_, bytes, staged) in &rows {
            unsent.push(if staged.is_empty() {
                // Written by this program; minicbor's own limits do.
                let message: Out = minicbor::decode(bytes).map_err(|_| InnerError::Damaged)?;
                writer.prepare(&message)?
            } else {
                writer.staged(staged)
            });
        }
        writer.publish(&unsent)?;
        drop(writer);
        sent += unsent.len();
        zone.store
            .write(|db| db.execute("DELETE FROM outbox WHERE id <= ?1", [last]))?;
    }
}

/// Names of the messages that are staged in the spool.
pub(crate) fn staged(zone: &Zone) -> Result<BTreeSet<String>, InnerError> {
    zone.store.read(|db| {
        let mut statement = db.prepare("SELECT staged FROM outbox WHERE staged <> ''")?;
        let names = statement.query_map([], |row| row.get(0))?;
        Ok(names.collect::<Result<_, rusqlite::Error>>()?)
    })
}
