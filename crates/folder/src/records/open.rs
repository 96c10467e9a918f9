//! One record opened: decrypted and checked anew from the bytes in the vault, offline.

use super::list::{self, COLUMNS, Listed, State, parsed};
use crate::FolderError;
use crate::vault::Folder;
use medfolder_ledger::state::StaffEntry;
use medfolder_record::{
    CardNumber, Ended, KeyId, KeySlot, MemberId, Place, Record, RecordId, SealedAt, SlotPlace,
    StaffKey, VisitId,
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::BTreeMap;

/// A record with what is known about it.
#[derive(Debug)]
pub struct Shown {
    /// As lists show it.
    pub listed: Listed,
    /// Decrypted; every check held just now.
    pub record: Record,
    /// Where and when it was sealed.
    pub sealed: SealedAt,
    /// All versions, oldest first, this one among them.
    pub versions: Vec<Version>,
}

/// One of a record's versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The record.
    pub record: RecordId,
    /// When it was written, in milliseconds.
    pub date: i64,
    /// Whether it is the one in force.
    pub in_force: bool,
}

impl Folder<'_> {
    /// Opens a record, named by its id or an unambiguous beginning of it.
    ///
    /// # Errors
    /// `record.unknown`, `record.ambiguous`, `record.waiting` (not fetched yet), or the code of the
    /// check that failed.
    pub fn open_record(&self, name: &str) -> Result<Shown, FolderError> {
        let listed = self.named(name)?;
        let database = self.vault.database();
        let (record, sealed) = match (&listed.state, &listed.failure) {
            (State::Verified, _) => reopen(&database, self, listed.row)?,
            (State::Failed, Some(code)) => return Err(FolderError::FailedRecord(code.clone())),
            _ => return Err(FolderError::RecordWaiting),
        };
        let versions = versions(&database, self.id, &listed.record.to_string())?;
        Ok(Shown {
            listed,
            record,
            sealed,
            versions,
        })
    }

    /// The record of this id or with an id that begins so.
    pub(crate) fn named(&self, name: &str) -> Result<Listed, FolderError> {
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(FolderError::RecordUnknown(name.to_owned()));
        }
        let database = self.vault.database();
        let mut statement = database.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM record JOIN seal ON seal.id = record.seal
             WHERE record.folder = ?1 AND record.record >= ?2 AND record.record < ?3 LIMIT 2"
        ))?;
        let name = name.to_ascii_lowercase();
        // 'g' sorts behind every hexadecimal digit.
        let mut found = statement
            .query_map(params![self.id, name, format!("{name}g")], list::read)?
            .collect::<Result<Vec<_>, _>>()?;
        match (found.pop(), found.is_empty()) {
            (Some(only), true) => Ok(only),
            (Some(_), false) => Err(FolderError::RecordAmbiguous(name)),
            (None, _) => Err(FolderError::RecordUnknown(name)),
        }
    }
}

/// A row's envelope with all that places and opens it.
struct Stored {
    envelope: Vec<u8>,
    record: RecordId,
    k: u32,
    visit: VisitId,
    seq: u32,
    sealed: SealedAt,
    slot: Vec<u8>,
    card: CardNumber,
    member: MemberId,
    index: u32,
}

const STORED: &str = "SELECT content.envelope, record.record, record.k, seal.visit, seal.seq,
    seal.position, seal.sealed, seal.slot, card.number, card.member, card.idx
    FROM record JOIN content ON content.record = record.id JOIN seal ON seal.id = record.seal
    JOIN card ON card.id = seal.card WHERE record.id = ?1";

impl Stored {
    fn load(database: &Connection, row: i64) -> Result<Self, FolderError> {
        let stored = database.prepare_cached(STORED)?.query_row([row], |row| {
            Ok(Self {
                envelope: row.get(0)?,
                record: parsed(row, 1)?,
                k: row.get(2)?,
                visit: parsed(row, 3)?,
                seq: row.get(4)?,
                sealed: sealed_at(row, 5)?,
                slot: row.get(7)?,
                card: parsed(row, 8)?,
                member: parsed(row, 9)?,
                index: row.get(10)?,
            })
        });
        stored.optional()?.ok_or(FolderError::RecordWaiting)
    }
}

/// Position and time of a seal, from two neighbouring columns. The position is asked for only where
/// a doctor's key has ended since; without it the seal counts as later than everything.
pub(crate) fn sealed_at(row: &Row<'_>, column: usize) -> rusqlite::Result<SealedAt> {
    let position: Option<u64> = row.get(column)?;
    Ok(SealedAt {
        position: position.unwrap_or(u64::MAX),
        time: row.get(column + 1)?,
    })
}

/// Decrypts a row's record and runs every check again.
pub(crate) fn reopen(
    database: &Connection,
    folder: &Folder<'_>,
    row: i64,
) -> Result<(Record, SealedAt), FolderError> {
    let stored = Stored::load(database, row)?;
    let Stored {
        member,
        card,
        visit,
        seq,
        k,
        sealed,
        ..
    } = stored;
    let chain = &folder.consortium;
    let keys = folder.keys.card(&member.0, stored.index);
    let slot = KeySlot::from_bytes(&stored.slot).map_err(|_| FolderError::VaultDamaged)?;
    let seal_key = slot.open(
        &SlotPlace {
            member,
            card,
            visit,
            seq,
        },
        &keys.encryption,
    )?;
    let place = Place {
        genesis: chain.digest(),
        member,
        card,
        visit,
        seq,
        k,
    };
    let staff = staff_keys(database, folder)?;
    let record = medfolder_record::open(
        chain.suite(),
        &stored.envelope,
        &stored.record,
        &place,
        &seal_key,
        &staff,
        &sealed,
    )?;
    Ok((record, sealed))
}

/// The doctors' keys that earlier syncs proved.
pub(crate) fn staff_keys(
    database: &Connection,
    folder: &Folder<'_>,
) -> Result<BTreeMap<KeyId, StaffKey>, FolderError> {
    let mut statement =
        database.prepare_cached("SELECT key, entry FROM staff WHERE folder = ?1")?;
    let rows = statement.query_map([folder.id], |row| Ok((parsed(row, 0)?, row.get(1)?)))?;
    rows.map(|row| {
        let (id, entry): (KeyId, Vec<u8>) = row?;
        let entry: StaffEntry =
            medfolder_crypto::from_cbor(&entry, 4_096).map_err(|_| FolderError::VaultDamaged)?;
        Ok((id, staff_key(&entry, folder)?))
    })
    .collect()
}

/// A staff entry of the ledger as the record crate's checks take it.
pub(crate) fn staff_key(entry: &StaffEntry, folder: &Folder<'_>) -> Result<StaffKey, FolderError> {
    Ok(StaffKey {
        member: entry.member,
        key: entry
            .signing
            .verifying(folder.consortium.suite())
            .map_err(|_| FolderError::VaultDamaged)?,
        enrolled: entry.position,
        valid_from: entry.from,
        valid_until: entry.until,
        ended: entry.end.as_ref().map(|end| Ended {
            position: end.position,
            time: end.time,
            compromised: end.reason == medfolder_ledger::body::RevokeReason::Compromised,
        }),
    })
}

/// The chain of versions that `record` belongs to, oldest first.
fn versions(database: &Connection, folder: i64, record: &str) -> Result<Vec<Version>, FolderError> {
    let mut statement = database.prepare_cached(
        "WITH RECURSIVE family(name) AS (
             SELECT ?2
             UNION SELECT other.record FROM family JOIN record AS other ON other.folder = ?1
                 AND (other.replaces = family.name OR other.replaced_by = family.name))
         SELECT record.record, record.date, record.replaced_by IS NULL AND record.withdrawn = 0
         FROM record JOIN seal ON seal.id = record.seal
         WHERE record.folder = ?1 AND record.record IN (SELECT name FROM family)
         ORDER BY seal.id, record.k",
    )?;
    let rows = statement.query_map(params![folder, record], |row| {
        Ok(Version {
            record: parsed(row, 0)?,
            date: row.get(1)?,
            in_force: row.get(2)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
