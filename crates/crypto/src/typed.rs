//! What people type, in one form before it is hashed.
//!
//! One device composes an accent, another does not; a Chinese keyboard writes digits full-width.
//! Both look right to whoever typed them, so both must give the same key: NFKC (Unicode Standard
//! Annex 15). Codes that are told by voice are typed with or without gaps.

use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

/// A passphrase, a PIN or recovery words, in NFKC.
pub fn phrase(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.nfkc().collect())
}

/// A passcode: NFKC, without white space.
pub fn code(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.nfkc().filter(|c| !c.is_whitespace()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_the_same_is_the_same() {
        let (composed, apart) = ("caf\u{e9}-passw\u{f6}rd", "cafe\u{301}-passwo\u{308}rd");
        assert_ne!(composed, apart);
        assert_eq!(phrase(composed), phrase(apart));
        assert_eq!(code("４９３ ８１７").as_str(), "493817");
        assert_eq!(phrase("two words").as_str(), "two words");
    }
}
