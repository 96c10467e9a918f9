//! Imaging in a history without documents of its own: a report and what it shows become one imaging
//! report, whole by itself; a study that nobody reported becomes another.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use medfolder_fhir::{Source, intake, json::Limits, kind::Kind};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const STUDY: &str = "urn:uuid:00000000-0000-4000-8000-000000000004";
const PICTURE: &str = "urn:uuid:00000000-0000-4000-8000-000000000005";
const MEASURED: &str = "urn:uuid:00000000-0000-4000-8000-000000000006";
const REPORT: &str = "urn:uuid:00000000-0000-4000-8000-000000000007";
const UNREPORTED: &str = "urn:uuid:00000000-0000-4000-8000-000000000008";
const GLUCOSE: &str = "urn:uuid:00000000-0000-4000-8000-000000000009";
const NOTE: &str = "urn:uuid:00000000-0000-4000-8000-000000000010";
const PATIENT: &str = "urn:uuid:00000000-0000-4000-8000-000000000001";
const DOCTOR: &str = "urn:uuid:00000000-0000-4000-8000-000000000002";
const VISIT: &str = "urn:uuid:00000000-0000-4000-8000-000000000003";

/// A resource of the visit.
fn of_visit(url: &str, kind: &str, more: Value) -> Value {
    let mut resource = json!({
        "resourceType": kind, "subject": {"reference": PATIENT},
        "encounter": {"reference": VISIT},
    });
    let members = resource.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    json!({"fullUrl": url, "resource": resource})
}

fn category(code: &str) -> Value {
    json!([{"coding": [{"code": code}]}])
}

fn history(report: Value) -> Vec<u8> {
    let mut report = report;
    let shown = json!({
        "status": "final", "code": {"text": "胸部 CT"}, "effectiveDateTime": "2025-03-04T10:00:00+08:00",
        "imagingStudy": [{"reference": STUDY}], "media": [{"link": {"reference": PICTURE}}],
        "conclusion": "右肺上叶结节",
    });
    let members = report.as_object_mut().unwrap();
    members.extend(shown.as_object().unwrap().clone());
    let study = |text| json!({"status": "available", "started": "2025-03-04T09:30:00+08:00", "description": text});
    json!({"resourceType": "Bundle", "type": "collection", "entry": [
        {"fullUrl": PATIENT, "resource": {"resourceType": "Patient", "name": [{"text": "测试"}],
            "birthDate": "1990-01-01",
            "identifier": [{"system": "urn:test:mrn", "value": "P1"}]}},
        {"fullUrl": DOCTOR, "resource": {"resourceType": "Practitioner", "name": [{"text": "林静怡"}]}},
        {"fullUrl": VISIT, "resource": {"resourceType": "Encounter", "status": "finished",
            "class": {"code": "AMB"}, "subject": {"reference": PATIENT},
            "participant": [{"individual": {"reference": DOCTOR}}],
            "period": {"start": "2025-03-04T09:00:00+08:00", "end": "2025-03-04T11:00:00+08:00"}}},
        of_visit(STUDY, "ImagingStudy", study("胸部 CT")),
        of_visit(PICTURE, "Media", json!({"status": "completed", "content": {"title": "结节"}})),
        of_visit(MEASURED, "Observation", json!({"status": "final", "category": category("imaging"),
            "code": {"text": "结节直径"}, "valueQuantity": {"value": 6, "unit": "mm"},
            "effectiveDateTime": "2025-03-04T10:00:00+08:00"})),
        of_visit(REPORT, "DiagnosticReport", report),
        of_visit(UNREPORTED, "ImagingStudy", study("膝关节 X 线")),
        of_visit(GLUCOSE, "Observation", json!({"status": "final", "category": category("laboratory"),
            "code": {"text": "血糖"}, "valueQuantity": {"value": 5, "unit": "mmol/L"},
            "effectiveDateTime": "2025-03-04T09:40:00+08:00"})),
        of_visit(NOTE, "Condition", json!({"code": {"text": "咳嗽"}, "recordedDate": "2025-03-04"})),
    ]})
    .to_string()
    .into_bytes()
}

/// Kinds of the records that the history becomes, each with what it holds.
fn records(history: &[u8]) -> Vec<(Kind, BTreeMap<String, Value>)> {
    let taken = intake::read(history, &Limits::default()).unwrap();
    assert_eq!(taken.source, Source::Split);
    let records = taken.visits.iter().flat_map(|visit| &visit.records);
    let held = records.map(|record| {
        let body: Value = serde_json::from_slice(&record.body).unwrap();
        let entries = body["entry"].as_array().unwrap().iter().map(|entry| {
            let url = entry["fullUrl"].as_str().unwrap().to_owned();
            (url, entry["resource"].clone())
        });
        (record.kind, entries.collect())
    });
    held.collect()
}

/// Which of these resources a record holds.
fn held(record: &BTreeMap<String, Value>) -> BTreeSet<&str> {
    let all = [
        STUDY, PICTURE, MEASURED, REPORT, UNREPORTED, GLUCOSE, NOTE, PATIENT, DOCTOR, VISIT,
    ];
    all.into_iter()
        .filter(|url| record.contains_key(*url))
        .collect()
}

#[test]
fn an_imaging_report_is_split_out_with_its_study_and_pictures_and_is_whole_by_itself() {
    // Named so by its category, by its study alone, and as a report without either.
    for (report, kind) in [
        (json!({"category": category("RAD")}), Kind::ImagingReport),
        (json!({}), Kind::ImagingReport),
        (json!({"category": category("EC")}), Kind::EcgReport),
    ] {
        let records = records(&history(report));
        let with = |url: &str| {
            let found: Vec<_> = records
                .iter()
                .filter(|(_, record)| record.contains_key(url))
                .collect();
            assert_eq!(found.len(), 1, "{url} is in one record");
            found[0].clone()
        };
        let (its_kind, record) = with(REPORT);
        assert_eq!(its_kind, kind);
        let expected = BTreeSet::from([PATIENT, DOCTOR, VISIT, REPORT, STUDY, PICTURE]);
        assert!(expected.is_subset(&held(&record)), "{:?}", held(&record));
        assert_eq!(record[STUDY]["description"], "胸部 CT");
        assert!(!record.contains_key(GLUCOSE) && !record.contains_key(NOTE));
        // What no report lists is an imaging report too.
        for loose in [UNREPORTED, MEASURED] {
            assert_eq!(with(loose).0, Kind::ImagingReport, "{loose}");
        }
        assert_eq!(with(GLUCOSE).0, Kind::LabReport);
        assert_eq!(with(NOTE).0, Kind::OutpatientNote);
    }
}
