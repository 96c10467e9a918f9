//! The exchange zone: a card's envelopes, slots and attachments, as ciphertext.
//!
//! What arrives is not believed here: whoever opens a record computes its leaf and compares it with
//! the ledger. This file keeps memory bounded (items are handed on one by one, a full channel slows
//! the download down) and takes nothing that was not asked for.

use std::collections::BTreeSet;

use medfolder_record::limits::MAX_ENVELOPE;
use medfolder_record::{RecordId, VisitId};
use minicbor::Decoder;
use reqwest::{Method, Response, StatusCode, header};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::api::zone::{FetchItem, FetchRequest, Info, MAX_FETCH};
use crate::api::{Peer, zone::SealName};
use crate::http::{Http, HttpError, join};
use crate::login::{Door, LoginFailure};

/// Longest item of an answer.
const MAX_ITEM: usize = MAX_ENVELOPE + 1024;
/// Items that wait for whoever takes them.
const WAITING_ITEMS: usize = 8;
/// Longest wrapped slot.
const MAX_SLOT: usize = 4096;

/// Why the zone gave nothing usable.
#[derive(Debug, thiserror::Error)]
pub enum ZoneError {
    /// No session, or no answer.
    #[error(transparent)]
    Login(#[from] LoginFailure),
    /// The edge sends what nobody asked for.
    #[error("the hospital's edge sent something that was not asked for")]
    Unasked,
    /// The answer ends before all items came.
    #[error("the hospital's edge sent less than was asked for")]
    Incomplete,
}

impl ZoneError {
    /// Stable code of the error; the edge's own when it gave one that it may say.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            ZoneError::Login(error) => error.code_from(Peer::Edge),
            ZoneError::Unasked => "zone.unasked",
            ZoneError::Incomplete => "zone.incomplete",
        }
    }
}

impl From<HttpError> for ZoneError {
    fn from(error: HttpError) -> Self {
        ZoneError::Login(error.into())
    }
}

/// Asks an edge who it is.
///
/// # Errors
/// [`HttpError`].
pub async fn info(http: &Http, base: &url::Url) -> Result<Info, HttpError> {
    http.get(&join(base, "v1/info")?, None).await
}

/// One card's view of an exchange zone. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ZoneClient(Door);

impl ZoneClient {
    /// Behind a door that logs in with the card.
    #[must_use]
    pub const fn new(door: Door) -> Self {
        Self(door)
    }

    /// Fetches any number of slots and records over at most `parallel` connections.
    ///
    /// Items come in no particular order, each exactly once (present or missing); the first error
    /// ends the download. Dropping the receiver ends it, too.
    #[must_use]
    pub fn fetch(
        &self,
        seals: &[SealName],
        records: &[RecordId],
        parallel: usize,
    ) -> mpsc::Receiver<Result<FetchItem, ZoneError>> {
        let (sender, receiver) = mpsc::channel(WAITING_ITEMS);
        let mut requests = split(seals, records).into_iter();
        let client = self.clone();
        tokio::spawn(async move {
            let mut running = JoinSet::new();
            loop {
                while running.len() < parallel.max(1) {
                    let Some(request) = requests.next() else {
                        break;
                    };
                    running.spawn(client.clone().fetch_one(request, sender.clone()));
                }
                match running.join_next().await {
                    Some(Ok(true)) => {}
                    // An error was handed on, or nobody listens any more: the rest is aborted.
                    Some(_) | None => return,
                }
            }
        });
        receiver
    }

    /// Says whether to go on.
    async fn fetch_one(
        self,
        request: FetchRequest,
        sender: mpsc::Sender<Result<FetchItem, ZoneError>>,
    ) -> bool {
        match self.hand_on(request, &sender).await {
            Ok(go_on) => go_on,
            Err(error) => {
                let _ = sender.send(Err(error)).await;
                false
            }
        }
    }

    async fn hand_on(
        &self,
        request: FetchRequest,
        sender: &mpsc::Sender<Result<FetchItem, ZoneError>>,
    ) -> Result<bool, ZoneError> {
        let url = join(self.0.base(), "v1/zone/fetch")?;
        let response = self
            .0
            .send(|http| Ok(http.request(Method::POST, &url)?.json(&request)))
            .await?;
        let mut wanted = Wanted::of(&request);
        let mut items = Items::new(response);
        while let Some(item) = items.next().await? {
            if !wanted.take(&item) {
                return Err(ZoneError::Unasked);
            }
            if sender.send(Ok(item)).await.is_err() {
                return Ok(false);
            }
        }
        if wanted.is_empty() {
            Ok(true)
        } else {
            Err(ZoneError::Incomplete)
        }
    }

    /// One record's envelope; `None` when the zone has none for this card.
    ///
    /// # Errors
    /// [`ZoneError`].
    pub async fn envelope(&self, record: RecordId) -> Result<Option<Vec<u8>>, ZoneError> {
        self.get(&format!("v1/zone/records/{record}/envelope"), MAX_ENVELOPE)
            .await
    }

    /// One seal's slot; `None` when the zone has none for this card.
    ///
    /// # Errors
    /// [`ZoneError`].
    pub async fn slot(&self, seal: SealName) -> Result<Option<Vec<u8>>, ZoneError> {
        self.get(&slot_path(seal.visit, seal.seq), MAX_SLOT).await
    }

    async fn get(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, ZoneError> {
        match self.0.get_bytes(path, limit).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(LoginFailure::Http(error)) if error.status() == Some(404) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Stores a slot that a successor card wrapped to itself, and reads it back.
    ///
    /// # Errors
    /// [`ZoneError`]; [`ZoneError::Unasked`] when the edge gives back other bytes.
    pub async fn put_slot(&self, seal: SealName, slot: &[u8]) -> Result<(), ZoneError> {
        let path = slot_path(seal.visit, seal.seq);
        self.0.put(&path, "application/octet-stream", slot).await?;
        match self.slot(seal).await? {
            Some(kept) if kept == slot => Ok(()),
            _ => Err(ZoneError::Unasked),
        }
    }

    /// An attachment's ciphertext from byte `from` on, piece by piece.
    ///
    /// # Errors
    /// [`ZoneError`].
    pub async fn attachment(
        &self,
        record: RecordId,
        index: u32,
        from: u64,
    ) -> Result<AttachmentStream, ZoneError> {
        let path = format!("v1/zone/records/{record}/attachments/{index}");
        let url = join(self.0.base(), &path)?;
        let build = |http: &Http| {
            let get = http.request(Method::GET, &url)?;
            Ok(if from > 0 {
                get.header(header::RANGE, format!("bytes={from}-"))
            } else {
                get
            })
        };
        let response = self.0.send(build).await?;
        // An edge that ignores the range sends everything; what came before is skipped.
        let skip = if response.status() == StatusCode::PARTIAL_CONTENT {
            0
        } else {
            from
        };
        Ok(AttachmentStream { response, skip })
    }
}

/// An attachment that is arriving.
#[derive(Debug)]
pub struct AttachmentStream {
    response: Response,
    skip: u64,
}

impl AttachmentStream {
    /// The next piece of ciphertext; `None` at its end.
    ///
    /// # Errors
    /// [`ZoneError`] when the connection breaks: go on later from the byte that is missing.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, ZoneError> {
        while let Some(chunk) = self.response.chunk().await.map_err(HttpError::from)? {
            let skipped = self.skip.min(chunk.len() as u64);
            self.skip -= skipped;
            let rest = usize::try_from(skipped).ok().and_then(|at| chunk.get(at..));
            if let Some(rest) = rest.filter(|rest| !rest.is_empty()) {
                return Ok(Some(rest.to_vec()));
            }
        }
        Ok(None)
    }
}

fn slot_path(visit: VisitId, seq: u32) -> String {
    format!("v1/zone/slots/{visit}/{seq}")
}

fn split(seals: &[SealName], records: &[RecordId]) -> Vec<FetchRequest> {
    let seals = seals.chunks(MAX_FETCH).map(|seals| FetchRequest {
        seals: seals.to_vec(),
        records: Vec::new(),
    });
    let records = records.chunks(MAX_FETCH).map(|records| FetchRequest {
        seals: Vec::new(),
        records: records.to_vec(),
    });
    seals.chain(records).collect()
}

/// What a request still waits for.
struct Wanted {
    records: BTreeSet<RecordId>,
    seals: BTreeSet<SealName>,
}

impl Wanted {
    fn of(request: &FetchRequest) -> Self {
        Self {
            records: request.records.iter().copied().collect(),
            seals: request.seals.iter().copied().collect(),
        }
    }

    fn take(&mut self, item: &FetchItem) -> bool {
        match item {
            FetchItem::Envelope { record, .. } | FetchItem::MissingRecord { record } => {
                self.records.remove(record)
            }
            FetchItem::Slot { visit, seq, .. } | FetchItem::MissingSlot { visit, seq } => {
                self.seals.remove(&SealName {
                    visit: *visit,
                    seq: *seq,
                })
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.records.is_empty() && self.seals.is_empty()
    }
}

/// Items of a CBOR sequence (RFC 8742) as they arrive.
struct Items {
    response: Response,
    buffer: Vec<u8>,
    used: usize,
}

impl Items {
    fn new(response: Response) -> Self {
        Self {
            response,
            buffer: Vec::new(),
            used: 0,
        }
    }

    async fn next(&mut self) -> Result<Option<FetchItem>, ZoneError> {
        loop {
            if let Some(item) = self.decode()? {
                return Ok(Some(item));
            }
            self.buffer.drain(..self.used);
            self.used = 0;
            let Some(chunk) = self.response.chunk().await.map_err(HttpError::from)? else {
                let whole = self.buffer.is_empty();
                return if whole {
                    Ok(None)
                } else {
                    Err(ZoneError::Incomplete)
                };
            };
            if self.buffer.len().saturating_add(chunk.len()) > MAX_ITEM.saturating_add(1 << 20) {
                return Err(HttpError::TooLarge.into());
            }
            self.buffer.extend_from_slice(&chunk);
        }
    }

    /// The next whole item of the buffer. Byte strings are measured before they are read, so a
    /// half-arrived one costs nothing.
    fn decode(&mut self) -> Result<Option<FetchItem>, ZoneError> {
        let rest = self.buffer.get(self.used..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(None);
        }
        let mut decoder = Decoder::new(rest);
        match decoder.decode::<FetchItem>() {
            Ok(item) => {
                self.used = self.used.saturating_add(decoder.position());
                Ok(Some(item))
            }
            Err(error) if error.is_end_of_input() => Ok(None),
            Err(_) => Err(HttpError::Malformed.into()),
        }
    }
}

#[cfg(test)]
mod tests;
