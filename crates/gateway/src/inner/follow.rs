//! What the inner zone learns from the ledger: only what verifies against genesis.
//!
//! A block counts when the engine certified its header, the header follows the last one that
//! counted, and it commits to the transactions that lie beside it. Then results are facts: staff
//! enrolled or ended, cards registered, handed over or closed, seals final or refused. Everything
//! else in the incoming spool is dropped; a lying edge can delay, nothing more.

use medfolder_crypto::{from_cbor, to_cbor};
use medfolder_ledger::block::MAX_LEN;
use medfolder_ledger::body::{
    AnchorKey, Body, CARD_REPLACED, CloseCard, EnrolStaff, RegisterCard, RevokeReason, RevokeStaff,
    RotateCard, RotateStaff,
};
use medfolder_ledger::{Block, Header, Refusal, Transaction, TxId};
use medfolder_record::KeyId;
use rusqlite::{Connection, OptionalExtension};

use super::store::{batch, card, code, meta, set_meta, staff};
use super::zone::{Zone, sql_time};
use super::{InnerError, assign, cleanup, desk, keys, outbox, parted, refused, replaced, seal};
use crate::certified::Certified;
use crate::spool::Out;

const TRUSTED: &str = "header";
/// Blocks were lost between edge and inner zone.
pub(crate) const MISSING: &str = "inner.blocks_missing";

/// The newest header that counted.
pub(crate) fn trusted(db: &Connection) -> Result<Option<Header>, InnerError> {
    let bytes = meta(db, TRUSTED)?;
    Ok(bytes.map(|bytes| from_cbor(&bytes, MAX_LEN)).transpose()?)
}

/// What came of blocks from the spool.
#[derive(Clone, Copy, Default)]
pub(crate) struct Took {
    /// Some counted.
    pub(crate) any: bool,
    /// One stands behind others that never came.
    pub(crate) gap: bool,
}

/// Takes blocks from the spool with one step.
pub(crate) fn take(zone: &Zone, blocks: &[minicbor::bytes::ByteVec]) -> Result<Took, InnerError> {
    let mut head = zone.store.read(trusted)?;
    let (mut counted, mut gap) = (Vec::new(), false);
    for bytes in blocks {
        let Ok(certified) = from_cbor::<Certified>(bytes, MAX_LEN) else {
            tracing::warn!(
                code = "inner.block_malformed",
                "a block from the edge is dropped"
            );
            continue;
        };
        gap |= certified.block.header.height > next(head.as_ref());
        if follows(zone, &certified, head.as_ref()) {
            head = Some(certified.block.header.clone());
            counted.push(certified.block);
        }
    }
    let Some(head) = head.filter(|_| !counted.is_empty()) else {
        return Ok(Took { any: false, gap });
    };
    let files = zone.store.write(|db| {
        let mut files = Vec::new();
        for block in &counted {
            apply(zone, db, block, &mut files)?;
        }
        set_meta(db, TRUSTED, &to_cbor(&head))?;
        Ok::<_, InnerError>(files)
    })?;
    cleanup::shred_files(zone, &files);
    if zone.store.read(|db| zone.seals.follow(db))? {
        seal::resign_all(zone)?;
    }
    Ok(Took { any: true, gap })
}

fn next(head: Option<&Header>) -> u64 {
    head.map_or(0, |head| head.height.saturating_add(1))
}

/// Asks the edge for the blocks behind the newest that counted: they were lost on their way.
pub(crate) fn ask_again(zone: &Zone) -> Result<(), InnerError> {
    zone.store.write(|db| {
        let from = next(trusted(db)?.as_ref());
        tracing::warn!(code = MISSING, from, "blocks are asked for again");
        Ok(outbox::queue(db, &Out::Wanted(from))?)
    })
}

/// Whether a block is the next one that counts.
fn follows(zone: &Zone, certified: &Certified, head: Option<&Header>) -> bool {
    let height = certified.block.header.height;
    if head.is_some_and(|head| height <= head.height) {
        // Seen before: the edge sends again what it is not sure of.
        return false;
    }
    match certified.verify(&zone.chain, head) {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(code = error.code(), height, "a block is dropped");
            false
        }
    }
}

/// Applies a block; `files` are those that are not needed once this is durable.
fn apply(
    zone: &Zone,
    db: &Connection,
    block: &Block,
    files: &mut Vec<String>,
) -> Result<(), InnerError> {
    for stored in &block.transactions {
        let Ok(transaction) = Transaction::from_bytes(&stored.bytes) else {
            continue;
        };
        if !is_ours(zone, &transaction.body) {
            continue;
        }
        let id = transaction.id(&zone.chain);
        match Refusal::of(stored.result) {
            None if stored.result == 0 => {
                let time = block.header.time;
                match &transaction.body {
                    Body::Seal(_) => files.extend(sealed(db, &id)?),
                    body => accepted(zone, db, body, &id, time)?,
                }
            }
            refusal => {
                let one = refused::Refused {
                    bytes: &stored.bytes,
                    id,
                    refusal,
                };
                refused::note(zone, db, &transaction.body, &one, block.header.time)?;
            }
        }
    }
    Ok(())
}

fn is_ours(zone: &Zone, body: &Body) -> bool {
    let member = match body {
        Body::EnrolStaff(body) => body.member,
        Body::RotateStaff(body) => body.member,
        Body::RevokeStaff(body) => body.member,
        Body::RegisterCard(body) => body.member,
        Body::RotateCard(body) => body.member,
        Body::CloseCard(body) => body.member,
        Body::RotateMemberKey(body) => body.member,
        Body::Seal(body) => body.member,
        Body::Anchor(body) if (body.kind.as_str(), body.by) == (CARD_REPLACED, AnchorKey::Seal) => {
            body.member
        }
        _ => return false,
    };
    member == zone.member()
}

fn accepted(
    zone: &Zone,
    db: &Connection,
    body: &Body,
    id: &TxId,
    time: u64,
) -> Result<(), InnerError> {
    match body {
        Body::EnrolStaff(body) => enrolled(zone, db, body),
        Body::RotateStaff(body) => rotated_staff(zone, db, body, time),
        Body::RevokeStaff(body) => revoked(db, body, time),
        Body::RegisterCard(body) => registered(zone, db, body, id, time),
        Body::RotateCard(body) => rotated(zone, db, body, time),
        Body::CloseCard(body) => closed(db, body),
        Body::RotateMemberKey(body) => Ok(keys::rotated(db, body)?),
        Body::Anchor(body) => replaced::anchored(zone, db, body),
        _ => Ok(()),
    }
}

fn enrolled(zone: &Zone, db: &Connection, body: &EnrolStaff) -> Result<(), InnerError> {
    let key = KeyId::of(zone.suite(), &body.signing);
    db.execute(
        "UPDATE staff SET state = ?2, valid_from = ?3, valid_until = ?4, tx = x''
         WHERE key = ?1 AND state IN (?5, ?6)",
        (
            key.as_bytes(),
            staff::ENROLLED,
            sql_time(body.from),
            sql_time(body.until),
            staff::SUBMITTED,
            staff::REFUSED,
        ),
    )?;
    Ok(())
}

fn end_staff(db: &Connection, key: &KeyId, state: i64, time: u64) -> Result<(), InnerError> {
    db.execute(
        "UPDATE staff SET tx = x'', ended = CASE WHEN state = ?4 THEN ended ELSE ?3 END, state = ?2
         WHERE key = ?1 AND state <= ?2",
        (key.as_bytes(), state, sql_time(time), staff::ENDED),
    )?;
    assign::unassign(db, key)
}

fn revoked(db: &Connection, body: &RevokeStaff, time: u64) -> Result<(), InnerError> {
    let state = match body.reason {
        RevokeReason::Ended => staff::ENDED,
        RevokeReason::Compromised => staff::COMPROMISED,
    };
    end_staff(db, &body.key, state, time)
}

fn rotated_staff(
    zone: &Zone,
    db: &Connection,
    body: &RotateStaff,
    time: u64,
) -> Result<(), InnerError> {
    let new = KeyId::of(zone.suite(), &body.signing);
    db.execute(
        "INSERT OR IGNORE INTO staff (key, state, name_ix, licence_ix, signing, details,
           valid_from, valid_until, ended, tx, tx_id, tx_until)
         SELECT ?2, ?3, name_ix, licence_ix, ?4, details, ?5, ?6, 0, x'', x'', 0
         FROM staff WHERE key = ?1",
        (
            body.key.as_bytes(),
            new.as_bytes(),
            staff::ENROLLED,
            body.signing.as_bytes(),
            sql_time(time),
            sql_time(body.until),
        ),
    )?;
    end_staff(db, &body.key, staff::ENDED, time)
}

fn registered(
    zone: &Zone,
    db: &Connection,
    body: &RegisterCard,
    id: &TxId,
    time: u64,
) -> Result<(), InnerError> {
    let patient: Option<i64> = db
        .prepare_cached("SELECT patient FROM codes WHERE tx_id = ?1 AND state = ?2")?
        .query_row((&id.0, code::CONFIRMED), |row| row.get(0))
        .optional()?;
    let Some(patient) = patient else {
        return Ok(());
    };
    let number = body.number(zone.suite());
    replaced::follow(zone, db, patient, (&number, &body.encryption), time)?;
    desk::forget_confirmed(db, id)
}

/// A card's successor takes its place, whether seals name it already or will.
fn rotated(zone: &Zone, db: &Connection, body: &RotateCard, time: u64) -> Result<(), InnerError> {
    let row: Option<(i64, i64)> = db
        .prepare_cached("SELECT patient, live FROM cards WHERE card = ?1")?
        .query_row([body.card.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((patient, live)) = row.filter(|(_, live)| *live != card::ENDED) else {
        return Ok(());
    };
    let successor = body.successor(zone.suite());
    parted::follow(db, patient, &body.card, &successor)?;
    replaced::succeed(zone, db, (&body.card, live), &successor)?;
    db.execute(
        "INSERT OR REPLACE INTO cards (card, patient, encryption, live, since)
         VALUES (?1, ?2, ?3, ?4, ?5)",
        (
            successor.as_bytes(),
            patient,
            body.encryption.as_bytes(),
            live,
            sql_time(time),
        ),
    )?;
    Ok(replaced::unhold(db, patient)?)
}

fn closed(db: &Connection, body: &CloseCard) -> Result<(), InnerError> {
    db.execute(
        "UPDATE cards SET live = 0 WHERE card = ?1",
        [body.card.as_bytes()],
    )?;
    Ok(())
}

fn sealed(db: &Connection, id: &TxId) -> Result<Vec<String>, InnerError> {
    let batch: Option<i64> = db
        .prepare_cached("SELECT id FROM batches WHERE tx_id = ?1")?
        .query_row([&id.0], |row| row.get(0))
        .optional()?;
    let Some(batch) = batch else {
        return Ok(Vec::new());
    };
    db.prepare_cached(
        "UPDATE batches SET state = ?2, reason = '', tx = x'', seal_key = x'', message = '',
           again = 0, tries = 0 WHERE id = ?1",
    )?
    .execute((batch, batch::FINAL))?;
    cleanup::forget_drafts(db, batch)
}

/// Height and time of the newest block that counted.
pub(crate) fn head(zone: &Zone) -> Result<Option<(u64, u64)>, InnerError> {
    Ok(zone
        .store
        .read(trusted)?
        .map(|header| (header.height, header.time)))
}
