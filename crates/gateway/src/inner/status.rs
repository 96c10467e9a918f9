//! What an operator sees: how much waits, what is held and why, which files were refused.

use std::collections::{BTreeMap, BTreeSet};

use medfolder_record::VisitId;
use medfolder_record::limits::CLOCK_TOLERANCE_MS;
use serde::{Deserialize, Serialize};

use super::InnerError;
use super::store::{batch, record};
use super::zone::Zone;
use super::{follow, seal};

/// State of an inner zone. Texts of records never stand here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Newest verified block: height and time; absent before the first.
    pub head: Option<Head>,
    /// Records taken in and not forgotten.
    pub records: u64,
    /// Records whose author or predecessor is not known, by reason.
    pub unassigned: BTreeMap<String, u64>,
    /// Records that wait for a signature.
    pub to_sign: u64,
    /// Signed records that are not in a seal yet.
    pub signed: u64,
    /// Doctors and others whose signatures the records carry.
    #[serde(default)]
    pub signers: u64,
    /// Seals whose fate the ledger has not told.
    pub sealed: u64,
    /// Seals that are final.
    pub done: u64,
    /// Records in final seals.
    pub done_records: u64,
    /// Complete visits of patients without a card.
    pub waiting_for_card: u64,
    /// Visits that are held until somebody does what the code's sentence says.
    pub held: Vec<HeldVisit>,
    /// Sealed visits that the ledger refused for now or whose delivery the edge did not take; they are
    /// signed or delivered again by themselves.
    #[serde(default)]
    pub retried: Vec<HeldVisit>,
    /// Codes of what keeps the zone from going on at present, such as a full disk; it tries again
    /// by itself.
    #[serde(default)]
    pub troubles: BTreeSet<String>,
    /// Files that were refused.
    pub skipped: Vec<Skipped>,
    /// Messages that are not in the spool yet.
    pub outbox: u64,
}

/// A verified block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Height.
    pub height: u64,
    /// Block time, milliseconds UTC.
    pub time: u64,
}

/// A visit that cannot be sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldVisit {
    /// The visit.
    pub visit: VisitId,
    /// Number of the record in the work list; 0 for the whole visit.
    pub record: u64,
    /// Stable code of the reason.
    pub reason: String,
}

/// A file that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Its name below the watched folder.
    pub file: String,
    /// Stable code.
    pub code: String,
}

const MAX_LISTED: i64 = 1_000;

/// The present state.
pub(crate) fn status(zone: &Zone) -> Result<Status, InnerError> {
    let head = follow::head(zone)?.map(|(height, time)| Head { height, time });
    let (mut status, skipped) = zone.store.read(|db| {
        let count = |sql: &str, state: i64| {
            db.prepare_cached(sql)?
                .query_row([state], |row| row.get::<_, i64>(0))
                .map(|count| u64::try_from(count).unwrap_or(0))
        };
        let records = "SELECT count(*) FROM records WHERE state = ?1";
        let batches = "SELECT count(*) FROM batches WHERE state = ?1";
        let status = Status {
            head,
            records: count("SELECT count(*) FROM records WHERE state >= ?1", 0)?,
            unassigned: unassigned(db)?,
            to_sign: count(records, record::TO_SIGN)?,
            signed: count(records, record::SIGNED)?,
            signers: count(
                "SELECT count(DISTINCT key) FROM records WHERE state >= ?1",
                record::SIGNED,
            )?,
            sealed: count(batches, batch::SEALED)?,
            done: count(batches, batch::FINAL)?,
            done_records: count(
                "SELECT count(*) FROM records r JOIN batches b ON b.id = r.batch WHERE b.state = ?1",
                batch::FINAL,
            )?,
            waiting_for_card: count(
                "SELECT count(*) FROM batches WHERE reason = 'card.none' AND state = ?1",
                batch::OPEN,
            )?,
            held: held(db)?,
            retried: retried(db)?,
            troubles: troubles(zone, head, seal::is_not_taken(db)?),
            skipped: Vec::new(),
            outbox: count("SELECT count(*) FROM outbox WHERE id >= ?1", 0)?,
        };
        let skipped: Vec<(Vec<u8>, String)> = db
            .prepare_cached("SELECT name, code FROM rejected ORDER BY at, rowid LIMIT ?1")?
            .query_map([MAX_LISTED], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        Ok::<_, InnerError>((status, skipped))
    })?;
    for (name, code) in skipped {
        let name = zone.key.open("file name", &name)?;
        let file = String::from_utf8_lossy(&name).into_owned();
        status.skipped.push(Skipped { file, code });
    }
    Ok(status)
}

/// Heartbeats after which the newest block that came through the spool is old.
const OLD: u64 = 3;

fn troubles(zone: &Zone, head: Option<Head>, not_taken: bool) -> BTreeSet<String> {
    let mut codes = zone.troubles.codes();
    if not_taken {
        codes.insert("inner.delivery_refused".to_owned());
    }
    let patience = zone.chain.policy().windows.heartbeat.saturating_mul(OLD);
    let known_until = head.map_or(0, |head| head.time.saturating_add(patience));
    if known_until < zone.now() {
        codes.insert("inner.ledger_old".to_owned());
    }
    let certified = head.map_or(0, |head| head.time);
    if certified > zone.now().saturating_add(CLOCK_TOLERANCE_MS) {
        codes.insert("inner.clock_behind".to_owned());
    }
    codes
}

fn retried(db: &rusqlite::Connection) -> Result<Vec<HeldVisit>, rusqlite::Error> {
    db.prepare_cached(
        "SELECT v.visit, 0, b.reason FROM batches b JOIN visits v ON v.id = b.visit
         WHERE b.state = ?1 AND b.reason <> '' LIMIT ?2",
    )?
    .query_map((batch::SEALED, MAX_LISTED), held_row)?
    .collect()
}

fn held_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<HeldVisit> {
    Ok(HeldVisit {
        visit: VisitId(row.get(0)?),
        record: u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0),
        reason: row.get(2)?,
    })
}

fn unassigned(db: &rusqlite::Connection) -> Result<BTreeMap<String, u64>, rusqlite::Error> {
    db.prepare_cached("SELECT reason, count(*) FROM records WHERE state = ?1 GROUP BY reason")?
        .query_map([record::NO_KEY], |row| {
            Ok((
                row.get(0)?,
                u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0),
            ))
        })?
        .collect()
}

fn held(db: &rusqlite::Connection) -> Result<Vec<HeldVisit>, rusqlite::Error> {
    db.prepare_cached(
        "SELECT v.visit, r.id, r.reason FROM records r JOIN batches b ON b.id = r.batch
           JOIN visits v ON v.id = b.visit WHERE r.state = ?1
         UNION ALL
         SELECT v.visit, 0, b.reason FROM batches b JOIN visits v ON v.id = b.visit
           WHERE b.state = ?2
         LIMIT ?3",
    )?
    .query_map((record::HELD, batch::REFUSED, MAX_LISTED), held_row)?
    .collect()
}
