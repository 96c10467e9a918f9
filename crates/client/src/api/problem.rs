//! How every interface says no: RFC 9457 problem details with a stable code.

use serde::{Deserialize, Serialize};

/// Media type of a [`Problem`].
pub const PROBLEM_TYPE: &str = "application/problem+json";

/// The body of every answer that is not a success. Callers branch on `code`, never on text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Always `about:blank`: the code says which problem it is.
    #[serde(rename = "type", default = "blank")]
    pub kind: String,
    /// The HTTP status in words.
    #[serde(default)]
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// Stable code, such as `card.frozen`.
    pub code: String,
    /// What a developer may want to know; never a secret, never why a check of a signature failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

fn blank() -> String {
    "about:blank".to_owned()
}

impl Problem {
    /// A problem of this status and code.
    #[must_use]
    pub fn new(status: u16, title: &str, code: &str) -> Self {
        let (kind, title, code) = (blank(), title.to_owned(), code.to_owned());
        Self {
            kind,
            title,
            status,
            code,
            detail: None,
        }
    }

    /// The same with a detail for developers.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}
