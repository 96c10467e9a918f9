//! What is refused, each by its stable code, and that nothing a file holds makes intake panic.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::sync::LazyLock;

use common::{data_root, family_root};
use medfolder_fhir::{Intake, intake, json::Limits, summary, text};
use proptest::prelude::*;
use serde_json::{Value, json};

const NOTE: &str =
    "wang-xiulan/2019-03-06-donghu-central-penicillin-allergy/02-emergency-note.json";

fn note() -> Vec<u8> {
    std::fs::read(family_root().join(NOTE)).unwrap()
}

fn collection() -> Vec<u8> {
    std::fs::read(data_root().join("synthea/young-adult-agustin-fonseca.json")).unwrap()
}

fn value(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

fn code(bytes: &[u8]) -> &'static str {
    intake::read(bytes, &Limits::default()).map_or_else(|e| e.code(), |_| "taken in")
}

fn code_of(value: &Value) -> &'static str {
    code(value.to_string().as_bytes())
}

/// Index of the first entry of a type.
fn first(bundle: &Value, kind: &str) -> usize {
    let entries = bundle["entry"].as_array().unwrap();
    entries
        .iter()
        .position(|e| e["resource"]["resourceType"] == kind)
        .unwrap()
}

#[test]
fn a_file_cut_anywhere_is_truncated() {
    let bytes = note();
    for cut in (97..bytes.trim_ascii_end().len()).step_by(97) {
        assert_eq!(code(&bytes[..cut]), "fhir.truncated", "at {cut}");
    }
}

#[test]
fn bytes_that_are_no_plain_utf_8_json_are_refused() {
    let mut latin = note();
    let at = latin.len() / 2;
    latin[at] = 0xFF;
    assert_eq!(code(&latin), "fhir.not_utf8");
    let with_mark = [b"\xEF\xBB\xBF".as_slice(), &note()].concat();
    assert_eq!(code(&with_mark), "fhir.bom");
    assert_eq!(code(b"<Bundle/>"), "fhir.not_json");
    assert_eq!(code(&[note(), b"{}".to_vec()].concat()), "fhir.not_json");
}

#[test]
fn a_deeply_nested_file_is_refused_without_deep_recursion() {
    let bomb = "{\"a\":".repeat(1_000_000);
    assert_eq!(code(bomb.as_bytes()), "fhir.too_deep");
    assert_eq!(code("[".repeat(1_000_000).as_bytes()), "fhir.too_deep");
}

#[test]
fn a_huge_file_is_refused_before_it_is_read() {
    let limits = Limits {
        bytes: 1000,
        ..Limits::default()
    };
    assert_eq!(
        intake::read(&note(), &limits).unwrap_err().code(),
        "fhir.too_large"
    );
    let many = format!("[{}0]", "0,".repeat(2_000_000));
    assert_eq!(code(many.as_bytes()), "fhir.too_large");
}

#[test]
fn derived_records_cannot_grow_without_bound() {
    let mut bundle = value(&collection());
    let patient = first(&bundle, "Patient");
    bundle["entry"][patient]["resource"]["text"]["div"] = json!("x".repeat(400_000));
    let bytes = bundle.to_string().into_bytes();
    let limits = Limits {
        bytes: bytes.len(),
        ..Limits::default()
    };
    assert_eq!(
        intake::read(&bytes, &limits).unwrap_err().code(),
        "fhir.too_large"
    );
}

#[test]
fn a_member_given_twice_is_refused_at_any_depth() {
    let text = String::from_utf8(note()).unwrap();
    let twice = text.replacen("\"gender\":", "\"gender\": \"male\", \"gender\":", 1);
    assert_ne!(text, twice);
    assert_eq!(code(twice.as_bytes()), "fhir.duplicate_member");
}

#[test]
fn json_that_is_not_a_bundle_of_records_is_refused() {
    for text in ["{}", "[]", "1", "null", "{\"entry\":[]}"] {
        assert_eq!(code(text.as_bytes()), "fhir.not_fhir", "{text}");
    }
    assert_eq!(code(b"{\"resourceType\":\"Patient\"}"), "fhir.not_a_bundle");
    for nothing in [&b""[..], b" \n"] {
        assert_eq!(code(nothing), "fhir.empty");
    }
    for text in [
        "{\"resourceType\":\"Bundle\"}",
        "{\"resourceType\":\"Bundle\",\"type\":\"history\"}",
    ] {
        assert_eq!(code(text.as_bytes()), "fhir.unsupported_bundle", "{text}");
    }
    let mut headless = value(&note());
    headless["entry"].as_array_mut().unwrap().remove(0);
    assert_eq!(code_of(&headless), "fhir.no_composition");
}

#[test]
fn a_wrong_type_is_refused_where_it_stands() {
    let changes: [fn(&mut Value); 9] = [
        |b| b["resourceType"] = json!(1),
        |b| b["type"] = json!(["document"]),
        |b| b["entry"] = json!({}),
        |b| b["entry"][1] = json!("Patient"),
        |b| b["entry"][1]["resource"] = json!([]),
        |b| b["entry"][1]["fullUrl"] = json!(7),
        |b| b["entry"][0]["resource"]["title"] = json!({}),
        |b| b["entry"][0]["resource"]["section"] = json!("none"),
        |b| b["entry"][0]["resource"]["subject"]["reference"] = json!(["x"]),
    ];
    for (i, change) in changes.iter().enumerate() {
        let mut bundle = value(&note());
        change(&mut bundle);
        assert_eq!(code_of(&bundle), "fhir.wrong_type", "change {i}");
    }
}

#[test]
fn two_entries_of_one_identity_are_refused() {
    for bytes in [note(), collection()] {
        let mut same_url = value(&bytes);
        same_url["entry"][2]["fullUrl"] = same_url["entry"][1]["fullUrl"].clone();
        assert_eq!(code_of(&same_url), "fhir.duplicate_id");
        let mut same_id = value(&bytes);
        let mut copy = same_id["entry"][1].clone();
        copy["fullUrl"] = json!("urn:uuid:00000000-0000-4000-8000-000000000000");
        same_id["entry"].as_array_mut().unwrap().push(copy);
        assert_eq!(code_of(&same_id), "fhir.duplicate_id");
    }
}

#[test]
fn an_encounter_before_birth_is_refused_and_one_on_the_day_is_not() {
    for bytes in [note(), collection()] {
        let mut bundle = value(&bytes);
        let patient = first(&bundle, "Patient");
        let encounter = first(&bundle, "Encounter");
        bundle["entry"][patient]["resource"]["birthDate"] = json!("1951-04-08");
        let start = &mut bundle["entry"][encounter]["resource"]["period"]["start"];
        *start = json!("1951-04-07T20:00:00+08:00");
        assert_eq!(code_of(&bundle), "taken in", "the day has begun at +14:00");
        bundle["entry"][encounter]["resource"]["period"]["start"] =
            json!("1951-04-07T17:59:00+08:00");
        assert_eq!(code_of(&bundle), "fhir.before_birth");
    }
    let mut record = value(&note());
    record["entry"][0]["resource"]["date"] = json!("1950-01-01");
    assert_eq!(code_of(&record), "fhir.before_birth");
}

#[test]
fn dates_that_cannot_be_read_are_refused() {
    let mut record = value(&note());
    record["entry"][0]["resource"]["date"] = json!("yesterday");
    assert_eq!(code_of(&record), "fhir.bad_date");
    let mut born = value(&note());
    let patient = first(&born, "Patient");
    born["entry"][patient]["resource"]["birthDate"] = json!("08.04.1951");
    assert_eq!(code_of(&born), "fhir.bad_date");
    let mut visit = value(&collection());
    let encounter = first(&visit, "Encounter");
    visit["entry"][encounter]["resource"]["period"]["start"] = json!("2019-13-01");
    assert_eq!(code_of(&visit), "fhir.bad_date");
}

#[test]
fn a_reference_to_nothing_is_refused_and_one_to_another_server_is_not() {
    for bytes in [note(), collection()] {
        let mut bundle = value(&bytes);
        let encounter = first(&bundle, "Encounter");
        for missing in [
            "urn:uuid:none",
            "Organization/none",
            "#none",
            "Organization?name=x",
        ] {
            bundle["entry"][encounter]["resource"]["serviceProvider"]["reference"] = json!(missing);
            assert_eq!(code_of(&bundle), "fhir.unresolved_reference", "{missing}");
        }
        let provider = &mut bundle["entry"][encounter]["resource"]["serviceProvider"];
        *provider = json!({ "reference": "https://fhir.example/Organization/1", "display": "A" });
        assert_eq!(code_of(&bundle), "taken in");
    }
}

#[test]
fn exactly_one_patient_is_asked_for() {
    let mut none = value(&collection());
    let patient = first(&none, "Patient");
    none["entry"].as_array_mut().unwrap().remove(patient);
    assert_eq!(code_of(&none), "fhir.no_patient");
    let mut two = value(&note());
    let second = json!({ "resource": { "resourceType": "Patient", "id": "second" } });
    two["entry"].as_array_mut().unwrap().push(second);
    assert_eq!(code_of(&two), "fhir.two_patients");
    let alone = json!({ "resourceType": "Bundle", "type": "collection",
        "entry": [{ "resource": { "resourceType": "Patient", "id": "p" } }] });
    assert_eq!(code_of(&alone), "fhir.no_record");
}

#[test]
fn an_attachment_outside_the_folder_is_refused() {
    let mut bundle = value(&note());
    bundle["entry"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "resource": {
        "resourceType": "Media", "id": "m",
        "content": { "contentType": "image/png", "url": "../../other-patient/scan.png" } } }));
    assert_eq!(code_of(&bundle), "fhir.unsafe_attachment");
}

#[test]
fn messages_never_quote_the_file() {
    let mut bundle = value(&note());
    let encounter = first(&bundle, "Encounter");
    bundle["entry"][encounter]["resource"]["serviceProvider"]["reference"] = json!("王秀兰");
    let error = intake::read(bundle.to_string().as_bytes(), &Limits::default()).unwrap_err();
    assert!(!format!("{error} {error:?}").contains('王'));
}

/// Takes a file in and, where that works, reads all that came of it.
fn exercise(bytes: &[u8]) -> Option<Intake> {
    let limits = Limits::default();
    let _ = summary::read(bytes, &limits);
    let _ = text::plain(bytes, &limits);
    let intake = intake::read(bytes, &limits).ok()?;
    for record in intake.visits.iter().flat_map(|v| &v.records) {
        assert!(summary::read(&record.body, &limits).is_ok());
        assert!(text::plain(&record.body, &limits).is_ok());
    }
    assert!(intake.coverage.lost.is_empty());
    Some(intake)
}

static SOURCES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let ips = std::fs::read(data_root().join("ips/ips-bundle-01-delarosa.json")).unwrap();
    let card = std::fs::read(data_root().join("shc/example-00-a-fhirBundle.json")).unwrap();
    vec![note(), ips, card, collection()]
});

/// Every place in a value, as JSON pointers.
fn places(value: &Value, at: &str, out: &mut Vec<String>) {
    out.push(at.to_owned());
    match value {
        Value::Object(members) => {
            members
                .iter()
                .for_each(|(k, v)| places(v, &format!("{at}/{k}"), out));
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(i, v)| places(v, &format!("{at}/{i}"), out));
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, ..ProptestConfig::default() })]

    #[test]
    fn no_change_of_bytes_makes_intake_panic(
        source in 0..4_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0..5_u8, any::<u8>()), 1..6),
    ) {
        let mut bytes = SOURCES[source].clone();
        for (place, change, byte) in changes {
            let at = place.index(bytes.len());
            let end = bytes.len().min(at + usize::from(byte) + 1);
            match change {
                0 => bytes[at] = byte,
                1 => { bytes.drain(at..end); }
                2 => { let copy = bytes[at..end].to_vec(); bytes.splice(at..at, copy); }
                3 => bytes[at] = b"{}[]\",:0\\"[usize::from(byte) % 9],
                _ => bytes.truncate(at.max(1)),
            }
            if bytes.is_empty() { bytes.push(b'{'); }
        }
        exercise(&bytes);
    }

    #[test]
    fn no_change_of_structure_makes_intake_panic(
        source in 0..4_usize,
        changes in prop::collection::vec(
            (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..8_u8), 1..4),
    ) {
        let mut bundle = value(&SOURCES[source]);
        for (place, other, change) in changes {
            let mut all = Vec::new();
            places(&bundle, "", &mut all);
            let new = match change {
                0 => Value::Null,
                1 => json!([]),
                2 => json!({}),
                3 => json!("2024-02-30"),
                4 => json!(-1.5e300),
                5 => json!([[{ "reference": "#" }]]),
                _ => bundle.pointer(&all[other.index(all.len())]).cloned().unwrap_or_default(),
            };
            if let Some(target) = bundle.pointer_mut(&all[place.index(all.len())]) {
                *target = new;
            }
        }
        exercise(bundle.to_string().as_bytes());
    }
}

#[test]
fn the_sources_of_the_mutations_are_themselves_taken_in() {
    for bytes in SOURCES.iter() {
        assert!(exercise(bytes).is_some());
    }
}
