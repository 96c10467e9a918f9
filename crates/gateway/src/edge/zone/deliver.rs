//! Takes a delivery from the inner zone: all ciphertext first, then the seal to the ledger.
//!
//! ```text
//! check   T_M is this member's seal; envelope k recomputes to leaf k and stands where T_M says;
//!         each attachment recomputes to the root in its core; the slot is for T_M's card
//! store   blobs (fsync), index and outbox in one transaction, then the spool message goes
//! ```
//! Doing it twice stores the same things under the same names. The spool is hostile until checked:
//! what does not fit is refused by code and dropped; inner signs anew when its seal lapses.

use std::io::Read;
use std::sync::Arc;

use medfolder_crypto::Digest;
use medfolder_ledger::body::Seal;
use medfolder_record::Envelope;
use medfolder_record::KeySlot;
use medfolder_record::RecordId;
use medfolder_record::attachment::BlobAudit;
use medfolder_record::record_core::{Blob, Place};

use super::index;
use crate::edge::app::App;
use crate::edge::blob::BlobError;
use crate::edge::chain;
use crate::edge::db::DbError;
use crate::edge::outbox::{self, Kind};
use crate::spool::{BlobRef, Delivery, SpoolError};

/// Records that are stored at the same time.
const AT_ONCE: usize = 16;

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

/// One record with what is stored of it.
struct Kept {
    record: index::Record,
    size: u64,
    attachments: Vec<index::Attachment>,
}

/// Checks, stores, queues. `open` opens a blob of the spool.
pub(crate) fn take(
    app: &Arc<App>,
    delivery: &Delivery,
    open: &OpenBlobRef<'_>,
) -> Result<(), DeliveryError> {
    let queued = chain::queued(&app.chain, &delivery.transaction).ok_or(DeliveryError::Seal)?;
    let seal = chain::seal_of(&app.chain, &delivery.transaction)
        .filter(|seal| seal.member == app.member)
        .ok_or(DeliveryError::Seal)?;
    check_slot(app, &seal, &delivery.slot)?;
    if delivery.envelopes.len() != seal.leaves.len() {
        return Err(DeliveryError::Envelope);
    }
    let intake = Intake {
        app,
        seal: &seal,
        delivery,
        open,
    };
    let kept = intake.keep_all()?;
    app.db.write_now(|t| {
        let now = app.now();
        for one in &kept {
            index::put(t, &one.record, one.size, now)?;
            one.attachments
                .iter()
                .try_for_each(|blob| index::put_attachment(t, &one.record.id, blob))?;
        }
        index::put_slot(t, &seal.visit, seal.seq, &seal.card, &delivery.slot, now)?;
        outbox::put(t, &queued, Kind::Relayed, now)
    })?;
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

/// Opens a blob of the spool.
pub(crate) type OpenBlobRef<'a> = dyn Fn(&BlobRef) -> Result<std::fs::File, SpoolError> + Sync + 'a;

/// A delivery whose records are being taken in.
struct Intake<'a> {
    app: &'a App,
    seal: &'a Seal,
    delivery: &'a Delivery,
    open: &'a OpenBlobRef<'a>,
}

impl Intake<'_> {
    /// All records, several at a time: waiting for the disk is most of the work.
    fn keep_all(&self) -> Result<Vec<Kept>, DeliveryError> {
        let records: Vec<(u16, RecordId, &[u8])> = (0_u16..)
            .zip(self.seal.leaf_ids())
            .zip(&self.delivery.envelopes)
            .map(|((k, leaf), envelope)| (k, leaf, envelope.as_slice()))
            .collect();
        let mut kept = Vec::with_capacity(records.len());
        for some in records.chunks(AT_ONCE) {
            let done: Vec<Result<Kept, DeliveryError>> = std::thread::scope(|scope| {
                let running: Vec<_> = some
                    .iter()
                    .map(|(k, leaf, envelope)| scope.spawn(|| self.keep(*k, *leaf, envelope)))
                    .collect();
                let ended = running.into_iter().map(|one| one.join());
                ended
                    .map(|one| one.unwrap_or(Err(DeliveryError::Db(DbError::Closing))))
                    .collect()
            });
            for one in done {
                kept.push(one?);
            }
        }
        Ok(kept)
    }

    fn keep(&self, k: u16, id: RecordId, bytes: &[u8]) -> Result<Kept, DeliveryError> {
        let blobs = self.check(k, &id, bytes)?;
        let (name, size) = self.app.blobs.put(&mut &*bytes, bytes.len() as u64)?;
        let record = index::Record {
            id,
            card: self.seal.card,
            visit: self.seal.visit,
            seq: self.seal.seq,
            k,
            envelope: name,
            sealed: false,
            finding: 0,
        };
        let mut attachments = Vec::with_capacity(blobs.len());
        for (j, blob) in (0_u32..).zip(&blobs) {
            let stored = self.keep_attachment(&id, j, blob)?;
            attachments.push(index::Attachment {
                j,
                blob: stored,
                size: blob.length,
            });
        }
        Ok(Kept {
            record,
            size,
            attachments,
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

    fn keep_attachment(&self, id: &RecordId, j: u32, blob: &Blob) -> Result<Digest, DeliveryError> {
        let mut named = self.delivery.attachments.iter();
        let source = named
            .find(|one| one.record == *id && one.index == j)
            .ok_or(DeliveryError::Attachment)?;
        if let Ok(file) = (self.open)(source) {
            let mut audited = Audited {
                inner: file,
                audit: BlobAudit::new(self.app.suite),
            };
            let (name, _) = self.app.blobs.put(&mut audited, blob.length)?;
            let checked = audited.audit.check(blob);
            return checked
                .map(|()| name)
                .map_err(|_| DeliveryError::Attachment);
        }
        // The spool's blobs go before its message: after a crash in between they are here already.
        let stored = self.app.blobs.get(&source.digest)?;
        let stored = stored.ok_or(DeliveryError::Attachment)?;
        let checked = super::audit::stream(self.app.suite, stored.reader)?.check(blob);
        checked
            .map(|()| source.digest)
            .map_err(|_| DeliveryError::Attachment)
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
