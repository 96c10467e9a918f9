//! How the node says no: RFC 9457 problems with a stable code.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use medfolder_client::api::Problem;
use medfolder_client::api::problem::PROBLEM_TYPE;

/// A refusal of a request.
#[derive(Debug)]
pub(crate) struct Refused {
    status: StatusCode,
    code: &'static str,
    retry_after: Option<u64>,
}

impl Refused {
    pub(crate) const fn new(status: StatusCode, code: &'static str) -> Self {
        Self {
            status,
            code,
            retry_after: None,
        }
    }

    pub(crate) const fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "http.not_found")
    }

    pub(crate) const fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "policy.refused")
    }

    pub(crate) const fn unauthorised() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "session.missing")
    }

    /// Too many; worth another try after `seconds`.
    pub(crate) const fn busy(seconds: u64) -> Self {
        let (status, code) = (StatusCode::TOO_MANY_REQUESTS, "node.busy");
        Self {
            status,
            code,
            retry_after: Some(seconds),
        }
    }

    /// The node's storage fails.
    pub(crate) const fn storage() -> Self {
        let (status, code) = (StatusCode::SERVICE_UNAVAILABLE, "node.storage");
        Self {
            status,
            code,
            retry_after: Some(5),
        }
    }

    /// The node cannot take transactions now, for a reason with a code.
    pub(crate) const fn unavailable(code: &'static str) -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self {
            status,
            code,
            retry_after: Some(5),
        }
    }
}

/// Gives a refusal of the framework itself (no such method, a body too large or malformed) the form
/// of all others.
pub(crate) fn uniform(response: Response) -> Response {
    let status = response.status();
    let ours = |value: &HeaderValue| value.as_bytes() == PROBLEM_TYPE.as_bytes();
    let kind = response.headers().get(header::CONTENT_TYPE);
    if !(status.is_client_error() || status.is_server_error()) || kind.is_some_and(ours) {
        return response;
    }
    let code = match status {
        StatusCode::METHOD_NOT_ALLOWED => "http.method",
        StatusCode::PAYLOAD_TOO_LARGE => "http.too_large",
        StatusCode::NOT_FOUND => "http.not_found",
        _ if status.is_client_error() => "http.malformed",
        _ => "node.failed",
    };
    Refused::new(status, code).into_response()
}

impl From<medfolder_ledger::StateError> for Refused {
    fn from(error: medfolder_ledger::StateError) -> Self {
        tracing::error!(%error, "state");
        Self::storage()
    }
}

impl From<crate::store::StoreError> for Refused {
    fn from(error: crate::store::StoreError) -> Self {
        tracing::error!(%error, "storage");
        Self::storage()
    }
}

impl From<crate::state::MapError> for Refused {
    fn from(error: crate::state::MapError) -> Self {
        tracing::error!(%error, "storage");
        Self::storage()
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("refused");
        let problem = Problem::new(self.status.as_u16(), title, self.code);
        let mut response = (self.status, axum::Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_TYPE));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
