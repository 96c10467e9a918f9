//! What a [`super::Viewer`] and its driver tell each other.

use medfolder_crypto::Wiped;
use zeroize::Zeroizing;

use crate::jwe::JweLimits;

/// How a link is to be opened.
#[derive(Default)]
pub struct ViewerOptions {
    /// Who is reading; must not be blank.
    pub recipient: String,
    /// If it is known already.
    pub passcode: Option<Zeroizing<String>>,
    /// Our page's session name, so that retries are one opening.
    pub session: Option<String>,
    /// The fresh value for a receipt.
    pub reader_value: Option<String>,
    /// Longest JWE that may come embedded.
    pub embedded_length_max: Option<u64>,
    /// Fetch only the files that [`super::Viewer::want`] names.
    pub on_demand: bool,
    /// Limits for each file.
    pub limits: JweLimits,
}

/// What the driver does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// POST with `content-type: application/json`.
    Post {
        /// Where.
        url: String,
        /// What; may hold the passcode.
        body: Wiped,
    },
    /// GET without any header of ours.
    Get {
        /// Where.
        url: String,
    },
    /// Wait until this time, in milliseconds.
    WaitUntil(u64),
    /// Ask the reader, then [`super::Viewer::supply_passcode`].
    AskPasscode {
        /// Tries left after a wrong one, if the host said so; `None` before the first.
        remaining: Option<u32>,
    },
    /// Nothing is left to do.
    Done,
}

/// The part of an HTTP answer that matters.
#[derive(Debug, Clone, Copy)]
pub struct Response<'a> {
    /// HTTP status.
    pub status: u16,
    /// The header `Retry-After`.
    pub retry_after: Option<&'a str>,
    /// Body.
    pub body: &'a [u8],
}
