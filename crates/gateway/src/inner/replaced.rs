//! A patient who links a second card: the hospital's seals name one card at a time.
//!
//! ```text
//! T_R of the new card is on the ledger    the old one's seals go on; "card-replaced" is anchored for it
//! the anchor is on the ledger             seals name the new card from now on
//! ```
//! In this order, so that no edge can have records sealed for the new card and keep from the old
//! one's holder that her list has ended: her device asks the ledger, with proof, whether there is
//! such an anchor. What is not sealed by then parts from what was ([`parted`](super::parted)).

use medfolder_crypto::PublicKeyBytes;
use medfolder_ledger::TxId;
use medfolder_ledger::body::Anchor;
use medfolder_record::CardNumber;
use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};

use super::InnerError;
use super::outbox;
use super::parted;
use super::store::card;
use super::zone::{Zone, sql_time, time_of};
use crate::spool::Out;

/// A card that is linked to a patient already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Linked {
    /// Its number.
    pub card: CardNumber,
    /// Block time of its registration in milliseconds, 0 unknown.
    pub since: u64,
}

/// The card that a patient's records reach now; the newest when one is just being replaced.
pub(crate) fn linked(db: &Connection, patient: i64) -> Result<Option<Linked>, InnerError> {
    let row: Option<([u8; 32], i64)> = db
        .prepare_cached(
            "SELECT card, since FROM cards WHERE patient = ?1 AND live <> ?2
             ORDER BY live DESC, rowid DESC LIMIT 1",
        )?
        .query_row((patient, card::ENDED), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(row.map(|(number, since)| Linked {
        card: CardNumber(medfolder_crypto::Digest(number)),
        since: time_of(since),
    }))
}

/// A new card of a patient is on the ledger: hers at once, or when the ledger says that those
/// before it are replaced.
pub(crate) fn follow(
    zone: &Zone,
    db: &Connection,
    patient: i64,
    new: (&CardNumber, &PublicKeyBytes),
    time: u64,
) -> Result<(), InnerError> {
    let (number, encryption) = new;
    let before: Vec<[u8; 32]> = db
        .prepare_cached("SELECT card FROM cards WHERE patient = ?1 AND live <> ?2 AND card <> ?3")?
        .query_map((patient, card::ENDED, number.as_bytes()), |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    db.execute(
        "INSERT OR REPLACE INTO cards (card, patient, encryption, live, since)
         VALUES (?1, ?2, ?3, ?4, ?5)",
        (
            number.as_bytes(),
            patient,
            encryption.as_bytes(),
            card::NEXT,
            sql_time(time),
        ),
    )?;
    for old in before {
        announce(zone, db, &CardNumber(medfolder_crypto::Digest(old)))?;
    }
    make_live(zone, db, patient)
}

fn announce(zone: &Zone, db: &Connection, old: &CardNumber) -> Result<(), InnerError> {
    let anchor = Anchor::of_replaced(zone.suite(), zone.member(), old);
    let digest = anchor.digest;
    let signed = outbox::sign(zone, anchor)?;
    let new = db.execute(
        "INSERT OR IGNORE INTO replaced (card, digest, tx, tx_id, tx_until)
         VALUES (?1, ?2, ?3, ?4, ?5)",
        (
            old.as_bytes(),
            digest.0,
            &signed.bytes,
            &signed.id.0,
            sql_time(signed.valid_until),
        ),
    )?;
    if new > 0 {
        outbox::queue(db, &Out::Tx(signed.bytes))?;
    }
    Ok(())
}

/// The ledger holds this anchor: the card that it is about is replaced.
pub(crate) fn anchored(zone: &Zone, db: &Connection, anchor: &Anchor) -> Result<(), InnerError> {
    let patient: Option<i64> = db
        .prepare_cached(
            "SELECT patient FROM cards WHERE card = (SELECT card FROM replaced WHERE digest = ?1)",
        )?
        .query_row([anchor.digest.0], |row| row.get(0))
        .optional()?;
    let Some(patient) = patient else {
        return Ok(());
    };
    db.execute(
        "UPDATE cards SET live = ?2 WHERE card = (SELECT card FROM replaced WHERE digest = ?1)",
        (anchor.digest.0, card::ENDED),
    )?;
    db.execute("DELETE FROM replaced WHERE digest = ?1", [anchor.digest.0])?;
    make_live(zone, db, patient)
}

/// Once no card of the patient waits for its anchor, seals name the newest.
fn make_live(zone: &Zone, db: &Connection, patient: i64) -> Result<(), InnerError> {
    let made = db.execute(
        "UPDATE cards SET live = ?2 WHERE rowid = (
           SELECT rowid FROM cards WHERE patient = ?1 AND live = ?3 ORDER BY rowid DESC LIMIT 1)
         AND NOT EXISTS (SELECT 1 FROM replaced r JOIN cards c ON c.card = r.card
           WHERE c.patient = ?1)",
        (patient, card::LIVE, card::NEXT),
    )?;
    if made > 0 {
        parted::part(zone, db, patient)?;
        unhold(db, patient)?;
    }
    Ok(())
}

/// A card was rotated: it ends, and when another one is to replace it the ledger has to say of its
/// successor, too, that it is replaced.
pub(crate) fn succeed(
    zone: &Zone,
    db: &Connection,
    (old, live): (&CardNumber, i64),
    successor: &CardNumber,
) -> Result<(), InnerError> {
    let ended = "UPDATE cards SET live = ?2 WHERE card = ?1";
    db.execute(ended, (old.as_bytes(), card::ENDED))?;
    let is_replaced = db
        .prepare_cached("SELECT 1 FROM replaced WHERE card = ?1")?
        .exists([old.as_bytes()])?;
    if live == card::LIVE && is_replaced {
        announce(zone, db, successor)?;
    }
    Ok(())
}

/// Visits that waited for a card need wait no longer.
pub(crate) fn unhold(db: &Connection, patient: i64) -> rusqlite::Result<()> {
    db.execute(
        "UPDATE batches SET reason = '' WHERE reason = 'card.none' AND visit IN
           (SELECT id FROM visits WHERE patient = ?1)",
        [patient],
    )
    .map(drop)
}

/// The ledger refused the anchor for a reason other than that it holds it: tried again at `again`.
pub(crate) fn refused(
    db: &Connection,
    id: &TxId,
    bytes: &[u8],
    again: i64,
) -> rusqlite::Result<()> {
    db.execute(
        "UPDATE replaced SET tx_until = ?3 WHERE tx_id = ?1 AND tx = ?2",
        (&id.0, bytes, again),
    )
    .map(drop)
}
