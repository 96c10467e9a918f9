//! What a request that failed is answered: RFC 9457 problem details with a stable code.
//!
//! ```text
//! {"type":"about:blank","title":"Not Found","status":404,"code":"zone.absent"}
//! ```
//! Reasons of failed verification stay in the log; a peer gets the class only.

use axum::extract::Request;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use medfolder_client::api::problem::{PROBLEM_TYPE, Problem as Details};

use crate::Pace;

/// A failed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    retry_after: Option<u64>,
}

impl Problem {
    /// A problem with this status and stable code.
    #[must_use]
    pub const fn new(status: StatusCode, code: &'static str) -> Self {
        Self {
            status,
            code,
            retry_after: None,
        }
    }

    /// The same, worth another try after `seconds`.
    #[must_use]
    pub const fn after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// 400.
    #[must_use]
    pub const fn bad(code: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code)
    }

    /// 401.
    #[must_use]
    pub const fn unauthorized(code: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code)
    }

    /// 403.
    #[must_use]
    pub const fn forbidden(code: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, code)
    }

    /// 404.
    #[must_use]
    pub const fn absent(code: &'static str) -> Self {
        Self::new(StatusCode::NOT_FOUND, code)
    }

    /// 408: the body came too slowly.
    #[must_use]
    pub const fn too_slow() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "body.too_slow")
    }

    /// 409.
    #[must_use]
    pub const fn conflict(code: &'static str) -> Self {
        Self::new(StatusCode::CONFLICT, code)
    }

    /// 413: the body is too long.
    #[must_use]
    pub const fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body.too_large")
    }

    /// 429 with the seconds to wait.
    #[must_use]
    pub const fn too_often(seconds: u64) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rate.exceeded").after(seconds)
    }

    /// 500; what happened is in the log.
    #[must_use]
    pub const fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server.internal")
    }

    /// 503.
    #[must_use]
    pub const fn unavailable(code: &'static str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code)
    }

    /// 507: no room; nothing of the request was kept.
    #[must_use]
    pub const fn full() -> Self {
        Self::new(StatusCode::INSUFFICIENT_STORAGE, "storage.full")
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let details = Details::new(self.status.as_u16(), title, self.code);
        let mut response = (self.status, axum::Json(details)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_TYPE));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<BytesRejection> for Problem {
    fn from(refused: BytesRejection) -> Self {
        match refused.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Self::too_large(),
            _ => Self::bad("body.malformed"),
        }
    }
}

/// Middleware: bodies under the clock, and refusals of the framework itself (no such method, a path
/// or body that is malformed) in the form of all others.
pub async fn alike(request: Request, next: Next) -> Response {
    let (request, pace) = Pace::set(request);
    let response = next.run(request).await;
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    if pace.was_slow() {
        return Problem::too_slow().into_response();
    }
    let ours = |value: &HeaderValue| value.as_bytes() == PROBLEM_TYPE.as_bytes();
    if response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(ours)
    {
        return response;
    }
    match status {
        StatusCode::METHOD_NOT_ALLOWED => Problem::new(status, "http.method"),
        StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(),
        StatusCode::NOT_FOUND => Problem::absent("http.not_found"),
        _ if status.is_client_error() => Problem::new(status, "request.malformed"),
        _ => Problem::new(status, "server.internal"),
    }
    .into_response()
}
