//! Names of what intake derives: version 8 UUIDs (RFC 9562) from SHA-256, so that the same delivery
//! gives the same names.
//!
//! ```text
//! first 16 bytes of SHA-256("medfolder.fhir.derived.0" ‖ for each part: length u64 BE ‖ part)
//! with the version nibble 8 and the variant bits 10
//! ```

use sha2::{Digest, Sha256};

/// The system of identifiers whose value is a URI (FHIR R4).
pub(crate) const URI_SYSTEM: &str = "urn:ietf:rfc:3986";

/// A UUID derived from `parts`.
pub(crate) fn uuid(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    hasher.update("medfolder.fhir.derived.0");
    for part in parts {
        hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let mut text = String::with_capacity(36);
    for (i, byte) in hasher.finalize().iter().take(16).enumerate() {
        let byte = match i {
            6 => byte & 0x0F | 0x80,
            8 => byte & 0x3F | 0x80,
            _ => *byte,
        };
        if matches!(i, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

/// `urn:uuid:` and a UUID derived from `parts`.
pub(crate) fn urn(parts: &[&str]) -> String {
    format!("urn:uuid:{}", uuid(parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_pinned_and_parts_do_not_run_together() {
        assert_eq!(uuid(&["a", "bc"]), PINNED);
        assert_ne!(uuid(&["ab", "c"]), uuid(&["a", "bc"]));
    }

    const PINNED: &str = "22d27c8e-f792-8fdd-81e2-7817083eb0d4";
}
