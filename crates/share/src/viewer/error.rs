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
    /// 503: the host relies on no state of the ledger, which it has not heard of lately or whose time
    /// is not its own.
    #[error("the host does not know how the ledger stands")]
    HostBehind,
    /// 503: the host's disk is full; what it cannot count it does not answer.
    #[error("the host's disk is full")]
    HostFull,
    /// 503 for another reason.
    #[error("the host does not serve at present")]
    HostPauses,
    /// Another status.
    #[error("the host answered {0}")]
    Status(u16),
    /// The manifest cannot be read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The host asks to wait again and again.
    #[error("the host is too busy")]
    TooBusy,
    /// The host lists the share's files anew each time.
    #[error("the host keeps changing its list of files")]
    Changing,
    /// No answer.
    #[error("the host cannot be reached")]
    Unreachable,
    /// Only links with the flag `L` may be polled.
    #[error("this link may not be polled")]
    NotLongTerm,
}

impl ViewerError {
    /// What an answer says that is none of those with a meaning of their own. A host chooses no text:
    /// of its code is taken which of the known ones it is.
    pub(super) fn of_status(status: u16, body: &[u8]) -> Self {
        let said: Option<serde_json::Value> = serde_json::from_slice(body).ok();
        match (status, said.as_ref().and_then(|said| said["code"].as_str())) {
            (503, Some("ledger.old")) => Self::HostBehind,
            (503, Some("storage.full")) => Self::HostFull,
            (503, _) => Self::HostPauses,
            (other, _) => Self::Status(other),
        }
    }

    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Expired => "link.expired",
            Self::NoRecipient => "request.no_recipient",
            Self::NotAvailable => "share.not_available",
            Self::Locked => "share.locked",
            Self::HostBehind => "host.behind",
            Self::HostFull => "host.storage_full",
            Self::HostPauses => "host.pauses",
            Self::Status(_) => "host.answer",
            Self::Manifest(error) => error.code(),
            Self::TooBusy => "host.too_busy",
            Self::Changing => "host.changing",
            Self::Unreachable => "host.unreachable",
            Self::NotLongTerm => "link.not_long_term",
        }
    }
}
