//! What a request that failed is answered: RFC 9457 problem details with a stable code.
//!
//! ```text
//! {"type":"about:blank","title":"Not Found","status":404,"code":"zone.absent"}
//! ```
//!
//! Reasons of failed verification stay in the log; a peer gets the class only.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// A failed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    retry_after: Option<u64>,
}

impl Problem {
    /// A problem with this status and stable code.
    pub(crate) const fn new(status: StatusCode, code: &'static str) -> Self {
        Self {
            status,
            code,
            retry_after: None,
        }
    }

    /// 400.
    pub(crate) const fn bad(code: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code)
    }

    /// 401.
    pub(crate) const fn unauthorized(code: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code)
    }

    /// 403.
    pub(crate) const fn forbidden(code: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, code)
    }

    /// 404.
    pub(crate) const fn absent(code: &'static str) -> Self {
        Self::new(StatusCode::NOT_FOUND, code)
    }

    /// 409.
    pub(crate) const fn conflict(code: &'static str) -> Self {
        Self::new(StatusCode::CONFLICT, code)
    }

    /// 500; what happened is in the log.
    pub(crate) const fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "edge.internal")
    }

    /// 507: no room; nothing of the request was kept.
    pub(crate) const fn full() -> Self {
        Self::new(StatusCode::INSUFFICIENT_STORAGE, "storage.full")
    }

    /// 503: the ledger cannot be reached.
    pub(crate) const fn ledger() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "ledger.unreachable")
    }

    /// 429 with the seconds to wait.
    pub(crate) const fn too_often(seconds: u64) -> Self {
        Self {
            status: StatusCode::TOO_MANY_REQUESTS,
            code: "rate.exceeded",
            retry_after: Some(seconds),
        }
    }

    /// The stable code.
    pub(crate) const fn code(&self) -> &'static str {
        self.code
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "code": self.code,
        });
        let kind: (HeaderName, _) = (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        let mut response = (self.status, [kind], body.to_string()).into_response();
        if let Some(seconds) = self.retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<super::db::DbError> for Problem {
    fn from(error: super::db::DbError) -> Self {
        tracing::error!(code = error.code(), %error, "the index failed");
        match error {
            super::db::DbError::Full => Self::full(),
            _ => Self::internal(),
        }
    }
}

impl From<super::blob::BlobError> for Problem {
    fn from(error: super::blob::BlobError) -> Self {
        match error {
            super::blob::BlobError::TooLong => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body.too_large")
            }
            other => {
                tracing::error!(code = other.code(), error = %other, "the blob store failed");
                match other {
                    super::blob::BlobError::Full => Self::full(),
                    _ => Self::internal(),
                }
            }
        }
    }
}
