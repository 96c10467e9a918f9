//! Answers of the public door with its headers: CORS for any origin, never cached.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use medfolder_http::Problem;
use medfolder_share::rules::answer::{HttpAnswer, PREFLIGHT_HEADERS, PUBLIC_HEADERS};

/// Seconds after which a reader may come again when the ledger was out of reach.
const LEDGER_RETRY: u64 = 30;

/// An answer as it goes out.
pub(crate) fn public(answer: HttpAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = status;
    if let Some(kind) = answer.content_type {
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    if let Some(seconds) = answer.retry_after {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    with_public_headers(response)
}

/// The same headers on every answer, 401, 404 and 429 included.
pub(crate) fn with_public_headers(mut response: Response) -> Response {
    put(&mut response, &PUBLIC_HEADERS);
    response
}

/// OPTIONS from any origin, without authentication.
pub(crate) async fn preflight() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    put(&mut response, &PUBLIC_HEADERS);
    put(&mut response, &PREFLIGHT_HEADERS);
    response
}

/// 503: the ledger was out of reach for longer than the last state may be relied on (`ledger.old`), or
/// the disk is full (`storage.full`).
pub(crate) fn unavailable(code: &'static str) -> Response {
    let problem = Problem::unavailable(code).after(LEDGER_RETRY);
    with_public_headers(problem.into_response())
}

fn put(response: &mut Response, headers: &[(&'static str, &'static str)]) {
    for (name, value) in headers {
        let name = HeaderName::from_static(name);
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
}
