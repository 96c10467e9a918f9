//! Transactions on their way to the ledger.
//!
//! A transaction is durable here before it is sent, and is sent again, the same bytes, until a
//! verified block holds it or its validity is over. The ledger takes an id once, so sending twice
//! changes nothing. What became of it is learned from blocks only. What was sent in vain goes to the
//! back of the line: it holds nobody else's up.

use medfolder_crypto::Digest;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use super::chain::Queued;
use super::db::{digest, int, number};

/// Who made a transaction; decides what follows when it lapses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// From the inner zone, which signs anew.
    Relayed = 0,
    /// A Grant, Extend, Shorten or Revoke.
    Share = 1,
    /// An Access batch: its entries go into the next one.
    Access = 2,
    /// A Zone report of the audit: made anew.
    Report = 3,
}

/// What became of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Not in a block yet.
    Waiting,
    /// Accepted, at this place of the log.
    Final(u64),
    /// Refused with this code.
    Refused(String),
    /// Its validity ended before a block took it.
    Lapsed,
}

/// Queues a transaction; again is no error.
pub(crate) fn put(
    t: &Transaction<'_>,
    queued: &Queued,
    kind: Kind,
    now: u64,
) -> rusqlite::Result<()> {
    t.prepare_cached(
        "INSERT OR IGNORE INTO outbox (id, bytes, valid_until, kind, queued_at)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        queued.id.0,
        queued.bytes,
        int(queued.valid_until),
        kind as i64,
        int(now)
    ])?;
    Ok(())
}

/// A transaction that no block holds yet.
pub(crate) struct Waiting {
    pub(crate) id: Digest,
    pub(crate) bytes: Vec<u8>,
    /// When it was last sent in vain; 0 never.
    pub(crate) tried_at: u64,
}

/// Up to `limit` waiting transactions: those never sent in vain, in their order, then those whose
/// last vain try is longest ago.
pub(crate) fn waiting(connection: &Connection, limit: u32) -> rusqlite::Result<Vec<Waiting>> {
    let sql = "SELECT id, bytes, tried_at FROM outbox WHERE state = 0
               ORDER BY tried_at, number LIMIT ?1";
    connection
        .prepare_cached(sql)?
        .query_map(params![limit], |row| {
            Ok(Waiting {
                id: digest(row, 0)?,
                bytes: row.get(1)?,
                tried_at: number(row, 2)?,
            })
        })?
        .collect()
}

/// Puts a transaction that was sent in vain behind the others.
pub(crate) fn tried(t: &Transaction<'_>, id: &Digest, now: u64) -> rusqlite::Result<()> {
    t.prepare_cached("UPDATE outbox SET tried_at = ?2 WHERE id = ?1 AND state = 0")?
        .execute(params![id.0, int(now)])
        .map(drop)
}

/// A node refused a transaction. A node's word is no proof: only a share's owner, who waits for an
/// answer, is told so. A block that holds the transaction nevertheless overrides it.
pub(crate) fn refused(t: &Transaction<'_>, id: &Digest, code: &str) -> rusqlite::Result<()> {
    let sql = "UPDATE outbox SET state = 2, code = ?2 WHERE id = ?1 AND kind = ?3 AND state = 0";
    t.prepare_cached(sql)?
        .execute(params![id.0, code, Kind::Share as i64])
        .map(drop)
}

/// Notes what a block says of a transaction; says whether it was one of ours that waited. An id does
/// not cover signatures: only the bytes that were sent are refused, an id is accepted once.
pub(crate) fn settle(
    t: &Transaction<'_>,
    id: &Digest,
    bytes: &[u8],
    outcome: Result<u64, &str>,
) -> rusqlite::Result<bool> {
    let (state, code, position) = match outcome {
        Ok(position) => (1, "", position),
        Err(code) => (2, code, 0),
    };
    let changed = t
        .prepare_cached(
            "UPDATE outbox SET state = ?2, code = ?3, position = ?4
             WHERE id = ?1 AND state <> 1 AND (?2 = 1 OR bytes = ?5)",
        )?
        .execute(params![id.0, state, code, int(position), bytes])?;
    Ok(changed > 0)
}

/// Ends what no block can take any more: the transactions that lapsed at this block time.
pub(crate) fn lapse(t: &Transaction<'_>, block_time: u64) -> rusqlite::Result<Vec<(Digest, i64)>> {
    t.prepare_cached(
        "UPDATE outbox SET state = 3 WHERE state = 0 AND valid_until <= ?1 RETURNING id, kind",
    )?
    .query_map(params![int(block_time)], |row| {
        Ok((digest(row, 0)?, row.get(1)?))
    })?
    .collect()
}

/// Forgets what was settled long ago.
pub(crate) fn forget(t: &Transaction<'_>, before: u64) -> rusqlite::Result<usize> {
    t.execute(
        "DELETE FROM outbox WHERE state <> 0 AND queued_at < ?1",
        params![int(before)],
    )
}

/// What became of a transaction; `None` when it was never queued here, or forgotten.
pub(crate) fn fate(connection: &Connection, id: &Digest) -> rusqlite::Result<Option<Fate>> {
    connection
        .prepare_cached("SELECT state, code, position FROM outbox WHERE id = ?1")?
        .query_row(params![id.0], |row| {
            Ok(match row.get::<_, i64>(0)? {
                0 => Fate::Waiting,
                1 => Fate::Final(number(row, 2)?),
                2 => Fate::Refused(row.get(1)?),
                _ => Fate::Lapsed,
            })
        })
        .optional()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_of_other_bytes_is_not_what_was_refused_and_an_id_is_accepted_once() {
        let mut database = Connection::open_in_memory().unwrap();
        database
            .execute_batch(include_str!("db/0001_edge.sql"))
            .unwrap();
        let t = database.transaction().unwrap();
        let id = Digest([1; 32]);
        let queued = Queued {
            id,
            bytes: b"ours".to_vec(),
            valid_until: 9,
        };
        put(&t, &queued, Kind::Share, 1).unwrap();
        assert!(!settle(&t, &id, b"a copy", Err("signature.invalid")).unwrap());
        assert_eq!(fate(&t, &id).unwrap(), Some(Fate::Waiting));
        assert!(settle(&t, &id, b"ours", Err("grant.window")).unwrap());
        let refused = Some(Fate::Refused("grant.window".to_owned()));
        assert_eq!(fate(&t, &id).unwrap(), refused);
        assert!(settle(&t, &id, b"a copy", Ok(5)).unwrap());
        assert!(!settle(&t, &id, b"ours", Err("transaction.replayed")).unwrap());
        assert_eq!(fate(&t, &id).unwrap(), Some(Fate::Final(5)));
    }
}
