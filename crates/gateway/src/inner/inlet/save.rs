//! Drafts go into the database: new ones join the open batch of their visit, known ones are left.

use medfolder_crypto::{Digest, os_rng};
use medfolder_record::VisitId;
use rusqlite::{Connection, OptionalExtension, Transaction};

use super::prepare::{PreparedRecord, input_index};
use super::{Prepared, Taken};
use crate::inner::store::{batch, record};
use crate::inner::zone::{Zone, sql_time};
use crate::inner::{InnerError, assign};

/// Most records of one batch; T_M with lists of replaced records stays below a transaction's limit.
const MAX_BATCH: i64 = 128;

/// What became of this very file before, if it was taken in before.
pub(super) fn known(zone: &Zone, bytes: &[u8]) -> Result<Option<Taken>, InnerError> {
    let input = input_index(zone, bytes);
    zone.store.read(|db| {
        let records = db
            .prepare_cached("SELECT records FROM inputs WHERE input_ix = ?1")?
            .query_row([&input.0], |row| row.get::<_, i64>(0))
            .optional()?;
        let taken = |count| Taken {
            records: usize::try_from(count).unwrap_or(0),
            ..Taken::default()
        };
        Ok(records.map(taken))
    })
}

/// Saves a file; also returns the stored attachments that known records already have.
pub(crate) fn save(
    zone: &Zone,
    db: &Transaction<'_>,
    prepared: &Prepared,
    now: u64,
) -> Result<(Taken, Vec<String>), InnerError> {
    let patient = patient(db, prepared)?;
    let (mut taken, mut unused) = (Taken::default(), Vec::new());
    for visit in &prepared.visits {
        let (visit_id, visit_name) = visit_of(db, patient, &visit.source, visit.start)?;
        for record in &visit.records {
            taken.records += 1;
            if is_known(db, patient, record)? {
                unused.extend(record.files.iter().cloned());
                continue;
            }
            let id = insert(db, patient, visit_id, record, now)?;
            assign::assign(zone, db, id, visit_name, &record.draft, Some(&record.tree))?;
            taken.new += 1;
            taken.attachments += record.files.len();
        }
    }
    db.prepare_cached("INSERT OR REPLACE INTO inputs (input_ix, records, at) VALUES (?1, ?2, ?3)")?
        .execute((&prepared.input.0, taken.records as i64, sql_time(now)))?;
    db.prepare_cached("DELETE FROM rejected WHERE input_ix = ?1")?
        .execute([&prepared.input.0])?;
    Ok((taken, unused))
}

fn patient(db: &Connection, prepared: &Prepared) -> rusqlite::Result<i64> {
    db.prepare_cached("INSERT OR IGNORE INTO patients (token_ix, number_ix) VALUES (?1, ?2)")?
        .execute((&prepared.token.0, &prepared.number.0))?;
    db.prepare_cached("SELECT id FROM patients WHERE token_ix = ?1")?
        .query_row([&prepared.token.0], |row| row.get(0))
}

fn visit_of(
    db: &Connection,
    patient: i64,
    source: &Digest,
    start: i64,
) -> rusqlite::Result<(i64, VisitId)> {
    db.prepare_cached(
        "INSERT OR IGNORE INTO visits (source_ix, visit, patient, start) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute((&source.0, VisitId::random(&mut os_rng()).0, patient, start))?;
    db.prepare_cached("SELECT id, visit FROM visits WHERE source_ix = ?1")?
        .query_row([&source.0], |row| Ok((row.get(0)?, VisitId(row.get(1)?))))
}

/// The same bytes under the same key, in the newest version that is known under it.
fn is_known(db: &Connection, patient: i64, record: &PreparedRecord) -> rusqlite::Result<bool> {
    let digest: Option<[u8; 32]> = db
        .prepare_cached(
            "SELECT digest_ix FROM records WHERE patient = ?1 AND version_ix = ?2
             ORDER BY id DESC LIMIT 1",
        )?
        .query_row((patient, &record.version.0), |row| row.get(0))
        .optional()?;
    Ok(digest == Some(record.digest.0))
}

fn insert(
    db: &Connection,
    patient: i64,
    visit: i64,
    prepared: &PreparedRecord,
    now: u64,
) -> Result<i64, InnerError> {
    let batch = open_batch(db, visit, now)?;
    // A new version that does not say what it replaces follows the newest one of its document,
    // unless that one came first and says that it replaces this.
    let replaces = match prepared.replaces {
        Some(named) => Some(named),
        None if is_replaced(db, patient, prepared)? => None,
        None => newest_version(db, patient, &prepared.source)?,
    };
    db.prepare_cached(
        "INSERT INTO records (batch, patient, state, reason, source_ix, version_ix, url_ix,
           digest_ix, replaces_ix, replaces, time, key, root, k, leaf, statement, signature)
         VALUES (?1, ?2, ?3, '', ?4, ?5, ?6, ?7, ?8, 0, ?9, x'', x'', -1, x'', x'', x'')",
    )?
    .execute((
        batch,
        patient,
        record::NO_KEY,
        &prepared.source.0,
        &prepared.version.0,
        &prepared.url.0,
        &prepared.digest.0,
        replaces.map_or_else(Vec::new, |digest| digest.0.to_vec()),
        prepared.time,
    ))?;
    let id = db.last_insert_rowid();
    db.prepare_cached("INSERT INTO drafts (record, draft, files) VALUES (?1, ?2, ?3)")?
        .execute((id, &prepared.sealed, prepared.files.join(" ")))?;
    Ok(id)
}

/// Whether a record that is here says that it replaces this one.
fn is_replaced(db: &Connection, patient: i64, record: &PreparedRecord) -> rusqlite::Result<bool> {
    db.prepare_cached(
        "SELECT 1 FROM records WHERE patient = ?1 AND source_ix = ?2
           AND replaces_ix IN (?3, ?4, ?2) LIMIT 1",
    )?
    .exists((patient, &record.source.0, &record.version.0, &record.url.0))
}

fn newest_version(
    db: &Connection,
    patient: i64,
    source: &Digest,
) -> rusqlite::Result<Option<Digest>> {
    db.prepare_cached(
        "SELECT version_ix FROM records WHERE patient = ?1 AND source_ix = ?2
         ORDER BY id DESC LIMIT 1",
    )?
    .query_row((patient, &source.0), |row| Ok(Digest(row.get(0)?)))
    .optional()
}

/// The visit's batch that still takes records, or a new one.
fn open_batch(db: &Connection, visit: i64, now: u64) -> rusqlite::Result<i64> {
    let open: Option<(i64, i64)> = db
        .prepare_cached(
            "SELECT id, (SELECT count(*) FROM records WHERE batch = batches.id)
             FROM batches WHERE visit = ?1 AND state = ?2 ORDER BY id DESC LIMIT 1",
        )?
        .query_row((visit, batch::OPEN), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some((id, count)) = open.filter(|(_, count)| *count < MAX_BATCH) {
        let _ = count;
        db.prepare_cached("UPDATE batches SET added = ?2 WHERE id = ?1")?
            .execute((id, sql_time(now)))?;
        return Ok(id);
    }
    db.prepare_cached(
        "INSERT INTO batches (visit, state, reason, added, late, seq, tx, tx_id, valid_until)
         VALUES (?1, ?2, '', ?3, 0, -1, x'', x'', 0)",
    )?
    .execute((visit, batch::OPEN, sql_time(now)))?;
    Ok(db.last_insert_rowid())
}
