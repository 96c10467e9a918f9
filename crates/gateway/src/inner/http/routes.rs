//! What each route does: read the request, work on a thread that may block, answer.

use std::io::Read;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use medfolder_crypto::{from_cbor, to_cbor};
use medfolder_http::{Json, Problem};
use medfolder_ledger::body::RevokeReason;
use medfolder_record::KeyId;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::inner::carried::Delivered;
use crate::inner::desk::{self, Confirmed, GivenCode};
use crate::inner::inlet::{self, Taken};
use crate::inner::staff::{self, NewStaff, StaffMember};
use crate::inner::status::Status;
use crate::inner::vault_file::Plain;
use crate::inner::work;
use crate::inner::zone::Zone;
use crate::worklist::{self, Answers, Items};

/// Headers with the hospital's own signature over the document, answers about the revocation of its
/// certificate, and a time-stamp.
const SIGNATURE: &str = "medfolder-signature";
const REVOCATION: &str = "medfolder-revocation";
const TIME_STAMP: &str = "medfolder-time-stamp";

type Shared = State<Arc<Zone>>;

async fn blocking<T, E>(
    zone: Arc<Zone>,
    work: impl FnOnce(&Zone) -> Result<T, E> + Send + 'static,
) -> Result<T, Problem>
where
    T: Send + 'static,
    E: Send + 'static,
    Problem: From<E>,
{
    match tokio::task::spawn_blocking(move || work(&zone)).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(Problem::internal()),
    }
}

fn cbor(bytes: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/cbor")], bytes).into_response()
}

pub(super) async fn fhir(
    State(zone): Shared,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Taken>, Problem> {
    let carried = carried(&headers)?;
    let body = body.map_err(|refused| match refused.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "fhir.too_large")
        }
        _ => Problem::bad("fhir.truncated"),
    })?;
    Ok(Json(
        blocking(zone, move |zone| inlet::take(zone, &body, carried.as_ref())).await?,
    ))
}

/// The signature that the headers hold.
fn carried(headers: &HeaderMap) -> Result<Option<Delivered>, Problem> {
    let all = |name: &str| -> Result<Vec<Vec<u8>>, Problem> {
        let values = headers.get_all(name).iter();
        let decoded: Result<_, _> = values.map(|value| STANDARD.decode(value)).collect();
        decoded.map_err(|_| Problem::bad("carried.form"))
    };
    match all(SIGNATURE)?.into_iter().next() {
        Some(cms) => {
            let time_stamp = all(TIME_STAMP)?.into_iter().next();
            Ok(Some(Delivered::new(cms, all(REVOCATION)?, time_stamp)?))
        }
        None => Ok(None),
    }
}

#[derive(Deserialize)]
pub(super) struct ItemsQuery {
    keys: String,
    #[serde(default)]
    after: u64,
    #[serde(default)]
    limit: Option<usize>,
}

pub(super) async fn items(
    State(zone): Shared,
    Query(query): Query<ItemsQuery>,
) -> Result<Response, Problem> {
    let keys: Result<Vec<KeyId>, _> = query
        .keys
        .split(',')
        .filter(|key| !key.is_empty())
        .map(str::parse)
        .collect();
    let keys = keys.map_err(|_| Problem::bad("worklist.keys"))?;
    let limit = query.limit.unwrap_or(worklist::MAX_ITEMS);
    let bytes = blocking(zone, move |zone| {
        let items = work::items(zone, &keys, query.after, limit)?;
        Ok::<_, crate::inner::InnerError>(to_cbor(&Items {
            version: worklist::VERSION,
            items,
        }))
    });
    Ok(cbor(bytes.await?))
}

pub(super) async fn item(State(zone): Shared, Path(id): Path<u64>) -> Result<Response, Problem> {
    let item = blocking(zone, move |zone| work::item(zone, id)).await?;
    item.map(|item| cbor(to_cbor(&item)))
        .ok_or_else(|| Problem::absent(work::NO_ITEM))
}

pub(super) async fn attachment(
    State(zone): Shared,
    Path((id, index)): Path<(u64, usize)>,
) -> Result<Response, Problem> {
    let plain = blocking(zone, move |zone| work::attachment(zone, id, index)).await?;
    let plain = plain.ok_or_else(|| Problem::absent(work::NO_ITEM))?;
    Ok(Body::new(Streamed(Some(plain))).into_response())
}

/// A stored file as a response body, part by part.
struct Streamed(Option<Plain>);

impl http_body::Body for Streamed {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, std::io::Error>>> {
        let Some(plain) = &mut self.0 else {
            return std::task::Poll::Ready(None);
        };
        let mut part = vec![0; 64 << 10];
        std::task::Poll::Ready(match plain.read(&mut part) {
            Ok(0) => None,
            Ok(count) => {
                part.truncate(count);
                Some(Ok(http_body::Frame::data(part.into())))
            }
            Err(error) => {
                self.0 = None;
                Some(Err(error))
            }
        })
    }
}

pub(super) async fn answers(State(zone): Shared, body: Bytes) -> Result<Response, Problem> {
    let malformed = || Problem::bad("worklist.malformed");
    let answers: Answers = from_cbor(&body, body.len()).map_err(|_| malformed())?;
    if answers.version != worklist::VERSION || answers.answers.len() > worklist::MAX_ITEMS {
        return Err(malformed());
    }
    let codes = blocking(zone, move |zone| work::answer(zone, &answers.answers)).await?;
    Ok(cbor(to_cbor(&worklist::Taken {
        version: worklist::VERSION,
        codes,
    })))
}

#[derive(Deserialize)]
pub(super) struct CodeRequest {
    patient: String,
}

pub(super) async fn code(
    State(zone): Shared,
    Json(request): Json<CodeRequest>,
) -> Result<Json<GivenCode>, Problem> {
    Ok(Json(
        blocking(zone, move |zone| desk::give(zone, &request.patient)).await?,
    ))
}

#[derive(Deserialize)]
pub(super) struct ConfirmRequest {
    code: String,
    card_end: String,
}

pub(super) async fn confirm(
    State(zone): Shared,
    Json(request): Json<ConfirmRequest>,
) -> Result<Json<Confirmed>, Problem> {
    let work = move |zone: &Zone| desk::confirm(zone, &request.code, &request.card_end);
    Ok(Json(blocking(zone, work).await?))
}

pub(super) async fn staff(State(zone): Shared) -> Result<Json<Vec<StaffMember>>, Problem> {
    Ok(Json(blocking(zone, staff::list).await?))
}

pub(super) async fn enrol(
    State(zone): Shared,
    Json(person): Json<NewStaff>,
) -> Result<Json<Value>, Problem> {
    let key = blocking(zone, move |zone| staff::enrol(zone, &person)).await?;
    Ok(Json(json!({ "key": key })))
}

#[derive(Deserialize)]
pub(super) struct RevokeRequest {
    reason: RevokeReason,
}

pub(super) async fn revoke(
    State(zone): Shared,
    Path(key): Path<String>,
    Json(request): Json<RevokeRequest>,
) -> Result<Json<Value>, Problem> {
    let key: KeyId = key.parse().map_err(|_| Problem::absent("staff.unknown"))?;
    blocking(zone, move |zone| staff::revoke(zone, key, request.reason)).await?;
    Ok(Json(json!({ "key": key })))
}

pub(super) async fn retry(State(zone): Shared) -> Result<Json<Value>, Problem> {
    let records = blocking(zone, work::retry_held).await?;
    Ok(Json(json!({ "records": records })))
}

pub(super) async fn status(State(zone): Shared) -> Result<Json<Status>, Problem> {
    Ok(Json(blocking(zone, crate::inner::status::status).await?))
}
