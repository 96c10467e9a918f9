//! One record opened: decrypted and checked anew from the bytes in the vault, offline.

use super::list::{self, COLUMNS, Listed, State, parsed};
use crate::FolderError;
use crate::vault::Folder;
use medfolder_fhir::Written;
use medfolder_ledger::state::StaffEntry;
use medfolder_record::{
    CardNumber, Envelope, KeyId, KeySlot, MemberId, Opened, Place, Record, RecordId, SealedAt,
    SlotPlace, StaffKey, VisitId,
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::BTreeMap;

const MAX_STAFF_ENTRY: usize = 4_096;

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
    /// When it was written, as its hospital wrote it; none while it is not read.
    pub written: Option<Written>,
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
        let database = self.vault.database()?;
        let (record, sealed) = match (&listed.state, &listed.failure) {
            (State::Verified, _) => reopen(&database, self, listed.row)?,
            (State::Failed, Some(code)) => return Err(FolderError::FailedRecord(code.clone())),
            _ => return Err(FolderError::RecordWaiting),
        };
        let versions = versions(&database, self.id, &listed)?;
        Ok(Shown {
            listed,
            record,
            sealed,
            versions,
        })
    }

    /// The visit of this id or with an id that begins so.
    ///
    /// # Errors
    /// `share.visit`, `visit.ambiguous`.
    pub fn visit_named(&self, name: &str) -> Result<VisitId, FolderError> {
        let name = name.trim().to_ascii_lowercase();
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(FolderError::VisitUnknown);
        }
        let database = self.vault.database()?;
        let mut statement = database.prepare_cached(
            "SELECT DISTINCT seal.visit FROM record JOIN seal ON seal.id = record.seal
             WHERE record.folder = ?1 AND seal.visit >= ?2 AND seal.visit < ?3 LIMIT 2",
        )?;
        let mut found = statement
            .query_map(params![self.id, name, format!("{name}g")], |row| {
                parsed(row, 0)
            })?
            .collect::<Result<Vec<VisitId>, _>>()?;
        match (found.pop(), found.is_empty()) {
            (Some(only), true) => Ok(only),
            (Some(_), false) => Err(FolderError::VisitAmbiguous),
            (None, _) => Err(FolderError::VisitUnknown),
        }
    }

    /// The record of this id or with an id that begins so, as lists show it; of one whose leaf another
    /// hospital copied, the one that is verified.
    ///
    /// # Errors
    /// `record.unknown`, `record.ambiguous`.
    pub fn named(&self, name: &str) -> Result<Listed, FolderError> {
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(FolderError::RecordUnknown(name.to_owned()));
        }
        let database = self.vault.database()?;
        let mut statement = database.prepare_cached(&format!(
            "SELECT {COLUMNS}, min(record.state <> 'verified')
             FROM record JOIN seal ON seal.id = record.seal
             WHERE record.folder = ?1 AND record.record >= ?2 AND record.record < ?3
             GROUP BY record.record LIMIT 2"
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
    seal.position, seal.block_time, seal.slot, card.number, card.member, card.idx
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

/// Position and block time of a seal, from two neighbouring columns.
pub(crate) fn sealed_at(row: &Row<'_>, column: usize) -> rusqlite::Result<SealedAt> {
    Ok(SealedAt {
        position: row.get(column)?,
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
    let keys = folder.keys(database)?.card(&member.0, stored.index);
    let slot = KeySlot::from_bytes(&stored.slot)?;
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
    let envelope = Envelope::from_bytes(&stored.envelope)?;
    let audited = envelope.audit(chain.suite(), &stored.record)?;
    let opened = audited.placed(&place)?.open(&seal_key)?;
    let staff = staff_keys(database, folder, &opened, &sealed)?;
    Ok((opened.verify(&staff, &sealed)?, sealed))
}

/// The keys of a record's signers as earlier syncs proved them, judged as of its seal.
fn staff_keys(
    database: &Connection,
    folder: &Folder<'_>,
    opened: &Opened,
    sealed: &SealedAt,
) -> Result<BTreeMap<KeyId, StaffKey>, FolderError> {
    let mut statement =
        database.prepare_cached("SELECT entry FROM staff WHERE folder = ?1 AND key = ?2")?;
    let mut keys = BTreeMap::new();
    for signature in opened.signatures().native() {
        let id = signature.key;
        let entry: Option<Vec<u8>> = statement
            .query_row(params![folder.id, id.to_string()], |row| row.get(0))
            .optional()?;
        if let Some(entry) = entry {
            let entry: StaffEntry = medfolder_crypto::from_cbor(&entry, MAX_STAFF_ENTRY)
                .map_err(|_| FolderError::VaultDamaged)?;
            keys.insert(id, staff_key(&entry, folder, sealed)?);
        }
    }
    Ok(keys)
}

/// A staff entry of the ledger as the record crate's checks take it.
pub(crate) fn staff_key(
    entry: &StaffEntry,
    folder: &Folder<'_>,
    sealed: &SealedAt,
) -> Result<StaffKey, FolderError> {
    let suite = folder.consortium.suite();
    entry
        .staff_key(suite, sealed.position)
        .map_err(|_| FolderError::VaultDamaged)
}

/// The chain of versions that `record` belongs to, oldest first.
fn versions(
    database: &Connection,
    folder: i64,
    listed: &Listed,
) -> Result<Vec<Version>, FolderError> {
    let mut statement = database.prepare_cached(
        "WITH RECURSIVE family(name) AS (
             SELECT ?2
             UNION SELECT other.record FROM family JOIN record AS other
                 ON other.folder = ?1 AND other.hospital = ?3 AND other.replaces = family.name
             UNION SELECT other.record FROM family JOIN record AS other
                 ON other.folder = ?1 AND other.hospital = ?3 AND other.replaced_by = family.name)
         SELECT record.record, record.replaced_by IS NULL AND record.withdrawn = 0, record.date,
             record.written, record.day
         FROM record JOIN seal ON seal.id = record.seal
         WHERE record.folder = ?1 AND record.hospital = ?3
           AND record.record IN (SELECT name FROM family)
         ORDER BY seal.id, record.k",
    )?;
    let (record, hospital) = (listed.record.to_string(), listed.hospital.to_string());
    let rows = statement.query_map(params![folder, record, hospital], |row| {
        Ok(Version {
            record: parsed(row, 0)?,
            in_force: row.get(1)?,
            written: list::written(row, 2, 3)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
