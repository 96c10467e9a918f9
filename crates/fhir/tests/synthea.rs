//! Synthea and IPS: collections become visits and records; nothing is lost, every record is whole.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::folder_files;
use medfolder_fhir::{
    ADMINISTRATIVE, Intake, Source, VisitClass, intake, json::Limits, kind::Kind, summary, text,
};
use serde_json::Value;

fn synthea() -> Vec<(String, Vec<u8>)> {
    let files = folder_files("synthea");
    assert_eq!(files.len(), 4);
    files
}

fn take_in(bytes: &[u8]) -> Intake {
    intake::read(bytes, &Limits::default()).unwrap()
}

fn bodies(intake: &Intake) -> impl Iterator<Item = Value> {
    let records = intake.visits.iter().flat_map(|v| &v.records);
    records.map(|r| serde_json::from_slice(&r.body).unwrap())
}

fn entries(bundle: &Value) -> &Vec<Value> {
    bundle["entry"].as_array().unwrap()
}

fn references<'v>(value: &'v Value, out: &mut Vec<&'v str>) {
    match value {
        Value::Object(members) => {
            out.extend(members.get("reference").and_then(Value::as_str));
            members.values().for_each(|v| references(v, out));
        }
        Value::Array(items) => items.iter().for_each(|v| references(v, out)),
        _ => {}
    }
}

/// The resource with every reference blanked.
fn without_references(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(k, v)| {
                let blank = k == "reference" && v.is_string();
                (
                    k.clone(),
                    if blank {
                        Value::Null
                    } else {
                        without_references(v)
                    },
                )
            })
            .collect(),
        Value::Array(items) => items.iter().map(without_references).collect(),
        other => other.clone(),
    }
}

#[test]
fn every_source_resource_is_in_a_record_or_administrative_by_name() {
    for (name, bytes) in synthea() {
        let source: Value = serde_json::from_slice(&bytes).unwrap();
        let intake = take_in(&bytes);
        assert_eq!(intake.source, Source::Split);
        let mut carried: BTreeMap<String, Value> = BTreeMap::new();
        for body in bodies(&intake) {
            for entry in entries(&body) {
                let url = entry["fullUrl"].as_str().unwrap().to_owned();
                carried.insert(url, entry["resource"].clone());
            }
        }
        let mut left_out = BTreeSet::new();
        for entry in entries(&source) {
            let resource = &entry["resource"];
            match carried.get(entry["fullUrl"].as_str().unwrap()) {
                Some(kept) => {
                    assert_eq!(
                        without_references(kept),
                        without_references(resource),
                        "{name}"
                    );
                }
                None => {
                    let kind = resource["resourceType"].as_str().unwrap();
                    assert!(
                        ADMINISTRATIVE.iter().any(|(k, _)| *k == kind),
                        "{name}: {kind} lost"
                    );
                    left_out.insert(kind.to_owned());
                }
            }
        }
        assert!(intake.coverage.lost.is_empty(), "{name}");
        let named = intake.coverage.carried.len() + intake.coverage.administrative.len();
        assert_eq!(named, entries(&source).len(), "{name}");
        assert!(
            left_out.contains("Claim") && !left_out.contains("Practitioner"),
            "{left_out:?}"
        );
    }
}

#[test]
fn every_record_is_a_document_that_resolves_within_itself() {
    for (name, bytes) in synthea() {
        for body in bodies(&take_in(&bytes)) {
            assert_eq!(body["type"], "document");
            let composition = &entries(&body)[0]["resource"];
            assert_eq!(composition["resourceType"], "Composition");
            assert_eq!(
                composition["type"]["coding"][0]["system"],
                "http://loinc.org"
            );
            for member in ["title", "date", "subject", "encounter", "custodian"] {
                assert!(!composition[member].is_null(), "{name}: {member}");
            }
            assert!(composition["author"][0]["reference"].is_string(), "{name}");
            for section in composition["section"].as_array().unwrap() {
                assert!(
                    section["text"]["div"].as_str().unwrap().contains("<p>"),
                    "{name}"
                );
                assert!(!section["entry"].as_array().unwrap().is_empty());
            }
            let urls: Vec<&str> = entries(&body)
                .iter()
                .map(|e| e["fullUrl"].as_str().unwrap())
                .collect();
            let unique: BTreeSet<&str> = urls.iter().copied().collect();
            assert_eq!(unique.len(), urls.len());
            for entry in entries(&body) {
                let mut found = Vec::new();
                references(&entry["resource"], &mut found);
                for reference in found.iter().filter(|r| !r.starts_with('#')) {
                    assert!(unique.contains(reference), "{name}: {reference}");
                }
            }
        }
    }
}

#[test]
fn every_record_can_be_taken_in_again_as_a_document() {
    for (name, bytes) in synthea() {
        let intake = take_in(&bytes);
        for visit in &intake.visits {
            for record in &visit.records {
                let again = take_in(&record.body);
                assert_eq!(again.source, Source::Document, "{name}");
                let (visit_again, twin) = (&again.visits[0], &again.visits[0].records[0]);
                assert_eq!(visit_again.source_id, visit.source_id, "{name}");
                assert_eq!(visit_again.class, visit.class);
                assert_eq!(visit_again.hospital, visit.hospital);
                assert_eq!(
                    (
                        &twin.source_id,
                        &twin.version_id,
                        twin.kind,
                        &twin.title,
                        twin.time,
                        &twin.author
                    ),
                    (
                        &record.source_id,
                        &record.version_id,
                        record.kind,
                        &record.title,
                        record.time,
                        &record.author
                    ),
                    "{name}"
                );
            }
        }
    }
}

#[test]
fn visits_are_the_encounters_and_every_one_has_a_note() {
    let expected = [46, 14, 79, 7];
    for ((name, bytes), encounters) in synthea().into_iter().zip(expected) {
        let intake = take_in(&bytes);
        assert_eq!(intake.visits.len(), encounters, "{name}");
        for visit in &intake.visits {
            let note = match visit.class {
                VisitClass::Inpatient => Kind::DischargeSummary,
                VisitClass::Emergency => Kind::EmergencyNote,
                _ => Kind::OutpatientNote,
            };
            assert_eq!(
                visit.records.iter().filter(|r| r.kind == note).count(),
                1,
                "{name}"
            );
            assert!(
                visit
                    .hospital
                    .as_ref()
                    .is_some_and(|h| h.identifier.is_some()),
                "{name}"
            );
            assert!(
                visit.records.iter().all(|r| !r.author.name.is_empty()),
                "{name}"
            );
        }
        assert!(intake.visits.is_sorted_by_key(|v| v.start), "{name}");
    }
}

#[test]
fn a_long_history_becomes_the_kinds_a_hospital_hands_out() {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, bytes) in synthea() {
        for record in take_in(&bytes).visits.iter().flat_map(|v| &v.records) {
            *kinds.entry(record.kind.slug()).or_default() += 1;
        }
    }
    for kind in [
        "outpatient-note",
        "emergency-note",
        "discharge-summary",
        "lab-report",
        "prescription",
        "procedure-record",
        "immunisation-record",
        "allergy-list",
        "vital-signs",
    ] {
        assert!(kinds.get(kind).is_some_and(|n| *n > 0), "{kind}: {kinds:?}");
    }
    assert!(kinds["lab-report"] >= 62, "{kinds:?}");
}

#[test]
fn a_lab_report_holds_its_observations_and_no_others() {
    let (_, bytes) = &synthea()[0];
    let intake = take_in(bytes);
    let mut panels = 0;
    for body in bodies(&intake) {
        let of = |kind: &str| {
            let all = entries(&body).iter().map(|e| e["resource"].clone());
            all.filter(|r| r["resourceType"] == kind)
                .collect::<Vec<_>>()
        };
        if let [report] = of("DiagnosticReport").as_slice() {
            assert_eq!(
                report["result"].as_array().unwrap().len(),
                of("Observation").len()
            );
            panels += 1;
        }
    }
    assert_eq!(panels, 60);
}

#[test]
fn allergies_without_an_encounter_go_to_the_visit_of_their_date() {
    let (_, bytes) = &synthea()[1];
    let intake = take_in(bytes);
    let has_list = |r: &&medfolder_fhir::RecordDraft| r.kind == Kind::AllergyList;
    let lists: Vec<_> = intake
        .visits
        .iter()
        .filter(|v| v.records.iter().any(|r| has_list(&r)))
        .collect();
    assert_eq!(lists.len(), 1);
    let record = lists[0].records.iter().find(has_list).unwrap();
    let next = intake
        .visits
        .iter()
        .find(|v| v.start > lists[0].start)
        .unwrap();
    assert!(lists[0].start <= record.time && record.time < next.start);
    let words = text::plain(&record.body, &Limits::default()).unwrap();
    assert!(words.contains("Allergy to mould") && words.contains("419474003"));
}

#[test]
fn search_style_references_get_a_resource_with_identifier_and_name() {
    let (_, bytes) = &synthea()[2];
    let intake = take_in(bytes);
    assert!(intake.coverage.made.len() >= 3);
    let hospital = intake.visits[0].hospital.clone().unwrap();
    assert_eq!(hospital.name, "PCP330928");
    let author = &intake.visits[0].records[0].author;
    assert_eq!(author.name, "Dr. Fletcher87 Hammes673");
    assert_eq!(
        author.identifier.as_ref().unwrap().token(),
        "http://hl7.org/fhir/sid/us-npi|9999912069"
    );
}

#[test]
fn a_visit_before_the_epoch_has_a_negative_time() {
    let intake = take_in(&synthea()[2].1);
    assert_eq!(intake.visits[0].start, -1_032_137_238_000);
}

#[test]
fn the_note_that_came_as_base64_can_be_read_and_found() {
    let intake = take_in(&synthea()[2].1);
    let note = &intake.visits[0].records[0];
    let shown = summary::read(&note.body, &Limits::default()).unwrap();
    let lines = shown.sections.iter().flat_map(|s| &s.lines);
    assert_eq!(lines.filter(|l| l.contains("Chief Complaint")).count(), 1);
    let words = text::plain(&note.body, &Limits::default()).unwrap();
    assert!(words.contains("No complaints.") && !words.contains("CjE5MzctMDQtMTcK"));
}

#[test]
fn the_same_bytes_give_the_same_records() {
    for (name, bytes) in synthea() {
        assert_eq!(take_in(&bytes), take_in(&bytes), "{name}");
    }
}

#[test]
fn a_changed_resource_makes_a_new_version_of_the_same_record_only() {
    let (_, bytes) = &synthea()[3];
    let text = String::from_utf8(bytes.clone()).unwrap();
    let at = text
        .find("\"Documentation of current medications\"")
        .or(text.find("\"Body Height\""));
    let at = at.unwrap();
    let word = &text[at..at + 9];
    let changed = format!("{}{}Zz{}", &text[..at], &word[..8], &text[at + 8..]);
    let (old, new) = (take_in(bytes), take_in(changed.as_bytes()));
    let keys = |i: &Intake| {
        let records = i.visits.iter().flat_map(|v| &v.records);
        records
            .map(|r| (r.source_id.clone(), r.version_id.clone()))
            .collect::<BTreeSet<_>>()
    };
    let only_new: Vec<_> = keys(&new).difference(&keys(&old)).cloned().collect();
    assert!(!only_new.is_empty() && only_new.len() < keys(&old).len());
    let sources: BTreeSet<String> = keys(&old).into_iter().map(|(s, _)| s).collect();
    assert!(only_new.iter().all(|(source, _)| sources.contains(source)));
}

#[test]
fn a_patient_summary_is_one_record_kept_byte_for_byte() {
    for (name, bytes) in folder_files("ips") {
        let intake = take_in(&bytes);
        assert_eq!(intake.visits.len(), 1, "{name}");
        let visit = &intake.visits[0];
        assert_eq!((visit.class, visit.records.len()), (VisitClass::None, 1));
        let record = &visit.records[0];
        assert_eq!(record.kind, Kind::PatientSummary);
        assert_eq!(record.body, bytes);
        assert_eq!(intake.patient.birth_date.as_deref(), Some("1972-05-01"));
        assert!(intake.coverage.lost.is_empty());
        let source: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(intake.coverage.carried.len(), entries(&source).len());
        let shown = summary::read(&record.body, &Limits::default()).unwrap();
        assert!(shown.sections.len() >= 3 && shown.sections.iter().all(|s| !s.lines.is_empty()));
    }
}
