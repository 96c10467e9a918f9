//! A T_M (or an enrolment) that lapsed is signed again over the same content: same leaves, new time.
//!
//! It has lapsed when a verified block is not before its valid-until and no block up to there held
//! it: then no later block can.

use medfolder_crypto::Digest;
use medfolder_ledger::body::{Body, Mark};
use medfolder_ledger::{Transaction, TxId};
use rusqlite::Connection;

use crate::inner::InnerError;
use crate::inner::outbox::{self, Signed};
use crate::inner::store::{batch, staff};
use crate::inner::zone::{Zone, sql_time};
use crate::spool::Out;

/// Signs again what lapsed by `block_time`; returns how many.
pub(crate) fn resign_lapsed(zone: &Zone, block_time: u64) -> Result<usize, InnerError> {
    let lapsed = |sql: &str, state: i64| {
        zone.store.read(|db| {
            db.prepare_cached(sql)?
                .query_map((state, sql_time(block_time)), |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?
                .collect::<Result<Vec<(Vec<u8>, Vec<u8>)>, rusqlite::Error>>()
        })
    };
    let seals = lapsed(
        "SELECT tx_id, tx FROM batches WHERE state = ?1 AND valid_until <= ?2 LIMIT 64",
        batch::SEALED,
    )?;
    let enrolments = lapsed(
        "SELECT tx_id, tx FROM staff WHERE state = ?1 AND tx_until <= ?2 LIMIT 64",
        staff::SUBMITTED,
    )?;
    for (id, tx) in &seals {
        let signed = again(zone, tx)?;
        zone.store.write(|db| replace_seal(db, id, &signed))?;
    }
    for (id, tx) in &enrolments {
        let signed = again(zone, tx)?;
        zone.store.write(|db| replace_enrolment(db, id, &signed))?;
    }
    Ok(seals.len() + enrolments.len())
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
    Ok(outbox::sign(zone, body))
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

fn replace_enrolment(db: &Connection, id: &[u8], signed: &Signed) -> rusqlite::Result<()> {
    let changed = db.execute(
        "UPDATE staff SET tx = ?2, tx_id = ?3, tx_until = ?4 WHERE tx_id = ?1 AND state = ?5",
        (
            id,
            &signed.bytes,
            &signed.id.0,
            sql_time(signed.valid_until),
            staff::SUBMITTED,
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
    let signed = outbox::sign(zone, transaction.body);
    replace_seal(db, &Digest(id.0).0, &signed)?;
    Ok(())
}
