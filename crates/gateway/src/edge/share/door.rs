//! The public door of the share host: what readers of SMART Health Links meet.
//!
//! ```text
//! POST /s/{segment}                  manifest: 429 · 400 · 404 · 401 · 200, decided in this order
//! GET  /s/{segment}?recipient=       the one file of a direct link
//! GET  /s/{segment}/files/{token}    a file, for five minutes after its manifest
//! POST /s/{segment}/status           why it failed, for whoever holds the link
//! ```
//! What is decided, and why: the share crate's `rules`. Here: one SQLite transaction per request,
//! committed before any answer leaves, so that parallel guesses never exceed the budget.
//! All that is not open looks the same to a stranger: one 404, equal in body and headers.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use medfolder_crypto::Digest;
use medfolder_http::network;
use medfolder_share::manifest::{MAX_REQUEST_BYTES, RequestError, Source, recipient_words};
use medfolder_share::receipt::SignedReceipt;
use medfolder_share::rules::answer::HttpAnswer;
use medfolder_share::rules::host::{AccessOutcome, Begin, Outcome};
use medfolder_share::rules::location::{Ticket, location_url};
use medfolder_share::rules::opening::OpeningKey;
use medfolder_share::rules::status::{ShareCondition, StatusAnswer};
use medfolder_share::{Manifest, ManifestFile, ManifestRequest, ShareId};
use rusqlite::{Transaction, params};

use super::answer::{public, unavailable};
use super::record::{self, Access};
use super::store::{self, Phase, Stored, StoredFile};
use crate::edge::app::App;
use crate::edge::db::DbError;
use crate::edge::http::stream;

/// A request that passed 400 and 429.
struct Visit {
    segment: ShareId,
    request: ManifestRequest,
    address: IpAddr,
    direct: bool,
    now: u64,
}

/// What the transaction decided.
enum Decided {
    Answer(HttpAnswer),
    Serve {
        opening: u32,
        files: Vec<StoredFile>,
        receipt: Option<Box<SignedReceipt>>,
    },
}

/// POST of a manifest request.
pub(crate) async fn manifest(
    State(app): State<Arc<App>>,
    Path(segment): Path<String>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    body: Body,
) -> Response {
    let body = to_bytes(body, MAX_REQUEST_BYTES)
        .await
        .map_err(|_| RequestError::TooLarge);
    let request = body.and_then(|bytes| ManifestRequest::read(&bytes));
    visit(&app, &segment, network(peer.ip()), request, false).await
}

/// GET of a direct file.
pub(crate) async fn direct(
    State(app): State<Arc<App>>,
    Path(segment): Path<String>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    RawQuery(query): RawQuery,
) -> Response {
    let recipient = query_value(query.as_deref().unwrap_or_default(), "recipient");
    let request =
        recipient_words(&recipient.unwrap_or_default()).map(|recipient| ManifestRequest {
            recipient,
            ..ManifestRequest::default()
        });
    visit(&app, &segment, network(peer.ip()), request, true).await
}

/// HEAD: counts nothing, tells nothing.
pub(crate) async fn head() -> Response {
    public(HttpAnswer {
        status: 200,
        content_type: None,
        retry_after: None,
        body: Vec::new(),
    })
}

async fn visit(
    app: &Arc<App>,
    segment: &str,
    address: IpAddr,
    request: Result<ManifestRequest, RequestError>,
    direct: bool,
) -> Response {
    let now = app.now();
    // A segment of another form cannot exist; it still takes from one bucket, as others do.
    let segment = segment.parse().unwrap_or(ShareId::from_bytes([0; 32]));
    if let Err(early) = app.limits.link.take((address, segment), now) {
        return public(HttpAnswer::too_early(early));
    }
    let request = match request {
        Ok(request) => request,
        Err(error) => return public(HttpAnswer::bad_request(error)),
    };
    if !app.hears_ledger().await {
        return unavailable("ledger.old");
    }
    let visit = Visit {
        segment,
        request,
        address,
        direct,
        now: app.now(),
    };
    match decide(app, visit).await {
        Ok(Decided::Answer(answer)) => public(answer),
        Ok(Decided::Serve { files, .. }) if direct => direct_file(app, &files).await,
        Ok(Decided::Serve {
            opening,
            files,
            receipt,
        }) => listed(app, &segment, opening, &files, receipt),
        Err(error) => failed(&error),
    }
}

async fn decide(app: &Arc<App>, visit: Visit) -> Result<Decided, DbError> {
    let (own, now) = (app.clone(), visit.now);
    let (decided, reported) = app.db.write(move |t| decide_in(&own, t, &visit)).await?;
    if reported {
        tracing::debug!(now, "an access was noted");
        app.wake.report.notify_one();
    }
    Ok(decided)
}

fn decide_in(app: &App, t: &Transaction<'_>, visit: &Visit) -> rusqlite::Result<(Decided, bool)> {
    let found = store::by_segment(t, &visit.segment)?.filter(|share| share.serves(visit.now));
    let Some(mut share) = found else {
        return Ok((Decided::Answer(HttpAnswer::not_found()), false));
    };
    let address = visit.address.to_string();
    let key = OpeningKey::of(&app.pepper, &visit.segment, &visit.request, &address);
    let outcome = outcome(app, &mut share, visit, &key);
    if let (Outcome::Serve { opening, .. }, true) = (&outcome, visit.direct) {
        share.state.receive(visit.now, *opening, 0);
    }
    share.save(t)?;
    let noted = note(app, t, &share, visit, &key, &outcome)?;
    Ok(match (outcome.answer(), outcome) {
        (None, Outcome::Serve { opening, .. }) => (
            Decided::Serve {
                opening,
                files: share.files(t)?,
                receipt: match &visit.request.reader_value {
                    Some(value) => {
                        record::receipt(app, t, share.row, opening, value)?.map(Box::new)
                    }
                    None => None,
                },
            },
            noted,
        ),
        (answer, _) => (
            Decided::Answer(answer.unwrap_or_else(HttpAnswer::not_found)),
            noted,
        ),
    })
}

fn outcome(app: &App, share: &mut Stored, visit: &Visit, key: &OpeningKey) -> Outcome {
    // A used-up share answers strangers 404 whatever code they send: no try is taken for them.
    if share.state.condition(visit.now).0 == ShareCondition::UsedUp
        && share.state.clone().admit(visit.now, key) == Outcome::NotFound
    {
        return Outcome::NotFound;
    }
    let passcode = visit.request.passcode.as_ref();
    match share
        .state
        .begin(visit.now, passcode.is_some(), visit.direct)
    {
        Begin::Decided(outcome) => outcome,
        Begin::Admit => share.state.admit(visit.now, key),
        Begin::Compare(attempt) => {
            let guess = passcode.map(|text| text.as_str()).unwrap_or_default();
            let compared = attempt.compare(&app.pepper, &visit.segment, guess);
            share.state.settle(visit.now, compared, key)
        }
    }
}

/// Queues the access entry that an outcome is due; says whether there is one.
fn note(
    app: &App,
    t: &Transaction<'_>,
    share: &Stored,
    visit: &Visit,
    key: &OpeningKey,
    outcome: &Outcome,
) -> rusqlite::Result<bool> {
    let Some(due) = outcome.access() else {
        return Ok(false);
    };
    let value = visit.request.reader_value.clone().unwrap_or_default();
    if due == AccessOutcome::Refused && record::refused_lately(t, share.row, visit.now)? {
        return Ok(false);
    }
    let access = Access {
        share: share.row,
        grant: share.grant,
        time: visit.now,
        outcome: record::ledger_outcome(due),
        items: Vec::new(),
        session: key.digest(),
        words: visit.request.recipient.clone(),
        value: value.clone(),
    };
    let record = record::queue(app, t, access)?;
    if let Outcome::Serve { opening, .. } = outcome {
        let (words, sql) = (
            &visit.request.recipient,
            "INSERT OR IGNORE INTO opening (share, number, words, value, record)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        );
        t.prepare_cached(sql)?
            .execute(params![share.row, opening, words, value, record])?;
    }
    Ok(true)
}

fn listed(
    app: &App,
    segment: &ShareId,
    opening: u32,
    files: &[StoredFile],
    receipt: Option<Box<SignedReceipt>>,
) -> Response {
    let (now, url) = (app.now(), app.manifest_url(segment));
    let entries = files.iter().zip(0..).map(|(file, k)| {
        let token = Ticket::issue(k, opening, now).token(&app.pepper, segment);
        ManifestFile {
            content_type: file.kind.clone(),
            source: Source::Location(location_url(&url, &token)),
            last_updated: iso(file.updated),
        }
    });
    let manifest = Manifest {
        files: entries.collect(),
        status: None,
        list: None,
        receipt: receipt.map(|receipt| *receipt),
    };
    match HttpAnswer::manifest(&manifest) {
        Ok(answer) => public(answer),
        Err(error) => {
            tracing::error!(code = error.code(), "a share has no manifest");
            public(HttpAnswer::not_found())
        }
    }
}

fn iso(time: u64) -> Option<String> {
    let time = chrono::DateTime::from_timestamp_millis(i64::try_from(time).ok()?)?;
    Some(time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
}

async fn direct_file(app: &Arc<App>, files: &[StoredFile]) -> Response {
    match files.first() {
        Some(file) => send(app, file.blob).await,
        None => public(HttpAnswer::not_found()),
    }
}

/// GET of a location.
pub(crate) async fn file(
    State(app): State<Arc<App>>,
    Path((segment, token)): Path<(String, String)>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
) -> Response {
    let now = app.now();
    let segment = segment.parse().unwrap_or(ShareId::from_bytes([0; 32]));
    if let Err(early) = app.limits.file.take((network(peer.ip()), segment), now) {
        return public(HttpAnswer::too_early(early));
    }
    if !app.hears_ledger().await {
        return unavailable("ledger.old");
    }
    let Some(ticket) = Ticket::check(&app.pepper, &segment, &token, now) else {
        return public(HttpAnswer::not_found());
    };
    let fetched = app.db.write(move |t| {
        let Some(mut share) = store::by_segment(t, &segment)?.filter(|s| s.serves(now)) else {
            return Ok(None);
        };
        if !share.state.fetch(now, &ticket) {
            return Ok(None);
        }
        share.save(t)?;
        share.file(t, ticket.file)
    });
    match fetched.await {
        Ok(Some(blob)) => send(&app, blob).await,
        Ok(None) => public(HttpAnswer::not_found()),
        Err(error) => failed(&error),
    }
}

async fn send(app: &Arc<App>, blob: Digest) -> Response {
    let blobs = app.blobs.clone();
    match tokio::task::spawn_blocking(move || blobs.get(&blob)).await {
        Ok(Ok(Some(open))) => {
            let response = stream::ranged(open, &HeaderMap::new(), "application/jose");
            super::answer::with_public_headers(response)
        }
        _ => {
            tracing::error!(code = "blob.absent", "a shared file is not in the store");
            public(HttpAnswer::not_found())
        }
    }
}

/// POST of the link's status secret.
pub(crate) async fn status(
    State(app): State<Arc<App>>,
    Path(segment): Path<String>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    body: Body,
) -> Response {
    let now = app.now();
    let segment = segment.parse().unwrap_or(ShareId::from_bytes([0; 32]));
    if let Err(early) = app.limits.link.take((network(peer.ip()), segment), now) {
        return public(HttpAnswer::too_early(early));
    }
    let Ok(body) = to_bytes(body, MAX_REQUEST_BYTES).await else {
        return public(HttpAnswer::bad_request(RequestError::TooLarge));
    };
    match app.db.read(move |c| store::by_segment(c, &segment)).await {
        Ok(share) => {
            let answer = share
                .filter(|share| share.phase == Phase::Granted)
                .and_then(|share| {
                    let answer = share.state.status(now, &body, &app.name)?;
                    let state = match share.held {
                        true => ShareCondition::Revoked,
                        false => answer.state,
                    };
                    Some(StatusAnswer { state, ..answer })
                });
            public(answer.map_or_else(HttpAnswer::not_found, |answer| HttpAnswer::status(&answer)))
        }
        Err(error) => failed(&error),
    }
}

fn failed(error: &DbError) -> Response {
    tracing::error!(code = error.code(), %error, "the index failed");
    if matches!(error, DbError::Full) {
        // What cannot be counted is not answered; it may be again soon.
        return unavailable("storage.full");
    }
    super::answer::with_public_headers(StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

impl Stored {
    /// Whether the grant is final, its window has begun, and it does not rest.
    fn serves(&self, now: u64) -> bool {
        self.phase == Phase::Granted && self.begins <= now && !self.held
    }
}

/// A value of a query: percent-decoded, `+` read as space.
fn query_value(query: &str, name: &str) -> Option<String> {
    let value = query.split('&').find_map(|pair| {
        let (found, value) = pair.split_once('=').unwrap_or((pair, ""));
        (found == name).then_some(value)
    })?;
    let (mut bytes, mut rest) = (Vec::new(), value.bytes());
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::query_value;

    #[test]
    fn a_recipient_is_read_from_the_query_in_either_form_of_space() {
        let query = "v=1&recipient=Dr.+Li%20%E6%9D%8E&x=%zz";
        assert_eq!(
            query_value(query, "recipient").as_deref(),
            Some("Dr. Li 李")
        );
        assert_eq!(query_value(query, "x"), None);
        assert_eq!(query_value("recipient", "recipient").as_deref(), Some(""));
    }
}
