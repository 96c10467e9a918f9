//! When a patient's records go to another card that does not follow the first by rotation, what is not
//! sealed yet parts from what was.
//!
//! ```text
//! visit of the first card             stays with it; what belongs to it later is a visit of its own
//! correction of the first card's      stands alone, as a first version: the ledger takes no replacement
//! record                              across cards, and the second device has no record that it replaces
//! ```
//! Statement and content root say both, so such records are signed once more. The document itself still
//! names what it corrects (`relatesTo`). What a block refuses because a visit or a replaced record is
//! another card's parts in the same way: nothing waits for a person.

use medfolder_crypto::os_rng;
use medfolder_record::{CardNumber, VisitId};
use rusqlite::Connection;

use super::InnerError;
use super::store::{batch, record};
use super::zone::Zone;

/// A card was rotated: what was sealed for it is its successor's.
pub(crate) fn follow(
    db: &Connection,
    patient: i64,
    old: &CardNumber,
    new: &CardNumber,
) -> rusqlite::Result<()> {
    db.execute(
        "UPDATE batches SET card = ?3
         WHERE card = ?2 AND visit IN (SELECT id FROM visits WHERE patient = ?1)",
        (patient, old.as_bytes(), new.as_bytes()),
    )
    .map(drop)
}

/// Parts what a batch's patient has from what was sealed for other cards; says whether the batch was
/// part of that, so that it is signed once more.
pub(crate) fn part_batch(zone: &Zone, db: &Connection, batch: i64) -> Result<bool, InnerError> {
    let patient = db
        .prepare_cached(
            "SELECT v.patient FROM batches b JOIN visits v ON v.id = b.visit WHERE b.id = ?1",
        )?
        .query_row([batch], |row| row.get(0))?;
    part(zone, db, patient)?;
    Ok(db
        .prepare_cached("SELECT 1 FROM records WHERE batch = ?1 AND state = ?2")?
        .exists((batch, record::NO_KEY))?)
}

/// Sealed or final, for another card than the patient's live one.
const OTHERS: &str = "b.state IN (1, 2) AND b.card NOT IN
   (SELECT card FROM cards WHERE patient = :patient AND live = 1)";

/// Parts what a patient's present card gets from what was sealed for others.
pub(crate) fn part(zone: &Zone, db: &Connection, patient: i64) -> Result<(), InnerError> {
    let sql = format!(
        "UPDATE records SET parted = 1 WHERE patient = :patient
           AND batch IN (SELECT b.id FROM batches b JOIN visits v ON v.id = b.visit
             WHERE v.patient = :patient AND {OTHERS})"
    );
    let parted = db.execute(&sql, rusqlite::named_params! {":patient": patient})?;
    if parted == 0 {
        return Ok(());
    }
    let last: i64 = db.query_row("SELECT max(id) FROM visits", [], |row| row.get(0))?;
    let sql = format!(
        "SELECT id, source_ix, visit FROM visits WHERE patient = :patient
           AND EXISTS (SELECT 1 FROM batches b WHERE b.visit = visits.id AND {OTHERS})"
    );
    let visits: Vec<(i64, [u8; 32], [u8; 16])> = db
        .prepare(&sql)?
        .query_map(rusqlite::named_params! {":patient": patient}, |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?
        .collect::<Result<_, _>>()?;
    for (id, source, visit) in visits {
        leave_visit(zone, db, id, &source, &visit)?;
    }
    let again = sign_again(db, patient, last)?;
    tracing::info!(records = again, "records part from those of another card");
    Ok(())
}

/// From now on the hospital's visit is another one here; what is not sealed yet moves there.
fn leave_visit(
    zone: &Zone,
    db: &Connection,
    id: i64,
    source: &[u8; 32],
    visit: &[u8; 16],
) -> Result<(), InnerError> {
    let left = zone.key.index("parted visit", &[source, visit]);
    db.execute(
        "UPDATE visits SET source_ix = ?2 WHERE id = ?1",
        (id, left.0),
    )?;
    let waits = "visit = ?1 AND state IN (?2, ?3)";
    let states = (id, batch::OPEN, batch::REFUSED);
    let sql = format!("SELECT 1 FROM batches WHERE {waits}");
    if db.prepare(&sql)?.exists(states)? {
        db.execute(
            "INSERT INTO visits (source_ix, visit, patient, start)
             SELECT ?2, ?3, patient, start FROM visits WHERE id = ?1",
            (id, source, VisitId::random(&mut os_rng()).0),
        )?;
        let new = db.last_insert_rowid();
        db.execute(
            &format!("UPDATE batches SET visit = ?4 WHERE {waits}"),
            (id, batch::OPEN, batch::REFUSED, new),
        )?;
    }
    Ok(())
}

/// Takes signer and statement from records that moved to a visit after `last`, that replace what
/// parted, and that replace one of these; returns how many.
fn sign_again(db: &Connection, patient: i64, last: i64) -> rusqlite::Result<usize> {
    db.execute(
        "WITH RECURSIVE again (id) AS (
           SELECT r.id FROM records r JOIN batches b ON b.id = r.batch
             LEFT JOIN records o ON o.id = r.replaces
             WHERE r.patient = ?1 AND b.state IN (?3, ?4) AND (b.visit > ?2 OR o.parted = 1)
           UNION
           SELECT r.id FROM records r JOIN again ON r.replaces = again.id WHERE r.patient = ?1)
         UPDATE records SET state = ?5, reason = '', key = x'', root = x'', replaces = 0,
           signature = x'' WHERE id IN (SELECT id FROM again)",
        (patient, last, batch::OPEN, batch::REFUSED, record::NO_KEY),
    )
}
