//! Cutting a body into pieces, so that one entry can be shown without the others.
//!
//! ```text
//! {"resourceType":"Bundle", … ,"entry":[ {…} , {…} ]}
//! └──────────────── head ──────────────┘└1┘└2┘└3┘└ tail       entries are pieces 1 and 3 here
//! ```
//! Pieces alternate: head, entry, separator, entry, …, tail. An entry runs from its `{` to the
//! matching `}` in the array `entry` of the outermost object; without such an array, or with an
//! empty one, the body is one piece. Concatenated, the pieces are the body.
//!
//! Refused: what is not UTF-8, starts with a byte order mark, is not one JSON object (RFC 8259),
//! nests deeper than 64, names a member twice in one object (names are compared after their
//! escapes are resolved), escapes half of a surrogate pair, or holds an entry that is no object.

use crate::json::Scanner;
use crate::limits::{MAX_BODY, MAX_ENTRIES};
use core::ops::Range;
use thiserror::Error;

/// Why a body is refused. Positions are bytes from the body's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PiecesError {
    /// Longer than a body may be.
    #[error("the body is longer than 16 MiB")]
    TooLong,
    /// Bytes that are not UTF-8.
    #[error("the body is not UTF-8 from byte {0}")]
    NotUtf8(usize),
    /// A byte order mark at the start.
    #[error("the body starts with a byte order mark")]
    ByteOrderMark,
    /// Not JSON.
    #[error("the body is not JSON at byte {0}")]
    NotJson(usize),
    /// JSON, but not an object.
    #[error("the body is not one JSON object")]
    NotObject,
    /// Objects or arrays nest too deep.
    #[error("the body nests deeper than 64 at byte {0}")]
    TooDeep(usize),
    /// One object names a member twice.
    #[error("an object that ends at byte {0} names a member twice")]
    Duplicate(usize),
    /// An element of `entry` is no object.
    #[error("an entry at byte {0} is no object")]
    EntryNotObject(usize),
    /// More entries than a body may have.
    #[error("the body has too many entries")]
    TooManyEntries,
}

impl PiecesError {
    /// Stable code of the error.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLong => "body.too_long",
            Self::NotUtf8(_) => "body.not_utf8",
            Self::ByteOrderMark => "body.byte_order_mark",
            Self::NotJson(_) => "body.not_json",
            Self::NotObject => "body.not_object",
            Self::TooDeep(_) => "body.too_deep",
            Self::Duplicate(_) => "body.duplicate_name",
            Self::EntryNotObject(_) => "body.entry_not_object",
            Self::TooManyEntries => "body.too_many_entries",
        }
    }
}

/// A body's pieces, as ranges of its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pieces {
    length: usize,
    entries: Vec<Range<usize>>,
}

/// One piece of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyPiece {
    /// Where it lies in the body.
    pub range: Range<usize>,
    /// Whether it is an entry, as against head, separator, tail or an uncut body.
    pub is_entry: bool,
}

/// Cuts `body`, after checking all of it.
///
/// # Errors
/// [`PiecesError`] for the first rule that the body breaks.
pub fn cut(body: &[u8]) -> Result<Pieces, PiecesError> {
    let text = checked_text(body)?;
    let mut entries = Vec::new();
    Scanner::new(text).document(Some(&mut entries))?;
    if entries.len() > MAX_ENTRIES {
        return Err(PiecesError::TooManyEntries);
    }
    Ok(Pieces {
        length: body.len(),
        entries,
    })
}

/// Checks that a disclosed entry is one JSON object and nothing else, not even white space.
///
/// # Errors
/// [`PiecesError`] for the first rule that it breaks.
pub fn check_entry(bytes: &[u8]) -> Result<(), PiecesError> {
    let text = checked_text(bytes)?;
    if !(text.starts_with('{') && text.ends_with('}')) {
        return Err(PiecesError::NotObject);
    }
    Scanner::new(text).document(None)
}

fn checked_text(bytes: &[u8]) -> Result<&str, PiecesError> {
    if bytes.len() > MAX_BODY {
        return Err(PiecesError::TooLong);
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(PiecesError::ByteOrderMark);
    }
    core::str::from_utf8(bytes).map_err(|error| PiecesError::NotUtf8(error.valid_up_to()))
}

impl Pieces {
    /// How many pieces there are; at least one.
    #[must_use]
    pub const fn count(&self) -> usize {
        match self.entries.len() {
            0 => 1,
            entries => entries.saturating_mul(2).saturating_add(1),
        }
    }

    /// The ranges of the entries, in order.
    #[must_use]
    pub fn entries(&self) -> &[Range<usize>] {
        &self.entries
    }

    /// All pieces, in order.
    pub fn iter(&self) -> impl Iterator<Item = BodyPiece> + '_ {
        let starts = core::iter::once(0).chain(self.entries.iter().map(|entry| entry.end));
        let ends = self
            .entries
            .iter()
            .map(|entry| entry.start)
            .chain([self.length]);
        let frames = starts.zip(ends).map(|(start, end)| start..end);
        let entries = self.entries.iter().cloned().map(Some).chain([None]);
        frames.zip(entries).flat_map(|(frame, entry)| {
            let frame = BodyPiece {
                range: frame,
                is_entry: false,
            };
            core::iter::once(frame).chain(entry.map(|range| BodyPiece {
                range,
                is_entry: true,
            }))
        })
    }
}
