//! Messages to the edge: durable in the database first, then in the spool, then forgotten here.
//!
//! A crash in between sends a message twice; the edge takes it once.

use medfolder_crypto::to_cbor;
use medfolder_ledger::body::Body;
use medfolder_ledger::{TxId, Unsigned};
use rusqlite::Connection;

use super::InnerError;
use super::zone::Zone;
use crate::spool::{Out, Writer};

/// Messages that are sent with one visible step.
const GROUP: i64 = 64;

/// A transaction with all its signatures.
pub(crate) struct Signed {
    pub(crate) bytes: Vec<u8>,
    pub(crate) id: TxId,
    pub(crate) valid_until: u64,
}

/// Signs a transaction that wants the seal key alone.
pub(crate) fn sign(zone: &Zone, body: impl Into<Body>) -> Signed {
    let valid_until = zone.now().saturating_add(zone.config.tuning.seal_validity);
    let unsigned = Unsigned::new(body, valid_until);
    let id = unsigned.id(&zone.chain);
    let bytes = unsigned.signed_by(&zone.chain, &[&zone.seal]).to_bytes();
    Signed {
        bytes,
        id,
        valid_until,
    }
}

/// Queues a message within the step that it belongs to.
pub(crate) fn queue(db: &Connection, message: &Out) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT INTO outbox (message) VALUES (?1)")?
        .execute([to_cbor(message)])
        .map(|_| ())
}

/// Moves all queued messages into the spool, in order; returns how many.
pub(crate) fn flush(zone: &Zone, writer: &mut Writer<Out>) -> Result<usize, InnerError> {
    let mut sent = 0;
    loop {
        let rows: Vec<(i64, Vec<u8>)> = zone.store.read(|db| {
            db.prepare_cached("SELECT id, message FROM outbox ORDER BY id LIMIT ?1")?
                .query_map([GROUP], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<Result<_, rusqlite::Error>>()
        })?;
        let Some(last) = rows.last().map(|(id, _)| *id) else {
            return Ok(sent);
        };
        let mut unsent = Vec::with_capacity(rows.len());
        for (_, bytes) in &rows {
            // Written by this program; minicbor's own limits do.
            let message: Out = minicbor::decode(bytes).map_err(|_| InnerError::Damaged)?;
            unsent.push(writer.prepare(message)?);
        }
        sent += unsent.len();
        writer.publish(unsent)?;
        zone.store
            .write(|db| db.execute("DELETE FROM outbox WHERE id <= ?1", [last]))?;
    }
}

/// Digests of the blobs that queued deliveries name.
pub(crate) fn blobs(zone: &Zone) -> Result<Vec<String>, InnerError> {
    let rows: Vec<Vec<u8>> = zone.store.read(|db| {
        db.prepare("SELECT message FROM outbox")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, rusqlite::Error>>()
    })?;
    let mut names = Vec::new();
    for row in rows {
        if let Ok(Out::Delivery(delivery)) = minicbor::decode::<Out>(&row) {
            names.extend(
                delivery
                    .attachments
                    .iter()
                    .map(|blob| blob.digest.to_string()),
            );
        }
    }
    Ok(names)
}
