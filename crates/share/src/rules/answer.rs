//! Decisions as HTTP answers: status, headers, body. One place, so that all inactive shares look
//! the same to a stranger.

use serde_json::json;

use super::rate::TooEarly;
use crate::content_type::JOSE;
use crate::manifest::{Manifest, ManifestError, RequestError};

/// Headers of every answer of the public door, 401, 404 and 429 included. No credentials: the
/// door has none.
pub const PUBLIC_HEADERS: [(&str, &str); 6] = [
    ("access-control-allow-origin", "*"),
    ("access-control-expose-headers", "retry-after"),
    ("cache-control", "no-store"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("vary", "origin"),
];
/// What a preflight gets in addition.
pub const PREFLIGHT_HEADERS: [(&str, &str); 3] = [
    ("access-control-allow-methods", "GET, POST, OPTIONS"),
    ("access-control-allow-headers", "content-type"),
    ("access-control-max-age", "600"),
];

/// An answer to be sent as it is, with [`PUBLIC_HEADERS`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    /// HTTP status.
    pub status: u16,
    /// Content type; `None` when there is no body.
    pub content_type: Option<&'static str>,
    /// Seconds for `Retry-After`.
    pub retry_after: Option<u64>,
    /// Body.
    pub body: Vec<u8>,
}

impl HttpAnswer {
    /// 200 with a manifest.
    pub fn manifest(manifest: &Manifest) -> Result<Self, ManifestError> {
        Ok(Self::of(200, "application/json", manifest.to_json()?))
    }

    /// 200 with an encrypted file.
    pub fn file(jwe: Vec<u8>) -> Self {
        Self::of(200, JOSE, jwe)
    }

    /// 200 with a status answer.
    pub fn status(answer: &super::status::StatusAnswer) -> Self {
        Self::of(
            200,
            "application/json",
            serde_json::to_vec(answer).unwrap_or_default(),
        )
    }

    /// 401: the passcode was wrong or missing; the body is the same for both.
    pub fn passcode(remaining: u32) -> Self {
        let body = json!({ "remainingAttempts": remaining }).to_string();
        Self::of(401, "application/json", body.into_bytes())
    }

    /// 404: unknown, expired, revoked, used up and locked are one answer.
    pub fn not_found() -> Self {
        let body = json!({ "error": "not_found" }).to_string();
        Self::of(404, "application/json", body.into_bytes())
    }

    /// 400: decided before any look at the share.
    pub fn bad_request(error: RequestError) -> Self {
        let body = json!({ "error": error.code() }).to_string();
        Self::of(400, "application/json", body.into_bytes())
    }

    /// 429.
    pub fn too_early(early: TooEarly) -> Self {
        let body = json!({ "error": "too_many_requests" }).to_string();
        let answer = Self::of(429, "application/json", body.into_bytes());
        Self {
            retry_after: Some(early.retry_after_seconds),
            ..answer
        }
    }

    fn of(status: u16, content_type: &'static str, body: Vec<u8>) -> Self {
        Self {
            status,
            content_type: Some(content_type),
            retry_after: None,
            body,
        }
    }
}
