//! Names of files that hospitals chose: one path segment on every system, each once in its folder,
//! and none that runs when somebody opens it.
//!
//! What an attachment is called, and what its bytes are, is its hospital's word. A page or a picture
//! that holds a script would run beside the exported records, with no rule of ours over it: it is
//! saved byte for byte under a name that ends in `.txt`, which every system shows as text.

use std::collections::BTreeSet;
use unicode_normalization::UnicodeNormalization as _;

/// What stands in every record's folder.
const TAKEN: [&str; 3] = ["record.html", "record.json", "record.evidence.cbor"];
/// Characters of a name at most, and bytes: the systems count one or the other.
const LONGEST: usize = 80;
const MOST_BYTES: usize = 200;
/// Longest ending that is kept of a name that is cut, its dot left out.
const ENDING: usize = 8;
/// Devices of Windows: a file of such a name, with any ending, is none.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];
/// Endings of what a browser or a desktop runs.
const ACTIVE: [&str; 37] = [
    "app", "bat", "chm", "cmd", "com", "command", "cpl", "desktop", "dll", "exe", "hta", "htm",
    "html", "inf", "jar", "js", "jse", "lnk", "mht", "mhtml", "mjs", "msi", "pif", "ps1", "reg",
    "scf", "scr", "sh", "shtml", "svg", "svgz", "url", "vbe", "vbs", "wsf", "xht", "xhtml",
];

/// The names of one folder.
#[derive(Default)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    /// The file's own name, with a number where another file bears it already.
    pub(super) fn of(&mut self, name: &str) -> String {
        let own = file_name(name);
        let (stem, ending) = match own.rsplit_once('.') {
            Some((stem, ending)) if !stem.is_empty() => (stem, format!(".{ending}")),
            _ => (own.as_str(), String::new()),
        };
        let mut free = own.clone();
        let mut number = 1;
        // Some systems take big and small letters for the same.
        while TAKEN.contains(&free.to_lowercase().as_str()) || !self.0.insert(free.to_lowercase()) {
            number += 1;
            free = format!("{stem} ({number}){ending}");
        }
        free
    }
}

/// The name under which an attachment with these bytes is saved: its own, with `.txt` behind it
/// where opening it could run something.
#[must_use]
pub fn attachment_name(name: &str, bytes: &[u8]) -> String {
    let own = file_name(name);
    let ending = own
        .rsplit_once('.')
        .map(|(_, ending)| ending.to_lowercase());
    let ending = ending.as_deref().unwrap_or_default();
    match ending != "txt" && (ACTIVE.contains(&ending) || is_markup(bytes)) {
        true => format!("{own}.txt"),
        false => own,
    }
}

/// Whether a browser could take it for a page, whatever it is called: XML is one too.
fn is_markup(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut first = bytes.iter().filter(|byte| !byte.is_ascii_whitespace());
    first.next() == Some(&b'<')
}

/// A name that is one path segment on every system: a record's title or a file's name is the
/// hospital's text and may hold anything. Its ending stays.
#[must_use]
pub fn file_name(name: &str) -> String {
    let clean: String = name
        .nfc()
        .map(|c| if is_plain(c) { c } else { '_' })
        .collect();
    let short = shortened(clean.trim_matches(['.', ' ']));
    // An option's beginning; a device of Windows.
    if short.is_empty() || short.starts_with('-') || is_device(&short) {
        format!("_{short}")
    } else {
        short
    }
}

/// Whether a character may stand in a name: it is seen, turns nothing around, and separates nothing.
fn is_plain(c: char) -> bool {
    let unseen = matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}');
    !c.is_control() && !unseen && !"/\\:*?\"<>|".contains(c)
}

fn shortened(name: &str) -> String {
    if fits(name) {
        return name.to_owned();
    }
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    let ending = ending.filter(|ending| ending.chars().count() <= ENDING);
    let ending = ending.map_or_else(String::new, |ending| format!(".{ending}"));
    let mut stem = name.strip_suffix(&ending).unwrap_or(name).to_owned();
    while !fits(&format!("{stem}{ending}")) {
        stem.pop();
    }
    format!("{}{ending}", stem.trim_end_matches(['.', ' ']))
}

fn fits(name: &str) -> bool {
    name.len() <= MOST_BYTES && name.chars().count() <= LONGEST
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    let stem = stem.to_lowercase();
    let port = stem.strip_prefix("com").or(stem.strip_prefix("lpt"));
    let numbers = "0123456789¹²³";
    let is_port = |number: &str| number.chars().count() == 1 && numbers.contains(number);
    DEVICES.contains(&stem.as_str()) || port.is_some_and(is_port)
}

/// Bytes in a unit that people read.
#[must_use]
pub fn size(bytes: u64) -> String {
    const KB: u64 = 1_000;
    match bytes {
        0..KB => format!("{bytes} B"),
        KB..1_000_000 => format!("{} KB", bytes.div_ceil(KB)),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_stays_one_path_segment() {
        assert_eq!(file_name("../../etc/passwd"), "_.._etc_passwd");
        assert_eq!(file_name("..."), "_");
        assert_eq!(file_name("出院小结 1/2"), "出院小结 1_2");
        assert_eq!(file_name("a\u{202e}gpj.exe"), "a_gpj.exe");
        assert_eq!(file_name("a\u{200b}b\u{feff}.png"), "a_b_.png");
        for long in ["长", "a", "🩻"] {
            let long = file_name(&format!("{}.pdf", long.repeat(200)));
            assert!(long.ends_with(".pdf") && fits(&long), "{long}");
        }
    }

    #[test]
    fn a_name_is_no_device_no_option_and_written_in_one_way() {
        let devices = ["CON", "aux", "Nul.txt", "com1", "LPT9.pdf", "prn .x"];
        for device in devices {
            assert_eq!(file_name(device), format!("_{device}"));
        }
        for name in ["context.pdf", "com", "com10", "auxiliary"] {
            assert_eq!(file_name(name), name);
        }
        assert_eq!(file_name("-rf"), "_-rf");
        assert_eq!(file_name("e\u{301}cg.png"), file_name("\u{e9}cg.png"));
    }

    #[test]
    fn what_could_run_is_saved_as_text() {
        let saved = |name: &str, bytes: &[u8]| attachment_name(name, bytes);
        assert_eq!(saved("ct.dcm", b"DICM"), "ct.dcm");
        assert_eq!(saved("report.PDF", b"%PDF-1.7"), "report.PDF");
        assert_eq!(saved("page.HTML", b"hello"), "page.HTML.txt");
        assert_eq!(saved("ecg.svg", b"x"), "ecg.svg.txt");
        assert_eq!(
            saved("ecg.png", b"\xef\xbb\xbf \n<svg onload=x>"),
            "ecg.png.txt"
        );
        assert_eq!(saved("ecg", b"<!doctype html>"), "ecg.txt");
        assert_eq!(saved("run.exe", b"MZ"), "run.exe.txt");
        assert_eq!(saved("notes.txt", b"<b>"), "notes.txt");
    }

    #[test]
    fn two_files_of_one_name_stand_beside_each_other() {
        let mut names = Names::default();
        let given = ["ct.dcm", "CT.dcm", "record.html", "notes"].map(|name| names.of(name));
        assert_eq!(given, ["ct.dcm", "CT (2).dcm", "record (2).html", "notes"]);
    }

    #[test]
    fn sizes_are_in_units_that_people_read() {
        let shown = [999, 1_001, 8_400_000].map(size);
        assert_eq!(shown, ["999 B", "2 KB", "8.4 MB"]);
    }
}
