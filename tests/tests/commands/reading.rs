//! What a patient and her doctor read: days as hospitals wrote them, whose records these are, and
//! evidence that verifies where it was saved.

use super::person::for_a_person;
use super::{text, told};
use medfolder_tests::{Served, medfolder, root, run};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Someone who stands in another time zone.
fn standing_in(zone: &str, mut command: Command) -> Command {
    command.env("TZ", zone);
    command
}

pub(crate) fn a_record_is_of_the_day_that_its_hospital_wrote(served: &Served) {
    // An emergency at half past three in the morning, which is still the day before in UTC.
    let day = ["list", "--from", "2023-04-16", "--to", "2023-04-16"];
    let list = |zone| for_a_person(&standing_in(zone, served.folder(2, &day))).stdout;
    let at_home = list("Asia/Shanghai");
    assert!(at_home.lines().count() >= 2, "{at_home}");
    let days = at_home.lines().map(|row| row.starts_with("✓ 2023-04-16"));
    assert!(days.into_iter().all(|is_it| is_it), "{at_home}");
    for zone in ["UTC", "Pacific/Honolulu"] {
        assert_eq!(list(zone), at_home, "{zone}");
    }
    let lines = told(&mut served.folder(2, &day)).lines;
    let dates: Vec<&str> = lines.iter().map(|line| text(line, "date")).collect();
    assert!(dates.contains(&"2023-04-16T03:25:00+08:00"), "{dates:?}");
    let early = lines
        .iter()
        .find(|l| text(l, "date").contains("T03:25"))
        .unwrap();
    let record = text(early, "record");
    let show = served.folder(2, &["show", record]);
    let page = for_a_person(&standing_in("Pacific/Honolulu", show)).stdout;
    assert!(page.contains("Date: 2023-04-16 03:25 +08:00"), "{page}");
}

pub(crate) fn a_reader_is_told_whose_records_these_are(served: &Served, place: &Path) {
    let listed =
        told(&mut served.folder(2, &["list", "--from", "2023-04-16", "--to", "2023-04-16"]));
    let record = text(listed.last(), "record");
    let shown = told(&mut served.folder(2, &["show", record]));
    let patient = &shown.last()["patient"];
    assert_eq!(
        (
            text(patient, "name"),
            text(patient, "sex"),
            text(patient, "birth_date")
        ),
        ("陈小满", "male", "2019-09-17")
    );
    let page = for_a_person(&served.folder(2, &["show", record])).stdout;
    let first = page.lines().next().unwrap();
    assert_eq!(first, "Patient: 陈小满, male, born 2019-09-17");
    assert!(
        page.contains("\nDoctor: ") || page.contains("\nAuthor: "),
        "{page}"
    );
    let records = listed.lines.iter().map(|line| text(line, "record"));
    let records = records.collect::<Vec<_>>().join(",");
    let words = ["share", "--records", &records, "--for", "1h", "--no-code"];
    let made = told(&mut served.folder(2, &words));
    let (link, saved) = (text(made.last(), "link"), place.join("received"));
    let open = medfolder(&["open", link, "--out", saved.to_str().unwrap()]);
    let page = for_a_person(&standing_in("Pacific/Honolulu", open)).stdout;
    let whose = page
        .matches("Patient: 陈小满, male, born 2019-09-17")
        .count();
    assert_eq!(whose, 1, "once for all of them: {page}");
    assert!(page.contains("Date: 2023-04-16 03:25 +08:00"), "{page}");
    assert!(page.lines().all(|line| line.trim_end() == line), "{page}");
    saved_evidence_verifies_with_the_document_beside_it(served, &saved);
    told(&mut served.folder(2, &["revoke", text(made.last(), "share")]));
}

fn saved_evidence_verifies_with_the_document_beside_it(served: &Served, saved: &Path) {
    let mut files = fs::read_dir(saved)
        .unwrap()
        .map(|file| file.unwrap().path());
    let pack = files.find(|path| path.to_string_lossy().ends_with(".evidence.cbor"));
    let pack = pack.unwrap();
    let name = pack.file_name().unwrap().to_str().unwrap().to_owned();
    assert!(name.contains("2023-04-16"), "{name}");
    let verify = |pack: &Path, words: &[&str]| {
        let mut command = medfolder(&["verify", pack.to_str().unwrap()]);
        run(command
            .args(["--genesis", served.text("/genesis")])
            .args(words))
    };
    let beside = verify(&pack, &[]);
    assert_eq!((beside.exit, text(beside.last(), "seal")), (0, "verified"));
    assert_eq!(text(beside.last(), "patient"), "陈小满");
    assert!(text(beside.last(), "date").starts_with("2023-04-16T03"));
    // Alone, under another name, it proves the seal only; the document can be named.
    let alone = saved.join("alone.cbor");
    fs::copy(&pack, &alone).unwrap();
    let only_the_seal = verify(&alone, &[]);
    assert_eq!(only_the_seal.error_code(), "evidence.text_missing");
    assert!(
        only_the_seal
            .lines
            .iter()
            .any(|line| line["seal"] == "seal_only")
    );
    let document = pack.with_file_name(name.replace(".evidence.cbor", ".json"));
    let named = verify(&alone, &["--document", document.to_str().unwrap()]);
    assert_eq!(text(named.last(), "seal"), "verified");
    let changed = fs::read_to_string(&document)
        .unwrap()
        .replace("陈小满", "陈大满");
    fs::write(&document, changed).unwrap();
    let failed = verify(&pack, &[]);
    assert_eq!(
        (failed.exit, &failed.last()["error"]["code"]),
        (3, &Value::from("evidence.content"))
    );
}

pub(crate) fn a_search_begins_with_what_matters_and_says_how_much_there_is(served: &Served) {
    let found = told(&mut served.folder(0, &["search", "青霉素过敏", "--limit", "3"]));
    let first = &found.lines[0];
    assert_eq!(text(first, "title"), "过敏史清单");
    assert_eq!(text(first, "snippet"), "青霉素类（阿莫西林）过敏");
    assert_eq!((found.lines.len(), first["total"].as_u64()), (3, Some(17)));
    let page = for_a_person(&served.folder(0, &["search", "青霉素过敏", "--limit", "3"])).stdout;
    assert!(
        page.starts_with("17 found, best first; the first 3"),
        "{page}"
    );
}

/// Files of a ZIP by name, each with its date.
fn unzipped(file: &Path) -> BTreeMap<String, (String, Vec<u8>)> {
    let mut zip = zip::ZipArchive::new(fs::File::open(file).unwrap()).unwrap();
    let mut files = BTreeMap::new();
    for number in 0..zip.len() {
        let mut entry = zip.by_index(number).unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        let when = entry.last_modified().unwrap().to_string();
        let name = entry.name().unwrap().into_owned();
        files.insert(name, (when, bytes));
    }
    files
}

pub(crate) fn an_export_is_read_in_a_browser_and_its_evidence_verifies(
    served: &Served,
    place: &Path,
) {
    let zip = place.join("export.zip");
    let told = told(&mut served.folder(0, &["export", "--out", zip.to_str().unwrap()]));
    let count = |name: &str| told.last()[name].as_u64().unwrap() as usize;
    let files = unzipped(&zip);
    let html = |name: &str| String::from_utf8(files[name].1.clone()).unwrap();
    let index = html("index.html");
    assert!(index.contains("王秀兰, female, born 1951-04-08"), "{index}");
    let pages: Vec<&String> = files
        .keys()
        .filter(|n| n.ends_with("/record.html"))
        .collect();
    assert_eq!((pages.len(), count("records")), (52, 52));
    let old: Vec<&&String> = pages
        .iter()
        .filter(|n| n.contains("(not in force)"))
        .collect();
    assert_eq!((old.len(), count("superseded")), (3, 3));
    assert_eq!(index.matches("⚠ not in force").count(), 3);
    for page in &pages {
        let (folder, text) = (page.strip_suffix("/record.html").unwrap(), html(page));
        assert!(
            text.contains("王秀兰") && !text.contains("<script"),
            "{page}"
        );
        assert_eq!(
            text.contains("Not in force: "),
            folder.contains("not in force"),
            "{page}"
        );
        // An entry bears the day of its record, which its folder is named by.
        for ending in ["record.html", "record.json", "record.evidence.cbor"] {
            let (when, _) = &files[&format!("{folder}/{ending}")];
            assert_eq!(when[..10], folder[..10], "{folder}/{ending}");
        }
    }
    let old = format!(
        "{}/record.html",
        old[0].strip_suffix("/record.html").unwrap()
    );
    let correction = html(&old);
    let correction = correction.split("href=\"../").nth(1).unwrap();
    assert!(!correction.starts_with("index"), "{correction}");
    let picture = files
        .keys()
        .find(|name| name.ends_with("/ecg-2024-03-12.png"))
        .unwrap();
    assert!(files[picture].1.starts_with(b"\x89PNG"));
    let folder = picture.rsplit_once('/').unwrap().0;
    assert!(html(&format!("{folder}/record.html")).contains("href=\"./ecg-2024-03-12.png\""));
    for name in ["record.json", "record.evidence.cbor"] {
        fs::write(place.join(name), &files[&format!("{folder}/{name}")].1).unwrap();
    }
    let pack = place.join("record.evidence.cbor");
    let words = [
        "verify",
        pack.to_str().unwrap(),
        "--genesis",
        served.text("/genesis"),
    ];
    assert_eq!(text(run(&mut medfolder(&words)).last(), "seal"), "verified");
}

/// Pictures, documents, waveforms and DICOM files leave the folders byte for byte as the hospitals
/// made them.
pub(crate) fn every_attachment_is_exported_as_it_came(served: &Served, place: &Path) {
    let mut came = Vec::new();
    files_of(&root().join("tests/data/family"), &mut came);
    let is_attachment = |(path, _): &(PathBuf, _)| {
        let folder = path.parent().and_then(Path::file_name);
        ["attachments", "dicom"]
            .iter()
            .any(|name| folder == Some(name.as_ref()))
    };
    came.retain(is_attachment);
    let dicom = came
        .iter()
        .filter(|(path, _)| path.parent().unwrap().ends_with("dicom"));
    assert!(dicom.count() > 5);
    let mut came: Vec<Vec<u8>> = came.into_iter().map(|(_, bytes)| bytes).collect();
    let mut left = Vec::new();
    for folder in 0..3 {
        let zip = place.join(format!("attachments-{folder}.zip"));
        told(&mut served.folder(folder, &["export", "--out", zip.to_str().unwrap()]));
        let own = |name: &String| {
            let (folder, name) = name.rsplit_once('/').unwrap_or_default();
            !folder.is_empty() && !name.starts_with("record.")
        };
        let files = unzipped(&zip).into_iter().filter(|(name, _)| own(name));
        left.extend(files.map(|(_, (_, bytes))| bytes));
    }
    came.sort();
    left.sort();
    assert_eq!((came.len(), left.len()), (36, 36));
    assert!(came == left, "an attachment is not what it was");
}

fn files_of(folder: &Path, into: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files_of(&path, into),
            false => into.push((path.clone(), fs::read(&path).unwrap())),
        }
    }
}

pub(crate) fn a_folder_that_cannot_take_the_files_costs_no_opening(served: &Served, place: &Path) {
    let listed = told(&mut served.folder(2, &["list", "--limit", "1"]));
    let record = text(listed.last(), "record");
    let words = ["share", "--records", record, "--no-code", "--openings", "1"];
    let made = told(&mut served.folder(2, &words));
    let link = text(made.last(), "link");
    let open = |folder: &Path| {
        run(&mut medfolder(&[
            "open",
            link,
            "--out",
            folder.to_str().unwrap(),
        ]))
    };
    let (full, file, fresh) = (
        place.join("full"),
        place.join("a-file"),
        place.join("fresh/deep"),
    );
    fs::create_dir(&full).unwrap();
    fs::write(full.join("mine"), "mine").unwrap();
    fs::write(&file, "mine").unwrap();
    assert_eq!(open(&full).error_code(), "file.not_empty");
    assert_eq!(open(&file).error_code(), "file.write");
    assert_eq!(open(&fresh).exit, 0, "its only opening was there still");
    assert!(fs::read_dir(&fresh).unwrap().count() >= 2);
    let late = place.join("late");
    assert_eq!(open(&late).error_code(), "share.used_up");
    assert!(!late.exists());
    told(&mut served.folder(2, &["revoke", text(made.last(), "share")]));
}

pub(crate) fn an_attachment_is_listed_and_saved_under_its_own_name(served: &Served, place: &Path) {
    let found = told(&mut served.folder(0, &["list", "--kind", "ecg-report", "--limit", "1"]));
    let record = text(found.last(), "record");
    let shown = told(&mut served.folder(0, &["show", record]));
    let attachment = &shown.last()["attachments"][0];
    let (name, size) = (
        text(attachment, "name"),
        attachment["size"].as_u64().unwrap(),
    );
    assert_eq!(attachment["number"], 1);
    let page = for_a_person(&served.folder(0, &["show", record])).stdout;
    assert!(
        page.contains(&format!("  1  {name}  image/png  ")),
        "{page}"
    );
    assert_eq!(found.last()["attachment_count"], 1);
    let rows = for_a_person(&served.folder(0, &["list", "--limit", "100"])).stdout;
    assert!(rows.contains("  [1 attachment]"), "{rows}");
    let listed = told(&mut served.folder(0, &["list"])).lines;
    let bare = listed.iter().find(|line| line["attachment_count"] == 0);
    let bare = ["show", text(bare.unwrap(), "record"), "--attachment", "1"];
    assert_eq!(
        run(&mut served.folder(0, &bare)).error_code(),
        "attachment.none"
    );
    let folder = place.join("pictures");
    fs::create_dir(&folder).unwrap();
    let save = |which: &str, out: &Path| {
        let out = out.to_str().unwrap();
        run(&mut served.folder(0, &["show", record, "--attachment", which, "--out", out]))
    };
    assert_eq!(save("1", &folder).exit, 0);
    let saved = fs::read(folder.join(name)).unwrap();
    assert_eq!((saved.len() as u64, &saved[..4]), (size, &b"\x89PNG"[..]));
    assert_eq!(save(name, &place.join("named.png")).exit, 0);
    assert_eq!(fs::read(place.join("named.png")).unwrap(), saved);
    assert_eq!(save("1", &folder).error_code(), "file.exists");
    for unknown in ["0", "99", "x.png"] {
        assert_eq!(
            save(unknown, &place.join("none")).error_code(),
            "attachment.unknown"
        );
    }
}

pub(crate) fn only_hospitals_that_have_records_here_are_offered(served: &Served) {
    let mut command = served.folder(0, &["list", "--hospital", "不存在的医院"]);
    let detail = text(&run(&mut command).last()["error"], "detail").to_owned();
    assert!(detail.contains("东湖区中心医院"), "{detail}");
    // Neither the commission, which runs no hospital, nor the children's hospital.
    assert!(
        !detail.contains("委员会") && !detail.contains("儿童医院"),
        "{detail}"
    );
    let part = told(&mut served.folder(2, &["list", "--hospital", "儿童"]));
    assert!(
        part.lines
            .iter()
            .all(|line| text(line, "hospital") == "浦江市儿童医院")
    );
    assert!(!part.lines.is_empty());
    // The name that its own records give it as well.
    let english = told(&mut served.folder(2, &["list", "--hospital", "children"]));
    assert_eq!(english.lines, part.lines);
}
