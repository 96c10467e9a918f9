//! Openings: what counts as one use of a share.
//!
//! An opening is the first successful manifest request of a session. Our page names its session
//! (`_s`); without one, the same recipient from the same address within ten minutes is the same
//! session. Retries inside an opening are free. A named session lives twelve hours, so that
//! handing its name on does not undo a limit of openings.
//!
//! The host keeps neither address nor session name, only
//! HMAC(pepper, "medfolder/share-opening" ‖ 0 ‖ share id ‖ kind ‖ length-prefixed parts).

use medfolder_crypto::{Digest, Label};
use minicbor::{Decode, Encode};

use super::id::ShareId;
use super::location::LOCATION_LIFETIME_MS;
use super::passcode::Pepper;
use crate::grant::Items;
use crate::manifest::ManifestRequest;

/// How long recipient and address stand for a session, from its first request.
pub const VISITOR_WINDOW_MS: u64 = 10 * 60 * 1000;
/// How long a named session lives, from its first request.
pub const SESSION_WINDOW_MS: u64 = 12 * 60 * 60 * 1000;
/// A session without requests for this long has ended: its entry with the items can be written.
pub const IDLE_END_MS: u64 = 10 * 60 * 1000;

/// Who is asking, as far as openings are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpeningKey {
    digest: Digest,
    window_ms: u64,
}

impl OpeningKey {
    /// The key of a manifest request that came from `address`.
    pub fn of(pepper: &Pepper, share: &ShareId, request: &ManifestRequest, address: &str) -> Self {
        match request
            .session
            .as_deref()
            .filter(|session| !session.is_empty())
        {
            Some(session) => Self::session(pepper, share, session),
            None => Self::visitor(pepper, share, &request.recipient, address),
        }
    }

    /// A session that named itself.
    pub fn session(pepper: &Pepper, share: &ShareId, session: &str) -> Self {
        let digest = key_mac(pepper, share, 0, &[session]);
        Self {
            digest,
            window_ms: SESSION_WINDOW_MS,
        }
    }

    /// Somebody who did not.
    pub fn visitor(pepper: &Pepper, share: &ShareId, recipient: &str, address: &str) -> Self {
        let digest = key_mac(pepper, share, 1, &[recipient, address]);
        Self {
            digest,
            window_ms: VISITOR_WINDOW_MS,
        }
    }

    /// The digest, which also names the session in the host's record of the access.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

fn key_mac(pepper: &Pepper, share: &ShareId, kind: u8, texts: &[&str]) -> Digest {
    let lengths: Vec<[u8; 8]> = texts
        .iter()
        .map(|t| (t.len() as u64).to_be_bytes())
        .collect();
    let kind = [kind];
    let mut parts: Vec<&[u8]> = vec![share.as_bytes(), &kind];
    for (length, text) in lengths.iter().zip(texts) {
        parts.push(length);
        parts.push(text.as_bytes());
    }
    pepper.mac(Label::SHARE_OPENING, &parts)
}

/// One opening as the host stores it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Opening {
    /// 1, 2, … in the order of opening.
    #[n(0)]
    pub number: u32,
    #[n(1)]
    key: Digest,
    #[n(2)]
    window_ms: u64,
    /// First request, milliseconds.
    #[n(3)]
    pub opened_ms: u64,
    /// Newest request, milliseconds.
    #[n(4)]
    pub seen_ms: u64,
    /// Items fetched so far.
    #[n(5)]
    pub received: Items,
    /// What the newest entry at a session's end said.
    #[n(6)]
    reported: Option<Items>,
}

impl Opening {
    pub(crate) fn new(number: u32, key: &OpeningKey, now_ms: u64) -> Self {
        Self {
            number,
            key: key.digest,
            window_ms: key.window_ms,
            opened_ms: now_ms,
            seen_ms: now_ms,
            received: Items::default(),
            reported: None,
        }
    }

    pub(crate) fn covers(&self, key: &OpeningKey, now_ms: u64) -> bool {
        self.key == key.digest && self.is_open(now_ms)
    }

    pub(crate) fn is_open(&self, now_ms: u64) -> bool {
        now_ms < self.opened_ms.saturating_add(self.window_ms)
    }

    pub(crate) fn is(&self, session: &Digest, opened_ms: u64) -> bool {
        self.key == *session && self.opened_ms == opened_ms
    }

    pub(crate) fn unreported(&self) -> Option<&Items> {
        (self.reported.as_ref() != Some(&self.received)).then_some(&self.received)
    }

    /// When the session is over, unless something more is asked for.
    fn over_ms(&self) -> u64 {
        let window_end = self.opened_ms.saturating_add(self.window_ms);
        window_end.min(self.seen_ms.saturating_add(IDLE_END_MS))
    }

    fn is_over(&self, now_ms: u64, share_live: bool) -> bool {
        !share_live || now_ms >= self.over_ms()
    }

    /// When its end can be reported; `None` when all of it was.
    pub(crate) fn due_ms(&self) -> Option<u64> {
        self.unreported().map(|_| self.over_ms())
    }

    /// Reported, and idle for so long that no location of it lives.
    pub(crate) fn is_idle(&self, now_ms: u64) -> bool {
        now_ms >= self.seen_ms.saturating_add(IDLE_END_MS) && self.unreported().is_none()
    }

    /// The items to report when the session is over and something is new since the last report.
    pub(crate) fn take_ending(&mut self, now_ms: u64, share_live: bool) -> Option<Ending> {
        if !self.is_over(now_ms, share_live) {
            return None;
        }
        self.unreported()?;
        self.reported = Some(self.received.clone());
        Some(Ending {
            opening: self.number,
            session: self.key,
            received: self.received.clone(),
        })
    }

    /// Reported, and past the life of every location that it was given.
    pub(crate) fn is_finished(&self, now_ms: u64) -> bool {
        let window_end = self.opened_ms.saturating_add(self.window_ms);
        now_ms >= window_end.saturating_add(LOCATION_LIFETIME_MS)
            && self.reported.as_ref() == Some(&self.received)
    }
}

/// A session's end, for an access entry with the outcome “ended”.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Which opening.
    pub opening: u32,
    /// The digest of its key.
    pub session: Digest,
    /// All items that it received.
    pub received: Items,
}
