//! What the ledger refused: what may pass is signed again by itself, the rest waits for a person.
//!
//! ```text
//! time behind, expired            signed again at once, marked late
//! card handed over or closed      sealed afresh for the card that follows
//! visit or replaced record is     begun anew, to be signed and sealed for the present card
//! another card's
//! clock ahead, key being rotated,
//! member suspended, area or
//! release policy not there yet    signed again every minute of block time; `retried` in the status
//! anything else                   held with its code until somebody asks to try again
//! ```

use medfolder_ledger::body::Body;
use medfolder_ledger::{Refusal, TxId};
use rusqlite::{Connection, OptionalExtension};

use super::store::{batch, code, record, staff};
use super::zone::{Zone, sql_time};
use super::{InnerError, parted, replaced, seal};

/// Block time between two tries of what may pass.
const RETRY: u64 = 60 * 1_000;

/// A refused transaction. Its id does not cover its signatures: the bytes say whether it is the one
/// that was sent or somebody's copy of it.
pub(crate) struct Refused<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) id: TxId,
    pub(crate) refusal: Option<Refusal>,
}

/// Notes a refusal of one of our transactions; `time` is its block's.
pub(crate) fn note(
    zone: &Zone,
    db: &Connection,
    body: &Body,
    one: &Refused<'_>,
    time: u64,
) -> Result<(), InnerError> {
    let refusal = one.refusal;
    let reason = refusal.map_or("ledger.refused", Refusal::code);
    if refusal == Some(Refusal::Replayed) {
        // The same transaction was accepted before.
        return Ok(());
    }
    let again = refusal.filter(|refusal| may_pass(*refusal));
    let again = again.map(|_| sql_time(time.saturating_add(RETRY)));
    match body {
        Body::Seal(_) => refused_seal(zone, db, one, again),
        Body::EnrolStaff(_) | Body::RevokeStaff(_) => {
            tracing::warn!(code = reason, "the ledger refused a change of staff");
            Ok(refused_staff(db, one, again)?)
        }
        Body::RegisterCard(_) => {
            tracing::warn!(code = reason, "the ledger refused a card");
            db.execute(
                "UPDATE codes SET state = ?3 WHERE tx_id = ?1 AND tx = ?2",
                (&one.id.0, one.bytes, code::REFUSED),
            )?;
            Ok(())
        }
        Body::Anchor(anchor) if refusal == Some(Refusal::AnchorExists) => {
            replaced::anchored(zone, db, anchor)
        }
        Body::Anchor(_) => {
            tracing::warn!(code = reason, "the ledger refused that a card is replaced");
            let again = sql_time(time.saturating_add(RETRY));
            Ok(replaced::refused(db, &one.id, one.bytes, again)?)
        }
        _ => Ok(()),
    }
}

/// Whether what the ledger refused may be accepted later as it stands.
const fn may_pass(refusal: Refusal) -> bool {
    matches!(
        refusal,
        Refusal::SealAhead
            | Refusal::ValidUntil
            | Refusal::Signature
            | Refusal::MemberSuspended
            | Refusal::AreaUnknown
            | Refusal::SealPolicy
    )
}

fn refused_staff(db: &Connection, one: &Refused<'_>, again: Option<i64>) -> rusqlite::Result<()> {
    if let Some(again) = again {
        return db
            .execute(
                "UPDATE staff SET tx_until = ?3 WHERE tx_id = ?1 AND tx = ?2",
                (&one.id.0, one.bytes, again),
            )
            .map(drop);
    }
    db.execute(
        "UPDATE staff SET tx = x'', state = CASE WHEN state = ?4 THEN ?3 ELSE state END
         WHERE tx_id = ?1 AND tx = ?2",
        (&one.id.0, one.bytes, staff::REFUSED, staff::SUBMITTED),
    )
    .map(drop)
}

fn refused_seal(
    zone: &Zone,
    db: &Connection,
    one: &Refused<'_>,
    again: Option<i64>,
) -> Result<(), InnerError> {
    let found: Option<(i64, Vec<u8>)> = db
        .prepare_cached("SELECT id, tx FROM batches WHERE tx_id = ?1 AND tx = ?2 AND state = ?3")?
        .query_row((&one.id.0, one.bytes, batch::SEALED), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let Some((batch, tx)) = found else {
        return Ok(());
    };
    let (id, refusal) = (&one.id, one.refusal);
    let reason = refusal.map_or("ledger.refused", Refusal::code);
    match (refusal, again) {
        (Some(Refusal::SealBehind | Refusal::Expired), _) => seal::resign_late(zone, db, id, &tx),
        // The card was handed over or closed meanwhile: sealed afresh for the one that follows.
        (Some(Refusal::CardRotated | Refusal::CardClosed), _) => afresh(db, batch, reason),
        (Some(Refusal::SealVisitCard | Refusal::SealReplacedCard), _) => {
            afresh(db, batch, "")?;
            if !parted::part_batch(zone, db, batch)? {
                hold(db, batch, reason)?;
            }
            Ok(())
        }
        (_, Some(again)) => {
            tracing::warn!(code = reason, "the ledger refused a seal for now");
            db.execute(
                "UPDATE batches SET reason = ?2, valid_until = ?3 WHERE id = ?1",
                (batch, reason, again),
            )?;
            Ok(())
        }
        (_, None) => Ok(hold(db, batch, reason)?),
    }
}

fn hold(db: &Connection, batch: i64, reason: &str) -> rusqlite::Result<()> {
    tracing::warn!(code = reason, "the ledger refused a seal");
    db.execute(
        "UPDATE batches SET state = ?2, reason = ?3 WHERE id = ?1",
        (batch, batch::REFUSED, reason),
    )
    .map(drop)
}

/// Opens a batch again that was refused, to be sealed anew and late.
pub(crate) fn afresh(db: &Connection, batch: i64, reason: &str) -> Result<(), InnerError> {
    db.execute(
        "UPDATE batches SET state = ?2, reason = ?3, seq = -1, tx = x'', tx_id = x'',
           valid_until = 0, late = 1, seal_key = x'', message = '', again = 0, tries = 0,
           card = x'' WHERE id = ?1",
        (batch, batch::OPEN, reason),
    )?;
    db.execute(
        "UPDATE records SET state = ?2, k = -1, leaf = x'', parted = 0
         WHERE batch = ?1 AND state = ?3",
        (batch, record::SIGNED, record::SEALED),
    )?;
    Ok(())
}

/// Opens every batch again that the ledger refused for good, because somebody says that its reason
/// is gone; returns how many.
pub(crate) fn retry(db: &Connection) -> Result<usize, InnerError> {
    let refused: Vec<i64> = db
        .prepare("SELECT id FROM batches WHERE state = ?1")?
        .query_map([batch::REFUSED], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for batch in &refused {
        afresh(db, *batch, "")?;
    }
    Ok(refused.len())
}
