//! The status answer: why a link failed, told only to somebody who holds it.
//!
//! ```text
//! POST url/status   {"secret": base64url(HKDF(link key, "medfolder/share-status"))}
//! 200               {"state":"live|expired|revoked|used_up|locked","since":MS,"end":MS[,"tries_left":N],"host":TEXT}
//! ```
//!
//! The host keeps H("medfolder/share-status" ‖ 0 ‖ secret). Everybody else gets the one 404.

use medfolder_crypto::{Digest, Label, Suite, Wiped};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;

use crate::encoding::{from_base64url, to_base64url};
use crate::json;
use crate::key::LinkKey;

/// Whether a share can be opened, or why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShareCondition {
    /// It can.
    Live,
    /// Past its end.
    Expired,
    /// Ended by the owner.
    Revoked,
    /// Opened as often as the owner allowed.
    UsedUp,
    /// Too many wrong passcodes.
    Locked,
}

impl ShareCondition {
    /// Stable code for the reader; `None` when the share can be opened.
    pub fn code(self) -> Option<&'static str> {
        match self {
            Self::Live => None,
            Self::Expired => Some("share.expired"),
            Self::Revoked => Some("share.revoked"),
            Self::UsedUp => Some("share.used_up"),
            Self::Locked => Some("share.locked"),
        }
    }
}

/// The host's answer to a holder of the link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusAnswer {
    /// Whether it opens.
    pub state: ShareCondition,
    /// Since when, milliseconds.
    pub since: u64,
    /// When it ends or ended, milliseconds.
    pub end: u64,
    /// Passcode tries left; absent without a passcode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tries_left: Option<u32>,
    /// Who serves the share, to be asked about it.
    pub host: String,
}

/// What the host stores to know a holder of the link.
pub fn status_digest(key: &LinkKey) -> Digest {
    digest_of(key.status_secret().expose())
}

/// The viewer's request body.
pub fn status_request(key: &LinkKey) -> Wiped {
    let mut members = Map::new();
    members.insert(
        "secret".into(),
        Value::from(to_base64url(key.status_secret().expose())),
    );
    Wiped::new(serde_json::to_vec(&members).unwrap_or_default())
}

/// The address that answers.
pub fn status_url(manifest_url: &str) -> String {
    format!("{manifest_url}/status")
}

/// Whether a request body shows the secret behind `digest`. Constant time.
pub fn status_request_holds(body: &[u8], digest: &Digest) -> bool {
    if body.len() > 1024 {
        return false;
    }
    let members: Option<Map<String, Value>> = json::read(body).ok();
    let secret = members
        .as_ref()
        .and_then(|m| m.get("secret"))
        .and_then(Value::as_str);
    let Some(secret) = secret.and_then(from_base64url) else {
        return false;
    };
    bool::from(digest_of(&Wiped::new(secret)).0.ct_eq(&digest.0))
}

fn digest_of(secret: &[u8]) -> Digest {
    Suite::International.hash_labelled(Label::SHARE_STATUS, &[secret])
}
