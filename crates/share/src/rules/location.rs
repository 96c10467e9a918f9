//! Locations: short-lived addresses of one file each, without any store.
//!
//! ```text
//! token    = base64url(file 4 ‖ opening 4 ‖ expiry 8 ‖ mac 32)          64 characters; big-endian, milliseconds
//! mac      = HMAC-SHA-256(pepper, "medfolder/share-location" ‖ 0 ‖ share id 32 ‖ file ‖ opening ‖ expiry)
//! location = url of the manifest ‖ "/files/" ‖ token
//! ```
//!
//! A token survives a restart of the host, and dies with the share: the host asks the share's
//! state too.

use medfolder_crypto::Label;
use subtle::ConstantTimeEq as _;

use super::id::ShareId;
use super::passcode::Pepper;
use crate::encoding::{from_base64url, to_base64url};

/// How long a location lives. The standard allows an hour at most.
pub const LOCATION_LIFETIME_MS: u64 = 5 * 60 * 1000;
const CLAIM_BYTES: usize = 16;
const TOKEN_BYTES: usize = CLAIM_BYTES + 32;

/// What a location says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    /// Position of the file in the manifest.
    pub file: u32,
    /// The opening it was given to.
    pub opening: u32,
    /// When it dies, milliseconds.
    pub expires_ms: u64,
}

impl Ticket {
    /// A ticket that lives [`LOCATION_LIFETIME_MS`].
    pub fn issue(file: u32, opening: u32, now_ms: u64) -> Self {
        Self {
            file,
            opening,
            expires_ms: now_ms.saturating_add(LOCATION_LIFETIME_MS),
        }
    }

    /// The last path segment of the location.
    pub fn token(&self, pepper: &Pepper, share: &ShareId) -> String {
        let mut bytes = self.claim().to_vec();
        bytes.extend_from_slice(&self.mac(pepper, share));
        to_base64url(&bytes)
    }

    /// Reads a token of this share; `None` when it is not ours, altered or dead.
    pub fn check(pepper: &Pepper, share: &ShareId, token: &str, now_ms: u64) -> Option<Self> {
        let bytes: [u8; TOKEN_BYTES] = from_base64url(token)?.try_into().ok()?;
        let (claim, mac) = bytes.split_first_chunk::<CLAIM_BYTES>()?;
        let ticket = Self::from_claim(claim)?;
        let genuine = bool::from(ticket.mac(pepper, share).ct_eq(mac));
        let reachable = ticket.expires_ms <= now_ms.saturating_add(LOCATION_LIFETIME_MS);
        (genuine && reachable && now_ms < ticket.expires_ms).then_some(ticket)
    }

    fn claim(&self) -> [u8; CLAIM_BYTES] {
        let mut claim = [0; CLAIM_BYTES];
        let bytes = self.file.to_be_bytes().into_iter();
        let bytes = bytes
            .chain(self.opening.to_be_bytes())
            .chain(self.expires_ms.to_be_bytes());
        claim
            .iter_mut()
            .zip(bytes)
            .for_each(|(to, from)| *to = from);
        claim
    }

    fn from_claim(claim: &[u8; CLAIM_BYTES]) -> Option<Self> {
        let (file, rest) = claim.split_first_chunk::<4>()?;
        let (opening, rest) = rest.split_first_chunk::<4>()?;
        let (expires, _) = rest.split_first_chunk::<8>()?;
        Some(Self {
            file: u32::from_be_bytes(*file),
            opening: u32::from_be_bytes(*opening),
            expires_ms: u64::from_be_bytes(*expires),
        })
    }

    fn mac(&self, pepper: &Pepper, share: &ShareId) -> [u8; 32] {
        pepper
            .mac(Label::SHARE_LOCATION, &[share.as_bytes(), &self.claim()])
            .0
    }
}

/// The address of one file of a share.
pub fn location_url(manifest_url: &str, token: &str) -> String {
    format!("{manifest_url}/files/{token}")
}
