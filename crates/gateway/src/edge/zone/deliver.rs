//! Takes deliveries from the inner zone: all ciphertext first, then the seals to the ledger.
//!
//! ```text
//! check   T_M is this member's seal; envelope k recomputes to leaf k and stands where T_M says;
//!         each attachment recomputes to the root in its core; the slot is for T_M's card
//! store   blobs, index and outbox in one transaction, then the spool messages go
//! ```
//! Many deliveries wait for the disk together.
//! Doing it twice stores the same things under the same names. The spool is hostile until checked:
//! what does not fit is refused by code; inner, which is told, delivers it again.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use medfolder_crypto::Digest;
use medfolder_ledger::body::Seal;
use medfolder_record::Envelope;
use medfolder_record::KeySlot;
use medfolder_record::RecordId;
use medfolder_record::attachment::BlobAudit;
use medfolder_record::record_core::{Blob, Place};
use rusqlite::Transaction;

use super::index;
use crate::edge::app::App;
use crate::edge::blob::{BlobError, Source};
use crate::edge::chain::{self, Queued};
use crate::edge::db::DbError;
use crate::edge::outbox::{self, Kind};
use crate::parallel::in_parallel;
use crate::spool::{BlobRef, Delivery, SpoolError};

/// Why a delivery was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeliveryError {
    /// The transaction is none of this member's seals.
    #[error("the delivery's transaction is not a seal of this member")]
    Seal,
    /// An envelope is not what its leaf commits to, or stands elsewhere.
    #[error("an envelope does not fit its leaf")]
    Envelope,
    /// An attachment is not what its core names, or is missing.
    #[error("an attachment does not fit its record")]
    Attachment,
    /// The slot is for another seal or card.
    #[error("the slot does not fit the seal")]
    Slot,
    /// Leaves were signed again, and their envelopes are not here.
    #[error("the envelopes of these leaves are not stored")]
    NotStored,
    /// The blob store failed; the delivery stays in the spool.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The index failed; the delivery stays in the spool.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl DeliveryError {
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Seal => "delivery.seal",
            Self::Envelope => "delivery.envelope",
            Self::Attachment => "delivery.attachment",
            Self::Slot => "delivery.slot",
            Self::NotStored => "delivery.not_stored",
            Self::Blob(error) => error.code(),
            Self::Db(error) => error.code(),
        }
    }

    /// Whether the same delivery may be taken later.
    pub(crate) const fn is_ours(&self) -> bool {
        matches!(self, Self::Blob(_) | Self::Db(_))
    }
}

/// Opens a blob of the spool.
pub(crate) type OpenBlobRef<'a> = dyn Fn(&BlobRef) -> Result<File, SpoolError> + Sync + 'a;

/// Checks, stores, queues; what became of each delivery. `open` opens a blob of the spool.
///
/// # Errors
/// The store's or the index's own failure: all deliveries stay in the spool.
pub(crate) fn take_all(
    app: &Arc<App>,
    deliveries: &[&Delivery],
    open: &OpenBlobRef<'_>,
) -> Result<Vec<Result<(), DeliveryError>>, DeliveryError> {
    let mut checked = in_parallel(deliveries, |delivery| Checked::new(app, delivery, open));
    store(app, &mut checked)?;
    let arrived = checked.into_iter().map(|one| one?.arrived());
    let arrived: Vec<Result<Checked<'_>, DeliveryError>> = arrived.collect();
    app.db.write_now(|t| {
        let now = app.now();
        let mut good = arrived.iter().flatten();
        good.try_for_each(|one| one.put(t, now))
    })?;
    Ok(arrived.into_iter().map(|one| one.map(drop)).collect())
}

/// Stores the ciphertext of all checked deliveries, and notes the names it got.
fn store(
    app: &App,
    checked: &mut [Result<Checked<'_>, DeliveryError>],
) -> Result<(), DeliveryError> {
    let mut sources: Vec<Source<'_>> = Vec::new();
    let mut names: Vec<&mut Digest> = Vec::new();
    for record in checked
        .iter_mut()
        .flatten()
        .flat_map(|one| &mut one.records)
    {
        let length = record.bytes.len() as u64;
        sources.push((&mut record.bytes, length));
        names.push(&mut record.row.envelope);
        for attachment in &mut record.attachments {
            if let Some(audited) = &mut attachment.arriving {
                sources.push((audited, attachment.row.size));
                names.push(&mut attachment.row.blob);
            }
        }
    }
    let stored = app.blobs.put_all(&mut sources)?;
    for (name, (stored, _)) in names.into_iter().zip(stored) {
        *name = stored;
    }
    Ok(())
}

/// The same leaves, signed again after a lapse.
pub(crate) fn again(app: &App, seal: &Seal, transaction: &[u8]) -> Result<(), DeliveryError> {
    let queued = chain::queued(&app.chain, transaction).ok_or(DeliveryError::Seal)?;
    if seal.member != app.member {
        return Err(DeliveryError::Seal);
    }
    let stored = app.db.write_now(|t| {
        let mut same = true;
        for leaf in seal.leaf_ids() {
            let record = index::record(t, &leaf)?;
            same &= record.is_some_and(|r| r.visit == seal.visit && r.seq == seal.seq);
        }
        if same {
            outbox::put(t, &queued, Kind::Relayed, app.now())?;
        }
        Ok(same)
    })?;
    if stored {
        Ok(())
    } else {
        Err(DeliveryError::NotStored)
    }
}

fn check_slot(app: &App, seal: &Seal, slot: &[u8]) -> Result<(), DeliveryError> {
    let place = KeySlot::from_bytes(slot)
        .map_err(|_| DeliveryError::Slot)?
        .place();
    let fits = (place.member, place.card, place.visit, place.seq)
        == (app.member, seal.card, seal.visit, seal.seq);
    if fits {
        Ok(())
    } else {
        Err(DeliveryError::Slot)
    }
}

/// A delivery that is what its seal says, as far as can be told before its attachments are read.
struct Checked<'a> {
    queued: Queued,
    seal: Seal,
    slot: &'a [u8],
    records: Vec<CheckedRecord<'a>>,
}

struct CheckedRecord<'a> {
    row: index::Record,
    size: u64,
    /// What is left to read of the envelope.
    bytes: &'a [u8],
    attachments: Vec<CheckedAttachment>,
}

struct CheckedAttachment {
    row: index::Attachment,
    /// What its core says of it.
    blob: Blob,
    /// In the spool; stored already when there is nothing.
    arriving: Option<Audited<File>>,
}

impl<'a> Checked<'a> {
    fn new(
        app: &App,
        delivery: &'a Delivery,
        open: &OpenBlobRef<'_>,
    ) -> Result<Self, DeliveryError> {
        let bytes = &delivery.transaction;
        let queued = chain::queued(&app.chain, bytes).ok_or(DeliveryError::Seal)?;
        let seal = chain::seal_of(&app.chain, bytes)
            .filter(|seal| seal.member == app.member)
            .ok_or(DeliveryError::Seal)?;
        check_slot(app, &seal, &delivery.slot)?;
        if delivery.envelopes.len() != seal.leaves.len() {
            return Err(DeliveryError::Envelope);
        }
        let intake = Intake {
            app,
            seal: &seal,
            attachments: &delivery.attachments,
            open,
        };
        let records = (0_u16..)
            .zip(seal.leaf_ids())
            .zip(&delivery.envelopes)
            .map(|((k, leaf), envelope)| intake.record(k, leaf, envelope))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            queued,
            seal,
            slot: &delivery.slot,
            records,
        })
    }

    /// Once everything was read: the attachments are those that the cores name.
    fn arrived(mut self) -> Result<Self, DeliveryError> {
        let records = self.records.iter_mut();
        for attachment in records.flat_map(|record| &mut record.attachments) {
            if let Some(read) = attachment.arriving.take() {
                let checked = read.audit.check(&attachment.blob);
                checked.map_err(|_| DeliveryError::Attachment)?;
            }
        }
        Ok(self)
    }

    fn put(&self, t: &Transaction<'_>, now: u64) -> rusqlite::Result<()> {
        for record in &self.records {
            index::put(t, &record.row, record.size, now)?;
            for attachment in &record.attachments {
                index::put_attachment(t, &record.row.id, &attachment.row)?;
            }
        }
        let seal = &self.seal;
        index::put_slot(t, &seal.visit, seal.seq, &seal.card, self.slot, now)?;
        outbox::put(t, &self.queued, Kind::Relayed, now)
    }
}

/// Where a delivery's records come from.
struct Intake<'a> {
    app: &'a App,
    seal: &'a Seal,
    attachments: &'a [BlobRef],
    open: &'a OpenBlobRef<'a>,
}

impl Intake<'_> {
    fn record<'a>(
        &self,
        k: u16,
        id: RecordId,
        bytes: &'a [u8],
    ) -> Result<CheckedRecord<'a>, DeliveryError> {
        let blobs = self.check(k, &id, bytes)?;
        let attachments = (0_u32..)
            .zip(blobs)
            .map(|(j, blob)| self.attachment(&id, j, blob));
        Ok(CheckedRecord {
            row: index::Record {
                id,
                card: self.seal.card,
                visit: self.seal.visit,
                seq: self.seal.seq,
                k,
                // Named when it is stored.
                envelope: Digest([0; 32]),
                sealed: false,
                finding: 0,
            },
            size: bytes.len() as u64,
            bytes,
            attachments: attachments.collect::<Result<_, _>>()?,
        })
    }

    /// The attachments that the envelope names, if it is leaf k of this seal.
    fn check(&self, k: u16, leaf: &RecordId, bytes: &[u8]) -> Result<Vec<Blob>, DeliveryError> {
        let envelope = Envelope::from_bytes(bytes).map_err(|_| DeliveryError::Envelope)?;
        let (app, seal, core) = (self.app, self.seal, envelope.core());
        let expected = Place {
            genesis: app.chain.digest(),
            member: app.member,
            card: seal.card,
            visit: seal.visit,
            seq: seal.seq,
            k: u32::from(k),
        };
        if core.place != expected {
            return Err(DeliveryError::Envelope);
        }
        let attachments = core.attachments.clone();
        match envelope.audit(app.suite, leaf) {
            Ok(_) => Ok(attachments),
            Err(_) => Err(DeliveryError::Envelope),
        }
    }

    fn attachment(
        &self,
        id: &RecordId,
        j: u32,
        blob: Blob,
    ) -> Result<CheckedAttachment, DeliveryError> {
        let mut named = self.attachments.iter();
        let source = named
            .find(|one| one.record == *id && one.index == j && one.size == blob.length)
            .ok_or(DeliveryError::Attachment)?;
        let arriving = (self.open)(source).ok().map(|inner| Audited {
            inner,
            audit: BlobAudit::new(self.app.suite),
        });
        if arriving.is_none() {
            // The spool's blobs go before its message: after a crash in between they are here already.
            self.check_stored(&source.digest, &blob)?;
        }
        let row = index::Attachment {
            j,
            blob: source.digest,
            size: blob.length,
        };
        Ok(CheckedAttachment {
            row,
            blob,
            arriving,
        })
    }

    fn check_stored(&self, name: &Digest, blob: &Blob) -> Result<(), DeliveryError> {
        let stored = self.app.blobs.get(name)?.ok_or(DeliveryError::Attachment)?;
        let audit = super::audit::stream(self.app.suite, stored.reader)?;
        audit.check(blob).map_err(|_| DeliveryError::Attachment)
    }
}

/// Computes an attachment's root while it is copied.
struct Audited<R> {
    inner: R,
    audit: BlobAudit,
}

impl<R: Read> Read for Audited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.audit.push(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}
