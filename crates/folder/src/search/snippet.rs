//! The passage of a text around the first match.

use super::query::terms;

/// Characters shown before and after a match.
const AROUND: usize = 24;

/// The passage around the first term of `query` in `text`, within the line where it stands; the
/// text's first line when no term stands there literally.
pub(super) fn around(text: &str, query: &str) -> String {
    let found = terms(query).iter().find_map(|term| {
        let term: Vec<char> = term.chars().map(lowered).collect();
        text.lines().find_map(|line| {
            let chars: Vec<char> = line.chars().collect();
            let lower: Vec<char> = chars.iter().map(|c| lowered(*c)).collect();
            let at = lower
                .windows(term.len())
                .position(|window| window == term)?;
            Some((chars, at, term.len()))
        })
    });
    let (chars, at, length) = found.unwrap_or_else(|| {
        (
            text.lines().next().unwrap_or_default().chars().collect(),
            0,
            0,
        )
    });
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
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(only), None) => only,
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::around;

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
    fn the_passage_stays_within_the_line_of_the_match() {
        let text = "血压 138/82\n青霉素过敏（ICD-10 Z88.0）\n用药 10160-0";
        assert_eq!(around(text, "青霉素"), "青霉素过敏（ICD-10 Z88.0）");
    }

    #[test]
    fn a_match_ignores_case_and_survives_letters_whose_case_changes_their_length() {
        assert!(around("İstanbul PENICILLIN allergy", "penicillin").contains("PENICILLIN"));
    }
}
