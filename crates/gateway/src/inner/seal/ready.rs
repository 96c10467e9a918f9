//! Which batches can be sealed.

use medfolder_crypto::{Digest, PublicKeyBytes};
use medfolder_record::{CardNumber, VisitId};

use crate::inner::InnerError;
use crate::inner::store::{batch, record};
use crate::inner::zone::{Zone, sql_time};

/// A batch whose records are all signed and whose patient has a card.
pub(super) struct Ready {
    pub(super) id: i64,
    pub(super) added: i64,
    pub(super) late: bool,
    pub(super) visit: VisitId,
    pub(super) seq: u32,
    pub(super) card: CardNumber,
    pub(super) encryption: PublicKeyBytes,
}

/// Complete: quiet, every record signed, earlier batches of the visit final, and every record
/// that is replaced final or in the same batch.
const COMPLETE: &str = "b.state = 0 AND b.added <= :quiet
  AND NOT EXISTS (SELECT 1 FROM records r WHERE r.batch = b.id AND r.state <> 2)
  AND NOT EXISTS (SELECT 1 FROM batches e WHERE e.visit = b.visit AND e.id < b.id AND e.state <> 2)
  AND NOT EXISTS (SELECT 1 FROM records r JOIN records o ON o.id = r.replaces
                  JOIN batches ob ON ob.id = o.batch
                  WHERE r.batch = b.id AND o.batch <> b.id AND ob.state <> 2)";

fn quiet(zone: &Zone) -> i64 {
    sql_time(zone.now().saturating_sub(zone.config.tuning.quiet))
}

/// Marks complete visits of patients without a card: they wait, and are late when they are sealed.
pub(super) fn note_missing_cards(zone: &Zone) -> Result<(), InnerError> {
    let sql = format!(
        "UPDATE batches SET late = 1, reason = 'card.none' WHERE id IN (
           SELECT b.id FROM batches b JOIN visits v ON v.id = b.visit
           WHERE b.late = 0 AND {COMPLETE}
             AND NOT EXISTS (SELECT 1 FROM cards c WHERE c.patient = v.patient AND c.live = 1))"
    );
    let waiting = format!(
        "SELECT 1 FROM batches b JOIN visits v ON v.id = b.visit WHERE b.late = 0 AND {COMPLETE}
           AND NOT EXISTS (SELECT 1 FROM cards c WHERE c.patient = v.patient AND c.live = 1) LIMIT 1"
    );
    let quiet = quiet(zone);
    let any = zone.store.read(|db| {
        db.prepare_cached(&waiting)?
            .exists(rusqlite::named_params! {":quiet": quiet})
    })?;
    if any {
        zone.store.write(|db| {
            db.prepare_cached(&sql)?
                .execute(rusqlite::named_params! {":quiet": quiet})
        })?;
    }
    Ok(())
}

/// Batches that can be sealed, in the order of their visits.
pub(super) fn ready(zone: &Zone, limit: usize) -> Result<Vec<Ready>, InnerError> {
    let sql = format!(
        "SELECT b.id, b.added, b.late, v.visit,
           (SELECT count(*) FROM batches e WHERE e.visit = b.visit AND e.id < b.id),
           c.card, c.encryption
         FROM batches b JOIN visits v ON v.id = b.visit
         JOIN cards c ON c.patient = v.patient AND c.live = 1
         WHERE {COMPLETE} GROUP BY b.id ORDER BY v.start, b.id LIMIT {limit}"
    );
    let quiet = quiet(zone);
    zone.store.read(|db| {
        db.prepare_cached(&sql)?
            .query_map(rusqlite::named_params! {":quiet": quiet}, read_row)?
            .map(|row| row?.ok_or(InnerError::Damaged))
            .collect()
    })
}

fn read_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<Ready>> {
    let encryption: Vec<u8> = row.get(6)?;
    let Ok(encryption) = PublicKeyBytes::new(&encryption) else {
        return Ok(None);
    };
    Ok(Some(Ready {
        id: row.get(0)?,
        added: row.get(1)?,
        late: row.get::<_, i64>(2)? != 0,
        visit: VisitId(row.get(3)?),
        seq: u32::try_from(row.get::<_, i64>(4)?).unwrap_or(u32::MAX),
        card: CardNumber(Digest(row.get(5)?)),
        encryption,
    }))
}

/// Holds a visit back because of one record.
pub(super) fn hold(
    zone: &Zone,
    ready: &Ready,
    held: i64,
    code: &'static str,
) -> Result<(), InnerError> {
    tracing::warn!(visit = %ready.visit, code, "a visit is held");
    zone.store.write(|db| {
        db.execute(
            "UPDATE records SET state = ?2, reason = ?3 WHERE id = ?1 AND state = ?4",
            (held, record::HELD, code, record::SIGNED),
        )?;
        // Without a record to blame there is nothing to sign anew: an engineer looks.
        let state = if held == 0 {
            batch::REFUSED
        } else {
            batch::OPEN
        };
        db.execute(
            "UPDATE batches SET reason = ?2, state = ?4 WHERE id = ?1 AND state = ?3",
            (ready.id, code, batch::OPEN, state),
        )
    })?;
    Ok(())
}
