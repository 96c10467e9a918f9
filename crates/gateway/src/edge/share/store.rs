//! Shares in the index.

use medfolder_crypto::{Digest, PublicKeyBytes};
use medfolder_record::{CardNumber, GrantId};
use medfolder_share::rules::status::ShareCondition;
use medfolder_share::{ShareId, ShareState};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::edge::db::{Bytes32, digest, int, number};

/// Where a share stands with the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The grant is on its way.
    Granting = 0,
    /// The grant is final.
    Granted = 1,
    /// The ledger refused the grant.
    Refused = 2,
}

/// A share as the host stores it.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) row: i64,
    pub(crate) grant: GrantId,
    pub(crate) key: PublicKeyBytes,
    pub(crate) card: CardNumber,
    pub(crate) segment: ShareId,
    pub(crate) phase: Phase,
    pub(crate) begins: u64,
    pub(crate) ends: u64,
    pub(crate) position: u64,
    pub(crate) openings: Option<u32>,
    pub(crate) state: ShareState,
    /// Resting since a hand-over at the desk, unless the new card confirms it.
    pub(crate) held: bool,
}

/// A file of a share.
#[derive(Debug, Clone)]
pub(crate) struct StoredFile {
    pub(crate) blob: Digest,
    pub(crate) kind: String,
    pub(crate) updated: u64,
}

const COLUMNS: &str = "id, grant_id, grant_key, card, segment, phase, begins, ends, position, \
                       openings, state, held";

/// The share behind a link.
pub(crate) fn by_segment(
    connection: &Connection,
    segment: &ShareId,
) -> rusqlite::Result<Option<Stored>> {
    let sql = format!("SELECT {COLUMNS} FROM share WHERE segment = ?1");
    connection
        .query_row(&sql, params![segment.as_bytes()], stored)
        .optional()
}

/// The share of a grant.
pub(crate) fn by_grant(
    connection: &Connection,
    grant: &GrantId,
) -> rusqlite::Result<Option<Stored>> {
    let sql = format!("SELECT {COLUMNS} FROM share WHERE grant_id = ?1");
    connection
        .query_row(&sql, params![grant.as_bytes()], stored)
        .optional()
}

/// Shares of which a session's end is due to be reported; `Err` one that cannot be read, which is
/// no reason to pass over the others.
pub(crate) fn unsettled(
    connection: &Connection,
    now: u64,
) -> rusqlite::Result<Vec<rusqlite::Result<Stored>>> {
    let sql = format!("SELECT {COLUMNS} FROM share WHERE due <= ?1");
    connection
        .prepare_cached(&sql)?
        .query_map(params![int(now)], |row| Ok(stored(row)))?
        .collect()
}

fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    let broken = |column| {
        rusqlite::Error::InvalidColumnType(column, "state".into(), rusqlite::types::Type::Blob)
    };
    let key: Vec<u8> = row.get(2)?;
    let state: Vec<u8> = row.get(10)?;
    Ok(Stored {
        row: row.get(0)?,
        grant: GrantId(digest(row, 1)?),
        key: PublicKeyBytes::new(&key).map_err(|_| broken(2))?,
        card: CardNumber(digest(row, 3)?),
        segment: ShareId::from_bytes(row.get::<_, Bytes32>(4)?.0),
        phase: match row.get(5)? {
            0 => Phase::Granting,
            1 => Phase::Granted,
            _ => Phase::Refused,
        },
        begins: number(row, 6)?,
        ends: number(row, 7)?,
        position: number(row, 8)?,
        openings: row.get(9)?,
        state: ShareState::from_bytes(&state).map_err(|_| broken(10))?,
        held: row.get(11)?,
    })
}

impl Stored {
    /// Whether the share is over for good: revoked or past its end.
    pub(crate) fn has_ended(&self, now: u64) -> bool {
        matches!(
            self.state.condition(now).0,
            ShareCondition::Revoked | ShareCondition::Expired
        )
    }

    /// Writes the state back, inside the transaction that read it.
    pub(crate) fn save(&self, connection: &Connection) -> rusqlite::Result<()> {
        connection
            .prepare_cached("UPDATE share SET state = ?2, ends = ?3, due = ?4 WHERE id = ?1")?
            .execute(params![
                self.row,
                self.state.to_bytes(),
                int(self.state.ends_ms()),
                self.state.next_ending_ms().map(int)
            ])?;
        Ok(())
    }

    /// The files, in the manifest's order.
    pub(crate) fn files(&self, connection: &Connection) -> rusqlite::Result<Vec<StoredFile>> {
        connection
            .prepare_cached(
                "SELECT blob, kind, updated FROM share_file WHERE share = ?1 ORDER BY k",
            )?
            .query_map(params![self.row], |row| {
                Ok(StoredFile {
                    blob: digest(row, 0)?,
                    kind: row.get(1)?,
                    updated: number(row, 2)?,
                })
            })?
            .collect()
    }

    /// One file.
    pub(crate) fn file(&self, connection: &Connection, k: u32) -> rusqlite::Result<Option<Digest>> {
        connection
            .prepare_cached("SELECT blob FROM share_file WHERE share = ?1 AND k = ?2")?
            .query_row(params![self.row, k], |row| digest(row, 0))
            .optional()
    }
}
