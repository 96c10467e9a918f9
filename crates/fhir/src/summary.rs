//! What a reader shows of a record: heading, sections as plain lines, results with their flags.

use serde::{Deserialize, Serialize};

use crate::{
    AttachmentRef, Author, FhirError, OrganisationInfo, PatientInfo, attach,
    bundle::Bundle,
    document,
    json::{self, Limits, Node},
    kind::Kind,
    line, narrative, people,
};

/// A record as people read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// What it is.
    pub kind: Kind,
    /// `Composition.title`.
    pub title: String,
    /// `Composition.date` as written.
    pub date: String,
    /// `final`, `amended`, …
    pub status: String,
    /// The patient.
    pub patient: PatientInfo,
    /// The hospital.
    pub hospital: Option<OrganisationInfo>,
    /// The first author.
    pub author: Author,
    /// Sections in the order of the document, nested ones after their parent.
    pub sections: Vec<SectionText>,
    /// Laboratory and measured results.
    pub results: Vec<ResultLine>,
    /// Files that belong to it.
    pub attachments: Vec<AttachmentRef>,
}

/// A section as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SectionText {
    /// Its title; empty when it has none.
    pub title: String,
    /// LOINC code, when it has one.
    pub code: Option<String>,
    /// Lines of plain text, to be shown as text; a tab between the cells of a table's row.
    pub lines: Vec<String>,
}

/// One result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultLine {
    /// What was measured.
    pub name: String,
    /// LOINC code, else the first code.
    pub code: Option<String>,
    /// The value without its unit.
    pub value: String,
    /// Its unit; empty when there is none.
    pub unit: String,
    /// The reference range as the report gives it.
    pub range: Option<String>,
    /// What the report says about the value.
    pub flag: Option<Flag>,
}

/// The laboratory's own interpretation (HL7 v3 ObservationInterpretation); never computed here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// N
    Normal,
    /// L
    Low,
    /// H
    High,
    /// LL
    CriticalLow,
    /// HH
    CriticalHigh,
    /// A, POS, DET, R and others that are not normal
    Abnormal,
    /// AA
    CriticalAbnormal,
}

/// Reads a body.
///
/// # Errors
/// What [`json::parse`] refuses, `fhir.not_fhir`, `fhir.no_composition`, `fhir.no_patient`.
pub fn read(body: &[u8], limits: &Limits) -> Result<Summary, FhirError> {
    let root = json::parse(body, limits)?;
    if root.text_at(&["resourceType"]) != Some("Bundle") {
        return Err(FhirError::NotFhir);
    }
    let bundle = Bundle::index(&root)?;
    let first = bundle.entry(0).filter(|e| e.kind == "Composition");
    let composition = first.ok_or(FhirError::NoComposition)?.resource;
    let patient = bundle
        .entry(bundle.patient()?)
        .ok_or(FhirError::NoPatient)?;
    let kind = document::kind(composition);
    let author = composition.get("author").map(Node::first);
    let custodian = composition.get("custodian");
    let text = |name: &str| composition.text_at(&[name]).unwrap_or_default().to_owned();
    let mut sections = Vec::new();
    read_sections(&bundle, composition, composition, &mut sections);
    Ok(Summary {
        kind,
        title: composition
            .text_at(&["title"])
            .unwrap_or(kind.en())
            .to_owned(),
        date: text("date"),
        status: text("status"),
        patient: people::patient(patient.resource),
        hospital: custodian.and_then(|r| people::organisation(&bundle, composition, r)),
        author: author
            .map(|r| people::author(&bundle, composition, r))
            .unwrap_or_default(),
        sections,
        results: results(&bundle),
        attachments: attachments(&bundle)?,
    })
}

fn read_sections(
    bundle: &Bundle<'_>,
    composition: &Node<'_>,
    parent: &Node<'_>,
    out: &mut Vec<SectionText>,
) {
    for section in parent.list("section") {
        let mut lines = section
            .text_at(&["text", "div"])
            .map(narrative::lines)
            .unwrap_or_default();
        if lines.is_empty() {
            let entries = section.list("entry").iter();
            let entries = entries.filter_map(|r| bundle.entry(bundle.follow(composition, r)?));
            lines = entries.flat_map(|e| line::describe(e.resource)).collect();
        }
        out.push(SectionText {
            title: section.text_at(&["title"]).unwrap_or_default().to_owned(),
            code: section
                .text_at(&["code", "coding", "code"])
                .map(str::to_owned),
            lines,
        });
        read_sections(bundle, composition, section, out);
    }
}

fn results(bundle: &Bundle<'_>) -> Vec<ResultLine> {
    let mut results = Vec::new();
    for entry in bundle.entries.iter().filter(|e| e.kind == "Observation") {
        results.extend(result(entry.resource));
        results.extend(entry.resource.list("component").iter().filter_map(result));
    }
    results
}

fn result(node: &Node<'_>) -> Option<ResultLine> {
    let codings = node
        .get("code")
        .map(|c| c.list("coding"))
        .unwrap_or_default();
    let loinc = codings
        .iter()
        .find(|c| c.text_at(&["system"]) == Some("http://loinc.org"));
    let code = loinc
        .or_else(|| codings.first())
        .and_then(|c| c.text_at(&["code"]));
    let quantity = node.get("valueQuantity");
    let unit = quantity.and_then(|q| q.text_at(&["unit"]).or_else(|| q.text_at(&["code"])));
    let number = quantity.and_then(|q| {
        let comparator = q.text_at(&["comparator"]).unwrap_or_default();
        Some(format!(
            "{comparator}{}",
            line::number(q.get("value")?.scalar()?)
        ))
    });
    Some(ResultLine {
        name: node.get("code").and_then(line::concept)?.to_owned(),
        code: code.map(str::to_owned),
        value: number.or_else(|| line::value(node))?,
        unit: unit.unwrap_or_default().to_owned(),
        range: line::range(node),
        flag: flag(node),
    })
}

fn flag(node: &Node<'_>) -> Option<Flag> {
    Some(match node.text_at(&["interpretation", "coding", "code"])? {
        "N" | "NEG" | "ND" | "NR" => Flag::Normal,
        "L" | "LU" | "<" => Flag::Low,
        "H" | "HU" | ">" => Flag::High,
        "LL" => Flag::CriticalLow,
        "HH" => Flag::CriticalHigh,
        "AA" => Flag::CriticalAbnormal,
        "A" | "POS" | "DET" | "RR" | "R" | "WR" => Flag::Abnormal,
        _ => return None,
    })
}

fn attachments(bundle: &Bundle<'_>) -> Result<Vec<AttachmentRef>, FhirError> {
    let mut found = Vec::new();
    for entry in &bundle.entries {
        attach::collect(entry.resource, &entry.name, &mut found)?;
    }
    Ok(found)
}
