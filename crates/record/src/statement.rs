//! The statement: what a record says of itself, signed with it and always shown beside it.
//!
//! ```text
//! [ 0, member (16), visit (16), patient number, [WS/T 500 | null, LOINC], title,
//!   [key id (32) | null, name], department, [visit start, visit end | null, authored],
//!   replaced content root (32) | null, media type, number of attachments ]
//! ```
//! Times are milliseconds since 1970 in UTC and may lie before. Texts hold no control characters.

use crate::id::{ContentRoot, KeyId, MemberId, VisitId};
use crate::limits::{MAX_ATTACHMENTS, MAX_CODE, MAX_STATEMENT, MAX_TEXT, MAX_TIME};
use crate::version::Version;
use medfolder_crypto::{CborError, from_cbor, to_cbor};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What a record says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(array)]
pub struct Statement {
    #[n(0)]
    #[serde(skip)]
    version: Version,
    /// The member whose visit this is.
    #[n(1)]
    pub member: MemberId,
    /// The visit.
    #[n(2)]
    pub visit: VisitId,
    /// The hospital's own number of the patient.
    #[n(3)]
    pub patient_number: String,
    /// What kind of record.
    #[n(4)]
    pub kind: Kind,
    /// Title, as shown in lists.
    #[n(5)]
    pub title: String,
    /// Who answers for the content.
    #[n(6)]
    pub author: Author,
    /// Department; may be empty.
    #[n(7)]
    pub department: String,
    /// When.
    #[n(8)]
    pub times: Times,
    /// Content root of the record that this one replaces.
    #[n(9)]
    pub replaces: Option<ContentRoot>,
    /// Media type of the body.
    #[n(10)]
    pub media_type: String,
    /// How many attachments belong to the record.
    #[n(11)]
    pub attachments: u32,
}

/// Kind of a record in two code systems.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(array)]
pub struct Kind {
    /// Document type of WS/T 500 (卫生信息共享文档), such as `C0002`.
    #[n(0)]
    pub wst500: Option<String>,
    /// LOINC document code, such as `11488-4`.
    #[n(1)]
    pub loinc: String,
}

/// Author of a record.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(array)]
pub struct Author {
    /// The author's key on the ledger; none where only a carried signature exists.
    #[n(0)]
    pub key: Option<KeyId>,
    /// Name, as shown.
    #[n(1)]
    pub name: String,
}

/// Times of a record, milliseconds since 1970 in UTC; before 1970 they are negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(array)]
pub struct Times {
    /// Start of the visit.
    #[n(0)]
    pub visit_start: i64,
    /// End of the visit, once it ended.
    #[n(1)]
    pub visit_end: Option<i64>,
    /// When the record was written.
    #[n(2)]
    pub authored: i64,
}

/// A statement's fields, of which [`Statement::new`] makes a checked statement.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of Statement")]
pub struct StatementFields {
    pub member: MemberId,
    pub visit: VisitId,
    pub patient_number: String,
    pub kind: Kind,
    pub title: String,
    pub author: Author,
    pub department: String,
    pub times: Times,
    pub replaces: Option<ContentRoot>,
    pub media_type: String,
    pub attachments: u32,
}

/// Why a statement is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum StatementError {
    /// Not the canonical encoding of a statement of a known version.
    #[error("not a statement: {0}")]
    Encoding(#[from] CborError),
    /// The named text is empty, too long, or holds a control character.
    #[error("the statement's {0} is empty, too long or holds control characters")]
    Text(&'static str),
    /// A time out of range, or a visit that ends before it starts.
    #[error("the statement's times are out of range or out of order")]
    Times,
    /// More attachments than a record may have.
    #[error("the statement names too many attachments")]
    Attachments,
}

impl StatementError {
    /// Stable code of the error.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Encoding(_) => "statement.encoding",
            Self::Text(_) => "statement.text",
            Self::Times => "statement.times",
            Self::Attachments => "statement.attachments",
        }
    }
}

impl Statement {
    /// Makes a statement of checked fields.
    ///
    /// # Errors
    /// [`StatementError`] for the first field out of its limits.
    pub fn new(fields: StatementFields) -> Result<Self, StatementError> {
        let statement = Self {
            version: Version,
            member: fields.member,
            visit: fields.visit,
            patient_number: fields.patient_number,
            kind: fields.kind,
            title: fields.title,
            author: fields.author,
            department: fields.department,
            times: fields.times,
            replaces: fields.replaces,
            media_type: fields.media_type,
            attachments: fields.attachments,
        };
        statement.check()?;
        Ok(statement)
    }

    /// Reads a statement strictly.
    ///
    /// # Errors
    /// [`StatementError`] for another encoding, or the first field out of its limits.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StatementError> {
        let statement: Self = from_cbor(bytes, MAX_STATEMENT)?;
        statement.check()?;
        Ok(statement)
    }

    /// The bytes that piece 0 holds.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        to_cbor(self)
    }

    /// Checks every limit; needed again after fields were changed or came from JSON.
    ///
    /// # Errors
    /// [`StatementError`] for the first field out of its limits.
    pub fn check(&self) -> Result<(), StatementError> {
        required("patient number", &self.patient_number, MAX_CODE)?;
        required("kind", &self.kind.loinc, MAX_CODE)?;
        if let Some(code) = &self.kind.wst500 {
            required("kind", code, MAX_CODE)?;
        }
        required("title", &self.title, MAX_TEXT)?;
        required("author", &self.author.name, MAX_TEXT)?;
        optional("department", &self.department, MAX_TEXT)?;
        media_type(&self.media_type).map_err(StatementError::Text)?;
        self.times.check()?;
        if self.attachments as usize > MAX_ATTACHMENTS {
            return Err(StatementError::Attachments);
        }
        Ok(())
    }
}

impl Times {
    fn check(&self) -> Result<(), StatementError> {
        let all = [Some(self.visit_start), self.visit_end, Some(self.authored)];
        let in_range = |time: i64| (-MAX_TIME..=MAX_TIME).contains(&time);
        let ordered = self.visit_end.is_none_or(|end| end >= self.visit_start);
        let valid = ordered && all.into_iter().flatten().all(in_range);
        valid.then_some(()).ok_or(StatementError::Times)
    }
}

fn required(name: &'static str, text: &str, limit: usize) -> Result<(), StatementError> {
    if text.trim().is_empty() {
        return Err(StatementError::Text(name));
    }
    optional(name, text, limit)
}

fn optional(name: &'static str, text: &str, limit: usize) -> Result<(), StatementError> {
    is_line(text, limit)
        .then_some(())
        .ok_or(StatementError::Text(name))
}

/// One line of at most `limit` bytes.
pub(crate) fn is_line(text: &str, limit: usize) -> bool {
    text.len() <= limit && !text.contains(breaks_line)
}

/// Whether a character does not belong into a line: control characters, line and paragraph
/// separators, and what turns the direction of the text beside it.
#[must_use]
pub fn breaks_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A media type: printable ASCII with one slash inside.
pub(crate) fn media_type(text: &str) -> Result<(), &'static str> {
    let printable = text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    let slashed = text
        .split_once('/')
        .is_some_and(|(a, b)| !a.is_empty() && !b.is_empty());
    (printable && slashed && text.len() <= MAX_CODE)
        .then_some(())
        .ok_or("media type")
}
