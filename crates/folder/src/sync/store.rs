//! Checks a fetched record and writes what came of it: verified with its heading, or failed by name.

use crate::records::staff_key;
use crate::{Card, Folder, FolderError};
use medfolder_crypto::tree::KeyPair;
use medfolder_fhir::Written;
use medfolder_ledger::state::StaffEntry;
use medfolder_record::{
    Check, ContentRoot, Envelope, KeyId, KeySlot, Opened, Place, Record, RecordId, SealKey,
    SealedAt, SlotPlace, StaffKey, VisitId,
};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeMap;

/// A record that the ledger names and the vault does not hold yet.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) row: i64,
    pub(crate) seal_row: i64,
    pub(crate) record: RecordId,
    pub(crate) visit: VisitId,
    pub(crate) seq: u32,
    pub(crate) k: u32,
    pub(crate) sealed: SealedAt,
    pub(crate) replaces: Option<RecordId>,
    /// Whether the seal delivers again what was lost.
    pub(crate) delivered_again: bool,
    /// Whether the seal's key slot is in the vault.
    pub(crate) has_slot: bool,
}

/// Opens envelopes of one card; keeps the key of the seal it opened last, because the records of
/// a seal arrive one behind the other.
pub(crate) struct Opener<'f> {
    folder: &'f Folder<'f>,
    card: &'f Card,
    keys: KeyPair,
    last: Option<(VisitId, u32, SealKey)>,
    /// Entries of signers, proven in this sync: a key may have ended since the last one.
    pub(crate) staff: BTreeMap<KeyId, StaffEntry>,
    /// The same as keys, judged as of one position: one list's records share it.
    judged: BTreeMap<KeyId, StaffKey>,
    judged_at: Option<u64>,
}

impl<'f> Opener<'f> {
    pub(crate) fn new(folder: &'f Folder<'f>, card: &'f Card) -> Result<Self, FolderError> {
        Ok(Self {
            folder,
            card,
            keys: folder.card_keys(card)?,
            last: None,
            staff: BTreeMap::new(),
            judged: BTreeMap::new(),
            judged_at: None,
        })
    }

    /// Everything that needs no doctor's key.
    pub(crate) fn open(
        &mut self,
        wanted: &Wanted,
        envelope: &[u8],
        slot: Option<&[u8]>,
    ) -> Result<Opened, Check> {
        let suite = self.folder.consortium.suite();
        let place = Place {
            genesis: self.folder.consortium.digest(),
            member: self.card.member,
            card: self.card.number,
            visit: wanted.visit,
            seq: wanted.seq,
            k: wanted.k,
        };
        let audited = Envelope::from_bytes(envelope)?.audit(suite, &wanted.record)?;
        audited.placed(&place)?.open(self.seal_key(wanted, slot)?)
    }

    /// The doctors' signatures, each key judged as of the seal.
    pub(crate) fn verify(
        &mut self,
        opened: Opened,
        sealed: &SealedAt,
    ) -> Result<Result<Record, Check>, FolderError> {
        if self.judged_at != Some(sealed.position) {
            (self.judged, self.judged_at) = (BTreeMap::new(), Some(sealed.position));
        }
        for signature in opened.signatures().native() {
            let known = self.judged.contains_key(&signature.key);
            if let (false, Some(entry)) = (known, self.staff.get(&signature.key)) {
                let key = staff_key(entry, self.folder, sealed)?;
                self.judged.insert(signature.key, key);
            }
        }
        Ok(opened.verify(&self.judged, sealed))
    }

    /// Keys of signers that are not known yet.
    pub(crate) fn unknown_signers(&self, opened: &Opened) -> Vec<KeyId> {
        let signers = opened.signatures().native().map(|signature| signature.key);
        signers
            .filter(|key| !self.staff.contains_key(key))
            .collect()
    }

    fn seal_key(&mut self, wanted: &Wanted, slot: Option<&[u8]>) -> Result<&SealKey, Check> {
        let known = self
            .last
            .as_ref()
            .is_some_and(|(visit, seq, _)| (*visit, *seq) == (wanted.visit, wanted.seq));
        if !known {
            let slot = KeySlot::from_bytes(slot.ok_or(Check::Slot)?)?;
            let place = SlotPlace {
                member: self.card.member,
                card: self.card.number,
                visit: wanted.visit,
                seq: wanted.seq,
            };
            let key = slot.open(&place, &self.keys.encryption)?;
            self.last = Some((wanted.visit, wanted.seq, key));
        }
        self.last.as_ref().map(|(_, _, key)| key).ok_or(Check::Slot)
    }
}

/// Writes a record of which every check held.
pub(crate) fn store_verified(
    database: &Connection,
    wanted: &Wanted,
    record: &Record,
    envelope: &[u8],
) -> Result<(), FolderError> {
    let statement = record.statement();
    let kind = medfolder_fhir::kind::Kind::by_loinc(&statement.kind.loinc);
    let written = Written::find(record.body(), statement.times.authored);
    database
        .prepare_cached(
            "UPDATE record SET state = 'verified', failure = NULL, kind = ?2, kind_name = ?3,
                 title = ?4, author = ?5, department = ?6, date = ?7, written = ?8, day = ?9
             WHERE id = ?1",
        )?
        .execute(params![
            wanted.row,
            statement.kind.loinc,
            kind.map_or("", |kind| kind.slug()),
            statement.title,
            statement.author.name,
            statement.department,
            statement.times.authored,
            written.text(),
            written.first_day(),
        ])?;
    database
        .prepare_cached("INSERT OR REPLACE INTO content (record, envelope) VALUES (?1, ?2)")?
        .execute(params![wanted.row, envelope])?;
    for (j, attachment) in record.attachments().iter().enumerate() {
        database
            .prepare_cached(
                "INSERT INTO attachment (record, j, name, media_type, size, digest, state)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'waiting') ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                wanted.row,
                j,
                attachment.name,
                attachment.media_type,
                attachment.size,
                attachment.digest.0
            ])?;
    }
    Ok(())
}

/// Writes that a check failed; the record stays in the list, by name, and is fetched again by the
/// next sync.
pub(crate) fn store_failed(
    database: &Connection,
    wanted: &Wanted,
    code: &str,
) -> Result<(), FolderError> {
    database
        .prepare_cached("UPDATE record SET state = 'failed', failure = ?2 WHERE id = ?1")?
        .execute(params![wanted.row, code])?;
    Ok(())
}

/// Keeps a seal's key slot.
pub(crate) fn store_slot(
    database: &Connection,
    seal_row: i64,
    slot: &[u8],
) -> Result<(), FolderError> {
    database
        .prepare_cached("UPDATE seal SET slot = ?2 WHERE id = ?1")?
        .execute(params![seal_row, slot])?;
    Ok(())
}

/// A seal's key slot, if it was fetched before.
pub(crate) fn slot(database: &Connection, seal_row: i64) -> Result<Option<Vec<u8>>, FolderError> {
    let slot = database
        .prepare_cached("SELECT slot FROM seal WHERE id = ?1")?
        .query_row([seal_row], |row| row.get(0))?;
    Ok(slot)
}

/// Keeps a doctor's entry that the ledger's state proved, for opening records offline.
pub(crate) fn store_staff(
    database: &Connection,
    folder: &Folder<'_>,
    id: &KeyId,
    entry: &StaffEntry,
) -> Result<(), FolderError> {
    database
        .prepare_cached("INSERT OR REPLACE INTO staff (folder, key, entry) VALUES (?1, ?2, ?3)")?
        .execute(params![
            folder.id,
            id.to_string(),
            medfolder_crypto::to_cbor(entry)
        ])?;
    Ok(())
}

/// The content root of a record that another one replaces; none when it is not in the vault.
pub(crate) fn content_root(
    database: &Connection,
    folder: i64,
    record: &RecordId,
) -> Result<Option<ContentRoot>, FolderError> {
    let envelope: Option<Vec<u8>> = database
        .prepare_cached(
            "SELECT content.envelope FROM content JOIN record ON record.id = content.record
             WHERE record.folder = ?1 AND record.record = ?2",
        )?
        .query_row(params![folder, record.to_string()], |row| row.get(0))
        .optional()?;
    Ok(envelope.and_then(|bytes| Envelope::from_bytes(&bytes).ok().map(|e| e.content_root())))
}
