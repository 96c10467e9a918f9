//! Why a delivered file is refused. Codes are stable; user interfaces branch on them.
//!
//! Messages name a place in the file (byte offset, or a path such as `entry[3].resource.id`),
//! never a value: they may reach a log.

use thiserror::Error;

/// Why a FHIR file cannot be taken in, or a record's body cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FhirError {
    /// The bytes are not UTF-8.
    #[error("not UTF-8 at byte {offset}")]
    NotUtf8 {
        /// First byte that is not UTF-8.
        offset: usize,
    },
    /// The file begins with a byte order mark, which RFC 8259 forbids.
    #[error("begins with a byte order mark")]
    Bom,
    /// One object holds the same member name twice.
    #[error("a member name occurs twice in one object, at byte {offset}")]
    DuplicateMember {
        /// Where the second one stands.
        offset: usize,
    },
    /// Arrays and objects are nested deeper than the limit.
    #[error("nested deeper than {limit} levels")]
    TooDeep {
        /// The limit, in levels.
        limit: usize,
    },
    /// The file is larger than the limit.
    #[error("{size} bytes are more than the limit of {limit}")]
    TooLarge {
        /// Bytes in the file.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The file ends in the middle of a value.
    #[error("the file is cut short")]
    Truncated,
    /// There is nothing in the file.
    #[error("the file is empty")]
    Empty,
    /// The text is not JSON.
    #[error("not JSON at byte {offset}")]
    NotJson {
        /// Where the text stops being JSON.
        offset: usize,
    },
    /// The JSON is not a FHIR resource.
    #[error("not a FHIR resource")]
    NotFhir,
    /// One resource by itself.
    #[error("a resource by itself, and not a Bundle")]
    NotABundle,
    /// The resource is no Bundle of a type that holds records.
    #[error("not a Bundle of a type that is taken in")]
    UnsupportedBundle,
    /// A document Bundle does not begin with a Composition.
    #[error("a document that does not begin with a Composition")]
    NoComposition,
    /// A member has a JSON type that FHIR does not allow there.
    #[error("{path} has the wrong JSON type")]
    WrongType {
        /// Where.
        path: String,
    },
    /// A date or time cannot be read.
    #[error("{path} is no FHIR date")]
    BadDate {
        /// Where.
        path: String,
    },
    /// Two entries of the bundle have the same `fullUrl` or the same type and id.
    #[error("{path} repeats the identity of another entry")]
    DuplicateId {
        /// The second entry.
        path: String,
    },
    /// An encounter or record is dated before the patient's birth.
    #[error("{path} is dated before the patient's birth")]
    BeforeBirth {
        /// What is dated so.
        path: String,
    },
    /// A reference points to nothing in the file.
    #[error("{path} holds a reference that the file does not resolve")]
    UnresolvedReference {
        /// The entry that holds it.
        path: String,
    },
    /// An attachment's address leaves the folder of its file.
    #[error("{path} names an attachment outside the file's folder")]
    UnsafeAttachment {
        /// The entry that holds it.
        path: String,
    },
    /// There is no Patient.
    #[error("no patient")]
    NoPatient,
    /// There is more than one Patient.
    #[error("more than one patient")]
    TwoPatients,
    /// There is a patient, and nothing about him that could be a record.
    #[error("nothing to make a record of")]
    NoRecord,
}

impl FhirError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotUtf8 { .. } => "fhir.not_utf8",
            Self::Bom => "fhir.bom",
            Self::DuplicateMember { .. } => "fhir.duplicate_member",
            Self::TooDeep { .. } => "fhir.too_deep",
            Self::TooLarge { .. } => "fhir.too_large",
            Self::Truncated => "fhir.truncated",
            Self::Empty => "fhir.empty",
            Self::NotJson { .. } => "fhir.not_json",
            Self::NotFhir => "fhir.not_fhir",
            Self::NotABundle => "fhir.not_a_bundle",
            Self::UnsupportedBundle => "fhir.unsupported_bundle",
            Self::NoComposition => "fhir.no_composition",
            Self::WrongType { .. } => "fhir.wrong_type",
            Self::BadDate { .. } => "fhir.bad_date",
            Self::DuplicateId { .. } => "fhir.duplicate_id",
            Self::BeforeBirth { .. } => "fhir.before_birth",
            Self::UnresolvedReference { .. } => "fhir.unresolved_reference",
            Self::UnsafeAttachment { .. } => "fhir.unsafe_attachment",
            Self::NoPatient => "fhir.no_patient",
            Self::TwoPatients => "fhir.two_patients",
            Self::NoRecord => "fhir.no_record",
        }
    }
}
