//! What a refused request is answered.

use axum::http::StatusCode;
use medfolder_http::Problem;

use crate::inner::InnerError;
use crate::inner::desk::DeskError;
use crate::inner::inlet::InletError;
use crate::inner::staff::StaffError;

impl From<InnerError> for Problem {
    fn from(error: InnerError) -> Self {
        tracing::error!(code = error.code(), %error, "a request failed");
        match error {
            InnerError::Full => Self::full(),
            other => Self::new(StatusCode::INTERNAL_SERVER_ERROR, other.code()),
        }
    }
}

impl From<InletError> for Problem {
    fn from(error: InletError) -> Self {
        match error {
            InletError::Inner(error) => error.into(),
            refused => Self::new(StatusCode::UNPROCESSABLE_ENTITY, refused.code()),
        }
    }
}

impl From<DeskError> for Problem {
    fn from(error: DeskError) -> Self {
        match error {
            DeskError::Inner(error) => error.into(),
            DeskError::PatientUnknown | DeskError::Unknown => Self::absent(error.code()),
            DeskError::Malformed => Self::bad(error.code()),
            _ => Self::conflict(error.code()),
        }
    }
}

impl From<StaffError> for Problem {
    fn from(error: StaffError) -> Self {
        match error {
            StaffError::Inner(error) => error.into(),
            StaffError::Unknown => Self::absent(error.code()),
            _ => Self::bad(error.code()),
        }
    }
}
