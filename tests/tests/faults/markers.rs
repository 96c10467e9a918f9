//! Finds marker strings in files and in what went over a connection, in every form in which a mistake
//! would leave them there.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use flate2::read::{DeflateDecoder, GzDecoder, ZlibDecoder, ZlibEncoder};
use flate2::{Compression, read::GzEncoder};
use memchr::memmem::Finder;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A text as somebody may have written it down.
fn forms(text: &str) -> Vec<Vec<u8>> {
    let utf16: Vec<u16> = text.encode_utf16().collect();
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
    let mut forms = forms_of_bytes(text.as_bytes());
    forms.extend([
        utf16.iter().flat_map(|unit| unit.to_le_bytes()).collect(),
        utf16.iter().flat_map(|unit| unit.to_be_bytes()).collect(),
        escaped.into_bytes(),
        percent.into_bytes(),
    ]);
    forms.sort();
    forms.dedup();
    forms
}

/// The same of what need not be a text.
fn forms_of_bytes(bytes: &[u8]) -> Vec<Vec<u8>> {
    let hex = hex::encode(bytes);
    let mut forms = vec![
        bytes.to_vec(),
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
    ];
    for before in 0..3 {
        // Wherever it stands in what was encoded; its first and last characters depend on the rest.
        let padded = [&vec![0; before], bytes].concat();
        for encoded in [
            STANDARD_NO_PAD.encode(&padded),
            URL_SAFE_NO_PAD.encode(&padded),
        ] {
            let inner = &encoded[if before == 0 { 0 } else { 4 }..encoded.len() - 2];
            forms.push(inner.as_bytes().to_vec());
        }
    }
    forms
}

/// What is looked for: a name and its forms.
pub(crate) struct Markers(Vec<(String, Vec<Finder<'static>>)>);

impl Markers {
    pub(crate) fn new(texts: &[&str]) -> Self {
        let mut markers = Self(Vec::new());
        for text in texts {
            markers.add(text, &forms(text));
        }
        markers
    }

    /// Looks for these bytes too.
    pub(crate) fn and_bytes(mut self, name: &str, bytes: &[u8]) -> Self {
        self.add(name, &forms_of_bytes(bytes));
        self
    }

    fn add(&mut self, name: &str, forms: &[Vec<u8>]) {
        let finders = forms.iter().map(|form| Finder::new(form).into_owned());
        self.0.push((name.to_owned(), finders.collect()));
    }

    fn in_bytes(&self, bytes: &[u8]) -> Vec<String> {
        let held = |finders: &[Finder<'_>]| finders.iter().any(|one| one.find(bytes).is_some());
        let found = self.0.iter().filter(|(_, finders)| held(finders));
        found.map(|(name, _)| name.clone()).collect()
    }

    /// The markers in a file: as it is, and in everything in it that can be inflated.
    fn in_file(&self, path: &Path) -> Vec<String> {
        self.within(&without_empty_pages(fs::read(path).unwrap()))
    }

    /// The same in what was read already.
    pub(crate) fn within(&self, bytes: &[u8]) -> Vec<String> {
        let mut found = self.in_bytes(bytes);
        for inflated in inflate_all(bytes) {
            found.extend(self.in_bytes(&inflated));
        }
        found.sort();
        found.dedup();
        found
    }

    /// Markers below a folder, each with its file.
    pub(crate) fn below(&self, place: &Path) -> Vec<(PathBuf, String)> {
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
    pub(crate) fn absent_below(&self, place: &Path) -> Vec<&str> {
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
pub(crate) fn files(place: &Path) -> Vec<PathBuf> {
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

#[test]
fn a_marker_is_found_in_every_form_in_which_a_mistake_would_leave_it() {
    let place = tempfile::tempdir().unwrap();
    let texts = ["MRKplain8t5", "MRKbody5d1 检查所见丁"];
    for (number, text) in texts.iter().enumerate() {
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
    assert!(Markers::new(&texts).in_file(&file).is_empty());
}
