//! How the node says no.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use medfolder_http::Problem;

/// A refusal of a request.
#[derive(Debug)]
pub(crate) struct Refused(Problem);

impl Refused {
    pub(crate) const fn new(status: StatusCode, code: &'static str) -> Self {
        Self(Problem::new(status, code))
    }

    pub(crate) const fn not_found() -> Self {
        Self(Problem::absent("http.not_found"))
    }

    pub(crate) const fn forbidden() -> Self {
        Self(Problem::forbidden("policy.refused"))
    }

    pub(crate) const fn unauthorised() -> Self {
        Self(Problem::unauthorized("session.missing"))
    }

    /// Too many; worth another try after `seconds`.
    pub(crate) const fn busy(seconds: u64) -> Self {
        Self(Problem::new(StatusCode::TOO_MANY_REQUESTS, "node.busy").after(seconds))
    }

    /// The node's storage fails.
    pub(crate) const fn storage() -> Self {
        Self::unavailable("node.storage")
    }

    /// The node cannot take transactions now, for a reason with a code.
    pub(crate) const fn unavailable(code: &'static str) -> Self {
        Self(Problem::unavailable(code).after(5))
    }
}

impl From<medfolder_ledger::StateError> for Refused {
    fn from(error: medfolder_ledger::StateError) -> Self {
        tracing::error!(%error, "state");
        Self::storage()
    }
}

impl From<crate::store::StoreError> for Refused {
    fn from(error: crate::store::StoreError) -> Self {
        tracing::error!(code = error.code(), %error, "storage");
        Self::unavailable(error.code())
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
        self.0.into_response()
    }
}
