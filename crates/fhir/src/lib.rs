//! FHIR R4 as hospitals deliver it: strict reading, splitting into visits and records, plain text.
//!
//! - [`kind::Kind`] names what a record is: LOINC, WS/T 500, a slug, Chinese and English.
//!
//! Pure: no I/O, no clock, no randomness. The same bytes in give the same bytes out.
//! Times are milliseconds since the Unix epoch in UTC and signed, because patients are older than
//! the epoch. Format of derived records: `docs/formats/clinical.md`.

mod coverage;
pub mod date;
mod error;
pub mod json;
pub mod kind;
mod model;

pub use coverage::{ADMINISTRATIVE, Coverage, administrative};
pub use error::FhirError;
pub use model::{
    AttachmentRef, Author, Identifier, Intake, OrganisationInfo, PatientFile, PatientInfo,
    RecordDraft, Sex, Source, VisitClass, VisitDraft,
};
