//! base64url as SMART Health Links use it (RFC 4648 §5, no padding).
//!
//! Written and compared strictly; read leniently where other people's links are concerned: a
//! key made by drawing 43 characters of the alphabet has stray trailing bits, and some issuers
//! leave the padding on.

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use base64::engine::{DecodePaddingMode, general_purpose};

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Encodes without padding.
pub(crate) fn to_base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes the canonical form only.
pub(crate) fn from_base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Decodes what other issuers write: padding optional, trailing bits ignored.
pub(crate) fn from_base64url_lenient(text: &str) -> Option<Vec<u8>> {
    LENIENT.decode(text).ok()
}

/// Encodes as FHIR's base64Binary (standard alphabet, padded).
pub(crate) fn to_base64(bytes: &[u8]) -> String {
    general_purpose::STANDARD.encode(bytes)
}

/// Decodes FHIR's base64Binary.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    general_purpose::STANDARD.decode(text).ok()
}
