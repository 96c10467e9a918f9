//! The manifest: what a viewer asks a host for, and the list of files it gets.
//!
//! ```text
//! POST url   {"recipient":TEXT[,"passcode":TEXT][,"embeddedLengthMax":N][,"_s":TEXT][,"_r":TEXT]}
//! 200        {"files":[{"contentType",("embedded":JWE | "location":URL)[,"lastUpdated"]}…][,"status"][,"list"]}
//! ```
//!
//! `_s` (session) and `_r` (the reader's fresh value, answered with `_receipt`) are ours; others
//! ignore them, as we ignore members that we do not know. A host is strict in what it sends: at least
//! one file, exactly one source each. A viewer is lenient: one bad file leaves the others.
//!
//! Source: SMART Health Links, manifest request and response.

use medfolder_crypto::Wiped;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::content_type;
use crate::json;
use crate::receipt::SignedReceipt;

/// Longest request body that a host reads.
pub const MAX_REQUEST_BYTES: usize = 16 * 1024;
/// Longest manifest that a viewer reads.
pub const MAX_MANIFEST_BYTES: usize = 32 << 20;
/// What is kept of the recipient's words, in characters.
pub const MAX_RECIPIENT_CHARACTERS: usize = 256;
const MAX_PASSCODE_BYTES: usize = 256;
const MAX_VALUE_BYTES: usize = 128;
const MAX_FILES: usize = 10_000;

/// Why a request is answered with 400, before any look at passcodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Not a JSON object, or a member of the wrong type.
    #[error("the request is not the JSON that a manifest request is")]
    Malformed,
    /// No recipient, or a blank one.
    #[error("the request names no recipient")]
    NoRecipient,
    /// Longer than [`MAX_REQUEST_BYTES`].
    #[error("the request is too large")]
    TooLarge,
}

impl RequestError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "request.malformed",
            Self::NoRecipient => "request.no_recipient",
            Self::TooLarge => "request.too_large",
        }
    }
}

/// A manifest request. `Debug` hides the passcode.
#[derive(Clone, Default)]
pub struct ManifestRequest {
    /// Who says to be reading; untrusted display text, cut to [`MAX_RECIPIENT_CHARACTERS`].
    pub recipient: String,
    /// The passcode, when one was given.
    pub passcode: Option<Zeroizing<String>>,
    /// Longest JWE that may come embedded.
    pub embedded_length_max: Option<u64>,
    /// Our page's session.
    pub session: Option<String>,
    /// The reader's fresh value for its receipt.
    pub reader_value: Option<String>,
}

impl ManifestRequest {
    /// Reads a request body as a host does. Unknown members change nothing.
    pub fn read(body: &[u8]) -> Result<Self, RequestError> {
        if body.len() > MAX_REQUEST_BYTES {
            return Err(RequestError::TooLarge);
        }
        let members: Map<String, Value> = json::read(body).map_err(|_| RequestError::Malformed)?;
        let recipient = text(&members, "recipient", MAX_REQUEST_BYTES)?;
        let embedded_length_max = match members.get("embeddedLengthMax") {
            None | Some(Value::Null) => None,
            Some(value) => Some(value.as_u64().ok_or(RequestError::Malformed)?),
        };
        Ok(Self {
            recipient: recipient_words(recipient.as_deref().unwrap_or_default())?,
            passcode: text(&members, "passcode", MAX_PASSCODE_BYTES)?.map(Zeroizing::new),
            embedded_length_max,
            session: text(&members, "_s", MAX_VALUE_BYTES)?,
            reader_value: text(&members, "_r", MAX_VALUE_BYTES)?,
        })
    }

    /// The request body as a viewer sends it.
    pub fn to_json(&self) -> Wiped {
        let mut members = Map::new();
        members.insert("recipient".into(), Value::from(self.recipient.as_str()));
        if let Some(passcode) = &self.passcode {
            members.insert("passcode".into(), Value::from(passcode.as_str()));
        }
        if let Some(length) = self.embedded_length_max {
            members.insert("embeddedLengthMax".into(), Value::from(length));
        }
        for (name, value) in [("_s", &self.session), ("_r", &self.reader_value)] {
            if let Some(value) = value {
                members.insert(name.into(), Value::from(value.as_str()));
            }
        }
        Wiped::new(serde_json::to_vec(&members).unwrap_or_default())
    }
}

impl std::fmt::Debug for ManifestRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ManifestRequest")
            .field("passcode_given", &self.passcode.is_some())
            .field("embedded_length_max", &self.embedded_length_max)
            .finish_non_exhaustive()
    }
}

/// The recipient's words as they are kept: trimmed, without control characters, cut.
pub fn recipient_words(text: &str) -> Result<String, RequestError> {
    let printable = text.trim().chars().filter(|c| !c.is_control());
    let words: String = printable.take(MAX_RECIPIENT_CHARACTERS).collect();
    if words.trim().is_empty() {
        Err(RequestError::NoRecipient)
    } else {
        Ok(words)
    }
}

fn text(
    members: &Map<String, Value>,
    name: &str,
    max_bytes: usize,
) -> Result<Option<String>, RequestError> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.len() <= max_bytes => Ok(Some(text.clone())),
        Some(_) => Err(RequestError::Malformed),
    }
}

/// Whether a file of this length may be embedded for this request: at most the viewer's limit,
/// counted in characters of the JWE; 0 asks for locations only. Without a limit the host is free.
pub fn may_embed(jwe_length: usize, embedded_length_max: Option<u64>) -> bool {
    let length = u64::try_from(jwe_length).unwrap_or(u64::MAX);
    embedded_length_max.is_none_or(|max| max > 0 && length <= max)
}

/// What a manifest says about its future.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ManifestStatus {
    /// Will not change.
    Finalized,
    /// May change: poll a long-term link.
    CanChange,
    /// Content is withdrawn.
    NoLongerValid,
}

impl ManifestStatus {
    const ALL: [Self; 3] = [Self::Finalized, Self::CanChange, Self::NoLongerValid];

    /// The word in the manifest.
    pub fn word(self) -> &'static str {
        match self {
            Self::Finalized => "finalized",
            Self::CanChange => "can-change",
            Self::NoLongerValid => "no-longer-valid",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == word)
    }
}

/// Where a file's ciphertext is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// In the manifest.
    Embedded(String),
    /// Behind a URL that lives at most one hour.
    Location(String),
}

/// One file of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestFile {
    /// Equal, byte for byte, to the file's `cty`.
    pub content_type: String,
    /// Exactly one.
    pub source: Source,
    /// ISO 8601.
    pub last_updated: Option<String>,
}

/// Why a host does not send a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// No file at all.
    #[error("a manifest needs at least one file")]
    Empty,
    /// A content type that is not in the standard.
    #[error("a manifest's files have one of three content types")]
    ContentType,
    /// Not a JSON object with a list of files, or too large.
    #[error("the answer is not a manifest")]
    Malformed,
}

impl ManifestError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "manifest.empty",
            Self::ContentType => "manifest.content_type",
            Self::Malformed => "manifest.malformed",
        }
    }
}

/// A manifest as a host sends it.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// In the order of the share.
    pub files: Vec<ManifestFile>,
    /// At manifest level, as published.
    pub status: Option<ManifestStatus>,
    /// A FHIR List, the place for extensions.
    pub list: Option<Value>,
    /// For a reader who sent a value of hers.
    pub receipt: Option<SignedReceipt>,
}

impl Manifest {
    /// The JSON body, by the host's rules.
    pub fn to_json(&self) -> Result<Vec<u8>, ManifestError> {
        if self.files.is_empty() {
            return Err(ManifestError::Empty);
        }
        if !self
            .files
            .iter()
            .all(|file| content_type::is_known(&file.content_type))
        {
            return Err(ManifestError::ContentType);
        }
        let mut members = Map::new();
        members.insert("files".into(), self.files.iter().map(file_json).collect());
        if let Some(status) = self.status {
            members.insert("status".into(), Value::from(status.word()));
        }
        if let Some(list) = &self.list {
            members.insert("list".into(), list.clone());
        }
        if let Some(receipt) = &self.receipt {
            members.insert("_receipt".into(), receipt.to_json());
        }
        serde_json::to_vec(&members).map_err(|_| ManifestError::Malformed)
    }
}

fn file_json(file: &ManifestFile) -> Value {
    let mut members = Map::new();
    members.insert(
        "contentType".into(),
        Value::from(file.content_type.as_str()),
    );
    match &file.source {
        Source::Embedded(jwe) => members.insert("embedded".into(), Value::from(jwe.as_str())),
        Source::Location(url) => members.insert("location".into(), Value::from(url.as_str())),
    };
    if let Some(updated) = &file.last_updated {
        members.insert("lastUpdated".into(), Value::from(updated.as_str()));
    }
    Value::Object(members)
}

/// Why one file of somebody's manifest cannot be fetched; the others still can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Not an object with a content type.
    #[error("the manifest's entry for this file is damaged")]
    Malformed,
    /// Neither `embedded` nor `location`.
    #[error("the manifest does not say where this file is")]
    NoSource,
}

impl EntryError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "file.entry_malformed",
            Self::NoSource => "file.no_source",
        }
    }
}

/// A manifest as a viewer reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadManifest {
    /// One entry per file, in order; an empty list is possible.
    pub files: Vec<Result<ManifestFile, EntryError>>,
    /// Absent, unknown words included.
    pub status: Option<ManifestStatus>,
    /// The FHIR List, unread.
    pub list: Option<Value>,
    /// The host's receipt for this opening.
    pub receipt: Option<SignedReceipt>,
}

impl ReadManifest {
    /// Reads an answer. Unknown members are ignored; where both sources are given, the embedded
    /// one is taken.
    pub fn read(body: &[u8]) -> Result<Self, ManifestError> {
        if body.len() > MAX_MANIFEST_BYTES {
            return Err(ManifestError::Malformed);
        }
        let members: Map<String, Value> =
            serde_json::from_slice(body).map_err(|_| ManifestError::Malformed)?;
        let entries = members.get("files").and_then(Value::as_array);
        let entries = entries.ok_or(ManifestError::Malformed)?;
        if entries.len() > MAX_FILES {
            return Err(ManifestError::Malformed);
        }
        let status = members.get("status").and_then(Value::as_str);
        Ok(Self {
            files: entries.iter().map(read_entry).collect(),
            status: status.and_then(ManifestStatus::from_word),
            list: members.get("list").cloned(),
            receipt: members.get("_receipt").and_then(SignedReceipt::read),
        })
    }
}

fn read_entry(entry: &Value) -> Result<ManifestFile, EntryError> {
    let text = |name: &str| entry.get(name).and_then(Value::as_str).map(str::to_owned);
    let content_type = text("contentType").ok_or(EntryError::Malformed)?;
    let source = match (text("embedded"), text("location")) {
        (Some(jwe), _) => Source::Embedded(jwe),
        (None, Some(url)) => Source::Location(url),
        (None, None) => return Err(EntryError::NoSource),
    };
    Ok(ManifestFile {
        content_type,
        source,
        last_updated: text("lastUpdated"),
    })
}
