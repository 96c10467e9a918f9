//! Removes ciphertext that nobody may fetch any more.
//!
//! Revoked: at once. Expired: after a day, in which an Extend that is on its way may still arrive.
//! Drafts: at their end. A blob goes when no row names it. What the owner may ask for stays: state
//! and records of accesses. Nothing goes before both clocks, the host's and the ledger's, say so:
//! one that is wrong keeps a share closed and destroys nothing.

use std::sync::Arc;

use medfolder_crypto::Digest;
use rusqlite::{Transaction, params};

use crate::edge::app::App;
use crate::edge::db::{DbError, digest, int};

/// How long an expired share's ciphertext stays, in milliseconds.
const EXPIRED_LIFETIME: u64 = 24 * 60 * 60 * 1_000;

/// One round over everything that may have ended.
pub(crate) async fn round(app: &Arc<App>) -> Result<(), DbError> {
    let now = app.earlier();
    let blobs = app
        .db
        .write(move |t| {
            let mut blobs = ended_shares(t, now)?;
            blobs.extend(ended_drafts(t, now)?);
            Ok(blobs)
        })
        .await?;
    drop_unused(app, blobs).await
}

fn ended_shares(t: &Transaction<'_>, now: u64) -> rusqlite::Result<Vec<Digest>> {
    let ended = int(now.saturating_sub(EXPIRED_LIFETIME));
    let over = "purged = 0 AND (phase = 2 OR revoked = 1 OR ends <= ?1)";
    let files = format!(
        "DELETE FROM share_file WHERE share IN (SELECT id FROM share WHERE {over}) RETURNING blob"
    );
    let mut files = t.prepare_cached(&files)?;
    let found = files.query_map(params![ended], |row| digest(row, 0))?;
    let blobs = found.collect::<rusqlite::Result<Vec<_>>>()?;
    let purged = format!("UPDATE share SET purged = 1 WHERE {over}");
    t.prepare_cached(&purged)?.execute(params![ended])?;
    Ok(blobs)
}

fn ended_drafts(t: &Transaction<'_>, now: u64) -> rusqlite::Result<Vec<Digest>> {
    let mut files = t.prepare_cached(
        "DELETE FROM draft_file WHERE draft IN (SELECT id FROM draft WHERE expires <= ?1)
         RETURNING blob",
    )?;
    let found = files.query_map(params![int(now)], |row| digest(row, 0))?;
    let blobs = found.collect::<rusqlite::Result<Vec<_>>>()?;
    t.execute("DELETE FROM draft WHERE expires <= ?1", params![int(now)])?;
    Ok(blobs)
}

/// Deletes those of the blobs that no row names.
pub(crate) async fn drop_unused(app: &Arc<App>, blobs: Vec<Digest>) -> Result<(), DbError> {
    if blobs.is_empty() {
        return Ok(());
    }
    let store = app.blobs.clone();
    app.db
        .write(move |t| {
            for blob in blobs {
                // Inside the transaction: no row can come to name the blob meanwhile.
                if !is_named(t, &blob)? && store.delete(&blob).is_err() {
                    tracing::error!(code = "blob.io", "ciphertext of an ended share remains");
                }
            }
            Ok(())
        })
        .await
}

fn is_named(t: &Transaction<'_>, blob: &Digest) -> rusqlite::Result<bool> {
    t.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM share_file WHERE blob = ?1)
         OR EXISTS (SELECT 1 FROM draft_file WHERE blob = ?1)
         OR EXISTS (SELECT 1 FROM record WHERE envelope = ?1)
         OR EXISTS (SELECT 1 FROM attachment WHERE blob = ?1)",
    )?
    .query_row(params![blob.0], |row| row.get(0))
}

/// Deletes every blob that no row names: what refused deliveries and crashes left. Only before
/// anything else runs, as a blob is stored before its row is written.
pub(crate) async fn sweep(app: &Arc<App>) -> Result<(), DbError> {
    let blobs = app.blobs.clone();
    let listed = tokio::task::spawn_blocking(move || blobs.list()).await;
    match listed.map_err(|_| DbError::Closing)? {
        Ok(names) => drop_unused(app, names).await,
        Err(error) => {
            tracing::error!(code = error.code(), "the blobs could not be listed");
            Ok(())
        }
    }
}
