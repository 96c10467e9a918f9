//! The marker strings of the trust design: they go in through every inlet of a hospital and of a
//! share, and are then looked for on the disks and in the logs of edge and node, in every form in
//! which a mistake would leave them there.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use flate2::read::{DeflateDecoder, GzDecoder, ZlibDecoder, ZlibEncoder};
use flate2::{Compression, read::GzEncoder};
use medfolder_tests::{Ended, Served, eventually, medfolder, root, run};
use memchr::memmem::Finder;
use serde_json::Value;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What stands in a record in place of what the sample says.
const RECORD: [(&str, &str); 5] = [
    ("陈小满", "MRKname7q2甲"),
    ("ET-2201-0086", "MRKnumber4w9"),
    ("梁佩珊", "MRKdoctor8t5乙"),
    ("肺通气功能、支气管舒张试验及 FeNO", "MRKtitle3k7 肺功能丙"),
    ("配合度良好", "MRKbody5d1 检查所见丁"),
];
const ATTACHMENT: &str = "MRKattachment6z3";
const FILE_NAME: &str = "MRKfile2r8";
const LABEL: &str = "MRKlabel1v4";
const CODE: &str = "MRKcode9x6";
const GUESS: &str = "MRKguess0y1";
const READER: &str = "MRKreader5b7";

/// A text as somebody may have written it down.
fn forms(text: &str) -> Vec<Vec<u8>> {
    let utf16: Vec<u16> = text.encode_utf16().collect();
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let escaped: String = utf16
        .iter()
        .map(|unit| match u8::try_from(*unit) {
            Ok(byte) if byte.is_ascii() => char::from(byte).to_string(),
            _ => format!("\\u{unit:04x}"),
        })
        .collect();
    let percent: String = text
        .bytes()
        .map(|byte| match byte.is_ascii_alphanumeric() {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect();
    let mut forms = vec![
        text.as_bytes().to_vec(),
        utf16.iter().flat_map(|unit| unit.to_le_bytes()).collect(),
        utf16.iter().flat_map(|unit| unit.to_be_bytes()).collect(),
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
        escaped.into_bytes(),
        percent.into_bytes(),
    ];
    for before in 0..3 {
        // Wherever it stands in what was encoded; its first and last characters depend on the rest.
        let padded = [&vec![0; before], text.as_bytes()].concat();
        for encoded in [
            STANDARD_NO_PAD.encode(&padded),
            URL_SAFE_NO_PAD.encode(&padded),
        ] {
            let inner = &encoded[if before == 0 { 0 } else { 4 }..encoded.len() - 2];
            forms.push(inner.as_bytes().to_vec());
        }
    }
    forms.sort();
    forms.dedup();
    forms
}

/// What is looked for: a name and its forms.
struct Markers(Vec<(String, Vec<Finder<'static>>)>);

impl Markers {
    fn new(texts: &[&str]) -> Self {
        let finders = |text: &&str| {
            let all = forms(text);
            let all = all.iter().map(|form| Finder::new(form).into_owned());
            ((*text).to_owned(), all.collect())
        };
        Self(texts.iter().map(finders).collect())
    }

    fn in_bytes(&self, bytes: &[u8]) -> Vec<String> {
        let held = |finders: &[Finder<'_>]| finders.iter().any(|one| one.find(bytes).is_some());
        let found = self.0.iter().filter(|(_, finders)| held(finders));
        found.map(|(name, _)| name.clone()).collect()
    }

    /// The markers in a file: as it is, and in everything in it that can be inflated.
    fn in_file(&self, path: &Path) -> Vec<String> {
        let bytes = without_empty_pages(fs::read(path).unwrap());
        let mut found = self.in_bytes(&bytes);
        for inflated in inflate_all(&bytes) {
            found.extend(self.in_bytes(&inflated));
        }
        found.sort();
        found.dedup();
        found
    }

    /// Markers below a folder, each with its file.
    fn below(&self, place: &Path) -> Vec<(PathBuf, String)> {
        let mut found = Vec::new();
        for file in files(place) {
            let name = file.strip_prefix(place).unwrap_or(&file).to_string_lossy();
            found.extend(
                self.in_bytes(name.as_bytes())
                    .into_iter()
                    .map(|m| (file.clone(), m)),
            );
            found.extend(self.in_file(&file).into_iter().map(|m| (file.clone(), m)));
        }
        found
    }

    /// Those that stand nowhere below a folder.
    fn absent_below(&self, place: &Path) -> Vec<&str> {
        let found = self.below(place);
        let names = self.0.iter().map(|(name, _)| name.as_str());
        names
            .filter(|name| found.iter().all(|(_, other)| other != name))
            .collect()
    }
}

/// Files that are mostly holes are read in no time.
fn without_empty_pages(bytes: Vec<u8>) -> Vec<u8> {
    let pages = bytes.chunks(4_096);
    let full = pages.filter(|page| page.iter().any(|byte| *byte != 0));
    full.flatten().copied().collect()
}

/// Whatever begins like gzip or zlib, and the whole as raw DEFLATE.
fn inflate_all(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let mut keep = |mut decoder: Box<dyn Read + '_>| {
        let mut inflated = Vec::new();
        // What ends in an error may have begun well.
        let _ = decoder.by_ref().take(1 << 20).read_to_end(&mut inflated);
        if inflated.len() > 8 {
            all.push(inflated);
        }
    };
    keep(Box::new(DeflateDecoder::new(bytes)));
    for at in Finder::new(&[0x1f, 0x8b, 8]).find_iter(bytes) {
        keep(Box::new(GzDecoder::new(&bytes[at..])));
    }
    for at in memchr::memchr_iter(0x78, bytes) {
        let checked = bytes
            .get(at + 1)
            .is_some_and(|flags| [0x01, 0x5e, 0x9c, 0xda].contains(flags));
        if checked {
            keep(Box::new(ZlibDecoder::new(&bytes[at..])));
        }
    }
    all
}

/// The file, or all files below the folder.
fn files(place: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    if place.is_file() {
        return vec![place.to_owned()];
    }
    for entry in fs::read_dir(place).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else if path.is_file() {
            all.push(path);
        }
    }
    all
}

/// One visit of the sample, with markers in place of what it says.
fn marked_visit(into: &Path) {
    let from =
        root().join("tests/data/family/chen-xiaoman/2024-11-12-pujiang-children-asthma-review");
    fs::create_dir_all(into.join("attachments")).unwrap();
    for file in files(&from) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if file.extension().is_some_and(|end| end == "json") {
            let document: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
            let mut text = serde_json::to_string(&without_hashes(document)).unwrap();
            for (old, new) in RECORD {
                text = text.replace(old, new);
            }
            text = text.replace("pft-2024-11-12", FILE_NAME);
            fs::write(into.join(name), text).unwrap();
        } else {
            let name = name.replace("pft-2024-11-12", FILE_NAME);
            let bytes = [&fs::read(&file).unwrap(), ATTACHMENT.as_bytes()].concat();
            fs::write(into.join("attachments").join(name), bytes).unwrap();
        }
    }
}

/// The attachment is another than the one that the sample hashed.
fn without_hashes(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members
                .into_iter()
                .filter(|(name, _)| !["hash", "size"].contains(&name.as_str()));
            Value::Object(
                kept.map(|(name, value)| (name, without_hashes(value)))
                    .collect(),
            )
        }
        Value::Array(list) => Value::Array(list.into_iter().map(without_hashes).collect()),
        other => other,
    }
}

#[test]
fn a_marker_is_found_in_every_form_in_which_a_mistake_would_leave_it() {
    let place = tempfile::tempdir().unwrap();
    for (number, (_, text)) in RECORD.iter().enumerate() {
        let markers = Markers::new(&[text]);
        let json = format!(r#"{{"title":"{text}","more":"text"}}"#);
        let mut planted = forms(text);
        let (mut zlib, mut gzip) = (Vec::new(), Vec::new());
        ZlibEncoder::new(json.as_bytes(), Compression::default())
            .read_to_end(&mut zlib)
            .unwrap();
        GzEncoder::new(json.as_bytes(), Compression::best())
            .read_to_end(&mut gzip)
            .unwrap();
        planted.extend([zlib, gzip]);
        for before in 0..3 {
            let shifted = format!("{}{json}", "x".repeat(before));
            planted.push(STANDARD_NO_PAD.encode(&shifted).into_bytes());
            planted.push(URL_SAFE_NO_PAD.encode(&shifted).into_bytes());
        }
        for (form, bytes) in planted.iter().enumerate() {
            let file = place.path().join(format!("{number}-{form}"));
            let around = [&[7; 5_000][..], bytes, &[9; 5_000]].concat();
            fs::write(&file, around).unwrap();
            assert_eq!(markers.in_file(&file), [*text], "form {form}");
        }
    }
    let random: Vec<u8> = (0..200_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let file = place.path().join("none");
    fs::write(&file, random).unwrap();
    assert!(Markers::new(&[RECORD[0].1]).in_file(&file).is_empty());
}

fn told(command: &mut std::process::Command) -> Ended {
    let ended = run(command);
    assert_eq!(ended.exit, 0, "{}{}", ended.stdout, ended.stderr);
    ended
}

fn text(line: &Value, name: &str) -> String {
    line[name].as_str().unwrap_or_default().to_owned()
}

#[test]
fn nothing_that_was_entrusted_lies_on_the_disks_or_in_the_logs_of_edge_and_node() {
    let place = tempfile::tempdir().unwrap();
    let (input, world) = (place.path().join("input"), place.path().join("world"));
    marked_visit(&input.join("visit"));
    let record: Vec<&str> = RECORD.iter().map(|(_, marker)| *marker).collect();
    let entrusted = [&record[..], &[ATTACHMENT, FILE_NAME]].concat();
    assert!(Markers::new(&entrusted).absent_below(&input).is_empty());

    let mut served = Served::start_logging(&world, &["--data", &input.to_string_lossy()], "debug");
    let words = [
        "share",
        "--all",
        "--passcode",
        CODE,
        "--label",
        LABEL,
        "--for",
        "1h",
    ];
    let made = told(&mut served.folder(0, &words));
    let link = text(made.last(), "link");
    let wrong = ["open", &link, "--passcode", GUESS, "--recipient", READER];
    assert_eq!(
        run(&mut medfolder(&wrong)).error_code(),
        "share.passcode_wrong"
    );
    let out = place.path().join("received");
    let words = [
        "open",
        &link,
        "--passcode",
        CODE,
        "--recipient",
        READER,
        "--out",
        &out.to_string_lossy(),
    ];
    let opened = told(&mut medfolder(&words));
    assert_eq!(opened.last()["records"].as_array().map(Vec::len), Some(2));
    // All of it went through: the reader has it in plain.
    assert!(Markers::new(&entrusted).absent_below(&out).is_empty());
    let looked = eventually(Duration::from_secs(20), || {
        let log = told(&mut served.folder(0, &["access-log"]));
        log.lines.iter().any(|line| line["who"] == READER)
    });
    assert!(looked, "the opening is not in the log");
    let passphrase = served.text("/folders/0/passphrase").to_owned();
    served.end_with("-TERM");

    let payload = link.rsplit("shlink:/").next().unwrap();
    let payload: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    let key = text(&payload, "key");
    let secrets = [&entrusted[..], &[LABEL, CODE, GUESS, &key, &passphrase]].concat();
    let secrets = Markers::new(&secrets);
    let reader = Markers::new(&[READER]);
    let zones = zones(&world);
    assert_eq!(zones.len(), 2 + 3 * 3, "node and three edges");
    for zone in zones {
        assert_eq!(secrets.below(&zone), [], "{}", zone.display());
        // What a reader called herself is the host's own record, and nobody else's.
        if !zone.ends_with("edge") {
            assert_eq!(reader.below(&zone), [], "{}", zone.display());
        }
    }
}

/// What edges and node write: their data, what lies between the zones, their logs.
fn zones(place: &Path) -> Vec<PathBuf> {
    let world = place.join("demo-1");
    let mut zones = vec![world.join("node/data"), world.join("logs/node.log")];
    for number in 1..=3 {
        let hospital = world.join(format!("hospital-{number}"));
        zones.extend([hospital.join("edge"), hospital.join("spool")]);
        zones.push(world.join(format!("logs/hospital-{number}-edge.log")));
    }
    zones
}
