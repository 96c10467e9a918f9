//! Opens anybody's SMART Health Link without doing any I/O itself.
//!
//! The driver asks [`Viewer::step`] what comes next, does it, hands the answer to
//! [`Viewer::answer`], and repeats until [`Step::Done`]:
//!
//! ```text
//! AskPasscode ─ supply_passcode ─▶ Post manifest ─ 200 ─▶ Get location … ─▶ Done
//!      ▲                               │ 401               │ spent, or older than an hour
//!      └───────────────────────────────┘                   └──▶ Post manifest again
//! flag U: Get url?recipient=… ─▶ Done            429: WaitUntil, then the same request again
//! ```
//!
//! The driver follows no redirects, sends no credentials, checks the addresses that names
//! resolve to ([`crate::address::is_private_ip`]) and puts limits on time and size. A passcode
//! stays in memory for a refetch, is sent once per answer of the reader, and never guessed.
//!
//! Source: SMART Health Links requirements, items 32–42.

mod driver;
mod error;
mod file;
mod retry;

use url::Url;
use zeroize::Zeroizing;

use crate::address::location_address;
use crate::jwe::JweError;
use crate::link::Link;
use crate::manifest::{
    EntryError, ManifestError, ManifestFile, ManifestRequest, ManifestStatus, ReadManifest, Source,
};
use crate::receipt::SignedReceipt;
pub use driver::{Response, Step, ViewerOptions};
pub use error::ViewerError;
pub use file::{FileProblem, ViewedFile};

/// A location is not used later than this after its manifest, in milliseconds.
pub const LOCATION_MAX_AGE_MS: u64 = 60 * 60 * 1000;
/// How often a file's spent location is replaced by asking for the manifest again.
const MAX_REFETCHES: u8 = 2;
/// How often a request that was told to wait is repeated.
const MAX_WAITS: u8 = 10;
/// Longest that one opening waits in all because its host says so, in milliseconds.
const MAX_WAITED_MS: u64 = 15 * 60 * 1000;
/// Most manifests of one opening: a host that lists other files each time comes to an end.
const MAX_MANIFESTS: u8 = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Passcode { remaining: Option<u32> },
    Manifest,
    Files,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaiting {
    Nothing,
    Manifest,
    File(usize),
}

struct Slot {
    content_type: Option<String>,
    location: Option<Url>,
    wanted: bool,
    refetches: u8,
    result: Option<file::Opened>,
}

/// The state of one link being opened.
pub struct Viewer {
    link: Link,
    options: ViewerOptions,
    phase: Phase,
    awaiting: Awaiting,
    wait_until: Option<u64>,
    waits: u8,
    waited_ms: u64,
    manifests: u8,
    poll_at: u64,
    manifest_ms: u64,
    status: Option<ManifestStatus>,
    receipt: Option<SignedReceipt>,
    slots: Vec<Slot>,
}

impl Viewer {
    /// Starts; a link past its own end is refused before any request.
    pub fn new(link: Link, options: ViewerOptions, now_ms: u64) -> Result<Self, ViewerError> {
        if options.recipient.trim().is_empty() {
            return Err(ViewerError::NoRecipient);
        }
        if link.is_past(now_ms) {
            return Err(ViewerError::Expired);
        }
        let ask = link.flags().passcode && options.passcode.is_none();
        let phase = if ask {
            Phase::Passcode { remaining: None }
        } else {
            Phase::Manifest
        };
        let mut viewer = Self {
            link,
            options,
            phase,
            awaiting: Awaiting::Nothing,
            wait_until: None,
            waits: 0,
            waited_ms: 0,
            manifests: 0,
            poll_at: 0,
            manifest_ms: 0,
            status: None,
            receipt: None,
            slots: Vec::new(),
        };
        viewer.prepare_direct_file();
        Ok(viewer)
    }

    /// A direct file is one file whose location is the link's address with the recipient.
    fn prepare_direct_file(&mut self) {
        if !self.link.flags().direct_file {
            return;
        }
        let mut url = self.link.url().clone();
        url.query_pairs_mut()
            .append_pair("recipient", self.options.recipient.trim());
        self.phase = Phase::Files;
        self.slots = vec![Slot {
            content_type: None,
            location: Some(url),
            wanted: true,
            refetches: 0,
            result: None,
        }];
    }

    /// What comes next.
    pub fn step(&mut self, now_ms: u64) -> Step {
        if let Some(until) = self.wait_until.filter(|until| now_ms < *until) {
            return Step::WaitUntil(until);
        }
        self.wait_until = None;
        match self.phase {
            Phase::Passcode { remaining } => Step::AskPasscode { remaining },
            Phase::Manifest => self.ask_manifest(),
            Phase::Files => self.next_file(now_ms),
        }
    }

    fn ask_manifest(&mut self) -> Step {
        self.awaiting = Awaiting::Manifest;
        let request = ManifestRequest {
            recipient: self.options.recipient.trim().to_owned(),
            passcode: self.options.passcode.clone(),
            embedded_length_max: self.options.embedded_length_max,
            session: self.options.session.clone(),
            reader_value: self.options.reader_value.clone(),
        };
        Step::Post {
            url: self.link.url().to_string(),
            body: request.to_json(),
        }
    }

    fn next_file(&mut self, now_ms: u64) -> Step {
        let pending = |slot: &Slot| slot.wanted && slot.result.is_none();
        let Some(position) = self.slots.iter().position(pending) else {
            self.awaiting = Awaiting::Nothing;
            return Step::Done;
        };
        if self.locations_too_old(now_ms) {
            self.phase = Phase::Manifest;
            return self.ask_manifest();
        }
        let url = self
            .slots
            .get(position)
            .and_then(|slot| slot.location.as_ref());
        match url.map(Url::to_string) {
            Some(url) => {
                self.awaiting = Awaiting::File(position);
                Step::Get { url }
            }
            None => {
                self.finish(position, Err(FileProblem::Unreachable));
                self.next_file(now_ms)
            }
        }
    }

    fn locations_too_old(&self, now_ms: u64) -> bool {
        !self.link.flags().direct_file
            && now_ms >= self.manifest_ms.saturating_add(LOCATION_MAX_AGE_MS)
    }

    /// Takes the answer to the request that [`Viewer::step`] asked for.
    pub fn answer(&mut self, now_ms: u64, response: Response<'_>) -> Result<(), ViewerError> {
        match std::mem::replace(&mut self.awaiting, Awaiting::Nothing) {
            Awaiting::Nothing => Ok(()),
            Awaiting::Manifest => self.manifest_answer(now_ms, response),
            Awaiting::File(position) => self.file_answer(now_ms, position, response),
        }
    }

    /// The request of the last step got no answer.
    pub fn unreachable(&mut self) -> Result<(), ViewerError> {
        match std::mem::replace(&mut self.awaiting, Awaiting::Nothing) {
            Awaiting::Nothing => Ok(()),
            Awaiting::Manifest => Err(ViewerError::Unreachable),
            Awaiting::File(_) if self.link.flags().direct_file => Err(ViewerError::Unreachable),
            Awaiting::File(position) => {
                self.finish(position, Err(FileProblem::Unreachable));
                Ok(())
            }
        }
    }

    /// The answer to the request of the last step was longer than the driver reads.
    pub fn too_large(&mut self) -> Result<(), ViewerError> {
        match std::mem::replace(&mut self.awaiting, Awaiting::Nothing) {
            Awaiting::Nothing => Ok(()),
            Awaiting::Manifest => Err(ManifestError::Malformed.into()),
            Awaiting::File(position) => {
                self.finish(position, Err(FileProblem::Jwe(JweError::TooLarge)));
                Ok(())
            }
        }
    }

    /// The reader's passcode; the next step sends it, once.
    pub fn supply_passcode(&mut self, passcode: Zeroizing<String>) {
        if matches!(self.phase, Phase::Passcode { .. }) {
            self.options.passcode = Some(passcode);
            self.phase = Phase::Manifest;
        }
    }

    /// Asks for one file of a viewer that works on demand.
    pub fn want(&mut self, position: usize) {
        if let Some(slot) = self.slots.get_mut(position) {
            slot.wanted = true;
        }
    }

    /// Opens a long-term link again, after the time that its host advised.
    pub fn refresh(&mut self) -> Result<(), ViewerError> {
        if !self.link.flags().long_term {
            return Err(ViewerError::NotLongTerm);
        }
        self.wait_until = Some(self.poll_at);
        (self.waits, self.waited_ms, self.manifests) = (0, 0, 0);
        self.slots.clear();
        self.phase = Phase::Manifest;
        self.prepare_direct_file();
        Ok(())
    }

    fn manifest_answer(&mut self, now_ms: u64, response: Response<'_>) -> Result<(), ViewerError> {
        match response.status {
            200 => self.take_manifest(now_ms, response),
            401 => self.passcode_refused(response.body),
            404 => Err(ViewerError::NotAvailable),
            429 => self.wait(now_ms, response.retry_after),
            other => Err(ViewerError::of_status(other, response.body)),
        }
    }

    fn take_manifest(&mut self, now_ms: u64, response: Response<'_>) -> Result<(), ViewerError> {
        self.manifests = self.manifests.saturating_add(1);
        if self.manifests > MAX_MANIFESTS {
            return Err(ViewerError::Changing);
        }
        let manifest = ReadManifest::read(response.body)?;
        self.poll_at = retry::parse(response.retry_after, now_ms).unwrap_or(now_ms);
        self.waits = 0;
        self.manifest_ms = now_ms;
        self.status = manifest.status;
        let value = self.options.reader_value.as_deref();
        let fits =
            |receipt: &SignedReceipt| value.is_some_and(|value| receipt.answers(value, now_ms));
        self.receipt = manifest.receipt.filter(fits).or(self.receipt.take());
        self.phase = Phase::Files;
        if manifest.files.len() != self.slots.len() {
            self.slots.clear();
        }
        for (position, entry) in manifest.files.into_iter().enumerate() {
            self.take_entry(position, entry);
        }
        Ok(())
    }

    fn take_entry(&mut self, position: usize, entry: Result<ManifestFile, EntryError>) {
        if self.slots.len() <= position {
            let wanted = !self.options.on_demand;
            self.slots.push(Slot {
                content_type: None,
                location: None,
                wanted,
                refetches: 0,
                result: None,
            });
        }
        let known = self
            .slots
            .get(position)
            .is_some_and(|slot| slot.result.is_some());
        if known {
            return;
        }
        match entry {
            Ok(file) => self.take_file(position, file),
            Err(error) => self.finish(position, Err(FileProblem::Entry(error))),
        }
    }

    fn take_file(&mut self, position: usize, file: ManifestFile) {
        let supported = file::is_supported(&file.content_type);
        if let Some(slot) = self.slots.get_mut(position) {
            slot.content_type = Some(file.content_type);
        }
        if !supported {
            return self.finish(position, Err(FileProblem::Unsupported));
        }
        match file.source {
            Source::Embedded(jwe) => self.open(position, &jwe),
            Source::Location(text) => match location_address(&text, self.link.url()) {
                Ok(url) => {
                    if let Some(slot) = self.slots.get_mut(position) {
                        slot.location = Some(url);
                    }
                }
                Err(error) => self.finish(position, Err(FileProblem::Address(error))),
            },
        }
    }

    /// A passcode that was refused is forgotten: it is never sent twice.
    fn passcode_refused(&mut self, body: &[u8]) -> Result<(), ViewerError> {
        self.options.passcode = None;
        let remaining = retry::remaining_attempts(body);
        if remaining == Some(0) {
            return Err(ViewerError::Locked);
        }
        self.phase = Phase::Passcode { remaining };
        Ok(())
    }

    fn wait(&mut self, now_ms: u64, retry_after: Option<&str>) -> Result<(), ViewerError> {
        self.waits = self.waits.saturating_add(1);
        if self.waits > MAX_WAITS {
            return Err(ViewerError::TooBusy);
        }
        let default = now_ms.saturating_add(retry::DEFAULT_WAIT_MS);
        let until = retry::parse(retry_after, now_ms).unwrap_or(default);
        self.waited_ms = self.waited_ms.saturating_add(until.saturating_sub(now_ms));
        if self.waited_ms > MAX_WAITED_MS {
            return Err(ViewerError::TooBusy);
        }
        self.wait_until = Some(until);
        Ok(())
    }

    fn file_answer(
        &mut self,
        now_ms: u64,
        position: usize,
        response: Response<'_>,
    ) -> Result<(), ViewerError> {
        let direct = self.link.flags().direct_file;
        match response.status {
            200 => {
                self.waits = 0;
                self.poll_at = retry::parse(response.retry_after, now_ms).unwrap_or(now_ms);
                match std::str::from_utf8(response.body) {
                    Ok(jwe) => self.open(position, jwe),
                    Err(_) => self.finish(position, Err(FileProblem::damaged())),
                }
                Ok(())
            }
            429 => self.wait(now_ms, response.retry_after),
            404 if direct => Err(ViewerError::NotAvailable),
            other if direct => Err(ViewerError::of_status(other, response.body)),
            401 | 403 | 404 | 410 => {
                self.location_spent(position);
                Ok(())
            }
            _ => {
                self.finish(position, Err(FileProblem::Unreachable));
                Ok(())
            }
        }
    }

    fn location_spent(&mut self, position: usize) {
        let Some(slot) = self.slots.get_mut(position) else {
            return;
        };
        slot.location = None;
        slot.refetches = slot.refetches.saturating_add(1);
        if slot.refetches > MAX_REFETCHES {
            self.finish(position, Err(FileProblem::Spent));
        } else {
            self.phase = Phase::Manifest;
        }
    }

    fn open(&mut self, position: usize, jwe: &str) {
        let stated = self
            .slots
            .get(position)
            .and_then(|slot| slot.content_type.clone());
        let opened = file::open(
            self.link.key(),
            jwe,
            stated.as_deref(),
            &self.options.limits,
        );
        self.finish(position, opened);
    }

    fn finish(&mut self, position: usize, result: file::Opened) {
        if let Some(slot) = self.slots.get_mut(position) {
            slot.location = None;
            slot.result = Some(result);
        }
    }

    /// The link.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// What the manifest says about its future.
    pub fn status(&self) -> Option<ManifestStatus> {
        self.status
    }

    /// The host's receipt for this opening: it answers our own value, its signature is unchecked.
    pub fn receipt(&self) -> Option<&SignedReceipt> {
        self.receipt.as_ref()
    }

    /// Number of files, once a manifest came.
    pub fn file_count(&self) -> usize {
        self.slots.len()
    }

    /// Number of files that are opened or failed.
    pub fn finished_count(&self) -> usize {
        self.slots
            .iter()
            .filter(|slot| slot.result.is_some())
            .count()
    }

    /// All finished files, in the manifest's order, with what went wrong for each that failed.
    pub fn into_files(self) -> Vec<ViewedFile> {
        self.slots
            .into_iter()
            .enumerate()
            .filter_map(|(position, slot)| slot.viewed(position))
            .collect()
    }

    /// Takes one finished file out; asking again gives `None`.
    pub fn take_file_at(&mut self, position: usize) -> Option<ViewedFile> {
        let slot = self.slots.get_mut(position)?;
        let result = slot.result.replace(Err(FileProblem::Taken))?;
        Some(ViewedFile::new(position, slot.content_type.clone(), result))
    }
}

impl Slot {
    fn viewed(self, position: usize) -> Option<ViewedFile> {
        Some(ViewedFile::new(position, self.content_type, self.result?))
    }
}
