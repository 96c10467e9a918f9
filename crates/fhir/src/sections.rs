//! Sections of a derived record: what a reader sees first, then the entries it is made from.

use serde_json::{Value, json};
use std::collections::BTreeSet;

use crate::{
    compose::{Context, url},
    json::Node,
    line, narrative,
};

/// Title, LOINC section code and LOINC's name.
type Heading = (&'static str, &'static str, &'static str);

const VISIT: Heading = (
    "Visit",
    "46240-8",
    "History of Hospitalizations+Outpatient visits Narrative",
);
const NOTES: Heading = ("Notes", "34109-9", "Note");
const DIAGNOSES: Heading = ("Diagnoses", "29548-5", "Diagnosis Narrative");
const PLAN: Heading = ("Care plan", "18776-5", "Plan of care note");
const VITALS: Heading = ("Vital signs", "8716-3", "Vital signs note");
const RESULTS: Heading = (
    "Results",
    "30954-2",
    "Relevant diagnostic tests/laboratory data note",
);
const PROCEDURES: Heading = ("Procedures", "47519-4", "History of Procedures Document");
const IMMUNISATIONS: Heading = ("Immunisations", "11369-6", "History of Immunization note");
const MEDICATION: Heading = (
    "Medication",
    "10160-0",
    "History of Medication use Narrative",
);
const ALLERGIES: Heading = (
    "Allergies",
    "48765-2",
    "Allergies and adverse reactions Document",
);
const OTHER: Heading = ("Other information", "", "");

/// Sections in the order in which they are read.
const ORDER: &[Heading] = &[
    VISIT,
    NOTES,
    DIAGNOSES,
    ALLERGIES,
    MEDICATION,
    RESULTS,
    VITALS,
    PROCEDURES,
    IMMUNISATIONS,
    PLAN,
    OTHER,
];

/// Writes the sections for the resources of a record.
pub(crate) fn write(context: &Context<'_, '_>, mains: &[usize]) -> Vec<Value> {
    let mut sections = Vec::new();
    for heading in ORDER {
        let fits = |i: &&usize| {
            context
                .bundle
                .entry(**i)
                .is_some_and(|e| heading_of(e.kind, e.resource) == *heading)
        };
        let inside: Vec<usize> = mains.iter().filter(fits).copied().collect();
        if !inside.is_empty() {
            sections.push(section(context, *heading, &inside));
        }
    }
    sections
}

/// A Narrative whose paragraphs are `lines`.
pub(crate) fn narrative(lines: &[String]) -> Value {
    let paragraphs = lines.iter().filter(|l| !l.trim().is_empty());
    let text: String = paragraphs
        .map(|l| format!("<p>{}</p>", narrative::escape(l.trim())))
        .collect();
    json!({
        "status": "generated",
        "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{text}</div>"),
    })
}

fn heading_of(kind: &str, resource: &Node<'_>) -> Heading {
    let category = resource.text_at(&["category", "coding", "code"]);
    let reported = !resource.list("presentedForm").is_empty() && resource.list("result").is_empty();
    match kind {
        "Encounter" => VISIT,
        "Condition" | "ClinicalImpression" => DIAGNOSES,
        "AllergyIntolerance" => ALLERGIES,
        "DocumentReference" => NOTES,
        "DiagnosticReport" if reported => NOTES,
        "Observation" if category == Some("vital-signs") => VITALS,
        "Observation" | "DiagnosticReport" | "ImagingStudy" | "Media" | "Specimen" => RESULTS,
        "Procedure" => PROCEDURES,
        "CarePlan" | "CareTeam" | "Goal" | "ServiceRequest" => PLAN,
        kind if kind.starts_with("Immunization") => IMMUNISATIONS,
        kind if kind.starts_with("Medication") => MEDICATION,
        _ => OTHER,
    }
}

fn section(context: &Context<'_, '_>, heading: Heading, inside: &[usize]) -> Value {
    let (title, code, display) = heading;
    let mut lines = Vec::new();
    let mut seen = BTreeSet::new();
    for entry in inside.iter().filter_map(|i| context.bundle.entry(*i)) {
        let mut own = line::describe(entry.resource).into_iter();
        lines.extend(own.next());
        let rest: Vec<String> = own.collect();
        if seen.insert(rest.clone()) {
            lines.extend(rest);
        }
    }
    let entries: Vec<Value> = inside
        .iter()
        .map(|i| json!({ "reference": url(context, *i) }))
        .collect();
    let text = narrative(&lines);
    if code.is_empty() {
        return json!({ "title": title, "text": text, "entry": entries });
    }
    let coding = json!({ "system": "http://loinc.org", "code": code, "display": display });
    json!({ "title": title, "code": { "coding": [coding] }, "text": text, "entry": entries })
}
