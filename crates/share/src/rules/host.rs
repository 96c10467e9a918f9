//! One share at its host: state and decisions.
//!
//! A manifest request takes these steps; what stands in brackets is one durable transaction on
//! the share's row (in SQLite `BEGIN IMMEDIATE … COMMIT`), and no answer leaves before the commit:
//!
//! ```text
//! ManifestRequest::read      400, before anything about the share is looked at
//! RateBucket::take           429
//! [ load; begin; store ]     unknown or not live: 404 · passcode missing: 401 · else a try is taken
//! Attempt::compare           constant time, outside the transaction
//! [ load; settle; store ]    wrong: 401 · right: try given back, opening counted · access entry queued
//! ```
//!
//! Both transactions may also be one. A crash between them costs a try and nothing else. The
//! state is stored as one CBOR value ([`ShareState::to_bytes`]), so that a step is one read and
//! one write.
//!
//! `now_ms` is block time or the host's clock, whichever is later.

use medfolder_crypto::{CborError, Digest, from_cbor, to_cbor};
use minicbor::{Decode, Encode};

use super::answer::HttpAnswer;
use super::id::ShareId;
use super::location::Ticket;
use super::opening::{Ending, IDLE_END_MS, Opening, OpeningKey};
use super::passcode::{Attempt, Compared, PasscodeState, Pepper};
use super::rate::TooEarly;
use super::status::{ShareCondition, StatusAnswer, status_request_holds};
use crate::grant::Items;

/// Largest stored state in bytes.
pub const MAX_STATE_BYTES: usize = 16 << 20;
/// Most openings that are kept at a time; with 1,024 files they take less than 2 MiB.
pub const MAX_OPENINGS: usize = 4_096;
const STATE_VERSION: u8 = 0;

/// What the host stores of one share, apart from the ciphertext.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct ShareState {
    #[n(0)]
    version: u8,
    /// End, milliseconds.
    #[n(1)]
    ends_ms: u64,
    #[n(2)]
    revoked_ms: Option<u64>,
    /// Openings allowed; `None` is no limit.
    #[n(3)]
    openings_allowed: Option<u32>,
    #[n(4)]
    uses: u32,
    #[n(5)]
    used_up_ms: Option<u64>,
    #[n(6)]
    passcode: Option<PasscodeState>,
    /// Number of records, which are the first files of the manifest.
    #[n(7)]
    items: u32,
    /// Number of files.
    #[n(8)]
    files: u32,
    #[n(9)]
    status_digest: Digest,
    /// When the share went live, milliseconds.
    #[n(10)]
    created_ms: u64,
    /// The link has the flag `U`.
    #[n(11)]
    direct_file: bool,
    #[n(12)]
    openings: Vec<Opening>,
}

/// What the owner asks for when a share is made.
#[derive(Debug, Clone)]
pub struct ShareTerms {
    /// When the share goes live, milliseconds.
    pub created_ms: u64,
    /// End, milliseconds.
    pub ends_ms: u64,
    /// Openings allowed; `None` is no limit.
    pub openings_allowed: Option<u32>,
    /// The passcode's stored form.
    pub passcode: Option<PasscodeState>,
    /// Number of records.
    pub items: u32,
    /// Number of files.
    pub files: u32,
    /// From [`super::status::status_digest`].
    pub status_digest: Digest,
    /// The link has the flag `U`.
    pub direct_file: bool,
}

/// Why the host refuses an owner's wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// A share that ended stays ended; the owner makes a new link.
    #[error("the share has ended")]
    Ended,
    /// A direct file cannot have a passcode, must be one file, and a share has at least one.
    #[error("these terms cannot be served")]
    Terms,
}

impl HostError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Ended => "share.ended",
            Self::Terms => "share.terms",
        }
    }
}

/// What an access entry on the ledger says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessOutcome {
    /// A new opening.
    Opened,
    /// A wrong passcode.
    WrongCode,
    /// A share that is not live.
    Refused,
    /// A wrong passcode that was the last try.
    Locked,
}

/// What the host does after a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Send the manifest with locations for this opening, or the direct file.
    Serve {
        /// Number of the opening.
        opening: u32,
        /// Whether it is a new one, so that an entry with [`AccessOutcome::Opened`] is due.
        new: bool,
    },
    /// 401 with the tries left.
    Passcode {
        /// Tries left.
        remaining: u32,
        /// The entry that is due; none when no passcode was sent.
        access: Option<AccessOutcome>,
    },
    /// The one 404.
    NotFound,
    /// 429: so many sessions are open that no other is kept apart.
    Busy,
}

impl Outcome {
    /// The entry that is due for this outcome. A share that is not live counts as refused.
    pub fn access(&self) -> Option<AccessOutcome> {
        match self {
            Self::Serve { new, .. } => new.then_some(AccessOutcome::Opened),
            Self::Passcode { access, .. } => *access,
            Self::NotFound => Some(AccessOutcome::Refused),
            Self::Busy => None,
        }
    }

    /// The answer, unless files are to be served.
    pub fn answer(&self) -> Option<HttpAnswer> {
        match self {
            Self::Serve { .. } => None,
            Self::Passcode { remaining, .. } => Some(HttpAnswer::passcode(*remaining)),
            Self::NotFound => Some(HttpAnswer::not_found()),
            Self::Busy => Some(HttpAnswer::too_early(TooEarly {
                retry_after_seconds: IDLE_END_MS.div_ceil(1_000),
            })),
        }
    }
}

/// The first step's result.
#[derive(Debug)]
#[must_use]
pub enum Begin {
    /// Decided; nothing was taken.
    Decided(Outcome),
    /// No passcode on this share: settle with [`ShareState::admit`].
    Admit,
    /// A try was taken. Store, then compare, then [`ShareState::settle`].
    Compare(Attempt),
}

impl ShareState {
    /// A new share.
    pub fn new(terms: ShareTerms) -> Result<Self, HostError> {
        let direct_ok = !terms.direct_file || (terms.passcode.is_none() && terms.files == 1);
        if !direct_ok || terms.files == 0 || terms.items > terms.files {
            return Err(HostError::Terms);
        }
        if terms.openings_allowed == Some(0) {
            return Err(HostError::Terms);
        }
        Ok(Self {
            version: STATE_VERSION,
            ends_ms: terms.ends_ms,
            revoked_ms: None,
            openings_allowed: terms.openings_allowed,
            uses: 0,
            used_up_ms: None,
            passcode: terms.passcode,
            items: terms.items,
            files: terms.files,
            status_digest: terms.status_digest,
            created_ms: terms.created_ms,
            direct_file: terms.direct_file,
            openings: Vec::new(),
        })
    }

    /// The stored form.
    pub fn to_bytes(&self) -> Vec<u8> {
        to_cbor(self)
    }

    /// Reads the stored form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CborError> {
        let state: Self = from_cbor(bytes, MAX_STATE_BYTES)?;
        if state.version == STATE_VERSION {
            Ok(state)
        } else {
            Err(CborError::Malformed)
        }
    }

    /// Whether the share can be opened anew or why not, and since when.
    pub fn condition(&self, now_ms: u64) -> (ShareCondition, u64) {
        if let Some(since) = self.revoked_ms {
            return (ShareCondition::Revoked, since);
        }
        if now_ms >= self.ends_ms {
            return (ShareCondition::Expired, self.ends_ms);
        }
        if let Some(since) = self.passcode.as_ref().and_then(PasscodeState::locked_ms) {
            return (ShareCondition::Locked, since);
        }
        match self.used_up_ms {
            Some(since) => (ShareCondition::UsedUp, since),
            None => (ShareCondition::Live, self.created_ms),
        }
    }

    /// Whether sessions that are open may go on: only the limit of openings leaves them alone.
    fn serves_open_sessions(&self, now_ms: u64) -> bool {
        matches!(
            self.condition(now_ms).0,
            ShareCondition::Live | ShareCondition::UsedUp
        )
    }

    /// Step one of a request: decides what can be decided without comparing, takes a try where a
    /// passcode was sent. `direct` says whether this is the GET of a direct file.
    pub fn begin(&mut self, now_ms: u64, passcode_sent: bool, direct: bool) -> Begin {
        if direct != self.direct_file || !self.serves_open_sessions(now_ms) {
            return Begin::Decided(Outcome::NotFound);
        }
        let Some(passcode) = self.passcode.as_mut() else {
            return Begin::Admit;
        };
        if !passcode_sent {
            let remaining = passcode.remaining();
            return Begin::Decided(Outcome::Passcode {
                remaining,
                access: None,
            });
        }
        match passcode.take(now_ms) {
            Some(attempt) => Begin::Compare(attempt),
            None => Begin::Decided(Outcome::NotFound),
        }
    }

    /// Step two where a passcode was compared.
    pub fn settle(&mut self, now_ms: u64, compared: Compared, key: &OpeningKey) -> Outcome {
        let Some(passcode) = self.passcode.as_mut() else {
            return Outcome::NotFound;
        };
        if compared.right && passcode.is_current(&compared) {
            passcode.give_back(&compared);
            return self.admit(now_ms, key);
        }
        let remaining = passcode.remaining();
        let last = compared.last && remaining == 0;
        let access = if last {
            AccessOutcome::Locked
        } else {
            AccessOutcome::WrongCode
        };
        Outcome::Passcode {
            remaining,
            access: Some(access),
        }
    }

    /// Step two where no passcode is needed: joins an open session or counts an opening.
    pub fn admit(&mut self, now_ms: u64, key: &OpeningKey) -> Outcome {
        if !self.serves_open_sessions(now_ms) {
            return Outcome::NotFound;
        }
        if let Some(open) = self.openings.iter_mut().find(|o| o.covers(key, now_ms)) {
            open.seen_ms = open.seen_ms.max(now_ms);
            return Outcome::Serve {
                opening: open.number,
                new: false,
            };
        }
        if self.used_up_ms.is_some() {
            return Outcome::NotFound;
        }
        if !self.has_room(now_ms) {
            return Outcome::Busy;
        }
        self.uses = self.uses.saturating_add(1);
        if self
            .openings_allowed
            .is_some_and(|allowed| self.uses >= allowed)
        {
            self.used_up_ms = Some(now_ms);
        }
        self.openings.push(Opening::new(self.uses, key, now_ms));
        Outcome::Serve {
            opening: self.uses,
            new: true,
        }
    }

    /// Whether one more opening can be kept. Those that are finished go; when that is not enough,
    /// sessions that are idle: whoever comes back in one of them opens the share anew.
    fn has_room(&mut self, now_ms: u64) -> bool {
        self.openings.retain(|opening| !opening.is_finished(now_ms));
        if self.openings.len() >= MAX_OPENINGS {
            self.openings.retain(|opening| !opening.is_idle(now_ms));
        }
        self.openings.len() < MAX_OPENINGS
    }

    /// Locations of all files for an opening: one token each, in the manifest's order.
    pub fn tickets(&self, opening: u32, now_ms: u64) -> Vec<Ticket> {
        (0..self.files)
            .map(|file| Ticket::issue(file, opening, now_ms))
            .collect()
    }

    /// A GET of a location whose ticket was checked: notes the item as received. `false` is the
    /// one 404. One transaction, before the file is sent.
    pub fn fetch(&mut self, now_ms: u64, ticket: &Ticket) -> bool {
        if !self.serves_open_sessions(now_ms) || ticket.file >= self.files {
            return false;
        }
        self.receive(now_ms, ticket.opening, ticket.file)
    }

    /// Notes a file as received by an opening; a direct file counts with its opening.
    pub fn receive(&mut self, now_ms: u64, opening: u32, file: u32) -> bool {
        let Some(open) = self.openings.iter_mut().find(|o| o.number == opening) else {
            return false;
        };
        open.seen_ms = open.seen_ms.max(now_ms);
        if file < self.items {
            open.received.insert(file as usize);
        }
        true
    }

    /// Ended sessions whose entry is due. Store in the transaction that queues the entries.
    pub fn take_endings(&mut self, now_ms: u64) -> Vec<Ending> {
        let live = self.serves_open_sessions(now_ms);
        self.openings
            .iter_mut()
            .filter_map(|o| o.take_ending(now_ms, live))
            .collect()
    }

    /// When [`Self::take_endings`] has something to take at the earliest, unless a session goes on;
    /// `None` when all was taken.
    pub fn next_ending_ms(&self) -> Option<u64> {
        let over = self.openings.iter().filter_map(Opening::due_ms).min()?;
        // Its end ends its sessions; a revoked or locked share, which serves none at any time, has.
        Some(match self.serves_open_sessions(0) {
            true => over.min(self.ends_ms),
            false => 0,
        })
    }

    /// Items that an opening has received so far.
    pub fn received(&self, opening: u32) -> Option<&Items> {
        self.openings
            .iter()
            .find(|o| o.number == opening)
            .map(|o| &o.received)
    }

    /// Items that an opening has received and no entry says yet: the host's word until the session
    /// has ended. `session` is the digest of its key, `opened_ms` its first request.
    pub fn unreported(&self, session: &Digest, opened_ms: u64) -> Option<&Items> {
        let opening = self.openings.iter().find(|o| o.is(session, opened_ms))?;
        opening.unreported()
    }

    /// The answer to `POST …/status` of a host with this name; `None` is the one 404.
    pub fn status(&self, now_ms: u64, body: &[u8], host: &str) -> Option<StatusAnswer> {
        if !status_request_holds(body, &self.status_digest) {
            return None;
        }
        let (state, since) = self.condition(now_ms);
        let (end, tries_left) = (self.ends_ms, self.tries_left());
        Some(StatusAnswer {
            state,
            since,
            end,
            tries_left,
            host: host.to_owned(),
        })
    }

    /// Openings allowed; `None` is no limit.
    pub fn openings_allowed(&self) -> Option<u32> {
        self.openings_allowed
    }

    /// Openings so far.
    pub fn uses(&self) -> u32 {
        self.uses
    }

    /// End, milliseconds.
    pub fn ends_ms(&self) -> u64 {
        self.ends_ms
    }

    /// Tries left; `None` without a passcode.
    pub fn tries_left(&self) -> Option<u32> {
        self.passcode.as_ref().map(PasscodeState::remaining)
    }

    /// Ends the share at once, with all its locations.
    pub fn revoke(&mut self, now_ms: u64) {
        self.revoked_ms.get_or_insert(now_ms);
    }

    /// Moves the end, earlier or later. A share that ended stays ended.
    pub fn set_end(&mut self, now_ms: u64, ends_ms: u64) -> Result<(), HostError> {
        self.refuse_ended(now_ms)?;
        self.ends_ms = ends_ms;
        Ok(())
    }

    /// The owner's new passcode, which also lifts a lock.
    pub fn set_passcode(
        &mut self,
        now_ms: u64,
        pepper: &Pepper,
        share: &ShareId,
        passcode: &str,
    ) -> Result<(), HostError> {
        self.refuse_ended(now_ms)?;
        let Some(old) = &self.passcode else {
            return Err(HostError::Terms);
        };
        self.passcode = Some(old.renewed(pepper, share, passcode));
        Ok(())
    }

    fn refuse_ended(&self, now_ms: u64) -> Result<(), HostError> {
        match self.condition(now_ms).0 {
            ShareCondition::Revoked | ShareCondition::Expired => Err(HostError::Ended),
            _ => Ok(()),
        }
    }
}
