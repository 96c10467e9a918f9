//! What can go wrong between two machines.

use medfolder_share::address::AddressError;

use crate::api::{Peer, Problem};

/// Why a request gave no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// TLS cannot be set up on this machine.
    #[error("secure connections cannot be set up on this machine")]
    Setup,
    /// An address that is not used.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// No connection: the request did not leave this machine.
    #[error("the server cannot be reached")]
    Unreachable,
    /// The server's certificate is not trusted, or not the one on the ledger.
    #[error("the server's certificate is not the expected one")]
    Certificate,
    /// The connection ended or timed out after the request had left.
    #[error("the connection ended before an answer came")]
    Interrupted,
    /// More bytes than this answer may have.
    #[error("the answer is larger than allowed")]
    TooLarge,
    /// Not the expected form.
    #[error("the answer cannot be read")]
    Malformed,
    /// The server wants to send the client elsewhere.
    #[error("the server redirects, which is not followed")]
    Redirected,
    /// The server said no.
    #[error("the server refused with status {}", .0.status)]
    Problem(Problem),
    /// The server said no without saying why.
    #[error("the server answered with status {0}")]
    Status(u16),
}

impl HttpError {
    /// Stable code of the error, with a server of this kind's own when it gave one that it may say.
    #[must_use]
    pub fn code_from(&self, peer: Peer) -> &str {
        match self {
            HttpError::Problem(problem) => peer.code(&problem.code),
            other => other.code(),
        }
    }

    /// Stable code of the error; the server's own when it gave one: of a server that is trusted, on
    /// this machine. Any other's is asked for with [`HttpError::code_from`].
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            HttpError::Setup => "http.setup",
            HttpError::Address(error) => error.code(),
            HttpError::Unreachable => "http.unreachable",
            HttpError::Certificate => "http.certificate",
            HttpError::Interrupted => "http.interrupted",
            HttpError::TooLarge => "http.too_large",
            HttpError::Malformed => "http.malformed",
            HttpError::Redirected => "http.redirected",
            HttpError::Problem(problem) => &problem.code,
            HttpError::Status(_) => "http.status",
        }
    }

    /// The HTTP status, where there was an answer.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self {
            HttpError::Problem(problem) => Some(problem.status),
            HttpError::Status(status) => Some(*status),
            _ => None,
        }
    }

    /// Whether the server may have acted although no answer says so.
    #[must_use]
    pub const fn outcome_unknown(&self) -> bool {
        match self {
            HttpError::Interrupted
            | HttpError::TooLarge
            | HttpError::Malformed
            | HttpError::Redirected => true,
            HttpError::Problem(Problem { status, .. }) | HttpError::Status(status) => {
                *status >= 500
            }
            HttpError::Setup
            | HttpError::Address(_)
            | HttpError::Unreachable
            | HttpError::Certificate => false,
        }
    }

    /// Whether another server, or the same one later, may do better.
    #[must_use]
    pub const fn worth_another_try(&self) -> bool {
        match self {
            HttpError::Unreachable | HttpError::Certificate => true,
            HttpError::Problem(Problem { status: 429, .. }) | HttpError::Status(429) => true,
            other => other.outcome_unknown(),
        }
    }
}

impl From<reqwest::Error> for HttpError {
    fn from(error: reqwest::Error) -> Self {
        if error.is_builder() {
            return HttpError::Address(AddressError::Unreadable);
        }
        if !error.is_connect() {
            return HttpError::Interrupted;
        }
        match cause(&error) {
            Some(Cause::Certificate) => HttpError::Certificate,
            Some(Cause::Guarded) => HttpError::Address(AddressError::Private),
            None => HttpError::Unreachable,
        }
    }
}

enum Cause {
    Certificate,
    Guarded,
}

/// Looks along the chain of causes. An `io::Error` hides what it wraps from `source`, so it is
/// opened here.
fn cause(error: &(dyn std::error::Error + 'static)) -> Option<Cause> {
    if error.is::<super::guard::Guarded>() {
        return Some(Cause::Guarded);
    }
    if is_certificate(error.downcast_ref()) {
        return Some(Cause::Certificate);
    }
    let wrapped = error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref);
    match wrapped {
        Some(inner) => cause(inner),
        None => error.source().and_then(cause),
    }
}

const fn is_certificate(error: Option<&rustls::Error>) -> bool {
    matches!(error, Some(rustls::Error::InvalidCertificate(_)))
}
