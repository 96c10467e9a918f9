//! Errors as RFC 9457 problems with a stable code.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::inner::InnerError;
use crate::inner::desk::DeskError;
use crate::inner::inlet::InletError;
use crate::inner::staff::StaffError;

/// A refused request.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    code: String,
}

impl Problem {
    pub(super) fn new(status: u16, code: &str) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self {
            status,
            code: code.to_owned(),
        }
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
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        (self.status, kind, body.to_string()).into_response()
    }
}

impl From<InnerError> for Problem {
    fn from(error: InnerError) -> Self {
        tracing::error!(code = error.code(), %error, "a request failed");
        let status = match error {
            InnerError::Full => 507,
            _ => 500,
        };
        Self::new(status, error.code())
    }
}

impl From<InletError> for Problem {
    fn from(error: InletError) -> Self {
        match error {
            InletError::Inner(error) => error.into(),
            refused => Self::new(422, refused.code()),
        }
    }
}

impl From<DeskError> for Problem {
    fn from(error: DeskError) -> Self {
        match error {
            DeskError::Inner(error) => error.into(),
            DeskError::PatientUnknown | DeskError::Unknown => Self::new(404, error.code()),
            DeskError::Malformed => Self::new(400, error.code()),
            _ => Self::new(409, error.code()),
        }
    }
}

impl From<StaffError> for Problem {
    fn from(error: StaffError) -> Self {
        match error {
            StaffError::Inner(error) => error.into(),
            StaffError::Unknown => Self::new(404, error.code()),
            _ => Self::new(400, error.code()),
        }
    }
}
