//! Forgetting: what is final is deleted here within minutes, what is rejected or unsealed after
//! thirty days at most.
//!
//! Deleted rows are overwritten, files are overwritten and removed, and the write-ahead log is cut
//! ([`Store::wipe_log`](super::store::Store::wipe_log)), so that not even ciphertext of a draft is left.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::InnerError;
use super::desk;
use super::store::{batch, record};
use super::vault_file::{names, shred};
use super::zone::{Zone, sql_time};

/// Deletes everything of a final batch but its leaves and digests; returns the stored files that
/// are not needed once this is durable.
pub(crate) fn forget_drafts(db: &Connection, batch: i64) -> Result<Vec<String>, InnerError> {
    let files: Vec<String> = db
        .prepare_cached(
            "SELECT d.files FROM drafts d JOIN records r ON r.id = d.record
             WHERE r.batch = ?1 AND d.files <> ''",
        )?
        .query_map([batch], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    db.prepare_cached(
        "DELETE FROM drafts WHERE record IN (SELECT id FROM records WHERE batch = ?1)",
    )?
    .execute([batch])?;
    db.prepare_cached("UPDATE records SET statement = x'', signature = x'' WHERE batch = ?1")?
        .execute([batch])?;
    Ok(files)
}

/// Overwrites and removes stored files; each string names some, separated by a space. What cannot
/// be removed is swept at the next start; it is encrypted.
pub(crate) fn shred_files(zone: &Zone, files: &[String]) {
    for name in files.iter().flat_map(|files| files.split_whitespace()) {
        if let Err(error) = shred(&zone.files, name) {
            tracing::warn!(%error, "a stored file could not be removed");
        }
    }
}

/// Removes stored files that no row names: a crash came between file and row.
pub(crate) fn sweep_files(zone: &Zone) -> Result<(), InnerError> {
    let kept: BTreeSet<String> = zone.store.read(|db| {
        let mut kept = BTreeSet::new();
        for sql in ["SELECT files FROM drafts", "SELECT file FROM rejected"] {
            let mut statement = db.prepare(sql)?;
            let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
            for row in rows {
                kept.extend(row?.split_whitespace().map(str::to_owned));
            }
        }
        Ok::<_, InnerError>(kept)
    })?;
    for name in names(&zone.files)? {
        if !kept.contains(&name) {
            shred(&zone.files, &name)?;
        }
    }
    Ok(())
}

/// What corrects a record that is forgotten was never delivered either: it is signed anew, as a first
/// version.
fn first_versions(
    db: &Connection,
    forgotten: &str,
    states: (i64, i64, i64),
) -> Result<(), InnerError> {
    db.execute(
        &format!(
            "UPDATE records SET state = {}, reason = '', replaces = 0, key = x'', root = x'',
               statement = x'', signature = x''
             WHERE replaces IN ({forgotten}) AND id NOT IN ({forgotten})",
            record::NO_KEY
        ),
        states,
    )?;
    Ok(())
}

/// Deletes what was kept for thirty days: rejected files, visits that nobody could seal, old
/// codes. Hospital systems deliver such visits again.
pub(crate) fn forget_old(zone: &Zone) -> Result<(), InnerError> {
    let before = sql_time(zone.now().saturating_sub(zone.config.tuning.keep_unsealed));
    let files: Vec<String> = zone.store.write(|db| {
        let mut files: Vec<String> = db
            .prepare("SELECT file FROM rejected WHERE at < ?1")?
            .query_map([before], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let old = "SELECT id FROM batches WHERE added < ?1 AND state IN (?2, ?3)";
        let states = (before, batch::OPEN, batch::REFUSED);
        let mut of_visits = db.prepare(&format!(
            "SELECT files FROM drafts WHERE record IN (SELECT id FROM records WHERE batch IN ({old}))"
        ))?;
        files.extend(of_visits.query_map(states, |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?);
        db.execute("DELETE FROM rejected WHERE at < ?1", [before])?;
        let records = format!("SELECT id FROM records WHERE batch IN ({old})");
        first_versions(db, &records, states)?;
        db.execute(&format!("DELETE FROM drafts WHERE record IN ({records})"), states)?;
        if db.execute(&format!("DELETE FROM records WHERE batch IN ({old})"), states)? > 0 {
            db.execute("DELETE FROM inputs WHERE at < ?1", [before])?;
        }
        db.execute("DELETE FROM batches WHERE added < ?1 AND state IN (?2, ?3)", states)?;
        desk::forget_old(zone, db)?;
        Ok::<_, InnerError>(files)
    })?;
    shred_files(zone, &files);
    Ok(())
}
