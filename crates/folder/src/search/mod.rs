//! Full-text search in Chinese, English and codes, offline.
//!
//! FTS5's `unicode61` takes a run of Chinese characters as one word. So each character is stored
//! as a word of its own, and a run of them in a query is a phrase: 青霉素 finds 青霉素过敏 and not
//! 青 … 素. Everything else is a word; the last word of a query also matches as a prefix.

mod index;
mod query;
mod snippet;

pub use index::Indexed;
pub use query::Hit;

/// Chinese, Japanese and Korean ideographs, also those beyond the basic plane (䶮, 𠮷).
fn is_ideograph(c: char) -> bool {
    matches!(c,
        '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}')
}

/// Text with white space around every ideograph, as the index stores it.
fn spaced(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 2);
    for c in text.chars() {
        if is_ideograph(c) {
            out.push(' ');
            out.push(c);
            out.push(' ');
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::spaced;

    #[test]
    fn each_ideograph_becomes_a_word_and_other_words_stay_whole() {
        let words: Vec<_> = spaced("青霉素过敏 penicillin J01C 𠮷䶮")
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        assert_eq!(
            words,
            [
                "青",
                "霉",
                "素",
                "过",
                "敏",
                "penicillin",
                "J01C",
                "𠮷",
                "䶮"
            ]
        );
    }
}
