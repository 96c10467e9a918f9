//! A T_M (or a change of staff, or a replaced card's anchor) that lapsed is signed again over the same content: same leaves, new
//! time. So is one that the ledger refused for a reason that may pass, and everything that waits
//! when the seal key is rotated.
//!
//! It has lapsed when a verified block is not before its valid-until and no block up to there held
//! it: then no later block can. One that was signed by a clock that was ahead no node takes yet: it
//! is signed again when the clock is right. A clock that is behind signs nothing again, as it would
//! lapse at once.

use medfolder_crypto::Digest;
use medfolder_ledger::body::{Body, Mark};
use medfolder_ledger::{Transaction, TxId};
use medfolder_record::limits::CLOCK_TOLERANCE_MS;
use rusqlite::Connection;

use crate::inner::InnerError;
use crate::inner::desk;
use crate::inner::outbox::{self, Signed};
use crate::inner::store::batch;
use crate::inner::zone::{Zone, sql_time};
use crate::spool::Out;

/// Signs again what lapsed by `block_time`, or was refused for now until then; returns how many.
pub(crate) fn resign_lapsed(zone: &Zone, block_time: u64) -> Result<usize, InnerError> {
    let longest = zone.now().saturating_add(zone.config.tuning.seal_validity);
    if longest <= block_time {
        return Ok(0);
    }
    let (until, ahead) = (
        sql_time(block_time),
        sql_time(longest.saturating_add(CLOCK_TOLERANCE_MS)),
    );
    let lapsed = "state = 1 AND (valid_until <= ?1 OR valid_until > ?2) LIMIT 64";
    let seals = pending(zone, lapsed, until, ahead)?;
    let others = pending_others(zone, until, ahead)?;
    if seals.is_empty() && others.iter().all(Vec::is_empty) {
        return Ok(0);
    }
    zone.store.write(|db| {
        resign(zone, db, &seals, &others)?;
        Ok(seals.len() + others.iter().map(Vec::len).sum::<usize>())
    })
}

/// Signs again all that is not on the ledger yet: the seal key is another one.
pub(crate) fn resign_all(zone: &Zone) -> Result<(), InnerError> {
    let all = "state = 1 AND (valid_until <= ?1 OR valid_until > ?2)";
    let seals = pending(zone, all, i64::MAX, i64::MAX)?;
    let others = pending_others(zone, i64::MAX, i64::MAX)?;
    zone.store.write(|db| {
        resign(zone, db, &seals, &others)?;
        desk::resign(zone, db)
    })
}

/// Identifier and bytes of a transaction whose outcome is not known.
type Pending = (Vec<u8>, Vec<u8>);

fn pending(zone: &Zone, which: &str, until: i64, ahead: i64) -> Result<Vec<Pending>, InnerError> {
    let sql = format!("SELECT tx_id, tx FROM batches WHERE {which}");
    listed(zone, &sql, until, ahead)
}

/// Tables of other transactions that are signed again: changes of staff, cards that are replaced.
const OTHERS: [&str; 2] = ["staff", "replaced"];

fn pending_others(zone: &Zone, until: i64, ahead: i64) -> Result<[Vec<Pending>; 2], InnerError> {
    let [staff, replaced] = OTHERS.map(|table| {
        let sql = format!(
            "SELECT tx_id, tx FROM {table} WHERE tx <> x'' AND (tx_until <= ?1 OR tx_until > ?2)"
        );
        listed(zone, &sql, until, ahead)
    });
    Ok([staff?, replaced?])
}

fn listed(zone: &Zone, sql: &str, until: i64, ahead: i64) -> Result<Vec<Pending>, InnerError> {
    zone.store.read(|db| {
        let mut statement = db.prepare_cached(sql)?;
        let rows = statement.query_map([until, ahead], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, rusqlite::Error>>()?)
    })
}

fn resign(
    zone: &Zone,
    db: &Connection,
    seals: &[Pending],
    others: &[Vec<Pending>; 2],
) -> Result<(), InnerError> {
    for (id, tx) in seals {
        replace_seal(db, id, &again(zone, tx)?)?;
    }
    for (table, pending) in OTHERS.into_iter().zip(others) {
        for (id, tx) in pending {
            replace_other(db, table, id, &again(zone, tx)?)?;
        }
    }
    Ok(())
}

fn again(zone: &Zone, bytes: &[u8]) -> Result<Signed, InnerError> {
    let transaction = Transaction::from_bytes(bytes).map_err(|_| InnerError::Damaged)?;
    let mut body = transaction.body;
    if let Body::Seal(seal) = &mut body {
        let windows = &zone.chain.policy().windows;
        let now = zone.now();
        if now.saturating_sub(seal.time) > windows.seal_behind && seal.mark == Mark::None {
            seal.mark = Mark::Late;
        }
        seal.time = now;
    }
    outbox::sign(zone, body)
}

fn replace_seal(db: &Connection, id: &[u8], signed: &Signed) -> rusqlite::Result<()> {
    let changed = db.execute(
        "UPDATE batches SET tx = ?2, tx_id = ?3, valid_until = ?4 WHERE tx_id = ?1 AND state = ?5",
        (
            id,
            &signed.bytes,
            &signed.id.0,
            sql_time(signed.valid_until),
            batch::SEALED,
        ),
    )?;
    if changed == 0 {
        Ok(())
    } else {
        outbox::queue(db, &Out::Tx(signed.bytes.clone()))
    }
}

fn replace_other(db: &Connection, table: &str, id: &[u8], signed: &Signed) -> rusqlite::Result<()> {
    let changed = db.execute(
        &format!(
            "UPDATE {table} SET tx = ?2, tx_id = ?3, tx_until = ?4 WHERE tx_id = ?1 AND tx <> x''"
        ),
        (
            id,
            &signed.bytes,
            &signed.id.0,
            sql_time(signed.valid_until),
        ),
    )?;
    if changed == 0 {
        Ok(())
    } else {
        outbox::queue(db, &Out::Tx(signed.bytes.clone()))
    }
}

/// Signs a seal again at once, marked late: block time found its time too old.
pub(crate) fn resign_late(
    zone: &Zone,
    db: &Connection,
    id: &TxId,
    bytes: &[u8],
) -> Result<(), InnerError> {
    let mut transaction = Transaction::from_bytes(bytes).map_err(|_| InnerError::Damaged)?;
    if let Body::Seal(seal) = &mut transaction.body {
        seal.mark = Mark::Late;
        seal.time = zone.now();
    }
    let signed = outbox::sign(zone, transaction.body)?;
    replace_seal(db, &Digest(id.0).0, &signed)?;
    Ok(())
}
