//! What the zone's index says.

use medfolder_crypto::Digest;
use medfolder_record::{CardNumber, RecordId, VisitId};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use crate::edge::db::{digest, int, number};

/// A stored record.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) id: RecordId,
    pub(crate) card: CardNumber,
    pub(crate) visit: VisitId,
    pub(crate) seq: u32,
    pub(crate) k: u16,
    pub(crate) envelope: Digest,
    /// Whether its seal is in a block.
    pub(crate) sealed: bool,
    /// 0 nothing found, else the ledger's number of the finding that was reported.
    pub(crate) finding: u8,
}

/// A stored attachment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attachment {
    pub(crate) j: u32,
    pub(crate) blob: Digest,
    pub(crate) size: u64,
}

const COLUMNS: &str = "id, card, visit, seq, k, envelope, final, finding";

fn record_of(row: &Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record {
        id: RecordId(digest(row, 0)?),
        card: CardNumber(digest(row, 1)?),
        visit: VisitId(row.get(2)?),
        seq: row.get(3)?,
        k: row.get(4)?,
        envelope: digest(row, 5)?,
        sealed: row.get(6)?,
        finding: row.get(7)?,
    })
}

/// A record by its id.
pub(crate) fn record(connection: &Connection, id: &RecordId) -> rusqlite::Result<Option<Record>> {
    let sql = format!("SELECT {COLUMNS} FROM record WHERE id = ?1");
    connection
        .prepare_cached(&sql)?
        .query_row(params![id.as_bytes()], record_of)
        .optional()
}

/// Up to `limit` records after `id`, in order: how the audit walks.
pub(crate) fn after(
    connection: &Connection,
    id: &[u8],
    limit: u32,
) -> rusqlite::Result<Vec<Record>> {
    let sql = format!("SELECT {COLUMNS} FROM record WHERE id > ?1 ORDER BY id LIMIT ?2");
    connection
        .prepare_cached(&sql)?
        .query_map(params![id, limit], record_of)?
        .collect()
}

/// The records of a seal in the order of its leaves.
pub(crate) fn of_seal(
    connection: &Connection,
    visit: &VisitId,
    seq: u32,
) -> rusqlite::Result<Vec<Record>> {
    let sql = format!("SELECT {COLUMNS} FROM record WHERE visit = ?1 AND seq = ?2 ORDER BY k");
    connection
        .prepare_cached(&sql)?
        .query_map(params![visit.0, seq], record_of)?
        .collect()
}

/// A seal is final: its records stay, what was delivered under its name before goes.
pub(crate) fn seal_final(
    t: &Transaction<'_>,
    visit: &VisitId,
    seq: u32,
    leaves: &[RecordId],
) -> rusqlite::Result<()> {
    let mut note = t.prepare_cached("UPDATE record SET final = 1 WHERE id = ?1")?;
    for leaf in leaves {
        note.execute(params![leaf.as_bytes()])?;
    }
    t.execute(
        "DELETE FROM record WHERE visit = ?1 AND seq = ?2 AND final = 0",
        params![visit.0, seq],
    )?;
    Ok(())
}

/// Notes what the audit found, or 0 when it found all in order.
pub(crate) fn note_finding(
    t: &Transaction<'_>,
    id: &RecordId,
    finding: u8,
) -> rusqlite::Result<()> {
    t.execute(
        "UPDATE record SET finding = ?2, report = NULL WHERE id = ?1",
        params![id.as_bytes(), finding],
    )?;
    Ok(())
}

/// Sealed records with a finding that no report carries yet.
pub(crate) fn found(connection: &Connection) -> rusqlite::Result<Vec<Record>> {
    let sql =
        format!("SELECT {COLUMNS} FROM record WHERE finding <> 0 AND final = 1 AND report IS NULL");
    connection
        .prepare_cached(&sql)?
        .query_map([], record_of)?
        .collect()
}

/// Notes which report carries a record's finding.
pub(crate) fn note_report(
    t: &Transaction<'_>,
    id: &RecordId,
    report: Option<&Digest>,
) -> rusqlite::Result<()> {
    let report = report.map(|report| report.0);
    t.execute(
        "UPDATE record SET report = ?2 WHERE id = ?1",
        params![id.as_bytes(), report],
    )?;
    Ok(())
}

/// Frees the findings of a report that lapsed.
pub(crate) fn release_report(t: &Transaction<'_>, report: &Digest) -> rusqlite::Result<()> {
    t.execute(
        "UPDATE record SET report = NULL WHERE report = ?1",
        params![report.0],
    )?;
    Ok(())
}

/// Stores a record's entry; again is no error.
pub(crate) fn put(
    t: &Transaction<'_>,
    record: &Record,
    size: u64,
    now: u64,
) -> rusqlite::Result<()> {
    t.prepare_cached(
        "INSERT INTO record (id, card, visit, seq, k, envelope, size, stored_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (id) DO UPDATE SET envelope = excluded.envelope, size = excluded.size,
         finding = 0",
    )?
    .execute(params![
        record.id.as_bytes(),
        record.card.as_bytes(),
        record.visit.0,
        record.seq,
        record.k,
        record.envelope.0,
        int(size),
        int(now)
    ])?;
    Ok(())
}

/// Stores an attachment's entry; again is no error.
pub(crate) fn put_attachment(
    t: &Transaction<'_>,
    record: &RecordId,
    attachment: &Attachment,
) -> rusqlite::Result<()> {
    t.prepare_cached(
        "INSERT INTO attachment (record, j, blob, size) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (record, j) DO UPDATE SET blob = excluded.blob, size = excluded.size",
    )?
    .execute(params![
        record.as_bytes(),
        attachment.j,
        attachment.blob.0,
        int(attachment.size)
    ])?;
    Ok(())
}

/// A record's attachments, in order.
pub(crate) fn attachments(
    connection: &Connection,
    record: &RecordId,
) -> rusqlite::Result<Vec<Attachment>> {
    connection
        .prepare_cached("SELECT j, blob, size FROM attachment WHERE record = ?1 ORDER BY j")?
        .query_map(params![record.as_bytes()], |row| {
            Ok(Attachment {
                j: row.get(0)?,
                blob: digest(row, 1)?,
                size: number(row, 2)?,
            })
        })?
        .collect()
}

/// The slot of a seal for a card.
pub(crate) fn slot(
    connection: &Connection,
    visit: &VisitId,
    seq: u32,
    card: &CardNumber,
) -> rusqlite::Result<Option<Vec<u8>>> {
    connection
        .prepare_cached("SELECT slot FROM slot WHERE visit = ?1 AND seq = ?2 AND card = ?3")?
        .query_row(params![visit.0, seq, card.as_bytes()], |row| row.get(0))
        .optional()
}

/// Stores a slot in place of an earlier one for the same card.
pub(crate) fn put_slot(
    t: &Transaction<'_>,
    visit: &VisitId,
    seq: u32,
    card: &CardNumber,
    slot: &[u8],
    now: u64,
) -> rusqlite::Result<()> {
    t.prepare_cached(
        "INSERT INTO slot (visit, seq, card, slot, put_at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (visit, seq, card) DO UPDATE SET slot = excluded.slot,
         put_at = excluded.put_at",
    )?
    .execute(params![visit.0, seq, card.as_bytes(), slot, int(now)])?;
    Ok(())
}

/// The card that a seal was made for.
pub(crate) fn card_of_seal(
    connection: &Connection,
    visit: &VisitId,
    seq: u32,
) -> rusqlite::Result<Option<CardNumber>> {
    connection
        .prepare_cached("SELECT card FROM record WHERE visit = ?1 AND seq = ?2 LIMIT 1")?
        .query_row(params![visit.0, seq], |row| digest(row, 0))
        .optional()
        .map(|card| card.map(CardNumber))
}
