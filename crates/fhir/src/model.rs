//! What intake hands to the gateway: a patient, visits, records, attachments.
//!
//! Keys are texts that stay the same when the same file, or a corrected one, is delivered again:
//!
//! ```text
//! visit    VisitDraft.source_id    Encounter.identifier as "system|value", else the Encounter's fullUrl
//! record   RecordDraft.source_id   Composition.identifier as "system|value": the document
//!          RecordDraft.version_id  Bundle.identifier as "system|value": this version of it
//! ```
//!
//! Times are milliseconds since the Unix epoch in UTC; before 1970 they are negative.

use serde::{Deserialize, Serialize};

use crate::{coverage::Coverage, kind::Kind};

/// An identifier as FHIR has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identifier {
    /// The namespace, a URI; empty when the source gives none.
    pub system: String,
    /// The value inside the namespace.
    pub value: String,
    /// HL7 v2-0203 code of what it is, such as `MR` for a hospital's own patient number.
    pub type_code: Option<String>,
}

impl Identifier {
    /// `system|value`, the form FHIR uses in searches.
    #[must_use]
    pub fn token(&self) -> String {
        format!("{}|{}", self.system, self.value)
    }
}

/// Administrative sex, as FHIR codes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sex {
    /// male
    Male,
    /// female
    Female,
    /// other
    Other,
    /// unknown or not stated
    Unknown,
}

/// Whom the records are about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatientInfo {
    /// Name as it is written for people.
    pub name: String,
    /// `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
    pub birth_date: Option<String>,
    /// Administrative sex.
    pub sex: Sex,
    /// All identifiers, in the order of the source.
    pub identifiers: Vec<Identifier>,
}

impl PatientInfo {
    /// The hospital's own patient number: the identifier of type `MR`, else the first.
    #[must_use]
    pub fn medical_record_number(&self) -> Option<&Identifier> {
        let is_number = |id: &&Identifier| id.type_code.as_deref() == Some("MR");
        self.identifiers
            .iter()
            .find(is_number)
            .or_else(|| self.identifiers.first())
    }

    /// True when both carry one common identifier.
    #[must_use]
    pub fn shares_identifier(&self, other: &Self) -> bool {
        let same = |a: &Identifier, b: &Identifier| a.system == b.system && a.value == b.value;
        self.identifiers
            .iter()
            .any(|a| other.identifiers.iter().any(|b| same(a, b)))
    }
}

/// A hospital.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganisationInfo {
    /// Its name.
    pub name: String,
    /// Other names it goes by.
    pub aliases: Vec<String>,
    /// Its first identifier.
    pub identifier: Option<Identifier>,
}

/// Who wrote a record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    /// Name as it is written for people; empty when the source names nobody.
    pub name: String,
    /// The first identifier.
    pub identifier: Option<Identifier>,
    /// The department that the author belongs to.
    pub department: Option<String>,
    /// What the author is, as the source says it: `内分泌科 副主任医师`, `General Practice`.
    pub role: Option<String>,
}

/// The setting of a visit, from the v3 ActCode of `Encounter.class`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VisitClass {
    /// 门诊 (AMB and all that is not listed)
    Outpatient,
    /// 急诊 (EMER)
    Emergency,
    /// 住院 (IMP, ACUTE, NONACUTE, OBSENC, SS, PRENC)
    Inpatient,
    /// 上门 (HH, FLD)
    Home,
    /// 远程 (VR)
    Virtual,
    /// The file has no Encounter.
    None,
}

/// A visit and its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisitDraft {
    /// Stable key of the visit.
    pub source_id: String,
    /// The hospital that issued the records.
    pub hospital: Option<OrganisationInfo>,
    /// Begin, in milliseconds since the Unix epoch in UTC.
    pub start: i64,
    /// End, likewise; equal to `start` when the source has none.
    pub end: i64,
    /// The setting.
    pub class: VisitClass,
    /// Records by time, a replaced one before the one that replaces it.
    pub records: Vec<RecordDraft>,
}

/// One record: what a doctor signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordDraft {
    /// Stable key of the document, the same in all its versions.
    pub source_id: String,
    /// Key of this version.
    pub version_id: String,
    /// `fullUrl` of the Composition.
    pub composition_url: String,
    /// What it replaces: a `version_id`, else a `composition_url`, else a `source_id`;
    /// see [`RecordDraft::is_named_by`].
    pub replaces: Option<String>,
    /// What it is.
    pub kind: Kind,
    /// `Composition.title`.
    pub title: String,
    /// Who wrote it.
    pub author: Author,
    /// The author's department, else the visit's.
    pub department: Option<String>,
    /// When it was authored, in milliseconds since the Unix epoch in UTC.
    pub time: i64,
    /// A FHIR R4 document Bundle: the delivered bytes where the file was one already.
    pub body: Vec<u8>,
    /// Files beside the delivered one that belong to the record.
    pub attachments: Vec<AttachmentRef>,
}

impl RecordDraft {
    /// True when `replaces` of a later record names this one.
    #[must_use]
    pub fn is_named_by(&self, replaces: &str) -> bool {
        [&self.version_id, &self.composition_url, &self.source_id]
            .into_iter()
            .any(|k| k == replaces)
    }
}

/// A file beside the delivered one, named by an `Attachment.url`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachmentRef {
    /// `Attachment.url` as written.
    pub url: String,
    /// The same as a relative path: percent-decoded, `/`-separated, never leaving the folder.
    pub path: String,
    /// `Attachment.title`, else the file name.
    pub title: String,
    /// Media type; `application/octet-stream` when the source gives none.
    pub content_type: String,
    /// Bytes, when stated.
    pub size: Option<u64>,
    /// SHA-1 of the content in Base64, as R4 asks, when stated.
    pub hash: Option<String>,
}

/// How records were obtained from the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The file is one document; it is kept byte for byte.
    Document,
    /// The file is a collection; documents were derived from it.
    Split,
}

/// One file, taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intake {
    /// How records were obtained.
    pub source: Source,
    /// The patient.
    pub patient: PatientInfo,
    /// Visits by begin.
    pub visits: Vec<VisitDraft>,
    /// Where each resource of the file went.
    pub coverage: Coverage,
}

/// All visits of one patient of one delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatientFile {
    /// The patient, identifiers of all files together.
    pub patient: PatientInfo,
    /// Visits by begin.
    pub visits: Vec<VisitDraft>,
}
