//! Makes one seal. Nothing is stored here but ciphertext in the spool, which is removed when the seal
//! is not committed.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use medfolder_crypto::{Digest, os_rng};
use medfolder_ledger::body::{LeafList, Mark, Place as SealedPlace, Seal, SealedLeaf};
use medfolder_record::{
    AttachmentSealer, Blob, CardNumber, KeySlot, Place, RecordId, RecordKey, RecordSignature,
    SealKey, Sealing, Signatures, SlotPlace, Statement, VisitId,
};
use rusqlite::Connection;

use super::SharedWriter;
use super::attachment;
use super::ready::Ready;
use crate::inner::InnerError;
use crate::inner::draft::{Draft, open_statement};
use crate::inner::outbox::{self, Signed};
use crate::inner::store::record;
use crate::inner::vault_file::Plain;
use crate::inner::zone::Zone;
use crate::inner::{carried, checked, staff};
use crate::spool::{BlobRef, Delivery, Out, SpoolError, Unsent};

/// Purpose of a seal key under the zone key.
pub(super) const SEAL_KEY: &str = "seal key";

/// What came of a batch.
pub(super) enum Made {
    Sealed(Box<SealMade>),
    /// A record that keeps the visit back, and why.
    Held(i64, &'static str),
    /// A record joined the batch while it was looked at: another round takes it.
    Grown,
}

/// A seal that is not stored yet.
pub(super) struct SealMade {
    pub(super) batch: i64,
    pub(super) added: i64,
    pub(super) seq: u32,
    pub(super) card: CardNumber,
    pub(super) signed: Signed,
    /// Each record with its leaf, in the order of the seal.
    pub(super) leaves: Vec<(i64, RecordId)>,
    /// The seal key, as the database keeps it.
    pub(super) key: Vec<u8>,
    /// The delivery in the spool, unshown and not durable yet.
    pub(super) staged: Unsent,
    /// Attachments' ciphertext in the spool.
    pub(super) blobs: Vec<Digest>,
}

impl SealMade {
    /// Takes everything out of the spool again.
    pub(super) fn forget(&self, writer: &SharedWriter) {
        self.staged.forget();
        forget_blobs(writer, &self.blobs);
    }
}

fn forget_blobs(writer: &SharedWriter, blobs: &[Digest]) {
    let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
    for blob in blobs {
        // What cannot be removed is swept at the next start.
        drop(writer.remove_blob(blob));
    }
}

/// A record as the database has it.
struct Row {
    id: i64,
    state: i64,
    k: i64,
    leaf: Vec<u8>,
    replaces: i64,
    key: Vec<u8>,
    root: Vec<u8>,
    signature: Vec<u8>,
    draft: Vec<u8>,
    statement: Vec<u8>,
    files: String,
}

/// What is collected of one seal.
struct Maker<'a> {
    zone: &'a Zone,
    writer: &'a SharedWriter,
    batch: &'a Ready,
    staged: &'a Unsent,
    seal_key: SealKey,
    leaves: Vec<(i64, RecordId)>,
    envelopes: Vec<minicbor::bytes::ByteVec>,
    attachments: Vec<BlobRef>,
    blobs: Vec<Digest>,
}

/// Makes the seal of a batch, or says which record keeps it back; `staged` is its place in the spool.
pub(super) fn make(
    zone: &Zone,
    writer: &SharedWriter,
    (batch, staged): &(Ready, Unsent),
) -> Result<Made, InnerError> {
    let rows = zone.store.read(|db| rows(db, batch.id))?;
    if rows.iter().any(|row| row.state != record::SIGNED) {
        return Ok(Made::Grown);
    }
    let Some(rows) = in_order(rows) else {
        return Ok(Made::Held(0, "record.replaces_itself"));
    };
    let earlier = zone.store.read(|db| earlier(db, batch.id, &rows))?;
    let mut maker = Maker::new(
        zone,
        writer,
        (batch, staged),
        SealKey::random(&mut os_rng()),
    );
    let made = maker.make(&rows, earlier);
    if !matches!(made, Ok(Made::Sealed(_))) {
        forget_blobs(writer, &maker.blobs);
    }
    made
}

/// Makes a delivery once more, with the leaves and the transaction that it has: `None` when other
/// leaves came of it. Nobody is asked again who may sign: what is sealed is sealed.
pub(super) fn make_again(
    zone: &Zone,
    writer: &SharedWriter,
    (batch, staged): (&Ready, &Unsent),
    seal_key: SealKey,
    transaction: &[u8],
) -> Result<Option<()>, InnerError> {
    let mut rows = zone.store.read(|db| rows(db, batch.id))?;
    rows.sort_by_key(|row| row.k);
    let mut maker = Maker::new(zone, writer, (batch, staged), seal_key);
    for row in &rows {
        let signatures = checked::open(zone, &row.root, &row.signature);
        let signatures = signatures.ok_or(InnerError::Damaged)?;
        if maker.enclose(row, signatures)?.is_some() {
            return Ok(None);
        }
    }
    let made = maker
        .leaves
        .iter()
        .map(|(_, leaf)| leaf.as_bytes().as_slice());
    if rows.is_empty() || !made.eq(rows.iter().map(|row| row.leaf.as_slice())) {
        return Ok(None);
    }
    maker.deliver(transaction.to_vec())?;
    Ok(Some(()))
}

fn rows(db: &Connection, batch: i64) -> Result<Vec<Row>, InnerError> {
    let mut statement = db.prepare_cached(
        "SELECT r.id, r.state, r.replaces, r.key, r.root, r.signature, d.draft, r.statement, d.files,
           r.k, r.leaf
         FROM records r JOIN drafts d ON d.record = r.id WHERE r.batch = ?1 ORDER BY r.time, r.id",
    )?;
    let rows = statement.query_map([batch], |row| {
        Ok(Row {
            id: row.get(0)?,
            state: row.get(1)?,
            replaces: row.get(2)?,
            key: row.get(3)?,
            root: row.get(4)?,
            signature: row.get(5)?,
            draft: row.get(6)?,
            statement: row.get(7)?,
            files: row.get(8)?,
            k: row.get(9)?,
            leaf: row.get(10)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A replaced record before the one that replaces it, otherwise as they are; `None` for a circle.
fn in_order(rows: Vec<Row>) -> Option<Vec<Row>> {
    let mut left = rows;
    let mut ordered: Vec<Row> = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let waits = |row: &Row| left.iter().any(|other| other.id == row.replaces);
        let next = left.iter().position(|row| !waits(row))?;
        ordered.push(left.remove(next));
    }
    Some(ordered)
}

/// Where the replaced records of earlier batches lie, with the lists of their seals.
struct Earlier {
    places: BTreeMap<i64, SealedPlace>,
    lists: Vec<LeafList>,
}

fn earlier(db: &Connection, batch: i64, rows: &[Row]) -> Result<Earlier, InnerError> {
    let mut places = BTreeMap::new();
    let mut lists = BTreeMap::new();
    for row in rows.iter().filter(|row| row.replaces != 0) {
        let (its_batch, visit, seq, k): (i64, [u8; 16], i64, i64) = db
            .prepare_cached(
                "SELECT b.id, v.visit, b.seq, o.k FROM records o JOIN batches b ON b.id = o.batch
                 JOIN visits v ON v.id = b.visit WHERE o.id = ?1",
            )?
            .query_row([row.replaces], |r| {
                Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?))
            })?;
        if its_batch == batch {
            continue;
        }
        let seq = u32::try_from(seq).map_err(|_| InnerError::Damaged)?;
        let k = u16::try_from(k).map_err(|_| InnerError::Damaged)?;
        let place = SealedPlace {
            visit: VisitId(visit),
            seq,
            k,
        };
        places.insert(row.replaces, place);
        if let std::collections::btree_map::Entry::Vacant(entry) = lists.entry((place.visit, seq)) {
            let leaves = leaves(db, its_batch)?;
            entry.insert(LeafList {
                visit: place.visit,
                seq,
                leaves,
            });
        }
    }
    Ok(Earlier {
        places,
        lists: lists.into_values().collect(),
    })
}

fn leaves(db: &Connection, batch: i64) -> Result<Vec<RecordId>, InnerError> {
    let mut statement =
        db.prepare_cached("SELECT leaf FROM records WHERE batch = ?1 ORDER BY k")?;
    let leaves = statement.query_map([batch], |row| Ok(RecordId(Digest(row.get(0)?))))?;
    Ok(leaves.collect::<Result<_, _>>()?)
}

impl<'a> Maker<'a> {
    fn new(
        zone: &'a Zone,
        writer: &'a SharedWriter,
        (batch, staged): (&'a Ready, &'a Unsent),
        seal_key: SealKey,
    ) -> Self {
        Self {
            zone,
            writer,
            batch,
            staged,
            seal_key,
            leaves: Vec::new(),
            envelopes: Vec::new(),
            attachments: Vec::new(),
            blobs: Vec::new(),
        }
    }

    fn make(&mut self, rows: &[Row], earlier: Earlier) -> Result<Made, InnerError> {
        for row in rows {
            if let Some(code) = self.add(row)? {
                return Ok(Made::Held(row.id, code));
            }
        }
        self.finish(rows, earlier)
    }

    fn place(&self, k: u32) -> Place {
        Place {
            genesis: self.zone.genesis(),
            member: self.zone.member(),
            card: self.batch.card,
            visit: self.batch.visit,
            seq: self.batch.seq,
            k,
        }
    }

    /// Adds one record; a code when it keeps the visit back.
    fn add(&mut self, row: &Row) -> Result<Option<&'static str>, InnerError> {
        let Some(signatures) = checked::open(self.zone, &row.root, &row.signature) else {
            return Ok(Some("signature.invalid"));
        };
        if let Some(code) = self.objection(row, &signatures)? {
            return Ok(Some(code));
        }
        self.enclose(row, signatures)
    }

    /// Makes a record's envelope; a code when it keeps the visit back.
    fn enclose(
        &mut self,
        row: &Row,
        mut signatures: Signatures,
    ) -> Result<Option<&'static str>, InnerError> {
        let zone = self.zone;
        let draft = Draft::open(zone, &row.draft)?;
        let statement = Statement::from_bytes(&open_statement(zone, &row.statement)?);
        let statement = statement.map_err(|_| InnerError::Damaged)?;
        let record = draft
            .record(zone, statement)
            .map_err(|_| InnerError::Damaged)?;
        if record.content_root().as_bytes().as_slice() != row.root {
            return Ok(Some("record.changed"));
        }
        let mut files = Vec::new();
        match carried::checked(zone, &draft) {
            Ok(None) => {}
            Ok(Some((signature, file))) => {
                signatures.0.push(RecordSignature::Carried(signature));
                files.push(file);
            }
            Err(code) => return Ok(Some(code)),
        }
        let k = u32::try_from(self.leaves.len()).map_err(|_| InnerError::Damaged)?;
        let (place, key) = (self.place(k), self.seal_key.record(zone.suite(), k));
        let stored = self.attachments(row, &draft, &key, &place)?;
        let sealing = Sealing {
            key: &key,
            place,
            signatures: &signatures,
            files: &files,
            blobs: stored.iter().map(|(_, blob)| *blob).collect(),
            storage_address: None,
        };
        let sealed = match record.seal(sealing) {
            Ok(sealed) => sealed,
            Err(error) => return Ok(Some(error.code())),
        };
        self.envelopes.push(sealed.envelope.into());
        self.leaves.push((row.id, sealed.id));
        for (index, (mut blob, _)) in (0..).zip(stored) {
            (blob.record, blob.index) = (sealed.id, index);
            self.attachments.push(blob);
        }
        Ok(None)
    }

    /// Why a checked signature does not count at this moment.
    fn objection(
        &self,
        row: &Row,
        signatures: &Signatures,
    ) -> Result<Option<&'static str>, InnerError> {
        let (zone, now) = (self.zone, self.zone.now());
        let mut any = false;
        for signature in signatures.native() {
            any = true;
            if signature.key.as_bytes().as_slice() != row.key {
                return Ok(Some("signature.other_key"));
            }
            let Some(staff) = zone.store.read(|db| staff::signing(db, &signature.key))? else {
                return Ok(Some("staff.unknown"));
            };
            if let Some(code) = staff.standing(signature, now) {
                return Ok(Some(code));
            }
        }
        Ok((!any).then_some("record.unsigned"))
    }

    /// Encrypts a record's attachments into the spool.
    fn attachments(
        &mut self,
        row: &Row,
        draft: &Draft,
        key: &RecordKey,
        place: &Place,
    ) -> Result<Vec<(BlobRef, Blob)>, InnerError> {
        let mut stored = Vec::new();
        for (j, (file, described)) in
            (0..).zip(row.files.split_whitespace().zip(&draft.attachments))
        {
            let plain = Plain::open(&self.zone.key, &self.zone.files, file)?;
            let sealer = AttachmentSealer::new(key, place, j, described.size)
                .map_err(|_| InnerError::Damaged)?;
            let mut sealing = attachment::Sealing::new(plain, sealer);
            let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            let (digest, size) = writer.put_blob(self.zone.suite(), &mut sealing)?;
            drop(writer);
            self.blobs.push(digest);
            match sealing.done() {
                Some((plain, blob)) if plain == described.digest => {
                    let record = RecordId(Digest([0; 32]));
                    stored.push((
                        BlobRef {
                            record,
                            index: j,
                            digest,
                            size,
                        },
                        blob,
                    ));
                }
                _ => return Err(InnerError::Damaged),
            }
        }
        Ok(stored)
    }

    fn finish(&mut self, rows: &[Row], earlier: Earlier) -> Result<Made, InnerError> {
        let zone = self.zone;
        let Ready {
            visit, seq, card, ..
        } = *self.batch;
        let seal = Seal {
            member: zone.member(),
            card,
            visit,
            seq,
            area: zone.area,
            policy: zone.config.policy,
            time: zone.now(),
            mark: if self.batch.late {
                Mark::Late
            } else {
                Mark::None
            },
            leaves: self.listed(rows, &earlier.places)?,
            earlier: (!earlier.lists.is_empty()).then_some(earlier.lists),
        };
        let signed = outbox::sign(zone, seal)?;
        if signed.bytes.len() > medfolder_ledger::transaction::MAX_LEN {
            return Ok(Made::Held(0, "seal.too_long"));
        }
        match self.deliver(signed.bytes.clone()) {
            Ok(()) => {}
            Err(InnerError::Spool(SpoolError::TooLarge)) => {
                return Ok(Made::Held(0, "seal.too_long"));
            }
            Err(error) => return Err(error),
        }
        Ok(Made::Sealed(Box::new(SealMade {
            batch: self.batch.id,
            added: self.batch.added,
            seq,
            card,
            signed,
            leaves: std::mem::take(&mut self.leaves),
            key: zone.key.seal(SEAL_KEY, self.seal_key.expose()),
            staged: self.staged.clone(),
            blobs: std::mem::take(&mut self.blobs),
        })))
    }

    /// Writes the delivery to its place in the spool, unshown.
    fn deliver(&mut self, transaction: Vec<u8>) -> Result<(), InnerError> {
        let (zone, batch) = (self.zone, self.batch);
        let place = SlotPlace {
            member: zone.member(),
            card: batch.card,
            visit: batch.visit,
            seq: batch.seq,
        };
        let recipient = batch.encryption.encryption(zone.suite());
        let recipient = recipient.map_err(|_| InnerError::Damaged)?;
        let slot = KeySlot::make(&place, &recipient, &self.seal_key, &mut os_rng())?;
        let delivery = Delivery {
            transaction,
            envelopes: std::mem::take(&mut self.envelopes),
            slot: slot.to_bytes(),
            attachments: std::mem::take(&mut self.attachments),
        };
        Ok(self.staged.write(&Out::Delivery(delivery))?)
    }

    fn listed(
        &self,
        rows: &[Row],
        places: &BTreeMap<i64, SealedPlace>,
    ) -> Result<Vec<SealedLeaf>, InnerError> {
        let own = |record: i64| {
            let k = self.leaves.iter().position(|(id, _)| *id == record)?;
            let k = u16::try_from(k).ok()?;
            Some(SealedPlace {
                visit: self.batch.visit,
                seq: self.batch.seq,
                k,
            })
        };
        let listed = rows.iter().zip(&self.leaves).map(|(row, (_, leaf))| {
            let replaces = match row.replaces {
                0 => None,
                record => {
                    let place = places.get(&record).copied().or_else(|| own(record));
                    Some(place.ok_or(InnerError::Damaged)?)
                }
            };
            Ok(SealedLeaf {
                leaf: *leaf,
                replaces,
            })
        });
        listed.collect()
    }
}
