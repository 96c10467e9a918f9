//! Why a whole link does not open, each with a stable code.

use crate::manifest::ManifestError;

/// Why a link does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ViewerError {
    /// Past the end that the link itself names; nothing was requested.
    #[error("the link has expired")]
    Expired,
    /// The recipient is blank.
    #[error("say who is reading")]
    NoRecipient,
    /// 404: unknown, expired, revoked, used up or locked. The status answer may say which.
    #[error("the share is not available")]
    NotAvailable,
    /// The last try was wrong.
    #[error("no tries are left")]
    Locked,
    /// Another status.
    #[error("the host answered {0}")]
    Status(u16),
    /// The manifest cannot be read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The host asks to wait again and again.
    #[error("the host is too busy")]
    TooBusy,
    /// No answer.
    #[error("the host cannot be reached")]
    Unreachable,
    /// Only links with the flag `L` may be polled.
    #[error("this link may not be polled")]
    NotLongTerm,
}

impl ViewerError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Expired => "link.expired",
            Self::NoRecipient => "request.no_recipient",
            Self::NotAvailable => "share.not_available",
            Self::Locked => "share.locked",
            Self::Status(_) => "host.answer",
            Self::Manifest(error) => error.code(),
            Self::TooBusy => "host.too_busy",
            Self::Unreachable => "host.unreachable",
            Self::NotLongTerm => "link.not_long_term",
        }
    }
}
