//! Fetching ciphertext with a card's token.
//!
//! A record of another card is answered like one that does not exist. The answer to a batch is a
//! CBOR sequence that streams: slots first, then records, in the order asked.

use std::io::Read as _;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use medfolder_client::api::zone::{FetchItem, FetchRequest, Info, MAX_FETCH, SealName};
use medfolder_crypto::{Digest, to_cbor};
use medfolder_http::{Json, Problem};
use medfolder_record::limits::MAX_ENVELOPE;
use medfolder_record::{CardNumber, RecordId, VisitId};

use super::index;
use crate::edge::app::App;
use crate::edge::card;
use crate::edge::db::DbError;
use crate::edge::http::card::ReadingCard;
use crate::edge::http::stream;

const OCTETS: &str = "application/octet-stream";

/// GET /v1/info.
pub(crate) async fn info(State(app): State<Arc<App>>) -> Json<Info> {
    Json(Info {
        member: app.member,
        name: app.name.clone(),
        genesis: app.chain.digest(),
        time: app.clock.now(),
    })
}

/// POST /v1/zone/fetch.
pub(crate) async fn batch(
    State(app): State<Arc<App>>,
    ReadingCard(card): ReadingCard,
    Json(wanted): Json<FetchRequest>,
) -> Result<Response, Problem> {
    if wanted.records.len() > MAX_FETCH || wanted.seals.len() > MAX_FETCH {
        return Err(Problem::bad("zone.too_many"));
    }
    let seals = wanted.seals.into_iter().map(Wanted::Slot);
    let items: Vec<Wanted> = seals
        .chain(wanted.records.into_iter().map(Wanted::Record))
        .collect();
    let state = (app, items.into_iter());
    let body = futures_util::stream::try_unfold(state, move |(app, mut items)| async move {
        let Some(wanted) = items.next() else {
            return Ok(None);
        };
        let bytes = item(&app, card, wanted)
            .await
            .map_err(std::io::Error::other)?;
        Ok::<_, std::io::Error>(Some((bytes, (app, items))))
    });
    let headers = [
        (header::CONTENT_TYPE, "application/cbor"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}

enum Wanted {
    Slot(SealName),
    Record(RecordId),
}

async fn item(app: &Arc<App>, card: CardNumber, wanted: Wanted) -> Result<Bytes, DbError> {
    let item = match wanted {
        Wanted::Slot(SealName { visit, seq }) => {
            let slot = slot_bytes(app, card, visit, seq).await?;
            match slot {
                Some(slot) => FetchItem::Slot { visit, seq, slot },
                None => FetchItem::MissingSlot { visit, seq },
            }
        }
        Wanted::Record(record) => match envelope_bytes(app, card, record).await? {
            Some(envelope) => FetchItem::Envelope { record, envelope },
            None => FetchItem::MissingRecord { record },
        },
    };
    Ok(Bytes::from(to_cbor(&item)))
}

async fn envelope_bytes(
    app: &Arc<App>,
    card: CardNumber,
    record: RecordId,
) -> Result<Option<Vec<u8>>, DbError> {
    let Some(found) = readable(app, card, record).await? else {
        return Ok(None);
    };
    let blobs = app.blobs.clone();
    let read = move || -> Option<Vec<u8>> {
        let open = blobs.get(&found.envelope).ok()??;
        let mut bytes = Vec::with_capacity(usize::try_from(open.length).unwrap_or(0));
        open.reader
            .take(MAX_ENVELOPE as u64)
            .read_to_end(&mut bytes)
            .ok()?;
        Some(bytes)
    };
    tokio::task::spawn_blocking(read)
        .await
        .map_err(|_| DbError::Closing)
}

/// The record's entry, if the card may read it.
async fn readable(
    app: &Arc<App>,
    card: CardNumber,
    record: RecordId,
) -> Result<Option<index::Record>, DbError> {
    app.db
        .read(move |c| match index::record(c, &record)? {
            Some(found) if card::speaks_for(c, &card, &found.card)? => Ok(Some(found)),
            _ => Ok(None),
        })
        .await
}

pub(super) async fn slot_bytes(
    app: &Arc<App>,
    card: CardNumber,
    visit: VisitId,
    seq: u32,
) -> Result<Option<Vec<u8>>, DbError> {
    // A successor reads the slots of the cards before it until it has put its own.
    app.db
        .read(move |c| {
            if let Some(own) = index::slot(c, &visit, seq, &card)? {
                return Ok(Some(own));
            }
            match index::card_of_seal(c, &visit, seq)? {
                Some(owner) if card::speaks_for(c, &card, &owner)? => {
                    for old in card::chain(c, &owner)?.iter().rev() {
                        if let Some(slot) = index::slot(c, &visit, seq, old)? {
                            return Ok(Some(slot));
                        }
                    }
                    Ok(None)
                }
                _ => Ok(None),
            }
        })
        .await
}

/// GET /v1/zone/records/{record}/envelope.
pub(crate) async fn envelope(
    State(app): State<Arc<App>>,
    ReadingCard(card): ReadingCard,
    Path(record): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let record = record.parse().map_err(|_| absent())?;
    let found = readable(&app, card, record).await?.ok_or_else(absent)?;
    blob(&app, found.envelope, &headers).await
}

/// GET /v1/zone/records/{record}/attachments/{j}.
pub(crate) async fn attachment(
    State(app): State<Arc<App>>,
    ReadingCard(card): ReadingCard,
    Path((record, j)): Path<(String, u32)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let record: RecordId = record.parse().map_err(|_| absent())?;
    readable(&app, card, record).await?.ok_or_else(absent)?;
    let attachments = app.db.read(move |c| index::attachments(c, &record)).await?;
    let found = attachments
        .into_iter()
        .find(|one| one.j == j)
        .ok_or_else(absent)?;
    blob(&app, found.blob, &headers).await
}

async fn blob(app: &Arc<App>, name: Digest, headers: &HeaderMap) -> Result<Response, Problem> {
    let blobs = app.blobs.clone();
    let open = tokio::task::spawn_blocking(move || blobs.get(&name)).await;
    let open = open.map_err(|_| Problem::internal())??.ok_or_else(absent)?;
    Ok(stream::ranged(open, headers, OCTETS))
}

const fn absent() -> Problem {
    Problem::absent("zone.absent")
}
