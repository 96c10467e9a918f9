//! Medfolder's records: what is signed, sealed, stored and opened.
//!
//! What it is: the statement and pieces of a record, its content root, doctors' signatures, the
//! sealed content, attachments in chunks, key slots, and the envelope that an exchange zone keeps.
//!
//! What it promises: strict decoding, one canonical form each; a [`Record`] exists only when every
//! check passed, and a failed one is named by [`Check`].
//!
//! What it never does: read a clock, draw randomness by itself, touch a file or a network.
//!
//! Formats, byte by byte: `docs/formats/record.md`. Limits: [`limits`].

#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)
)]

pub mod attachment;
pub mod carried;
mod check;
pub mod content;
mod draft;
mod envelope;
pub mod id;
mod json;
mod keys;
pub mod limits;
mod open;
pub mod padding;
pub mod pieces;
pub mod record_core;
mod sealed;
pub mod signature;
mod slot;
mod staff;
pub mod statement;
mod version;
#[cfg(all(feature = "x509", not(target_arch = "wasm32")))]
pub mod x509;

pub use attachment::{AttachmentOpener, AttachmentSealer, BlobAudit, StoredAttachment};
pub use carried::{CarriedFile, CarriedSignature};
pub use check::Check;
pub use content::{Attachment, ContentError, ContentSalt, ContentTree, Disclosing, Disclosure};
pub use draft::{Draft, SealError, SealedRecord, Sealing};
pub use envelope::{Audited, Envelope};
pub use id::{
    AreaId, CardNumber, ContentRoot, FolderNumber, GrantId, KeyId, MemberId, RecordId, VisitId,
};
pub use keys::{RecordKey, SealKey};
pub use open::{Opened, Placed, Record, Reread, open};
pub use record_core::{Blob, Core, Place};
pub use sealed::sealed_length;
pub use signature::{Custody, DoctorSignature, RecordSignature, Signatures};
pub use slot::{KeySlot, SlotPlace};
pub use staff::{Ended, SealedAt, StaffKey, StaffKeys};
pub use statement::{Author, Kind, Statement, StatementError, StatementFields, Times};
pub use version::{Version, is_other_version};

#[cfg(test)]
mod tests;
