//! The passage of a record that a search shows, and how well it answers.
//!
//! ```text
//! 1. how many of the words stand in it          4. who speaks: a list of allergies, the author, codes
//! 2. not a code where people wrote something    5. how close to each other the words stand
//! 3. not what it denies: 否认…, no known …
//! ```

use super::query::{NEAR, parts};
use super::usual_width;
use medfolder_fhir::text::{Passage, Voice};
use std::cmp::Reverse;

/// Characters shown before and after a match.
const AROUND: usize = 24;
/// Words of denial that stand before what they deny.
const DENIED_BEFORE: [&str; 18] = [
    "否认",
    "无",
    "没有",
    "未见",
    "未发现",
    "未诉",
    "未及",
    "未闻",
    "未触",
    " no ",
    " not ",
    " denies ",
    " denied ",
    " without ",
    " never ",
    " negative for ",
    " nil ",
    " ruled out ",
];
/// Words that begin like one of denial.
const NO_DENIAL: [&str; 4] = ["无创", "无菌", "无痛", "无锡"];
/// And those behind it.
const DENIED_BEHIND: [&str; 10] = [
    "阴性",
    "不过敏",
    "：无",
    ":无",
    "（-）",
    "(-)",
    ": no",
    "negative",
    "denied",
    "ruled out",
];
/// So many occurrences of a word in a line are looked at.
const MOST_PLACES: usize = 8;
/// Where a denial ends.
const CLAUSE_ENDS: [char; 9] = ['。', '；', '，', '！', '.', ';', ',', '\t', '|'];

/// The passage of a record that answers best.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// Whether it denies what is looked for.
    pub(super) denied: bool,
    /// Whether all words stand in it, and in a list of allergies.
    pub(super) of_allergies: bool,
    /// How it is shown.
    pub(super) snippet: String,
}

/// What speaks for a passage, greatest first.
type Worth = (usize, bool, bool, Reverse<Voice>, Reverse<usize>);

/// The best passage for `terms`; the first one when none stands anywhere literally.
pub(super) fn answer(passages: &[Passage], terms: &[String]) -> Answer {
    let terms: Vec<Vec<char>> = terms.iter().map(|term| lowered(term)).collect();
    let mut best: Option<(Worth, &Passage, Place)> = None;
    for passage in passages {
        // Whoever reads a code reads it only where nobody said as much.
        let so_far = best
            .as_ref()
            .map_or((0, false), |((count, said, ..), ..)| (*count, *said));
        if passage.voice == Voice::Machine && so_far == (terms.len(), true) {
            continue;
        }
        let Some((worth, place)) = weigh(passage, &terms, so_far) else {
            continue;
        };
        if best.as_ref().is_none_or(|(other, ..)| worth > *other) {
            best = Some((worth, passage, place));
        }
    }
    match best {
        Some(((count, _, affirmed, ..), passage, place)) => Answer {
            denied: !affirmed,
            of_allergies: passage.voice == Voice::Allergy && count == terms.len(),
            snippet: around(&passage.text, place),
        },
        None => Answer {
            denied: false,
            of_allergies: false,
            snippet: passages
                .first()
                .map(|first| around(&first.text, Place { at: 0, length: 0 }))
                .unwrap_or_default(),
        },
    }
}

/// Where in a line something stands, in characters.
#[derive(Clone, Copy)]
struct Place {
    at: usize,
    length: usize,
}

impl Place {
    const fn end(self) -> usize {
        self.at + self.length
    }

    /// Both, with all between them.
    fn with(self, other: Self) -> Self {
        let at = self.at.min(other.at);
        let length = self.end().max(other.end()) - at;
        Self { at, length }
    }
}

/// A passage's worth; none when fewer words stand in it than in the best so far.
fn weigh(passage: &Passage, terms: &[Vec<char>], so_far: (usize, bool)) -> Option<(Worth, Place)> {
    let line = &lowered(&passage.text);
    let places = terms.iter().map(|term| places(line, term));
    let places: Vec<Vec<Place>> = places.filter(|all| !all.is_empty()).collect();
    let (first, others) = places.split_first()?;
    let said = passage.voice != Voice::Machine;
    if (places.len(), said) < so_far {
        return None;
    }
    let wholes = first.iter().take(MOST_PLACES).map(|first| {
        let whole = others
            .iter()
            .fold(*first, |whole, places| nearest(line, whole, places));
        (
            !is_denied(line, whole),
            Reverse(whole.length),
            *first,
            whole,
        )
    });
    let (affirmed, close, first, whole) = wholes.max_by_key(|(said, close, ..)| (*said, *close))?;
    let worth = (places.len(), said, affirmed, Reverse(passage.voice), close);
    // Words that stand far apart are shown from the first one on.
    let shown = if whole.length > 2 * AROUND {
        first
    } else {
        whole
    };
    Some((worth, shown))
}

/// A place widened by that of these others which is nearest, in the same clause if there is one.
fn nearest(line: &[char], place: Place, others: &[Place]) -> Place {
    let widened = others.iter().map(|other| place.with(*other));
    let leaves_the_clause = |both: &Place| {
        let within = line.get(both.at..both.end()).unwrap_or_default();
        within.iter().any(|c| CLAUSE_ENDS.contains(c))
    };
    widened
        .min_by_key(|both| (leaves_the_clause(both), both.length))
        .unwrap_or(place)
}

/// Where a term stands; a run of ideographs, where it stands nowhere, in two parts near each other.
fn places(line: &[char], term: &[char]) -> Vec<Place> {
    let whole = find(line, term);
    if !whole.is_empty() {
        return whole;
    }
    let both = parts(term).flat_map(|(first, second)| {
        let seconds = find(line, second);
        let firsts = match seconds.is_empty() {
            true => Vec::new(),
            false => find(line, first),
        };
        firsts
            .into_iter()
            .map(move |first| nearest(line, first, &seconds))
    });
    both.filter(|both| both.length.saturating_sub(term.len()) <= NEAR)
        .collect()
}

fn find(line: &[char], term: &[char]) -> Vec<Place> {
    let length = term.len();
    let windows = line.windows(length.max(1)).enumerate();
    let fits = windows.filter(|(_, window)| *window == term);
    fits.map(|(at, _)| Place { at, length }).collect()
}

/// Whether the clause around a place denies what stands there.
fn is_denied(line: &[char], place: Place) -> bool {
    let ends = |c: &char| CLAUSE_ENDS.contains(c);
    let before = line.get(..place.at).unwrap_or_default();
    let before = before.rsplit(ends).next().unwrap_or_default();
    let behind = line.get(place.end()..).unwrap_or_default();
    let behind = behind.split(ends).next().unwrap_or_default();
    let within = line.get(place.at..place.end()).unwrap_or_default();
    let text = |part: &[char]| part.iter().collect::<String>();
    // A word begins a clause as well as it follows another.
    let mut before = format!(" {} ", text(before));
    for word in NO_DENIAL
        .iter()
        .filter(|word| before.contains(*word))
        .collect::<Vec<_>>()
    {
        before = before.replace(word, "");
    }
    let (within, behind) = (text(within), text(behind));
    DENIED_BEFORE.iter().any(|word| before.contains(word))
        || within.contains("不过敏")
        || DENIED_BEHIND.iter().any(|word| behind.contains(word))
}

fn around(line: &str, place: Place) -> String {
    let chars: Vec<char> = line.chars().collect();
    let from = place.at.saturating_sub(AROUND);
    let to = (place.at + place.length + 2 * AROUND).min(chars.len());
    let passage: String = chars.get(from..to).unwrap_or_default().iter().collect();
    let passage = passage.split_whitespace().collect::<Vec<_>>().join(" ");
    let before = if from > 0 { "…" } else { "" };
    let after = if to < chars.len() { "…" } else { "" };
    format!("{before}{passage}{after}")
}

/// One character for one, so that places in both texts agree.
fn lowered(text: &str) -> Vec<char> {
    text.chars().map(lower).collect()
}

fn lower(c: char) -> char {
    let usual = usual_width(c);
    let mut lower = usual.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(only), None) => only,
        _ => usual,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::query::terms;

    fn said(text: &str) -> Vec<Passage> {
        let line = |text: &str| Passage {
            text: text.to_owned(),
            voice: Voice::Author,
        };
        text.lines().map(line).collect()
    }

    fn shown(text: &str, query: &str) -> String {
        answer(&said(text), &terms(query)).snippet
    }

    #[test]
    fn the_passage_shows_the_match_with_what_stands_beside_it() {
        let text = format!(
            "{}对青霉素过敏，皮试阳性。{}",
            "一".repeat(90),
            "二".repeat(90)
        );
        let passage = shown(&text, "青霉素");
        assert!(passage.starts_with('…') && passage.ends_with('…'));
        assert!(passage.contains("对青霉素过敏"));
    }

    #[test]
    fn the_passage_is_the_line_where_most_of_the_words_stand() {
        let text = "血压 138/82\n既往：青霉素\n青霉素过敏（ICD-10 Z88.0）\n用药 10160-0";
        assert_eq!(shown(text, "青霉素"), "既往：青霉素");
        assert_eq!(shown(text, "过敏 青霉素"), "青霉素过敏（ICD-10 Z88.0）");
        assert_eq!(shown(text, "没有"), "血压 138/82");
    }

    #[test]
    fn a_match_ignores_case_and_width_and_survives_letters_whose_case_changes_their_length() {
        assert!(shown("İstanbul PENICILLIN allergy", "penicillin").contains("PENICILLIN"));
        assert_eq!(shown("钾\nＨｂＡ１ｃ 7.1", "hba1c"), "ＨｂＡ１ｃ 7.1");
    }

    #[test]
    fn what_is_denied_is_known_by_its_own_clause() {
        for (text, query, denied) in [
            ("否认青霉素、头孢过敏史", "青霉素", true),
            (
                "否认食物过敏，青霉素类（阿莫西林）过敏",
                "青霉素过敏",
                false,
            ),
            ("无药物及食物过敏", "过敏", true),
            ("青霉素皮试阴性", "青霉素", true),
            ("青霉素过敏：无", "青霉素过敏", true),
            ("利伐沙班未停。青霉素类过敏已核对", "青霉素过敏", false),
            ("No known allergy", "allergy", true),
            ("Denied penicillin allergy. Fever", "penicillin", true),
            ("Denied fever. Allergic to penicillin", "penicillin", false),
            ("Nocturnal asthma", "asthma", false),
            ("无创呼吸机辅助通气", "呼吸机", false),
        ] {
            let answer = answer(&said(text), &terms(query));
            assert_eq!(answer.denied, denied, "{text}");
        }
    }

    #[test]
    fn what_people_wrote_is_shown_rather_than_a_code() {
        let code = Passage {
            text: "confidentiality: N".to_owned(),
            voice: Voice::Machine,
        };
        let mut lines = vec![code];
        assert_eq!(
            answer(&lines, &terms("confidentiality")).snippet,
            "confidentiality: N"
        );
        lines.extend(said("kept in confidentiality"));
        assert_eq!(
            answer(&lines, &terms("confidentiality")).snippet,
            "kept in confidentiality"
        );
    }
}
