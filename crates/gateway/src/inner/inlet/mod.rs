//! The inlets: FHIR files from a watched folder and by HTTP.
//!
//! ```text
//! bytes ─▶ fhir::intake ─▶ attachments stored encrypted ─▶ Prepared ─▶ one database transaction
//! ```
//! A bad file is refused whole, with a stable code; the others go on. A file that comes twice is
//! recognised by its bytes, a record by the keys of its source.

mod attach;
mod folders;
mod prepare;
pub(crate) mod save;
pub(crate) mod watch;

use medfolder_fhir::FhirError;
use medfolder_record::ContentError;
use serde::Serialize;
use thiserror::Error;

use super::InnerError;
use super::carried::Delivered;
use super::zone::Zone;
pub(crate) use attach::Copied;
pub(crate) use prepare::{Prepared, copies, number_index, patient_indexes, prepare};

/// Why a delivered file is refused.
#[derive(Debug, Error)]
pub enum InletError {
    /// The file itself.
    #[error(transparent)]
    Fhir(#[from] FhirError),
    /// A record of it.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The patient has no number, or one longer than 128 bytes.
    #[error("the patient has no number that can be used")]
    PatientNumber,
    /// A file that it names is not there.
    #[error("a file that the bundle names is missing")]
    AttachmentMissing,
    /// A file that it names has another size or hash, or is no regular file.
    #[error("a file that the bundle names is not the one it describes")]
    AttachmentDiffers,
    /// A signature came with what is not one document, or part of it is longer than 256 KiB.
    #[error("a signature can be delivered with one document only")]
    Carried,
    /// The inner zone itself failed; the file stays and is tried again.
    #[error(transparent)]
    Inner(#[from] InnerError),
}

impl InletError {
    /// Stable code of the error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Fhir(error) => error.code(),
            Self::Content(error) => error.code(),
            Self::PatientNumber => "inlet.patient_number",
            Self::AttachmentMissing => "inlet.attachment_missing",
            Self::AttachmentDiffers => "inlet.attachment_differs",
            Self::Carried => "inlet.carried",
            Self::Inner(error) => error.code(),
        }
    }
}

impl From<rusqlite::Error> for InletError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Inner(error.into())
    }
}

impl From<std::io::Error> for InletError {
    fn from(error: std::io::Error) -> Self {
        Self::Inner(error.into())
    }
}

/// What was taken of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// Records in it.
    pub records: usize,
    /// Of them, those that were not known before.
    pub new: usize,
    /// Attachments of the new ones.
    pub attachments: usize,
}

/// Takes one file in that comes without files beside it, perhaps with a signature over it.
///
/// # Errors
/// [`InletError`]; nothing of the file is kept.
pub(crate) fn take(
    zone: &Zone,
    bytes: &[u8],
    carried: Option<&Delivered>,
) -> Result<Taken, InletError> {
    if let Some(known) = save::known(zone, bytes)? {
        return Ok(known);
    }
    let prepared = prepare(zone, bytes, None, carried)?;
    let now = zone.now();
    let taken: Result<_, InnerError> = zone.store.write(|db| save::save(zone, db, &prepared, now));
    match taken {
        Ok((taken, unused)) => {
            prepared.forget_files(zone, &unused);
            zone.wake.rouse();
            Ok(taken)
        }
        Err(error) => {
            prepared.forget_files(zone, &prepared.files());
            Err(error.into())
        }
    }
}
