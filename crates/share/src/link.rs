//! A SMART Health Link: what it holds, how it is written, how it is read.
//!
//! ```text
//! [https://viewer.example/#] shlink:/ base64url(minified JSON, no padding)
//!
//! url    required  ≤ 128 characters, https, last path segment 43 characters of 256 random bits
//! key    required  43 characters, base64url of 32 random bytes
//! exp    optional  seconds since the epoch; a hint to the viewer, the host enforces its own end
//! flag   optional  L long-term, P passcode, U one direct file; sorted; P and U exclude each other
//! label  optional  ≤ 80 UTF-16 units, plaintext
//! v      optional  1
//! ```
//!
//! Writing is strict. Reading ignores unknown members and flags, and reports what is odd as
//! [`LinkWarning`]s instead of refusing a link that still can be opened.
//!
//! Source: HL7 SMART Health Cards and Links 1.0.0, sections on the payload and flags.

use std::fmt;

use serde_json::{Map, Value};
use url::Url;
use zeroize::Zeroizing;

use crate::address::{AddressError, link_address};
use crate::encoding::to_base64url;
use crate::key::LinkKey;

/// Longest `url` that an issuer may write, in characters.
pub const MAX_URL_CHARACTERS: usize = 128;
/// Longest label in UTF-16 units, which is what JavaScript viewers count.
pub const MAX_LABEL_UNITS: usize = 80;
/// The newest payload version known here.
pub const PAYLOAD_VERSION: u64 = 1;
/// `exp` at or above this is milliseconds by mistake (or the year 5138).
pub const EXPIRY_CEILING_SECONDS: u64 = 100_000_000_000;
pub(crate) const SCHEME: &str = "shlink:/";

/// What a link asks of a viewer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags {
    /// `L`: content may change, polling is allowed.
    pub long_term: bool,
    /// `P`: a passcode is needed.
    pub passcode: bool,
    /// `U`: the URL is the one encrypted file, fetched by GET, without a manifest.
    pub direct_file: bool,
}

impl Flags {
    /// The letters in alphabetical order; empty when none is set.
    pub fn letters(self) -> String {
        let set = [
            (self.long_term, 'L'),
            (self.passcode, 'P'),
            (self.direct_file, 'U'),
        ];
        set.iter()
            .filter(|(on, _)| *on)
            .map(|(_, letter)| letter)
            .collect()
    }

    /// Reads the letters; unknown ones are ignored.
    pub fn from_letters(letters: &str) -> Self {
        Self {
            long_term: letters.contains('L'),
            passcode: letters.contains('P'),
            direct_file: letters.contains('U'),
        }
    }

    fn conflict(self) -> bool {
        self.passcode && self.direct_file
    }
}

/// Why a link is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// `P` together with `U`.
    #[error("a direct file cannot have a passcode")]
    FlagConflict,
    /// Longer than [`MAX_URL_CHARACTERS`].
    #[error("the address is longer than 128 characters")]
    UrlTooLong,
    /// Last path segment is not 43 characters that decode to 32 bytes.
    #[error("the address does not end in 256 random bits")]
    UrlGuessable,
    /// The address is not one that a viewer may open.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// Longer than [`MAX_LABEL_UNITS`].
    #[error("the label is longer than 80 characters")]
    LabelTooLong,
    /// More than one line, or characters that no one sees.
    #[error("the label is not one line of text")]
    LabelNotText,
    /// At or above [`EXPIRY_CEILING_SECONDS`].
    #[error("the end is not given in seconds")]
    ExpiryNotSeconds,
    /// The viewer's address does not end in `#`, so the key would reach its server.
    #[error("the viewer's address must end with #")]
    ViewerLeaksKey,
}

impl IssueError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::FlagConflict => "link.flag_conflict",
            Self::UrlTooLong => "link.url_too_long",
            Self::UrlGuessable => "link.url_guessable",
            Self::Address(error) => error.code(),
            Self::LabelTooLong => "link.label_too_long",
            Self::LabelNotText => "link.label_not_text",
            Self::ExpiryNotSeconds => "link.exp_not_seconds",
            Self::ViewerLeaksKey => "link.viewer_leaks_key",
        }
    }
}

/// Characters that break a line or turn its direction: a label with them could pass for what a reader
/// is told about a record.
pub(crate) fn unseen(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a text may be a link's label.
///
/// # Errors
/// [`IssueError::LabelTooLong`], [`IssueError::LabelNotText`].
pub fn label_fits(label: &str) -> Result<(), IssueError> {
    if label.encode_utf16().count() > MAX_LABEL_UNITS {
        Err(IssueError::LabelTooLong)
    } else if label.contains(unseen) {
        Err(IssueError::LabelNotText)
    } else {
        Ok(())
    }
}

/// What somebody wants to issue; [`Link::issue`] checks it.
#[derive(Debug)]
pub struct LinkDraft {
    /// Where the manifest, or with `U` the file, is.
    pub url: String,
    /// The fresh key.
    pub key: LinkKey,
    /// Flags.
    pub flags: Flags,
    /// Shown before opening, in plaintext: no diagnosis in it.
    pub label: Option<String>,
    /// Seconds since the epoch. Our own shares leave it out so that they can be extended.
    pub exp: Option<u64>,
}

/// One link. `Debug` hides the key.
pub struct Link {
    url: Url,
    url_text: String,
    key: LinkKey,
    flags: Flags,
    label: Option<String>,
    exp: Option<u64>,
}

impl Link {
    /// Makes a link by the issuer's rules.
    pub fn issue(draft: LinkDraft) -> Result<Self, IssueError> {
        if draft.flags.conflict() {
            return Err(IssueError::FlagConflict);
        }
        let url = link_address(&draft.url)?;
        if draft.url.chars().count() > MAX_URL_CHARACTERS {
            return Err(IssueError::UrlTooLong);
        }
        if !has_256_bits(&url) {
            return Err(IssueError::UrlGuessable);
        }
        draft.label.as_deref().map_or(Ok(()), label_fits)?;
        if draft.exp.is_some_and(|exp| exp >= EXPIRY_CEILING_SECONDS) {
            return Err(IssueError::ExpiryNotSeconds);
        }
        Ok(Self::assemble(url, draft))
    }

    pub(crate) fn assemble(url: Url, draft: LinkDraft) -> Self {
        let LinkDraft {
            url: url_text,
            key,
            flags,
            label,
            exp,
        } = draft;
        Self {
            url,
            url_text,
            key,
            flags,
            label,
            exp,
        }
    }

    /// The address, parsed.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The key of all files.
    pub fn key(&self) -> &LinkKey {
        &self.key
    }

    /// What the link asks of a viewer.
    pub fn flags(&self) -> Flags {
        self.flags
    }

    /// The label, cut to what may be shown.
    pub fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// The viewer's hint of an end, in seconds since the epoch.
    pub fn exp(&self) -> Option<u64> {
        self.exp
    }

    /// Whether the hint lies in the past.
    pub fn is_past(&self, now_ms: u64) -> bool {
        self.exp
            .is_some_and(|exp| exp.saturating_mul(1000) <= now_ms)
    }

    /// `shlink:/…`, for scanners and for storing.
    pub fn to_uri(&self) -> Zeroizing<String> {
        let payload = self.payload();
        let encoded = Zeroizing::new(to_base64url(payload.as_bytes()));
        Zeroizing::new(format!("{SCHEME}{}", encoded.as_str()))
    }

    /// The link behind a viewer's address, which must end with `#`: what follows a `#` never
    /// reaches the viewer's server.
    pub fn to_uri_with_viewer(&self, viewer: &str) -> Result<Zeroizing<String>, IssueError> {
        let address = link_address(viewer)?;
        if address.fragment() != Some("") || !viewer.ends_with('#') {
            return Err(IssueError::ViewerLeaksKey);
        }
        Ok(Zeroizing::new(format!(
            "{viewer}{}",
            self.to_uri().as_str()
        )))
    }

    fn payload(&self) -> Zeroizing<String> {
        let mut members = Map::new();
        members.insert("url".into(), Value::from(self.url_text.as_str()));
        if self.flags != Flags::default() {
            members.insert("flag".into(), Value::from(self.flags.letters()));
        }
        members.insert("key".into(), Value::from(self.key.to_text().as_str()));
        if let Some(exp) = self.exp {
            members.insert("exp".into(), Value::from(exp));
        }
        if let Some(label) = &self.label {
            members.insert("label".into(), Value::from(label.as_str()));
        }
        let text = Zeroizing::new(serialise(&members));
        wipe(members);
        text
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("flags", &self.flags)
            .field("label", &self.label.is_some())
            .field("exp", &self.exp)
            .finish_non_exhaustive()
    }
}

/// `{origin}/s/{segment}`: the form of our own hosts' addresses. `segment` is 32 random bytes.
pub fn share_url(origin: &str, segment: &[u8; 32]) -> String {
    format!(
        "{}/s/{}",
        origin.trim_end_matches('/'),
        to_base64url(segment)
    )
}

fn has_256_bits(url: &Url) -> bool {
    let segments = url.path_segments().into_iter().flatten();
    segments.into_iter().any(|segment| {
        crate::encoding::from_base64url_lenient(segment).is_some_and(|bytes| bytes.len() >= 32)
    })
}

/// Wipes the texts of a payload: one of them is the key.
pub(crate) fn wipe(members: Map<String, Value>) {
    for (_, value) in members {
        if let Value::String(text) = value {
            drop(Zeroizing::new(text));
        }
    }
}

fn serialise(members: &Map<String, Value>) -> String {
    serde_json::to_string(members).unwrap_or_default()
}
