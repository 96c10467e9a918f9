//! One delivered file to a patient, visits and records.
//!
//! ```text
//! Bundle document                            one record, bytes as delivered (document.rs)
//! Bundle transaction, batch, collection,
//!        searchset                           visits and records derived (split.rs)
//! a resource by itself, anything else       refused
//! ```

use crate::{
    FhirError,
    bundle::Bundle,
    date, document,
    json::{self, Limits, Node},
    model::{Intake, PatientFile, VisitDraft},
    split,
};

/// Takes in one file.
///
/// # Errors
/// See [`FhirError`]; nothing of a refused file is taken.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Intake, FhirError> {
    let root = json::parse(bytes, limits)?;
    let root = checked_root(&root)?;
    let bundle = Bundle::index(root)?;
    let mut intake = match root.text_at(&["type"]) {
        Some("document") => {
            document::check_references(&bundle)?;
            document::read(&bundle, bytes)?
        }
        Some("transaction" | "batch" | "collection" | "searchset") => split::read(bundle, limits)?,
        _ => return Err(FhirError::UnsupportedBundle),
    };
    after_birth(&intake)?;
    intake
        .visits
        .sort_by(|a, b| (a.start, &a.source_id).cmp(&(b.start, &b.source_id)));
    Ok(intake)
}

fn checked_root<'n, 'a>(root: &'n Node<'a>) -> Result<&'n Node<'a>, FhirError> {
    if !root.is_object() {
        return Err(FhirError::NotFhir);
    }
    match root.get("resourceType").map(Node::text) {
        None => Err(FhirError::NotFhir),
        Some(None) => Err(FhirError::WrongType {
            path: "resourceType".into(),
        }),
        Some(Some("Bundle")) => {
            crate::shape::check_bundle(root)?;
            Ok(root)
        }
        Some(Some(_)) => Err(FhirError::NotABundle),
    }
}

/// Refuses visits and records from before the patient's birth.
fn after_birth(intake: &Intake) -> Result<(), FhirError> {
    let Some(birth) = &intake.patient.birth_date else {
        return Ok(());
    };
    let path = || "Patient.birthDate".to_owned();
    let birth = date::earliest(birth).ok_or_else(|| FhirError::BadDate { path: path() })?;
    let early =
        |v: &VisitDraft| v.start < birth || v.records.iter().any(|record| record.time < birth);
    match intake.visits.iter().position(early) {
        Some(i) => Err(FhirError::BeforeBirth {
            path: format!("visits[{i}]"),
        }),
        None => Ok(()),
    }
}

impl From<Intake> for PatientFile {
    fn from(intake: Intake) -> Self {
        Self {
            patient: intake.patient,
            visits: intake.visits,
        }
    }
}

impl VisitDraft {
    /// Sorts records by time and puts a replaced one before the one that replaces it.
    pub(crate) fn sort_records(&mut self) {
        self.records.sort_by(|a, b| {
            let key = |r: &crate::RecordDraft| (r.time, r.replaces.is_some());
            key(a)
                .cmp(&key(b))
                .then_with(|| a.version_id.cmp(&b.version_id))
        });
        let mut from = 0;
        for _ in 0..self.records.len().saturating_mul(4) {
            let Some(record) = self.records.get(from) else {
                break;
            };
            let names = |later: &crate::RecordDraft| {
                record.replaces.as_deref().is_some_and(|key| {
                    later.is_named_by(key) && later.version_id != record.version_id
                })
            };
            match self.records.iter().skip(from).position(names) {
                Some(offset) => {
                    let moved = self.records.remove(from);
                    self.records.insert(from + offset, moved);
                }
                None => from += 1,
            }
        }
    }
}
