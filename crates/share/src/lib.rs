//! Shares: SMART Health Links, from both ends and in the middle, without any I/O.
//!
//! - An issuer makes a [`link`], packs records ([`package`]) and encrypts them ([`jwe`]).
//! - A host decides about requests ([`rules`]) and answers with a [`manifest`].
//! - A reader opens a link with a state machine that says which request comes next ([`viewer`]).
//! - A [`grant`] is what the ledger knows of a share.
//!
//! Times are milliseconds since the Unix epoch in UTC, passed in; randomness is passed in.
//! Links are always international (A256GCM), on every chain. Format: `docs/formats/share.md`.

pub mod address;
pub mod content_type;
mod encoding;
pub mod evidence;
pub mod grant;
pub mod json;
pub mod jwe;
pub mod key;
pub mod link;
pub mod manifest;
pub mod package;
pub mod qr;
pub mod read;
pub mod receipt;
pub mod rules;
pub mod unpack;
pub mod viewer;

pub use grant::{GrantSeed, Items};
pub use key::LinkKey;
pub use link::{Flags, Link, LinkDraft};
pub use manifest::{Manifest, ManifestFile, ManifestRequest};
pub use read::{LinkError, LinkWarning, ReadLink, read_link};
pub use rules::host::{ShareState, ShareTerms};
pub use rules::id::ShareId;
pub use rules::passcode::Pepper;
