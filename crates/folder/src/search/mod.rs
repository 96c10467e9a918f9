//! Full-text search in Chinese, English and codes, offline.
//!
//! FTS5's `unicode61` takes a run of Chinese characters as one word. So each character is stored
//! as a word of its own, and a run of them in a query is a phrase: 青霉素 finds 青霉素过敏 and not
//! 青 … 素; a longer one also in two parts near each other. Everything else is a word; the last word of a query also matches as a prefix.
//!
//! The vault keeps no words of a record but those of the index, which hold no text: what is
//! indexed, and the passages that a search shows, are read from the envelopes.

mod index;
mod query;
mod snippet;
mod source;
#[cfg(test)]
mod tests;

pub use query::{Found, Hits};

/// Chinese, Japanese and Korean ideographs, also those beyond the basic plane (䶮, 𠮷).
fn is_ideograph(c: char) -> bool {
    matches!(c,
        '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}')
}

/// Full-width letters, digits and signs as an input method writes them, in their usual width.
fn usual_width(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xff01 + 0x21).unwrap_or(c),
        _ => c,
    }
}

/// Text with every ideograph a word of its own, as the index stores it.
fn spaced(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 2);
    let mut behind_ideograph = false;
    for c in text.chars() {
        let ideograph = is_ideograph(c);
        if ideograph || behind_ideograph {
            out.push(' ');
        }
        out.push(usual_width(c));
        behind_ideograph = ideograph;
    }
    out
}
