//! The passage of a text that a search shows.

use super::usual_width;

/// Characters shown before and after a match.
const AROUND: usize = 24;

/// The passage around the first match in the line where most of `terms` stand; the text's first
/// line when none stands anywhere literally.
pub(super) fn around(text: &str, terms: &[String]) -> String {
    let terms: Vec<Vec<char>> = terms
        .iter()
        .map(|term| term.chars().map(lowered).collect())
        .collect();
    let mut best: (usize, &str, usize, usize) = (0, text.lines().next().unwrap_or_default(), 0, 0);
    for line in text.lines() {
        let lower: Vec<char> = line.chars().map(lowered).collect();
        let places = terms.iter().filter_map(|term| {
            let at = lower
                .windows(term.len())
                .position(|window| window == term)?;
            Some((at, term.len()))
        });
        let (count, first) = places.fold((0, None), |(count, first), place| {
            (count + 1, first.or(Some(place)))
        });
        if let (true, Some((at, length))) = (count > best.0, first) {
            best = (count, line, at, length);
        }
    }
    let (_, line, at, length) = best;
    let chars: Vec<char> = line.chars().collect();
    let from = at.saturating_sub(AROUND);
    let to = (at + length + 2 * AROUND).min(chars.len());
    let passage: String = chars.get(from..to).unwrap_or_default().iter().collect();
    let passage = passage.split_whitespace().collect::<Vec<_>>().join(" ");
    let before = if from > 0 { "…" } else { "" };
    let after = if to < chars.len() { "…" } else { "" };
    format!("{before}{passage}{after}")
}

/// One character for one, so that places in both texts agree.
fn lowered(c: char) -> char {
    let usual = usual_width(c);
    let mut lower = usual.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(only), None) => only,
        _ => usual,
    }
}

#[cfg(test)]
mod tests {
    use crate::search::query::terms;

    fn around(text: &str, query: &str) -> String {
        super::around(text, &terms(query))
    }

    #[test]
    fn the_passage_shows_the_match_with_what_stands_beside_it() {
        let text = format!(
            "{}对青霉素过敏，皮试阳性。{}",
            "一".repeat(90),
            "二".repeat(90)
        );
        let passage = around(&text, "青霉素");
        assert!(passage.starts_with('…') && passage.ends_with('…'));
        assert!(passage.contains("对青霉素过敏"));
    }

    #[test]
    fn the_passage_is_the_line_where_most_of_the_words_stand() {
        let text = "血压 138/82\n既往：青霉素\n青霉素过敏（ICD-10 Z88.0）\n用药 10160-0";
        assert_eq!(around(text, "青霉素"), "既往：青霉素");
        assert_eq!(around(text, "过敏 青霉素"), "青霉素过敏（ICD-10 Z88.0）");
        assert_eq!(around(text, "没有"), "血压 138/82");
    }

    #[test]
    fn a_match_ignores_case_and_width_and_survives_letters_whose_case_changes_their_length() {
        assert!(around("İstanbul PENICILLIN allergy", "penicillin").contains("PENICILLIN"));
        assert_eq!(around("钾\nＨｂＡ１ｃ 7.1", "hba1c"), "ＨｂＡ１ｃ 7.1");
    }
}
