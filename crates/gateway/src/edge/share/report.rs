//! Reports accesses to the ledger, in batches, each entry exactly once.
//!
//! An entry joins a batch in the transaction that queues the batch in the outbox; from then on the
//! same signed bytes are sent until a block holds them. When a batch lapses its entries are free
//! again ([`release`]); as nothing can accept the old bytes any more, none is counted twice.

use std::sync::Arc;

use medfolder_crypto::Digest;
use medfolder_ledger::body::{AccessBatch, AccessEntry, AccessOutcome, Items};
use medfolder_record::GrantId;
use medfolder_share::rules::opening::Ending;
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::record::{self, Access};
use super::store::{self, Stored};
use crate::edge::app::App;
use crate::edge::chain;
use crate::edge::db::{DbError, digest, number};
use crate::edge::outbox::{self, Kind};

/// Notes the ends of sessions, then queues one batch; says whether there was one.
pub(crate) async fn round(app: &Arc<App>) -> Result<bool, DbError> {
    let own = app.clone();
    app.db
        .write(move |t| {
            note_endings(&own, t)?;
            batch(&own, t)
        })
        .await
}

fn note_endings(app: &App, t: &Transaction<'_>) -> rusqlite::Result<()> {
    let now = app.now();
    let due = store::unsettled(t, now)?;
    let broken = due.iter().any(Result::is_err);
    app.troubles.tell("share", broken.then_some("index.sqlite"));
    for mut share in due.into_iter().flatten() {
        let endings = share.state.take_endings(now);
        share.save(t)?;
        endings
            .into_iter()
            .try_for_each(|ending| note_ending(app, t, &share, ending, now))?;
    }
    Ok(())
}

fn note_ending(
    app: &App,
    t: &Transaction<'_>,
    share: &Stored,
    ending: Ending,
    now: u64,
) -> rusqlite::Result<()> {
    let reader: Option<(String, String)> = t
        .prepare_cached("SELECT words, value FROM opening WHERE share = ?1 AND number = ?2")?
        .query_row(params![share.row, ending.opening], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let (words, value) = reader.unwrap_or_default();
    let access = Access {
        share: share.row,
        grant: share.grant,
        time: now,
        outcome: AccessOutcome::Ended,
        items: ending.received.as_bytes().to_vec(),
        session: ending.session,
        words,
        value,
    };
    record::queue(app, t, access).map(drop)
}

fn batch(app: &App, t: &Transaction<'_>) -> rusqlite::Result<bool> {
    let mut statement = t.prepare_cached(
        "SELECT a.id, s.grant_id, a.time, a.outcome, a.items, a.receipt
         FROM access a JOIN share s ON s.id = a.share
         WHERE a.batch IS NULL ORDER BY a.id LIMIT ?1",
    )?;
    let rows: Vec<(i64, AccessEntry)> = statement
        .query_map(params![AccessBatch::MAX_ENTRIES as i64], |row| {
            let entry = AccessEntry {
                grant: GrantId(digest(row, 1)?),
                time: number(row, 2)?,
                outcome: record::outcome_of(row.get(3)?),
                items: Items(row.get(4)?),
                receipt: digest(row, 5)?,
            };
            Ok((row.get(0)?, entry))
        })?
        .collect::<rusqlite::Result<_>>()?;
    if rows.is_empty() {
        return Ok(false);
    }
    let (ids, entries): (Vec<i64>, Vec<AccessEntry>) = rows.into_iter().unzip();
    let queued = chain::signed(
        app,
        AccessBatch {
            host: app.member,
            entries,
        },
    );
    outbox::put(t, &queued, Kind::Access, app.now())?;
    let mut assign = t.prepare_cached("UPDATE access SET batch = ?2 WHERE id = ?1")?;
    for id in ids {
        assign.execute(params![id, queued.id.0])?;
    }
    Ok(true)
}

/// Frees the entries of a batch that lapsed.
pub(crate) fn release(t: &Transaction<'_>, batch: &Digest) -> rusqlite::Result<()> {
    t.execute(
        "UPDATE access SET batch = NULL WHERE batch = ?1",
        params![batch.0],
    )?;
    Ok(())
}
