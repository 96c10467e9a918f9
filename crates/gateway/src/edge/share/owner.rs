//! What a share's owner asks of its host, signed with the grant key.
//!
//! ```text
//! GET  /v1/shares/{grant}/accesses · /state
//! POST /v1/shares/{grant}/passcode · /revoke · /shorten · /extend
//! PUT  /v1/shares/{grant}/files/{k}          a newer version of a file, same key, new nonce
//! ```
//! A Revoke or Shorten that the grant key signed ends the share here at once, before the ledger
//! has it. An Extend wants the card still active, and the host's signature; a newer file the former.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Path, Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use medfolder_client::api::Blob;
use medfolder_client::api::share::{
    AccessesAnswer, EndRequest, HostAccess, MAX_FILE, Outcome, PasscodeRequest, SIGNATURE_HEADER,
    ShareState,
};
use medfolder_client::grant_request::{GrantRequest, TOLERANCE};
use medfolder_crypto::Digest;
use medfolder_http::{Json, Problem};
use medfolder_ledger::body::{AccessOutcome, Body as TxBody};
use medfolder_ledger::transaction::Transaction;
use medfolder_record::GrantId;
use medfolder_share::json;
use medfolder_share::receipt::AccessRecord;
use medfolder_share::rules::host::HostError;
use medfolder_share::rules::passcode::passcode_fits;
use rusqlite::{Connection, params};
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

use super::publish::until_settled;
use super::store::{self, Phase, Stored};
use super::{draft, purge, record};
use crate::edge::app::App;
use crate::edge::db::int;
use crate::edge::http::routes::JSON_LIMIT;
use crate::edge::outbox::{self, Kind};
use crate::edge::{card, chain};

/// A request whose signature by the grant key holds.
pub(crate) struct Owned {
    grant: GrantId,
    body: Bytes,
}

/// Files that are read before their signature can be checked, at most so many at a time: whoever
/// knows a share's id can send them. What is short, such as the word that ends a share, waits for
/// none of them.
static UPLOADS: Semaphore = Semaphore::const_new(8);
/// How long one may take.
const UPLOAD: Duration = Duration::from_secs(60);

impl FromRequest<Arc<App>> for Owned {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let absent = || Problem::absent("share.absent");
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().to_owned();
        let grant: GrantId = grant_in(&path).ok_or_else(absent)?;
        let share = app
            .db
            .read(move |c| store::by_grant(c, &grant))
            .await?
            .ok_or_else(absent)?;
        let longest = match parts.method {
            Method::PUT => MAX_FILE,
            _ => JSON_LIMIT,
        };
        let change = parts.method != Method::GET;
        let _turn = match parts.method {
            Method::PUT => UPLOADS.acquire().await.ok(),
            _ => None,
        };
        let body = tokio::time::timeout(UPLOAD, axum::body::to_bytes(body, longest))
            .await
            .map_err(|_| Problem::too_slow())?
            .map_err(|_| Problem::too_large())?;
        let signed = GrantRequest {
            genesis: app.chain.digest(),
            grant,
            method: parts.method.as_str(),
            origin: &app.origin,
            path: parts
                .uri
                .path_and_query()
                .map_or(&path, |target| target.as_str()),
            body: &body,
        };
        let request = signed
            .verify(
                app.suite,
                &share.key,
                signature(&parts.headers),
                app.clock.now(),
            )
            .map_err(|error| Problem::unauthorized(error.code()))?;
        if change {
            once(app, request).await?;
        }
        Ok(Self { grant, body })
    }
}

/// Takes a signed request once, for as long as its time holds: whoever captured it sends it in vain.
async fn once(app: &Arc<App>, request: Digest) -> Result<(), Problem> {
    let until = app.clock.now().saturating_add(2 * TOLERANCE);
    let note = move |t: &rusqlite::Transaction<'_>| {
        t.execute(
            "INSERT OR IGNORE INTO request (digest, until) VALUES (?1, ?2)",
            params![request.0, int(until)],
        )
    };
    match app.db.write(note).await? {
        1 => Ok(()),
        _ => Err(Problem::conflict("request.repeated")),
    }
}

/// Forgets requests whose time is over.
pub(crate) fn prune(t: &rusqlite::Transaction<'_>, now: u64) -> rusqlite::Result<usize> {
    t.execute("DELETE FROM request WHERE until < ?1", params![int(now)])
}

fn grant_in(path: &str) -> Option<GrantId> {
    path.strip_prefix("/v1/shares/")?
        .split('/')
        .next()?
        .parse()
        .ok()
}

fn signature(headers: &HeaderMap) -> &str {
    headers
        .get(SIGNATURE_HEADER)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

impl Owned {
    fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        json::read(&self.body).map_err(|_| Problem::bad("body.malformed"))
    }
}

/// GET …/state.
pub(crate) async fn state(
    State(app): State<Arc<App>>,
    owned: Owned,
) -> Result<Json<ShareState>, Problem> {
    answer(&app, owned.grant).await
}

async fn answer(app: &Arc<App>, grant: GrantId) -> Result<Json<ShareState>, Problem> {
    let now = app.now();
    let share = app.db.read(move |c| store::by_grant(c, &grant)).await?;
    let share = share.ok_or(Problem::absent("share.absent"))?;
    let (state, since) = share.state.condition(now);
    Ok(Json(ShareState {
        state,
        since,
        end: share.state.ends_ms(),
        opened: share.state.uses(),
        openings: share.openings,
        tries_left: share.state.tries_left(),
    }))
}

/// GET …/accesses.
pub(crate) async fn accesses(
    State(app): State<Arc<App>>,
    owned: Owned,
) -> Result<Json<AccessesAnswer>, Problem> {
    let accesses = app.db.read(move |c| records(c, &owned.grant)).await?;
    Ok(Json(AccessesAnswer { accesses }))
}

fn records(connection: &Connection, grant: &GrantId) -> rusqlite::Result<Vec<HostAccess>> {
    let Some(share) = store::by_grant(connection, grant)? else {
        return Ok(Vec::new());
    };
    connection
        .prepare_cached("SELECT outcome, items, record FROM access WHERE share = ?1 ORDER BY id")?
        .query_map(params![share.row], |row| {
            let outcome = outcome(record::outcome_of(row.get(0)?));
            let (items, record): (Vec<u8>, Vec<u8>) = (row.get(1)?, row.get(2)?);
            let so_far = (outcome == Outcome::Opened).then(|| so_far(&share, &record));
            Ok(HostAccess {
                outcome,
                items: (outcome == Outcome::Ended).then_some(Blob(items)),
                so_far: so_far.flatten(),
                record: Blob(record),
            })
        })?
        .collect()
}

/// What an opening has received that no entry says yet.
fn so_far(share: &Stored, record: &[u8]) -> Option<Blob> {
    let record: AccessRecord = medfolder_crypto::from_cbor(record, record.len()).ok()?;
    let items = share.state.unreported(&record.session, record.host_ms)?;
    Some(Blob(items.as_bytes().to_vec()))
}

const fn outcome(outcome: AccessOutcome) -> Outcome {
    match outcome {
        AccessOutcome::Opened => Outcome::Opened,
        AccessOutcome::Ended => Outcome::Ended,
        AccessOutcome::WrongCode => Outcome::WrongCode,
        AccessOutcome::Refused => Outcome::Refused,
        AccessOutcome::Locked => Outcome::Locked,
    }
}

/// POST …/passcode: a new secret with a new budget.
pub(crate) async fn passcode(
    State(app): State<Arc<App>>,
    owned: Owned,
) -> Result<Json<ShareState>, Problem> {
    let request: PasscodeRequest = owned.json()?;
    if !passcode_fits(&request.passcode) {
        return Err(Problem::bad("passcode.length"));
    }
    let (own, now) = (app.clone(), app.now());
    let write = move |t: &rusqlite::Transaction<'_>| {
        change(t, &owned.grant, |share| {
            let (pepper, segment) = (&own.pepper, share.segment);
            share
                .state
                .set_passcode(now, pepper, &segment, &request.passcode)
        })
    };
    app.db.write(write).await??;
    answer(&app, owned.grant).await
}

/// Changes a share by its rules.
fn change(
    t: &rusqlite::Transaction<'_>,
    grant: &GrantId,
    work: impl FnOnce(&mut Stored) -> Result<(), HostError>,
) -> rusqlite::Result<Result<(), Problem>> {
    let Some(mut share) = store::by_grant(t, grant)? else {
        return Ok(Err(Problem::absent("share.absent")));
    };
    if let Err(error) = work(&mut share) {
        return Ok(Err(Problem::conflict(error.code())));
    }
    share.save(t).map(Ok)
}

/// Reads the transaction of a request, if the grant key signed it first.
fn transaction(
    app: &App,
    owned: &Owned,
    share: &Stored,
) -> Result<(Transaction, Vec<u8>), Problem> {
    let request: EndRequest = owned.json()?;
    let transaction = chain::decode(&app.chain, &request.transaction.0)
        .filter(|transaction| chain::signed_first_by(&app.chain, transaction, &share.key))
        .ok_or(Problem::bad("grant.malformed"))?;
    Ok((transaction, request.transaction.0))
}

async fn share_of(app: &Arc<App>, grant: GrantId) -> Result<Stored, Problem> {
    let share = app.db.read(move |c| store::by_grant(c, &grant)).await?;
    share.ok_or(Problem::absent("share.absent"))
}

/// POST …/revoke: ends at once; the ledger follows.
pub(crate) async fn revoke(
    State(app): State<Arc<App>>,
    owned: Owned,
) -> Result<Json<ShareState>, Problem> {
    let share = share_of(&app, owned.grant).await?;
    let (transaction, bytes) = transaction(&app, &owned, &share)?;
    match &transaction.body {
        TxBody::Revoke(revoke) if revoke.grant == owned.grant => {}
        _ => return Err(Problem::bad("grant.malformed")),
    }
    let now = app.now();
    let queued = chain::queued(&app.chain, &bytes).ok_or(Problem::bad("grant.malformed"))?;
    let id = queued.id;
    let write = move |t: &rusqlite::Transaction<'_>| {
        end(t, &owned.grant, now)?;
        outbox::put(t, &queued, Kind::Share, now)
    };
    app.db.write(write).await?;
    settle(&app, &id).await;
    purge::round(&app).await?;
    answer(&app, share.grant).await
}

/// Ends a share here, with all its locations.
pub(crate) fn end(
    t: &rusqlite::Transaction<'_>,
    grant: &GrantId,
    now: u64,
) -> rusqlite::Result<()> {
    if let Some(mut share) = store::by_grant(t, grant)? {
        share.state.revoke(now);
        share.save(t)?;
        t.execute(
            "UPDATE share SET revoked = 1 WHERE id = ?1",
            params![share.row],
        )?;
    }
    Ok(())
}

/// Sends and waits; what the ledger says later reaches the share through its blocks.
async fn settle(app: &Arc<App>, id: &Digest) {
    app.wake.submit.notify_one();
    app.wake.report.notify_one();
    if let Err(problem) = until_settled(app, id).await {
        tracing::warn!(
            code = problem.code(),
            "a share's transaction is not final yet"
        );
    }
}

/// POST …/shorten: an earlier end, here at once.
pub(crate) async fn shorten(
    State(app): State<Arc<App>>,
    owned: Owned,
) -> Result<Json<ShareState>, Problem> {
    let share = share_of(&app, owned.grant).await?;
    let (transaction, bytes) = transaction(&app, &owned, &share)?;
    let until = match &transaction.body {
        TxBody::Shorten(shorten) if shorten.grant == owned.grant => shorten.until,
        _ => return Err(Problem::bad("grant.malformed")),
    };
    // An end that stands already: the owner asks again, as an answer was lost or the ledger has it not.
    if until > share.state.ends_ms() {
        return Err(Problem::bad("grant.window"));
    }
    let now = app.now();
    let queued = chain::queued(&app.chain, &bytes).ok_or(Problem::bad("grant.malformed"))?;
    let id = queued.id;
    let write = move |t: &rusqlite::Transaction<'_>| {
        let done = change(t, &owned.grant, |share| share.state.set_end(now, until))?;
        if done.is_ok() {
            outbox::put(t, &queued, Kind::Share, now)?;
        }
        Ok(done)
    };
    app.db.write(write).await??;
    settle(&app, &id).await;
    answer(&app, share.grant).await
}

async fn card_may_share(app: &Arc<App>, share: &Stored) -> Result<(), Problem> {
    let holder = share.card;
    let state = app.db.read(move |c| card::state(c, &holder)).await?;
    let state = state.ok_or(Problem::forbidden("card.unknown"))?;
    state.may_share().map_err(Problem::forbidden)
}

/// POST …/extend: a later end, once the ledger has it.
pub(crate) async fn extend(
    State(app): State<Arc<App>>,
    owned: Owned,
) -> Result<Json<ShareState>, Problem> {
    let share = share_of(&app, owned.grant).await?;
    card_may_share(&app, &share).await?;
    let (transaction, _) = transaction(&app, &owned, &share)?;
    let now = app.now();
    let longest = now.saturating_add(app.chain.policy().windows.grant);
    let ends = share.state.ends_ms();
    let present = match &transaction.body {
        TxBody::Extend(extend)
            if extend.grant == owned.grant
                && extend.host == app.member
                && (ends..=longest).contains(&extend.until) =>
        {
            extend.present
        }
        _ => return Err(Problem::bad("grant.malformed")),
    };
    if present != ends {
        return Err(Problem::conflict("grant.moved"));
    }
    if share.phase != Phase::Granted || share.has_ended(now) {
        return Err(Problem::conflict("share.ended"));
    }
    let queued = chain::cosigned(&app, &transaction).ok_or(Problem::forbidden("grant.refused"))?;
    let id = queued.id;
    app.db
        .write(move |t| outbox::put(t, &queued, Kind::Share, now))
        .await?;
    app.wake.submit.notify_one();
    until_settled(&app, &id).await?;
    answer(&app, share.grant).await
}

/// PUT …/files/{k}: the same file, newer.
pub(crate) async fn update(
    State(app): State<Arc<App>>,
    Path((_, k)): Path<(String, u32)>,
    owned: Owned,
) -> Result<StatusCode, Problem> {
    let share = share_of(&app, owned.grant).await?;
    card_may_share(&app, &share).await?;
    if share.phase != Phase::Granted || share.has_ended(app.now()) {
        return Err(Problem::conflict("share.ended"));
    }
    let (jwe, kind) = draft::read_file(Body::from(owned.body)).await?;
    let kept = draft::keep_all(&app, vec![jwe]).await?;
    let (blob, size) = kept.first().copied().ok_or_else(Problem::internal)?;
    let now = app.now();
    let changed = app.db.write(move |t| {
        let old = share.file(t, k)?;
        let changed = t.execute(
            "UPDATE share_file SET blob = ?3, size = ?4, kind = ?5, updated = ?6
             WHERE share = ?1 AND k = ?2",
            params![share.row, k, blob.0, int(size), kind, int(now)],
        )?;
        Ok(old.filter(|_| changed == 1))
    });
    let (unused, done) = match changed.await {
        Ok(Some(old)) => (old, Ok(StatusCode::NO_CONTENT)),
        Ok(None) => (blob, Err(Problem::absent("share.file_absent"))),
        Err(error) => (blob, Err(error.into())),
    };
    purge::drop_unused(&app, vec![unused]).await?;
    done
}
