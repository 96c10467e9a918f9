//! What a search finds and in which order, on the sample family's records and on made ones.

use super::index::put_words;
use super::query::{Found, Hits, find};
use super::spaced;
use crate::{FolderError, Unlock, Vault};
use medfolder_crypto::Secret32;
use medfolder_fhir::json::Limits;
use medfolder_fhir::text::{Passage, Voice};
use rusqlite::params;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const FOLDER: i64 = 1;
const ALL: usize = 1_000;

/// A vault with records of which only the words are there.
struct Library {
    vault: Vault,
    texts: Vec<String>,
    _place: tempfile::TempDir,
}

impl Library {
    fn of(records: &[(&str, &str)]) -> Self {
        let place = tempfile::tempdir().unwrap();
        let key = Unlock::Key(Secret32::new([7; 32]));
        let vault = Vault::create(place.path(), &key).unwrap();
        vault
            .database()
            .unwrap()
            .execute_batch(
                "INSERT INTO folder VALUES (1, 'a', x'00', x'00', '[]', 'n', 0, 0, NULL);
                 INSERT INTO card (id, folder, number, member, idx, state)
                     VALUES (1, 1, 'c', 'm', 0, 'registered');
                 INSERT INTO seal VALUES (1, 1, '00000000000000000000000000000001', 0, 0, 0, 0, NULL, x'');",
            )
            .unwrap();
        let mut texts = Vec::new();
        for (number, (title, body)) in records.iter().enumerate() {
            put(&vault, number as i64 + 1, title, body);
            texts.push(format!("{title}\n{body}"));
        }
        Self {
            vault,
            texts,
            _place: place,
        }
    }

    fn search(&self, text: &str) -> Result<Vec<Found>, FolderError> {
        self.best(text, ALL).map(|hits| hits.best)
    }

    fn best(&self, text: &str, limit: usize) -> Result<Hits, FolderError> {
        let voice = |line: &str| match line.strip_prefix("! ") {
            Some(line) => (line.to_owned(), Voice::Allergy),
            None => (line.to_owned(), Voice::Author),
        };
        let passages = |row: i64| {
            let lines = self.texts[row as usize - 1].lines().map(voice);
            Ok(lines.map(|(text, voice)| Passage { text, voice }).collect())
        };
        let database = self.vault.database().unwrap();
        find(&database, FOLDER, text, limit, passages)
    }

    fn rows(&self, text: &str) -> Vec<i64> {
        let found = self.search(text).unwrap();
        found.iter().map(|found| found.record.row).collect()
    }
}

fn put(vault: &Vault, id: i64, title: &str, body: &str) {
    let database = vault.database().unwrap();
    database
        .execute(
            "INSERT INTO record (id, folder, seal, record, k, state, hospital, title, date)
             VALUES (?1, 1, 1, ?2, ?1, 'verified', '00000000000000000000000000000002', ?3, ?1)",
            params![id, format!("{id:064x}"), title],
        )
        .unwrap();
    put_words(&database, id, &spaced(title), &spaced(body)).unwrap();
}

#[test]
fn each_ideograph_becomes_a_word_and_other_words_stay_whole() {
    let text = spaced("青霉素过敏 penicillin J01C 𠮷䶮ＨｂＡ１ｃ");
    let words: Vec<_> = text.split_whitespace().collect();
    let wanted = "青 霉 素 过 敏 penicillin J01C 𠮷 䶮 HbA1c";
    assert_eq!(words.join(" "), wanted);
}

#[test]
fn words_side_by_side_come_before_scattered_ones() {
    let library = Library::of(&[
        (
            "Note",
            "allergy allergy allergy. Given: penicillin, penicillin",
        ),
        (
            "Note",
            "much that stands before it: penicillin allergy, once, and much behind it",
        ),
        ("Note", "allergy to nuts. allergy to penicillin. penicillin"),
        ("Note", "penicillin"),
    ]);
    let found = library.rows("penicillin allergy");
    assert_eq!((found[0], found.len()), (2, 3));
}

#[test]
fn a_run_is_found_in_two_parts_near_each_other_and_lists_of_allergies_come_first() {
    let library = Library::of(&[
        ("门诊病历", "青霉素过敏（ICD-10 Z88.0）"),
        ("入院记录", "否认青霉素过敏。青霉素过敏史：无"),
        ("过敏史清单", "! 青霉素类（阿莫西林）过敏"),
        ("门诊病历", "! 青霉素类过敏。"),
        (
            "处方",
            "青霉素 0.5 g。其后是很长的一段与它毫不相干的话，再往后才提到花粉过敏",
        ),
    ]);
    let database = library.vault.database().unwrap();
    database
        .execute_batch("UPDATE record SET kind = '48765-2' WHERE id = 3")
        .unwrap();
    drop(database);
    assert_eq!(library.rows("青霉素过敏"), [3, 4, 1, 2]);
    let best = library.best("青霉素过敏", 1).unwrap();
    assert_eq!(
        (best.best[0].record.row, best.best.len(), best.total),
        (3, 1, 4)
    );
    assert_eq!(best.best[0].snippet, "青霉素类（阿莫西林）过敏");
}

#[test]
fn words_near_each_other_come_before_scattered_ones() {
    let far = "behind it ".repeat(20);
    let scattered = format!("penicillin penicillin {far} allergy allergy allergy");
    let library = Library::of(&[
        ("Note", scattered.as_str()),
        ("Note", "an allergy to the drug penicillin"),
        ("Note", "penicillin allergy"),
    ]);
    assert_eq!(library.rows("penicillin allergy"), [3, 2, 1]);
}

#[test]
fn of_very_many_the_titles_come_first_and_then_the_newest_and_all_are_counted() {
    let mut records = vec![("Note", "penicillin"); 1_010];
    records[4] = ("Penicillin test", "done");
    let library = Library::of(&records);
    let hits = library.best("penicillin", 3).unwrap();
    let rows: Vec<i64> = hits.best.iter().map(|found| found.record.row).collect();
    assert_eq!((rows, hits.total), (vec![5, 1_010, 1_009], 1_010));
}

#[test]
fn a_title_counts_more_than_a_body() {
    let library = Library::of(&[
        ("Note", "rash after penicillin, after penicillin only"),
        ("Penicillin test", "done on Monday"),
        ("Note", "nothing of the kind"),
        ("Note", "nothing either"),
        ("Note", "and nothing here"),
    ]);
    assert_eq!(library.rows("penicillin"), [2, 1]);
}

#[test]
fn of_equals_the_newest_comes_first() {
    let library = Library::of(&[("检验报告", "血钾 4.1"), ("检验报告", "血钾 4.2")]);
    assert_eq!(library.rows("血钾"), [2, 1]);
}

#[test]
fn a_chinese_word_is_found_whole_and_not_by_its_scattered_characters() {
    let library = Library::of(&[("a", "对青霉素过敏"), ("b", "青年发霉的素食")]);
    assert_eq!(library.rows("青霉素"), [1]);
    assert_eq!(library.rows("素食 青年"), [2]);
    assert_eq!(library.rows("霉素过"), [1]);
}

#[test]
fn a_code_is_found_whole_in_any_case_and_width_and_by_its_beginning() {
    let library = Library::of(&[
        ("a", "Z88.0 Allergy status to penicillin"),
        ("b", "Z88, on 0 days"),
        ("c", "糖化血红蛋白（HbA1c）7.1 % 4548-4"),
    ]);
    assert_eq!(library.rows("z88.0"), [1]);
    assert_eq!(library.rows("ＨＢＡ１Ｃ"), [3]);
    assert_eq!(library.rows("4548-4"), [3]);
    assert_eq!(library.rows("hba"), [3]);
    assert!(library.rows("hba 7").is_empty());
}

#[test]
fn another_folder_of_the_vault_is_never_searched() {
    let library = Library::of(&[("a", "青霉素")]);
    library
        .vault
        .database()
        .unwrap()
        .execute_batch("UPDATE record SET folder = 2")
        .unwrap_err();
    library
        .vault
        .database()
        .unwrap()
        .execute_batch(
            "INSERT INTO folder VALUES (2, 'b', x'00', x'00', '[]', 'n', 0, 0, NULL);
             UPDATE record SET folder = 2;",
        )
        .unwrap();
    assert!(library.rows("青霉素").is_empty());
}

#[test]
fn nothing_that_can_be_typed_breaks_a_search() {
    let library = Library::of(&[("a", "青霉素")]);
    for text in [
        "\"",
        "a\"b",
        "NEAR(",
        "title:青",
        "青霉素 OR",
        "*",
        "()",
        "-",
        "^a",
        "\u{0}a",
        "{",
        "+ 青",
        "é\u{301}",
    ] {
        let _ = library.search(text).map_err(|error| {
            assert_eq!(error.code(), "search.empty", "{text}");
        });
    }
}

/// Texts and codes of a document that a person might look for, with the members that hold them.
fn sought(name: &str, node: &Value, out: &mut BTreeSet<String>) {
    const PASSED_OVER: [&str; 8] = [
        "meta",
        "extension",
        "telecom",
        "clinicalStatus",
        "verificationStatus",
        "relatesTo",
        "text_div",
        "identifier",
    ];
    match node {
        Value::Object(members) => {
            for (name, value) in members
                .iter()
                .filter(|(name, _)| !PASSED_OVER.contains(&name.as_str()))
            {
                sought(name, value, out);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| sought(name, item, out)),
        Value::String(text)
            if matches!(name, "display" | "title" | "conclusion" | "description") =>
        {
            out.insert(text.clone());
        }
        _ => {}
    }
    let codings = node["coding"].as_array().into_iter().flatten();
    let clinical = [
        "code",
        "vaccineCode",
        "medicationCodeableConcept",
        "reasonCode",
        "bodySite",
    ];
    if clinical.contains(&name) {
        out.extend(
            codings
                .filter_map(|coding| coding["code"].as_str())
                .map(str::to_owned),
        );
    }
}

fn documents(directory: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            documents(&path, out);
        } else if path.extension().is_some_and(|end| end == "json")
            && !path.ends_with("manifest.json")
        {
            out.push(path);
        }
    }
}

#[test]
fn what_the_familys_records_say_is_found_by_its_words_and_codes() {
    let mut paths = Vec::new();
    documents(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/family"),
        &mut paths,
    );
    let mut records = Vec::new();
    let mut holders: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
    for (number, path) in paths.iter().enumerate() {
        let bytes = std::fs::read(path).unwrap();
        let document: Value = serde_json::from_slice(&bytes).unwrap();
        let title = document["entry"][0]["resource"]["title"]
            .as_str()
            .unwrap()
            .to_owned();
        let body = medfolder_fhir::text::plain(&bytes, &Limits::default()).unwrap();
        records.push((title, body));
        let mut words = BTreeSet::new();
        sought("", &document, &mut words);
        for word in words {
            holders.entry(word).or_default().insert(number as i64 + 1);
        }
    }
    assert!(
        records.len() >= 100 && holders.len() > 300,
        "{} {}",
        records.len(),
        holders.len()
    );
    let records: Vec<(&str, &str)> = records
        .iter()
        .map(|(t, b)| (t.as_str(), b.as_str()))
        .collect();
    let library = Library::of(&records);
    for (word, holders) in &holders {
        let found: BTreeSet<i64> = library.rows(word).into_iter().collect();
        assert!(
            found.is_superset(holders),
            "{word}: {holders:?} of {found:?}"
        );
    }
    for found in library.search("青霉素").unwrap() {
        assert!(found.snippet.contains("青霉素"), "{}", found.snippet);
    }
}

#[test]
fn what_was_replaced_or_withdrawn_comes_after_what_is_in_force() {
    let library = Library::of(&[
        ("过敏", "青霉素"),
        ("过敏 青霉素", "青霉素"),
        ("过敏", "青霉素"),
    ]);
    let database = library.vault.database().unwrap();
    database
        .execute_batch(
            "UPDATE record SET replaced_by = 'x' WHERE id = 2;
             UPDATE record SET withdrawn = 1 WHERE id = 3;",
        )
        .unwrap();
    drop(database);
    let rows = library.rows("青霉素");
    assert_eq!((rows.len(), rows[0]), (3, 1));
}
