//! Names of files that hospitals chose: one path segment on every system, each once in its folder.

use std::collections::BTreeSet;

/// What stands in every record's folder.
const TAKEN: [&str; 3] = ["record.html", "record.json", "record.evidence.cbor"];
/// Characters of a name at most.
const LONGEST: usize = 80;

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

/// A name that is one path segment on every system: a record's title or a file's name is the
/// hospital's text and may hold anything. Its ending stays.
#[must_use]
pub fn file_name(name: &str) -> String {
    let clean = |c: char| {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || turns || "/\\:*?\"<>|".contains(c) {
            '_'
        } else {
            c
        }
    };
    let clean: String = name.chars().map(clean).collect();
    let trimmed = clean.trim_matches(['.', ' ']);
    let length = trimmed.chars().count();
    let short = match trimmed.rsplit_once('.') {
        _ if length <= LONGEST => trimmed.to_owned(),
        Some((stem, ending)) if ending.chars().count() <= 8 => {
            let stem: String = stem.chars().take(LONGEST - 9).collect();
            format!("{stem}.{ending}")
        }
        _ => trimmed.chars().take(LONGEST).collect(),
    };
    if short.is_empty() {
        "_".to_owned()
    } else {
        short
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
        let long = file_name(&format!("{}.pdf", "长".repeat(200)));
        assert!(
            long.ends_with(".pdf") && long.chars().count() <= LONGEST,
            "{long}"
        );
    }

    #[test]
    fn two_files_of_one_name_stand_beside_each_other() {
        let mut names = Names::default();
        let given = ["ct.dcm", "CT.dcm", "record.html", "notes"].map(|name| names.of(name));
        assert_eq!(given, ["ct.dcm", "CT (2).dcm", "record (2).html", "notes"]);
    }
}
