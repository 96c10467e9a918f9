//! Reads a link that somebody scanned, pasted or was sent.
//!
//! Accepted: `shlink:/…`, and the same behind a viewer's address. Everything that makes a link
//! unusable is a [`LinkError`]; what is only odd is a [`LinkWarning`] beside the link.

use serde_json::{Map, Value};
use url::Url;
use zeroize::Zeroizing;

use crate::address::{AddressError, link_address};
use crate::encoding::from_base64url_lenient;
use crate::key::LinkKey;
use crate::link::{
    EXPIRY_CEILING_SECONDS, Flags, Link, LinkDraft, MAX_LABEL_UNITS, MAX_URL_CHARACTERS,
    PAYLOAD_VERSION, SCHEME, unseen, wipe,
};

/// Longest text that is looked at. A QR code of the largest size holds less.
pub const MAX_LINK_CHARACTERS: usize = 16 * 1024;
const MAX_READ_URL_CHARACTERS: usize = 2048;

/// Why a text cannot be opened as a link.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// No `shlink:/` in it.
    #[error("this is not a SMART Health Link")]
    NotALink,
    /// `shlink:/` behind something that is not a web address of a viewer.
    #[error("the link has a scheme that is not supported")]
    Scheme,
    /// The end of the link is missing.
    #[error("the link was cut short")]
    CutShort,
    /// Not base64url of a JSON object.
    #[error("the link is damaged")]
    Malformed,
    /// `url` or `key` is missing or unusable.
    #[error("the link lacks a usable {0}")]
    Member(&'static str),
    /// The address in it may not be opened.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// `P` together with `U`.
    #[error("the link asks for a passcode on a direct file, which is forbidden")]
    FlagConflict,
    /// Made for a newer viewer. Show label and message; make no request.
    #[error("the link needs a newer viewer (version {version})")]
    NewerVersion {
        /// Its version.
        version: u64,
        /// Its label, if it has one.
        label: Option<String>,
    },
}

impl LinkError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotALink => "link.not_a_link",
            Self::Scheme => "link.scheme",
            Self::CutShort => "link.cut_short",
            Self::Malformed => "link.malformed",
            Self::Member(_) => "link.member_missing",
            Self::Address(error) => error.code(),
            Self::FlagConflict => "link.flag_conflict",
            Self::NewerVersion { .. } => "link.newer_version",
        }
    }
}

/// What a reader should be told about a link that still opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkWarning {
    /// The payload stood in the path or query of a viewer's address: that server saw the key.
    KeyExposed,
    /// `exp` is milliseconds; it is not used.
    ExpiryMilliseconds,
    /// `exp` is not a number; it is not used.
    ExpiryUnreadable,
    /// The address is longer than the standard allows.
    UrlTooLong,
    /// The label was longer than the standard allows and was cut.
    LabelTooLong,
    /// The flags hold letters that this reader does not know, or are not sorted.
    Flags,
}

impl LinkWarning {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::KeyExposed => "link.key_exposed",
            Self::ExpiryMilliseconds => "link.exp_milliseconds",
            Self::ExpiryUnreadable => "link.exp_unreadable",
            Self::UrlTooLong => "link.url_too_long",
            Self::LabelTooLong => "link.label_too_long",
            Self::Flags => "link.flags_odd",
        }
    }
}

/// A link that was read, with what was odd about it.
#[derive(Debug)]
pub struct ReadLink {
    /// The link.
    pub link: Link,
    /// In the order in which they were found.
    pub warnings: Vec<LinkWarning>,
}

/// Reads a link in its bare or its viewer-prefixed form.
pub fn read_link(text: &str) -> Result<ReadLink, LinkError> {
    let text = text.trim();
    if text.len() > MAX_LINK_CHARACTERS {
        return Err(LinkError::Malformed);
    }
    let mut warnings = Vec::new();
    let encoded = payload_of(text, &mut warnings)?;
    let payload = decode(encoded)?;
    let link = link_of(&payload, &mut warnings);
    wipe(payload);
    Ok(ReadLink {
        link: link?,
        warnings,
    })
}

/// Finds the payload and judges what stands before it.
fn payload_of<'a>(text: &'a str, warnings: &mut Vec<LinkWarning>) -> Result<&'a str, LinkError> {
    let Some(start) = find_scheme(text) else {
        return Err(missing_scheme(text));
    };
    let (prefix, rest) = text.split_at(start);
    let encoded = rest.get(SCHEME.len()..).unwrap_or_default();
    if prefix.is_empty() {
        return Ok(encoded);
    }
    link_address(prefix).map_err(|_| LinkError::Scheme)?;
    if !prefix.contains('#') {
        warnings.push(LinkWarning::KeyExposed);
        return Ok(encoded.split(['&', '#', '?']).next().unwrap_or_default());
    }
    Ok(encoded)
}

fn find_scheme(text: &str) -> Option<usize> {
    let lower = text.to_ascii_lowercase();
    match lower.find('#') {
        Some(hash) => lower.get(hash..)?.find(SCHEME).map(|at| at + hash),
        None => lower.find(SCHEME),
    }
    .or_else(|| lower.find(SCHEME))
}

/// A viewer's address or the scheme itself may have lost its end; anything else is no link.
fn missing_scheme(text: &str) -> LinkError {
    let lower = text.to_ascii_lowercase();
    let tail = lower
        .rsplit_once('#')
        .map_or(lower.as_str(), |(_, tail)| tail);
    let cut_scheme = tail.len() >= "shl".len() && SCHEME.starts_with(tail);
    let bare_viewer = lower.starts_with("https://") && lower.ends_with('#');
    if cut_scheme || bare_viewer {
        LinkError::CutShort
    } else if lower.contains(":/") && !lower.starts_with("https://") {
        LinkError::Scheme
    } else {
        LinkError::NotALink
    }
}

fn decode(encoded: &str) -> Result<Map<String, Value>, LinkError> {
    let body = encoded.trim_end_matches('=');
    if !body
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    {
        return Err(LinkError::Malformed);
    }
    if body.is_empty() || body.len() % 4 == 1 {
        return Err(LinkError::CutShort);
    }
    let bytes = Zeroizing::new(from_base64url_lenient(body).ok_or(LinkError::Malformed)?);
    match serde_json::from_slice::<Map<String, Value>>(&bytes) {
        Ok(members) => Ok(members),
        Err(error) if error.is_eof() => Err(LinkError::CutShort),
        Err(_) if ends_inside_a_character(&bytes) => Err(LinkError::CutShort),
        Err(_) => Err(LinkError::Malformed),
    }
}

fn ends_inside_a_character(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

fn link_of(
    payload: &Map<String, Value>,
    warnings: &mut Vec<LinkWarning>,
) -> Result<Link, LinkError> {
    let label = label_of(payload, warnings);
    refuse_newer(payload, &label)?;
    let key = payload
        .get("key")
        .and_then(Value::as_str)
        .and_then(LinkKey::from_text);
    let key = key.ok_or(LinkError::Member("key"))?;
    let (url, url_text) = url_of(payload, warnings)?;
    let flags = flags_of(payload, warnings)?;
    let exp = expiry_of(payload, warnings);
    Ok(Link::assemble(
        url,
        LinkDraft {
            url: url_text,
            key,
            flags,
            label,
            exp,
        },
    ))
}

fn refuse_newer(payload: &Map<String, Value>, label: &Option<String>) -> Result<(), LinkError> {
    let Some(version) = payload.get("v") else {
        return Ok(());
    };
    match version.as_u64() {
        Some(version) if version <= PAYLOAD_VERSION => Ok(()),
        Some(version) => Err(LinkError::NewerVersion {
            version,
            label: label.clone(),
        }),
        None => Err(LinkError::Malformed),
    }
}

fn url_of(
    payload: &Map<String, Value>,
    warnings: &mut Vec<LinkWarning>,
) -> Result<(Url, String), LinkError> {
    let text = payload
        .get("url")
        .and_then(Value::as_str)
        .ok_or(LinkError::Member("url"))?;
    if text.len() > MAX_READ_URL_CHARACTERS {
        return Err(LinkError::Member("url"));
    }
    let url = link_address(text)?;
    if text.chars().count() > MAX_URL_CHARACTERS {
        warnings.push(LinkWarning::UrlTooLong);
    }
    Ok((url, text.to_owned()))
}

fn flags_of(
    payload: &Map<String, Value>,
    warnings: &mut Vec<LinkWarning>,
) -> Result<Flags, LinkError> {
    let letters = payload
        .get("flag")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let flags = Flags::from_letters(letters);
    if flags.passcode && flags.direct_file {
        return Err(LinkError::FlagConflict);
    }
    if flags.letters() != letters {
        warnings.push(LinkWarning::Flags);
    }
    Ok(flags)
}

fn label_of(payload: &Map<String, Value>, warnings: &mut Vec<LinkWarning>) -> Option<String> {
    let label = payload.get("label").and_then(Value::as_str)?;
    // Anybody can make a link: what is shown of it stays on its line.
    let label = label.replace(unseen, " ");
    if label.encode_utf16().count() <= MAX_LABEL_UNITS {
        return Some(label);
    }
    warnings.push(LinkWarning::LabelTooLong);
    let mut units = 0;
    let fits = |c: &char| {
        units += c.len_utf16();
        units <= MAX_LABEL_UNITS
    };
    Some(label.chars().take_while(fits).collect())
}

/// A number of seconds, or nothing: milliseconds and texts are reported, not trusted.
fn expiry_of(payload: &Map<String, Value>, warnings: &mut Vec<LinkWarning>) -> Option<u64> {
    let value = payload.get("exp")?;
    let Some(seconds) = value.as_u64().or_else(|| value.as_f64().map(|f| f as u64)) else {
        let digits = value
            .as_str()
            .and_then(|text| text.trim().parse::<u64>().ok());
        let milliseconds = digits.is_some_and(|n| n >= EXPIRY_CEILING_SECONDS);
        warnings.push(if milliseconds {
            LinkWarning::ExpiryMilliseconds
        } else {
            LinkWarning::ExpiryUnreadable
        });
        return None;
    };
    if seconds >= EXPIRY_CEILING_SECONDS {
        warnings.push(LinkWarning::ExpiryMilliseconds);
        return None;
    }
    Some(seconds)
}
