//! The sample family: 100 documents, taken in as hospitals deliver them, against its manifest.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::collections::BTreeMap;

use common::{family_files, family_root, json_of};
use medfolder_fhir::{
    Intake, PatientFile, RecordDraft, Source, VisitClass, group, intake, json::Limits, kind::Kind,
};
use serde_json::Value;

fn take_in_all() -> Vec<(String, Vec<u8>, Intake)> {
    let files = family_files().into_iter();
    files
        .map(|(name, bytes)| {
            let intake = intake::read(&bytes, &Limits::default()).expect(&name);
            (name, bytes, intake)
        })
        .collect()
}

fn manifest() -> Value {
    json_of(&family_root().join("manifest.json"))
}

fn all_records(files: &[PatientFile]) -> impl Iterator<Item = &RecordDraft> {
    files
        .iter()
        .flat_map(|f| &f.visits)
        .flat_map(|v| &v.records)
}

#[test]
fn every_document_is_taken_in_byte_for_byte_as_one_record() {
    for (name, bytes, intake) in take_in_all() {
        assert_eq!(intake.source, Source::Document, "{name}");
        assert_eq!(intake.visits.len(), 1, "{name}");
        assert_eq!(intake.visits[0].records.len(), 1, "{name}");
        assert_eq!(intake.visits[0].records[0].body, bytes, "{name}");
        assert!(intake.coverage.lost.is_empty(), "{name}");
    }
}

#[test]
fn records_agree_with_the_manifest() {
    let taken: BTreeMap<_, _> = take_in_all().into_iter().map(|(n, _, i)| (n, i)).collect();
    let manifest = manifest();
    let doctors: BTreeMap<&str, &Value> = manifest["doctors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| (d["name"].as_str().unwrap(), d))
        .collect();
    let mut records = 0;
    for person in manifest["people"].as_array().unwrap() {
        for visit in person["visits"].as_array().unwrap() {
            for expected in visit["records"].as_array().unwrap() {
                let intake = &taken[expected["file"].as_str().unwrap()];
                let record = &intake.visits[0].records[0];
                let doctor = doctors[record.author.name.as_str()];
                records += 1;
                assert_eq!(intake.patient.name, person["name"].as_str().unwrap());
                assert_eq!(
                    intake.patient.birth_date.as_deref(),
                    person["birthDate"].as_str()
                );
                assert_eq!(record.kind.slug(), expected["kind"].as_str().unwrap());
                assert_eq!(record.title, expected["title"].as_str().unwrap());
                assert_eq!(record.author.name, expected["author"].as_str().unwrap());
                assert_eq!(record.department.as_deref(), doctor["department"].as_str());
                let id = record.author.identifier.as_ref().unwrap();
                assert_eq!(id.value, doctor["identifier"].as_str().unwrap());
                let version = &expected["bundleIdentifier"];
                let token = format!(
                    "{}|{}",
                    version["system"].as_str().unwrap(),
                    version["value"].as_str().unwrap()
                );
                assert_eq!(record.version_id, token);
            }
        }
    }
    assert_eq!(records, 100);
}

#[test]
fn files_merge_into_37_visits_of_five_patient_numbers_at_three_hospitals() {
    let files = group::group(take_in_all().into_iter().map(|(_, _, i)| i).collect());
    let mut hospitals = BTreeMap::new();
    for visit in files.iter().flat_map(|f| &f.visits) {
        let hospital = visit.hospital.as_ref().expect("a hospital");
        let code = hospital.identifier.as_ref().unwrap().value.clone();
        *hospitals.entry(code).or_insert(0) += 1;
        assert_eq!(hospital.aliases.len(), 1);
        assert!(visit.start <= visit.end);
    }
    assert_eq!(hospitals.values().sum::<i32>(), 37);
    assert_eq!(
        hospitals.keys().collect::<Vec<_>>(),
        ["PJ-0001", "PJ-0007", "PJ-0023"]
    );
    assert_eq!(all_records(&files).count(), 100);
    let numbers = manifest()["people"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["mrn"].as_array().unwrap().len())
        .sum::<usize>();
    assert_eq!(files.len(), numbers);
    for file in &files {
        assert_eq!(
            file.patient
                .medical_record_number()
                .unwrap()
                .type_code
                .as_deref(),
            Some("MR")
        );
    }
}

#[test]
fn visits_have_the_setting_of_their_encounter() {
    let files = group::group(take_in_all().into_iter().map(|(_, _, i)| i).collect());
    let count = |class| {
        files
            .iter()
            .flat_map(|f| &f.visits)
            .filter(|v| v.class == class)
            .count()
    };
    let stays = |code: &str| {
        let manifest = manifest();
        let people = manifest["people"].as_array().unwrap().clone();
        let visits = people
            .iter()
            .flat_map(|p| p["visits"].as_array().unwrap().clone());
        visits.filter(|v| v["class"].as_str() == Some(code)).count()
    };
    assert_eq!(count(VisitClass::Outpatient), stays("AMB"));
    assert_eq!(count(VisitClass::Emergency), stays("EMER"));
    assert_eq!(count(VisitClass::Inpatient), stays("IMP"));
}

#[test]
fn a_corrected_version_follows_the_one_it_replaces_in_its_visit() {
    let mut intakes: Vec<Intake> = take_in_all().into_iter().map(|(_, _, i)| i).collect();
    intakes.reverse();
    let files = group::group(intakes);
    let mut corrections = 0;
    for visit in files.iter().flat_map(|f| &f.visits) {
        for (at, record) in visit.records.iter().enumerate() {
            let Some(replaces) = &record.replaces else {
                continue;
            };
            let old = visit
                .records
                .iter()
                .position(|r| r.is_named_by(replaces))
                .unwrap();
            assert!(old < at);
            assert_eq!(visit.records[old].source_id, record.source_id);
            assert_ne!(visit.records[old].version_id, record.version_id);
            corrections += 1;
        }
    }
    assert_eq!(corrections, 3);
}

#[test]
fn a_file_delivered_twice_counts_once() {
    let twice = take_in_all()
        .into_iter()
        .chain(take_in_all())
        .map(|(_, _, i)| i)
        .collect();
    assert_eq!(all_records(&group::group(twice)).count(), 100);
}

#[test]
fn the_36_attachments_lie_beside_their_records_with_the_stated_size() {
    let mut found = 0;
    for (name, _, intake) in take_in_all() {
        let folder = family_root().join(&name).parent().unwrap().to_path_buf();
        for attachment in &intake.visits[0].records[0].attachments {
            let bytes = std::fs::read(folder.join(&attachment.path)).unwrap();
            assert_eq!(Some(bytes.len() as u64), attachment.size);
            assert!(attachment.hash.is_some());
            assert_ne!(attachment.content_type, "application/octet-stream");
            found += 1;
        }
    }
    assert_eq!(found, 36);
}

#[test]
fn kinds_are_as_many_as_the_readme_says() {
    let mut kinds = BTreeMap::new();
    for (_, _, intake) in take_in_all() {
        *kinds.entry(intake.visits[0].records[0].kind).or_insert(0) += 1;
    }
    assert_eq!(kinds[&Kind::OutpatientNote], 26);
    assert_eq!(kinds[&Kind::LabReport], 23);
    assert_eq!(kinds[&Kind::GrowthRecord], 6);
    assert_eq!(kinds.len(), 14);
}
