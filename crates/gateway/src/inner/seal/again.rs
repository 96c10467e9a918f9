//! A delivery that the edge never had whole is made once more: same seal key, same leaves, same T_M.
//!
//! ```text
//! the edge says that it did not take it     by the file's name when nothing in it can be read
//! the edge never saw it                     T_M lapses, comes signed again, and its envelopes are not stored
//! ```
//! So no second seal of the visit exists that could become final beside the first. Until the seal is
//! final its key is kept with the drafts, under the zone key like them. Each try that comes to nothing
//! puts the next one off; the status says so until the seal is final.

use medfolder_crypto::{PublicKeyBytes, Secret32};
use medfolder_ledger::Transaction;
use medfolder_ledger::body::{Body, Seal};
use medfolder_record::SealKey;
use rusqlite::{Connection, OptionalExtension};

use super::SharedWriter;
use super::make::{self, SEAL_KEY};
use super::ready::Ready;
use crate::inner::InnerError;
use crate::inner::outbox;
use crate::inner::store::batch;
use crate::inner::zone::{Zone, sql_time};
use crate::spool::{Out, Refused, Unsent};

/// Before the second try after a refusal, in milliseconds; each further one waits eight times as long.
const FIRST_WAIT: i64 = 1_000;
const LONGEST_WAIT: i64 = 60 * 60 * 1_000;
/// Deliveries made again before other work has its turn.
const ROUND: i64 = 8;
/// What it was made from does not give the same leaves any more.
const UNREPEATABLE: &str = "delivery.unrepeatable";
/// What an edge may say; anything else is none of its words.
const CODES: [&str; 6] = [
    "delivery.seal",
    "delivery.envelope",
    "delivery.attachment",
    "delivery.slot",
    "delivery.not_stored",
    "spool.bad",
];

/// Notes that the edge did not take a message. What is no delivery of a seal that waits, or is being
/// delivered again already, changes nothing.
pub(crate) fn not_taken(zone: &Zone, refused: &Refused) -> Result<(), InnerError> {
    let known = CODES.into_iter().find(|code| *code == refused.code);
    let code = known.unwrap_or("delivery.refused");
    tracing::warn!(code, name = ?refused.name, "the edge did not take a message");
    let id = refused.transaction.map_or([0; 32], |id| id.0);
    zone.store.write(|db| {
        let found: Option<(i64, i64)> = db
            .prepare_cached(
                "SELECT id, tries FROM batches WHERE state = ?1 AND again = 0
                   AND (message = ?2 AND message <> '' OR tx_id = ?3)",
            )?
            .query_row((batch::SEALED, &refused.name, id), |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        match found {
            Some((batch, tries)) => put_off(zone, db, (batch, tries), code),
            None => Ok(()),
        }
    })?;
    Ok(())
}

fn put_off(
    zone: &Zone,
    db: &Connection,
    (batch, tries): (i64, i64),
    code: &str,
) -> rusqlite::Result<()> {
    let at = sql_time(zone.now()).saturating_add(wait(tries)).max(1);
    db.prepare_cached("UPDATE batches SET reason = ?2, again = ?3, tries = ?4 WHERE id = ?1")?
        .execute((batch, code, at, tries.saturating_add(1)))
        .map(drop)
}

fn wait(tries: i64) -> i64 {
    match u32::try_from(tries) {
        Ok(0) => 0,
        Ok(tries) => 8_i64
            .saturating_pow(tries - 1)
            .saturating_mul(FIRST_WAIT)
            .min(LONGEST_WAIT),
        Err(_) => LONGEST_WAIT,
    }
}

/// A delivery that is due once more.
struct Due {
    batch: i64,
    tries: i64,
    tx: Vec<u8>,
    key: Vec<u8>,
}

/// Delivers again what is due; returns how many.
pub(crate) fn deliver_again(zone: &Zone, writer: &SharedWriter) -> Result<usize, InnerError> {
    let mut delivered = 0;
    for due in zone.store.read(|db| due(zone, db))? {
        let staged = lock(writer).stage(Out::DELIVERY)?;
        match make_again(zone, writer, &due, &staged) {
            Ok(Some(())) if commit(zone, &due, &staged)? => delivered += 1,
            Ok(Some(())) => staged.forget(),
            Err(InnerError::Full) => return Err(InnerError::Full),
            failed => {
                let code = failed.err().map_or(UNREPEATABLE, |error| error.code());
                tracing::error!(code, "a delivery cannot be made again");
                zone.store
                    .write(|db| put_off(zone, db, (due.batch, due.tries), UNREPEATABLE))?;
            }
        }
    }
    Ok(delivered)
}

fn lock(writer: &SharedWriter) -> std::sync::MutexGuard<'_, crate::spool::Writer<Out>> {
    writer
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn due(zone: &Zone, db: &Connection) -> Result<Vec<Due>, InnerError> {
    let now = sql_time(zone.now());
    let rows = db
        .prepare_cached(
            // A clock that was set back does not put a try off for longer than the longest wait.
            "SELECT id, tries, tx, seal_key FROM batches
             WHERE again <> 0 AND state = ?1 AND (again <= ?2 OR again > ?3) ORDER BY again LIMIT ?4",
        )?
        .query_map(
            (
                batch::SEALED,
                now,
                now.saturating_add(LONGEST_WAIT),
                ROUND,
            ),
            |row| {
                Ok(Due {
                    batch: row.get(0)?,
                    tries: row.get(1)?,
                    tx: row.get(2)?,
                    key: row.get(3)?,
                })
            },
        )?
        .collect::<Result<_, rusqlite::Error>>()?;
    Ok(rows)
}

fn make_again(
    zone: &Zone,
    writer: &SharedWriter,
    due: &Due,
    staged: &Unsent,
) -> Result<Option<()>, InnerError> {
    let key = zone.key.open(SEAL_KEY, &due.key)?;
    let key: [u8; 32] = key.as_slice().try_into().map_err(|_| InnerError::Damaged)?;
    let transaction = Transaction::from_bytes(&due.tx).map_err(|_| InnerError::Damaged)?;
    let Body::Seal(seal) = transaction.body else {
        return Err(InnerError::Damaged);
    };
    let ready = zone.store.read(|db| as_sealed(db, due.batch, &seal))?;
    let key = SealKey::new(Secret32::new(key));
    make::make_again(zone, writer, (&ready, staged), key, &due.tx)
}

/// The batch as it was sealed, for the card that it was sealed for.
fn as_sealed(db: &Connection, batch: i64, seal: &Seal) -> Result<Ready, InnerError> {
    let encryption: Vec<u8> = db
        .prepare_cached("SELECT encryption FROM cards WHERE card = ?1")?
        .query_row([seal.card.as_bytes()], |row| row.get(0))?;
    Ok(Ready {
        id: batch,
        added: 0,
        late: false,
        visit: seal.visit,
        seq: seal.seq,
        card: seal.card,
        encryption: PublicKeyBytes::new(&encryption).map_err(|_| InnerError::Damaged)?,
    })
}

/// Stores that it lies in the spool once more, unless T_M became another one meanwhile.
fn commit(zone: &Zone, due: &Due, staged: &Unsent) -> Result<bool, InnerError> {
    Unsent::sync_all(&[staged])?;
    zone.store.write(|db| {
        let changed = db
            .prepare_cached(
                "UPDATE batches SET message = ?2, again = 0
                 WHERE id = ?1 AND state = ?3 AND tx = ?4 AND again <> 0",
            )?
            .execute((due.batch, staged.name(), batch::SEALED, &due.tx))?;
        if changed > 0 {
            outbox::queue_staged(db, &staged.name())?;
        }
        Ok(changed > 0)
    })
}

/// Holds what cannot be delivered again, once its T_M has lapsed and no block can take it any more:
/// when a person has mended what keeps it, it is sealed anew.
pub(crate) fn give_up_lapsed(zone: &Zone, block_time: u64) -> Result<(), InnerError> {
    let lapsed = "again <> 0 AND state = ?1 AND reason = ?2 AND valid_until <= ?3";
    let these = (batch::SEALED, UNREPEATABLE, sql_time(block_time));
    let sql = format!("SELECT 1 FROM batches WHERE {lapsed}");
    if zone
        .store
        .read(|db| db.prepare_cached(&sql)?.exists(these))?
    {
        let sql = format!("UPDATE batches SET state = ?4, again = 0 WHERE {lapsed}");
        let (sealed, reason, time) = these;
        zone.store
            .write(|db| db.execute(&sql, (sealed, reason, time, batch::REFUSED)))?;
    }
    Ok(())
}

/// Whether a delivery was not taken and its seal is not final yet.
pub(crate) fn is_not_taken(db: &Connection) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM batches WHERE state = ?1 AND tries > 0 LIMIT 1")?
        .exists([batch::SEALED])
}
