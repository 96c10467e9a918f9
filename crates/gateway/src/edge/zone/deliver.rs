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
use medfolder_record::RecordId;
use medfolder_record::attachment::BlobAudit;
use medfolder_record::Envelope;
use medfolder_record::record_core::Blob;
use medfolder_record::KeySlot;

use super::index;
use crate::edge::app::App;
use crate::edge::blob::BlobError;
use crate::edge::chain::{self, Queued};
use crate::edge::db::DbError;
use crate::edge::outbox::{self, Kind};
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
    open: &dyn Fn(&BlobRef) -> Result<std::fs::File, SpoolError>,
) -> Result<(), DeliveryError> {
    let queued = chain::queued(&app.chain, &delivery.transaction).ok_or(DeliveryError::Seal)?;
    let seal = chain::seal_of(&app.chain, &delivery.transaction)
        .filter(|seal| seal.member == app.member)
        .ok_or(DeliveryError::Seal)?;
    if delivery.envelopes.is_empty() {
        return again(app, &seal, &queued);
    }
    check_slot(app, &seal, &delivery.slot)?;
    if delivery.envelopes.len() != seal.leaves.len() {
        return Err(DeliveryError::Envelope);
    }
    let mut kept = Vec::with_capacity(seal.leaves.len());
    for (k, (envelope, leaf)) in delivery.envelopes.iter().zip(seal.leaf_ids()).enumerate() {
        let k = u16::try_from(k).map_err(|_| DeliveryError::Envelope)?;
        let blobs = check_envelope(app, &seal, envelope, &leaf, k)?;
        kept.push(keep(app, &seal, envelope, leaf, k, &blobs, delivery, open)?);
    }
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
fn again(app: &App, seal: &Seal, queued: &Queued) -> Result<(), DeliveryError> {
    let stored = app.db.write_now(|t| {
        let mut same = true;
        for leaf in seal.leaf_ids() {
            let record = index::record(t, &leaf)?;
            same &= record.is_some_and(|r| r.visit == seal.visit && r.seq == seal.seq);
        }
        if same {
            outbox::put(t, queued, Kind::Relayed, app.now())?;
        }
        Ok(same)
    })?;
    if stored { Ok(()) } else { Err(DeliveryError::NotStored) }
}

fn check_slot(app: &App, seal: &Seal, slot: &[u8]) -> Result<(), DeliveryError> {
    let place = KeySlot::from_bytes(slot).map_err(|_| DeliveryError::Slot)?.place();
    let fits = (place.member, place.card, place.visit, place.seq)
        == (app.member, seal.card, seal.visit, seal.seq);
    if fits { Ok(()) } else { Err(DeliveryError::Slot) }
}

fn check_envelope(
    app: &App,
    seal: &Seal,
    bytes: &[u8],
    leaf: &RecordId,
    k: u16,
) -> Result<Vec<Blob>, DeliveryError> {
    let envelope = Envelope::from_bytes(bytes).map_err(|_| DeliveryError::Envelope)?;
    let place = envelope.core().place;
    let here = (place.genesis, place.member, place.card, place.visit, place.seq, place.k)
        == (app.chain.digest(), app.member, seal.card, seal.visit, seal.seq, u32::from(k));
    let attachments = envelope.core().attachments.clone();
    envelope.audit(app.suite, leaf).map_err(|_| DeliveryError::Envelope)?;
    if here { Ok(attachments) } else { Err(DeliveryError::Envelope) }
}

#[expect(clippy::too_many_arguments, reason = "one place where a record's parts come together")]
fn keep(
    app: &App,
    seal: &Seal,
    envelope: &[u8],
    id: RecordId,
    k: u16,
    blobs: &[Blob],
    delivery: &Delivery,
    open: &dyn Fn(&BlobRef) -> Result<std::fs::File, SpoolError>,
) -> Result<Kept, DeliveryError> {
    let (name, size) = app.blobs.put(&mut &*envelope, envelope.len() as u64)?;
    let record = index::Record {
        id,
        card: seal.card,
        visit: seal.visit,
        seq: seal.seq,
        k,
        envelope: name,
        sealed: false,
        finding: 0,
    };
    let mut attachments = Vec::with_capacity(blobs.len());
    for (j, blob) in (0_u32..).zip(blobs) {
        let named = delivery.attachments.iter().find(|a| a.record == id && a.index == j);
        let source = named.ok_or(DeliveryError::Attachment)?;
        let stored = keep_attachment(app, source, blob, open)?;
        attachments.push(index::Attachment { j, blob: stored, size: blob.length });
    }
    Ok(Kept { record, size, attachments })
}

fn keep_attachment(
    app: &App,
    source: &BlobRef,
    blob: &Blob,
    open: &dyn Fn(&BlobRef) -> Result<std::fs::File, SpoolError>,
) -> Result<Digest, DeliveryError> {
    if let Ok(file) = open(source) {
        let mut audited = Audited { inner: file, audit: BlobAudit::new(app.suite) };
        let (name, _) = app.blobs.put(&mut audited, blob.length)?;
        return match audited.audit.check(blob) {
            Ok(()) => Ok(name),
            Err(_) => Err(DeliveryError::Attachment),
        };
    }
    // The spool's blobs go before its message: after a crash in between they are here already.
    let stored = app.blobs.get(&source.digest)?.ok_or(DeliveryError::Attachment)?;
    let audit = super::audit::stream(app.suite, stored.reader)?;
    audit.check(blob).map(|()| source.digest).map_err(|_| DeliveryError::Attachment)
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
