//! Opens one file of a link: decrypt, compare the type, look whether it is what it says.

use medfolder_crypto::Wiped;
use serde_json::{Map, Value};

use crate::address::AddressError;
use crate::content_type::{API_ACCESS, FHIR_JSON, HEALTH_CARD, essence, same};
use crate::jwe::{JweError, JweLimits, decrypt};
use crate::key::LinkKey;
use crate::manifest::EntryError;

/// Why one file is not shown. The others are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FileProblem {
    /// The manifest's entry is unusable.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// Not decrypted.
    #[error(transparent)]
    Jwe(#[from] JweError),
    /// The manifest names an address that must not be opened.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// A kind of file that this viewer does not show, such as access to an API.
    #[error("this kind of file is not supported")]
    Unsupported,
    /// The manifest's type is not the one that the issuer encrypted.
    #[error("the file is not of the kind that the host says")]
    TypeMismatch,
    /// Decrypted, but not the JSON that its type promises.
    #[error("the file's content is not what its kind promises")]
    Content,
    /// The location was refused each time.
    #[error("the host no longer serves this file")]
    Spent,
    /// No usable answer.
    #[error("the file cannot be reached")]
    Unreachable,
    /// Already handed out.
    #[error("the file was handed out before")]
    Taken,
}

impl FileProblem {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Entry(error) => error.code(),
            Self::Jwe(error) => error.code(),
            Self::Address(error) => error.code(),
            Self::Unsupported => "file.unsupported",
            Self::TypeMismatch => "file.type_mismatch",
            Self::Content => "file.content",
            Self::Spent => "file.spent",
            Self::Unreachable => "file.unreachable",
            Self::Taken => "file.taken",
        }
    }

    pub(super) fn damaged() -> Self {
        Self::Jwe(JweError::Malformed)
    }
}

/// One file as a reader gets it.
pub struct ViewedFile {
    /// Position in the manifest.
    pub position: usize,
    /// From the encrypted header, else from the manifest.
    pub content_type: Option<String>,
    /// The content, or why there is none.
    pub content: Result<Wiped, FileProblem>,
}

impl ViewedFile {
    pub(super) fn new(position: usize, stated: Option<String>, opened: Opened) -> Self {
        match opened {
            Ok((content_type, content)) => Self {
                position,
                content_type: Some(content_type),
                content: Ok(content),
            },
            Err(problem) => Self {
                position,
                content_type: stated,
                content: Err(problem),
            },
        }
    }

    /// Whether this is FHIR JSON that was opened.
    pub fn is_fhir(&self) -> bool {
        self.content.is_ok()
            && self
                .content_type
                .as_deref()
                .is_some_and(|t| same(t, FHIR_JSON))
    }
}

impl std::fmt::Debug for ViewedFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ViewedFile")
            .field("position", &self.position)
            .field("content_type", &self.content_type)
            .field("bytes", &self.content.as_ref().map(|content| content.len()))
            .finish()
    }
}

pub(super) type Opened = Result<(String, Wiped), FileProblem>;

/// Whether files of this type are fetched at all.
pub(super) fn is_supported(content_type: &str) -> bool {
    [FHIR_JSON, HEALTH_CARD].contains(&essence(content_type).as_str())
}

/// Opens a file whose manifest entry states a type; a direct file has none.
pub(super) fn open(key: &LinkKey, jwe: &str, stated: Option<&str>, limits: &JweLimits) -> Opened {
    let file = decrypt(key, jwe, limits)?;
    if let (Some(inside), Some(outside)) = (&file.content_type, stated)
        && !same(inside, outside)
    {
        return Err(FileProblem::TypeMismatch);
    }
    let members: Map<String, Value> =
        serde_json::from_slice(&file.content).map_err(|_| FileProblem::Content)?;
    let named = file.content_type.or_else(|| stated.map(str::to_owned));
    let content_type = named
        .or_else(|| guess(&members))
        .ok_or(FileProblem::Unsupported)?;
    if essence(&content_type) == API_ACCESS || !is_supported(&content_type) {
        return Err(FileProblem::Unsupported);
    }
    if guess(&members).is_none_or(|kind| !same(&kind, &content_type)) {
        return Err(FileProblem::Content);
    }
    Ok((content_type, file.content))
}

/// What JSON of the two supported kinds looks like.
fn guess(members: &Map<String, Value>) -> Option<String> {
    let cards = members
        .get("verifiableCredential")
        .and_then(Value::as_array);
    if cards.is_some_and(|cards| cards.iter().all(Value::is_string)) {
        return Some(HEALTH_CARD.to_owned());
    }
    members
        .get("resourceType")
        .and_then(Value::as_str)
        .map(|_| FHIR_JSON.to_owned())
}
