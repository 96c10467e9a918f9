//! FHIR R4 as hospitals deliver it: strict reading, splitting into visits and records, plain text.
//!
//! - [`intake::read`] turns one delivered file into a patient, visits and records;
//!   [`group::group`] merges the files of one delivery.
//! - [`text`] gives the words of a record for full-text search, [`summary`] what a reader shows.
//! - [`kind::Kind`] names what a record is: LOINC, WS/T 500, a slug, Chinese and English.
//!
//! Pure: no I/O, no clock, no randomness. The same bytes in give the same bytes out.
//! Times are milliseconds since the Unix epoch in UTC and signed, because patients are older than
//! the epoch. Format of derived records: `docs/formats/clinical.md`.

mod attach;
mod bundle;
mod compose;
mod coverage;
mod date;
mod derive;
mod document;
mod error;
pub mod group;
pub mod intake;
pub mod json;
pub mod kind;
mod line;
mod made;
mod model;
mod narrative;
mod people;
mod plan;
mod sections;
mod shape;
mod split;
pub mod summary;
pub mod text;
mod written;

pub use coverage::{ADMINISTRATIVE, Coverage, administrative};
pub use error::FhirError;
pub use model::{
    AttachmentRef, Author, Identifier, Intake, OrganisationInfo, PatientFile, PatientInfo,
    RecordDraft, Sex, Source, VisitClass, VisitDraft,
};
pub use written::Written;
