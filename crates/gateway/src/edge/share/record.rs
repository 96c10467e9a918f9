//! The host's record of each access, queued for the ledger.
//!
//! The entry on the ledger is {grant, time, outcome, items, receipt}; the receipt is the digest of
//! the record, which stays here and goes to whoever holds the grant key.

use medfolder_crypto::{Digest, from_cbor, os_rng, to_cbor};
use medfolder_ledger::body::AccessOutcome;
use medfolder_record::GrantId;
use medfolder_share::receipt::{AccessRecord, SignedReceipt};
use medfolder_share::rules::host;
use rand_core::Rng as _;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use crate::edge::app::App;
use crate::edge::db::{int, number};

/// A share that is not live makes one entry in this time, however often it is asked for: whoever
/// holds a dead link does not fill the ledger.
const REFUSED_ONCE_IN: u64 = 10 * 60 * 1_000;

/// An access that just happened.
pub(crate) struct Access {
    pub(crate) share: i64,
    pub(crate) grant: GrantId,
    pub(crate) time: u64,
    pub(crate) outcome: AccessOutcome,
    pub(crate) items: Vec<u8>,
    pub(crate) session: Digest,
    pub(crate) words: String,
    pub(crate) value: String,
}

/// The ledger's word for an outcome of the rules.
pub(crate) const fn ledger_outcome(outcome: host::AccessOutcome) -> AccessOutcome {
    match outcome {
        host::AccessOutcome::Opened => AccessOutcome::Opened,
        host::AccessOutcome::WrongCode => AccessOutcome::WrongCode,
        host::AccessOutcome::Refused => AccessOutcome::Refused,
        host::AccessOutcome::Locked => AccessOutcome::Locked,
    }
}

/// The number under which the index keeps an outcome; the ledger's own.
pub(crate) const fn number_of(outcome: AccessOutcome) -> u8 {
    match outcome {
        AccessOutcome::Opened => 1,
        AccessOutcome::Ended => 2,
        AccessOutcome::WrongCode => 3,
        AccessOutcome::Refused => 4,
        AccessOutcome::Locked => 5,
    }
}

/// The outcome of a number.
pub(crate) const fn outcome_of(number: u8) -> AccessOutcome {
    match number {
        1 => AccessOutcome::Opened,
        2 => AccessOutcome::Ended,
        3 => AccessOutcome::WrongCode,
        5 => AccessOutcome::Locked,
        _ => AccessOutcome::Refused,
    }
}

/// Stores the record of an access, and gives it; its entry goes with the next batch.
pub(crate) fn queue(app: &App, t: &Transaction<'_>, access: Access) -> rusqlite::Result<Vec<u8>> {
    let mut salt = [0; 32];
    os_rng().fill_bytes(&mut salt);
    let (words, value) = (access.words.as_str(), access.value.as_str());
    let record = AccessRecord::new(
        access.grant,
        access.time,
        access.session,
        salt,
        words,
        Some(value),
    );
    let bytes = to_cbor(&record);
    t.prepare_cached(
        "INSERT INTO access (share, time, outcome, items, record, receipt)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        access.share,
        int(access.time),
        number_of(access.outcome),
        access.items,
        bytes,
        record.digest(app.suite).0
    ])?;
    Ok(bytes)
}

/// The signed receipt of an opening for the reader who sent `value` with its first request.
pub(crate) fn receipt(
    app: &App,
    connection: &Connection,
    share: i64,
    opening: u32,
    value: &str,
) -> rusqlite::Result<Option<SignedReceipt>> {
    let sql = "SELECT record FROM opening WHERE share = ?1 AND number = ?2 AND value = ?3
               AND value <> ''";
    let record: Option<Vec<u8>> = connection
        .prepare_cached(sql)?
        .query_row(params![share, opening, value], |row| row.get(0))
        .optional()?
        .flatten();
    let record = record.and_then(|bytes| from_cbor(&bytes, bytes.len()).ok());
    let genesis = app.chain.digest();
    let signed = |record| SignedReceipt::sign(app.suite, &app.key, genesis, app.member, record);
    Ok(record.map(signed))
}

/// Whether a refusal of this share was noted within the last ten minutes.
pub(crate) fn refused_lately(
    connection: &Connection,
    share: i64,
    now: u64,
) -> rusqlite::Result<bool> {
    let sql = "SELECT count(*) FROM access WHERE share = ?1 AND outcome = 4 AND time > ?2";
    let since = int(now.saturating_sub(REFUSED_ONCE_IN));
    let count = connection
        .prepare_cached(sql)?
        .query_row(params![share, since], |row| number(row, 0))?;
    Ok(count > 0)
}
