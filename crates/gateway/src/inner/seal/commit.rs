//! Stores seals: from this step on a batch is never sealed anew, whatever happens to the machine.

use medfolder_crypto::to_cbor;
use rusqlite::Connection;

use super::make::SealMade;
use crate::inner::InnerError;
use crate::inner::store::{batch, record};
use crate::inner::zone::{Zone, sql_time};
use crate::spool::Out;

/// Stores all seals in one step; those whose batch grew meanwhile are left for the next round, and
/// given back.
pub(super) fn commit<'a>(
    zone: &Zone,
    seals: &'a [SealMade],
) -> Result<Vec<&'a SealMade>, InnerError> {
    let messages: Vec<Vec<u8>> = seals
        .iter()
        .map(|seal| to_cbor(&Out::Delivery(seal.delivery.clone())))
        .collect();
    zone.store.write(|db| {
        let mut left = Vec::new();
        for (seal, message) in seals.iter().zip(&messages) {
            if !store(db, seal, message)? {
                left.push(seal);
            }
        }
        Ok(left)
    })
}

fn store(db: &Connection, seal: &SealMade, message: &[u8]) -> Result<bool, InnerError> {
    let changed = db
        .prepare_cached(
            "UPDATE batches SET state = ?2, reason = '', seq = ?3, tx = ?4, tx_id = ?5,
               valid_until = ?6
             WHERE id = ?1 AND state = ?7 AND added = ?8
               AND (SELECT count(*) FROM records WHERE batch = ?1) = ?9",
        )?
        .execute((
            seal.batch,
            batch::SEALED,
            seal.seq,
            &seal.signed.bytes,
            &seal.signed.id.0,
            sql_time(seal.signed.valid_until),
            batch::OPEN,
            seal.added,
            seal.leaves.len() as i64,
        ))?;
    if changed == 0 {
        return Ok(false);
    }
    for (k, (id, leaf)) in (0_i64..).zip(&seal.leaves) {
        db.prepare_cached("UPDATE records SET state = ?2, k = ?3, leaf = ?4 WHERE id = ?1")?
            .execute((id, record::SEALED, k, leaf.as_bytes()))?;
    }
    db.prepare_cached("INSERT INTO outbox (message) VALUES (?1)")?
        .execute([message])?;
    Ok(true)
}
