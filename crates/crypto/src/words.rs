//! Twenty-four recovery words for a root, in English or Chinese (BIP 39).
//!
//! The words carry the root's 32 bytes as entropy with a checksum of 8 bits; both languages give
//! the same root. BIP 39's passphrase and seed derivation are not used.

use crate::{Secret32, typed};
use bip39::{Language, Mnemonic};
use zeroize::{Zeroize, Zeroizing};

/// A list of 2,048 words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WordList {
    /// English words, separated by spaces.
    English,
    /// Simplified Chinese characters.
    Chinese,
}

/// Why words give no root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WordsError {
    /// Not twenty-four words.
    #[error("a folder's recovery words are 24, not {0}")]
    Count(usize),
    /// A word is on neither list; its place counts from 1.
    #[error("word {0} is not on the list")]
    Unknown(usize),
    /// All words are known but do not belong together: one is wrong or two are swapped.
    #[error("the words do not belong together: one is wrong or two are swapped")]
    Checksum,
}

impl WordsError {
    /// Stable code of the error.
    pub const fn code(self) -> &'static str {
        match self {
            WordsError::Count(_) => "words.count",
            WordsError::Unknown(_) => "words.unknown",
            WordsError::Checksum => "words.checksum",
        }
    }
}

/// The 24 words of a root.
pub fn from_root(root: &Secret32, list: WordList) -> Zeroizing<Vec<String>> {
    let language = match list {
        WordList::English => Language::English,
        WordList::Chinese => Language::SimplifiedChinese,
    };
    match Mnemonic::from_entropy_in(language, root.expose()) {
        Ok(mnemonic) => Zeroizing::new(mnemonic.words().map(str::to_owned).collect()),
        Err(_) => unreachable!("32 bytes are entropy for 24 words"),
    }
}

/// Reads 24 words of either list, in any Unicode form. English words may be capitalised; Chinese
/// words may also stand without spaces. Numbers and signs between words, as they were printed or
/// written down (`1. word 2. word`, `词、词`), mean nothing.
///
/// # Errors
/// [`WordsError`] by what is wrong.
pub fn to_root(text: &str) -> Result<Secret32, WordsError> {
    let words = split(text);
    if words.len() != 24 {
        return Err(WordsError::Count(words.len()));
    }
    let language = language_of(&words)?;
    let joined = Zeroizing::new(words.join(" "));
    let mnemonic =
        Mnemonic::parse_in_normalized(language, &joined).map_err(|_| WordsError::Checksum)?;
    let mut entropy = mnemonic.to_entropy();
    let root = Secret32::try_from(entropy.as_slice()).map_err(|_| WordsError::Checksum);
    entropy.zeroize();
    root
}

fn split(text: &str) -> Zeroizing<Vec<String>> {
    let lower = Zeroizing::new(typed::phrase(text).to_lowercase());
    let is_han = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
    if lower.chars().any(is_han) {
        return Zeroizing::new(
            lower
                .chars()
                .filter(|c| c.is_alphabetic())
                .map(String::from)
                .collect(),
        );
    }
    let words = lower.split(|c: char| !c.is_alphabetic());
    let words = words.filter(|word| !word.is_empty());
    Zeroizing::new(words.map(str::to_owned).collect())
}

/// The list that knows all words; the first unknown place of the list that knows more.
fn language_of(words: &[String]) -> Result<Language, WordsError> {
    let first_unknown = |language: Language| {
        words
            .iter()
            .position(|word| language.find_word(word).is_none())
    };
    match (
        first_unknown(Language::English),
        first_unknown(Language::SimplifiedChinese),
    ) {
        (None, _) => Ok(Language::English),
        (_, None) => Ok(Language::SimplifiedChinese),
        (Some(english), Some(chinese)) => {
            Err(WordsError::Unknown(english.max(chinese).saturating_add(1)))
        }
    }
}
