//! FHIR documents without end: the grandmother's visits, each time as another visit of another
//! patient, every identifier and UUID changed.

use medfolder_tests::root;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

/// The patient's number at both hospitals.
pub(crate) const PATIENT: &str = "T77777777";
/// Her number in the sample, hospital by hospital.
const NUMBERS: [&str; 2] = ["T00351204", "DH2015-900117"];
/// Visits with one, two, three and five documents, with an attachment each, with a correction.
const VISITS: [&[&str]; 2] = [
    &[
        "2020-07-29-pujiang-first-inr",
        "2020-07-15-pujiang-first-atrial-fibrillation",
        "2023-06-13-pujiang-first-annual-review",
    ],
    &[
        "2020-07-10-donghu-central-referral",
        "2015-05-12-donghu-central-hypertension",
        "2019-03-06-donghu-central-penicillin-allergy",
    ],
];

/// One document as a hospital's system hands it over.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    /// Its file name, different from every other's.
    pub(crate) name: String,
    /// The bundle.
    pub(crate) body: String,
    /// Files that it names: where it says they lie, and where they do.
    pub(crate) attachments: Vec<(String, PathBuf)>,
    /// Whether it replaces an earlier one of the same visit.
    pub(crate) corrects: bool,
}

/// The folders of a hospital's visits.
pub(crate) fn folders(hospital: usize) -> impl Iterator<Item = PathBuf> {
    let family = root().join("tests/data/family/wang-xiulan");
    VISITS[hospital].iter().map(move |visit| family.join(visit))
}

/// The documents of the `number`-th visit at a hospital, in the order of their making.
pub(crate) fn visit(hospital: usize, number: u32) -> Vec<Document> {
    let visits = VISITS[hospital].len();
    let folder = folders(hospital).nth(number as usize % visits).unwrap();
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect();
    files.sort();
    files
        .iter()
        .map(|file| {
            let original = fs::read_to_string(file).unwrap();
            let named = attachments(&original);
            let stem = file.file_stem().unwrap().to_string_lossy();
            Document {
                name: format!("{number}-{stem}.json"),
                corrects: original.contains("\"relatesTo\""),
                attachments: named
                    .iter()
                    .map(|url| (url.clone(), folder.join(url)))
                    .collect(),
                body: another(&original, number),
            }
        })
        .collect()
}

/// The relative addresses in a document.
fn attachments(document: &str) -> Vec<String> {
    let urls = document.split("\"url\": \"").skip(1);
    urls.filter_map(|rest| rest.split('"').next())
        .filter(|url| !url.contains(':'))
        .map(str::to_owned)
        .collect()
}

/// The same document of another visit of another patient.
fn another(document: &str, number: u32) -> String {
    let parsed: Value = serde_json::from_str(document).unwrap();
    let visit = parsed["entry"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["resource"])
        .find(|resource| resource["resourceType"] == "Encounter")
        .and_then(|encounter| encounter["identifier"][0]["value"].as_str())
        .unwrap();
    let mut text = document.replace(visit, &format!("{visit}x{number}"));
    for known in NUMBERS {
        text = text.replace(known, PATIENT);
    }
    other_uuids(&text, number)
}

fn other_uuids(text: &str, number: u32) -> String {
    let mut made = String::with_capacity(text.len());
    let mut rest = text;
    // All ASCII up to a UUID is copied; the first eight digits become others.
    while let Some(at) = rest.find('-') {
        let start = at.saturating_sub(8);
        let is_uuid = rest.get(start..start + 36).is_some_and(is_uuid);
        let end = if is_uuid { start + 36 } else { at + 1 };
        if is_uuid {
            let first = u32::from_str_radix(&rest[start..at], 16).unwrap();
            let other = first ^ (number + 1).wrapping_mul(0x9e37_79b1);
            made.push_str(&rest[..start]);
            made.push_str(&format!("{other:08x}"));
            made.push_str(&rest[at..end]);
        } else {
            made.push_str(&rest[..end]);
        }
        rest = &rest[end..];
    }
    made + rest
}

fn is_uuid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    let hex = |part: &&str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    lengths == [8, 4, 4, 4, 12] && parts.iter().all(hex)
}

#[test]
fn each_copy_of_a_visit_is_another_visit_and_names_its_own_documents_only() {
    for hospital in 0..2 {
        for number in 0..3 {
            let (one, other) = (visit(hospital, number), visit(hospital, number + 3));
            assert_eq!(one.len(), other.len());
            for (one, other) in one.iter().zip(&other) {
                let id = |text: &str| serde_json::from_str::<Value>(text).unwrap()["id"].clone();
                assert_ne!(id(&one.body), id(&other.body));
                assert!(one.body.contains(PATIENT) && one.name != other.name);
                assert!(!other.body.contains(id(&one.body).as_str().unwrap()));
            }
        }
    }
    assert!(
        visit(0, 1)
            .iter()
            .any(|document| !document.attachments.is_empty())
    );
    assert!(visit(0, 2).iter().any(|document| document.corrects));
}
