//! Stores seals: from this step on a batch is never sealed anew, whatever happens to the machine.
//!
//! The delivery lies in the spool already, unshown; a seal that is not stored takes it away again.

use rusqlite::Connection;

use super::SharedWriter;
use super::make::SealMade;
use crate::inner::store::{batch, record};
use crate::inner::zone::{Zone, sql_time};
use crate::inner::{InnerError, outbox};
use crate::spool::Unsent;

/// Stores all seals in one step; those whose batch grew meanwhile are left for the next round.
pub(super) fn commit(
    zone: &Zone,
    writer: &SharedWriter,
    seals: &[SealMade],
) -> Result<usize, InnerError> {
    let staged: Vec<&Unsent> = seals.iter().map(|seal| &seal.staged).collect();
    let durable = Unsent::sync_all(&staged).map_err(InnerError::from);
    let stored = durable.and_then(|()| {
        zone.store.write(|db| {
            let stored = seals.iter().map(|seal| store(db, seal));
            stored.collect::<Result<Vec<bool>, InnerError>>()
        })
    });
    let Ok(kept) = &stored else {
        seals.iter().for_each(|seal| seal.forget(writer));
        return stored.map(|_| 0);
    };
    let left = seals.iter().zip(kept).filter(|(_, kept)| !**kept);
    left.for_each(|(seal, _)| seal.forget(writer));
    Ok(kept.iter().filter(|kept| **kept).count())
}

fn store(db: &Connection, seal: &SealMade) -> Result<bool, InnerError> {
    let changed = db
        .prepare_cached(
            "UPDATE batches SET state = ?2, reason = '', seq = ?3, tx = ?4, tx_id = ?5,
               valid_until = ?6, seal_key = ?10, message = ?11, again = 0, tries = 0,
               card = ?12
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
            &seal.key,
            seal.staged.name(),
            seal.card.as_bytes(),
        ))?;
    if changed == 0 {
        return Ok(false);
    }
    for (k, (id, leaf)) in (0_i64..).zip(&seal.leaves) {
        db.prepare_cached("UPDATE records SET state = ?2, k = ?3, leaf = ?4 WHERE id = ?1")?
            .execute((id, record::SEALED, k, leaf.as_bytes()))?;
    }
    outbox::queue_staged(db, &seal.staged.name())?;
    Ok(true)
}
