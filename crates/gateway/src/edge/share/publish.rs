//! Publishing: from a draft to a live share, with the grant final on the ledger.
//!
//! ```text
//! check   the Grant names this host, a window within policy, a scope that fits the files;
//!         grant key and consent of the card that is logged in hold
//! sign    the host's signature joins the grant key's
//! store   share and outbox in one transaction (phase 0: nobody can open it yet)
//! wait    until a verified block holds the Grant (phase 1)
//! ```
//! Again with the same grant it answers the same. What a crash interrupts goes on at the next
//! start: the outbox sends the Grant, the follower makes the share live.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use medfolder_client::api::share::{DraftId, FileItem, PublishRequest, Published};
use medfolder_client::card_consent;
use medfolder_crypto::Digest;
use medfolder_http::{Json, Problem};
use medfolder_ledger::body::{Body, Grant};
use medfolder_record::GrantId;
use medfolder_share::rules::passcode::{PasscodeState, passcode_fits};
use medfolder_share::{ShareId, ShareState, ShareTerms};
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::store::{self, Phase};
use crate::edge::app::App;
use crate::edge::card::{self, CardState};
use crate::edge::chain::{self, Queued};
use crate::edge::db::{Bytes32, int, number};
use crate::edge::http::card::ActiveCard;
use crate::edge::outbox::{self, Fate, Kind};
use crate::edge::session::Holder;

/// How long a request waits for its Grant to be final.
const PATIENCE: Duration = Duration::from_secs(30);

/// POST …/publish.
pub(crate) async fn publish(
    State(app): State<Arc<App>>,
    ActiveCard(holder): ActiveCard,
    Path(draft): Path<String>,
    Json(request): Json<PublishRequest>,
) -> Result<Json<Published>, Problem> {
    let draft: DraftId = draft.parse().map_err(|_| Problem::absent("draft.absent"))?;
    let (grant, queued) = check(&app, &holder, &request)?;
    let id = grant.id(app.suite);
    let transaction = queued.id;
    let own = app.clone();
    let made = app
        .db
        .write(move |t| make(&own, t, &draft, &holder, &grant, &queued, &request));
    made.await??;
    app.wake.submit.notify_one();
    let find = move |c: &rusqlite::Connection| store::by_grant(c, &id);
    let mut share = app.db.read(find).await?.ok_or_else(Problem::internal)?;
    if share.phase != Phase::Granted {
        until_settled(&app, &transaction).await?;
        share = app.db.read(find).await?.ok_or_else(Problem::internal)?;
    }
    Ok(Json(Published {
        grant: id,
        position: share.position,
        end: share.ends,
    }))
}

fn check(app: &App, holder: &Holder, request: &PublishRequest) -> Result<(Grant, Queued), Problem> {
    let refused = || Problem::forbidden("grant.refused");
    let transaction =
        chain::decode(&app.chain, &request.transaction.0).ok_or(Problem::bad("grant.malformed"))?;
    let Body::Grant(grant) = &transaction.body else {
        return Err(Problem::bad("grant.malformed"));
    };
    check_window(app, grant)?;
    if grant.host != app.member || grant.uses != request.openings {
        return Err(Problem::bad("grant.terms"));
    }
    if !chain::signed_first_by(&app.chain, &transaction, &grant.key) {
        return Err(refused());
    }
    let genesis = app.chain.digest();
    if !card_consent::holds(
        &genesis,
        app.suite,
        &holder.signing,
        grant,
        &request.consent,
    ) {
        return Err(refused());
    }
    check_items(grant, &request.files)?;
    let passcode = request.passcode.as_deref();
    if passcode.is_some_and(|text| !passcode_fits(text)) {
        return Err(Problem::bad("passcode.length"));
    }
    let queued = chain::cosigned(app, &transaction).ok_or_else(refused)?;
    Ok((grant.clone(), queued))
}

fn check_window(app: &App, grant: &Grant) -> Result<(), Problem> {
    let now = app.now();
    let longest = app.chain.policy().windows.grant;
    let ahead = app.chain.policy().windows.ahead;
    let step = grant.until.saturating_sub(grant.from.max(now));
    let fits = grant.until > now && step <= longest && grant.from <= now.saturating_add(ahead);
    if fits {
        Ok(())
    } else {
        Err(Problem::bad("grant.window"))
    }
}

/// The first files are the scope's records in order; what follows belongs to one of them or none.
fn check_items(grant: &Grant, files: &[FileItem]) -> Result<(), Problem> {
    let items = u32::from(grant.scope.items);
    let records = (0..items)
        .zip(files)
        .all(|(k, file)| file.record == Some(k));
    let enough = u32::try_from(files.len()).is_ok_and(|count| count >= items);
    let rest = files.iter().skip(usize::from(grant.scope.items));
    let inside = rest
        .into_iter()
        .all(|file| file.record.is_none_or(|record| record < items));
    if records && enough && inside {
        Ok(())
    } else {
        Err(Problem::bad("grant.files"))
    }
}

fn make(
    app: &App,
    t: &Transaction<'_>,
    draft: &DraftId,
    holder: &Holder,
    grant: &Grant,
    queued: &Queued,
    request: &PublishRequest,
) -> rusqlite::Result<Result<(), Problem>> {
    // Asked again: while the request was on its way the card may have been frozen or handed over.
    let present = card::state(t, &holder.card)?.ok_or("card.unknown");
    if let Err(code) = present.and_then(CardState::may_share) {
        return Ok(Err(Problem::forbidden(code)));
    }
    let id = grant.id(app.suite);
    if let Some(share) = store::by_grant(t, &id)? {
        if share.card != holder.card {
            return Ok(Err(Problem::conflict("grant.exists")));
        }
        // Signed anew after a lapse: the ledger takes one of the two.
        if share.phase == Phase::Granting {
            outbox::put(t, queued, Kind::Share, app.now())?;
        }
        return Ok(Ok(()));
    }
    let Some((segment, direct)) = draft_of(t, draft, holder, app.now())? else {
        return Ok(Err(Problem::absent("draft.absent")));
    };
    let uploaded: u64 = t.query_row(
        "SELECT count(*) FROM draft_file WHERE draft = ?1 AND k < ?2",
        params![draft.0, request.files.len()],
        |row| number(row, 0),
    )?;
    if uploaded != request.files.len() as u64 {
        return Ok(Err(Problem::bad("draft.files_missing")));
    }
    let state = match state(app, grant, request, &segment, direct) {
        Ok(state) => state,
        Err(problem) => return Ok(Err(problem)),
    };
    insert(t, holder, grant, &id, &segment, &state, queued, request)?;
    move_files(t, draft, request.files.len(), &id, app.now())?;
    outbox::put(t, queued, Kind::Share, app.now())?;
    Ok(Ok(()))
}

fn draft_of(
    t: &Transaction<'_>,
    draft: &DraftId,
    holder: &Holder,
    now: u64,
) -> rusqlite::Result<Option<(ShareId, bool)>> {
    let sql = "SELECT segment, direct FROM draft WHERE id = ?1 AND card = ?2 AND expires > ?3";
    t.query_row(
        sql,
        params![draft.0, holder.card.as_bytes(), int(now)],
        |row| {
            Ok((
                ShareId::from_bytes(row.get::<_, Bytes32>(0)?.0),
                row.get(1)?,
            ))
        },
    )
    .optional()
}

fn state(
    app: &App,
    grant: &Grant,
    request: &PublishRequest,
    segment: &ShareId,
    direct: bool,
) -> Result<ShareState, Problem> {
    let passcode = request
        .passcode
        .as_deref()
        .map(|p| PasscodeState::new(&app.pepper, segment, 0, p));
    ShareState::new(ShareTerms {
        created_ms: app.now().max(grant.from),
        ends_ms: grant.until,
        openings_allowed: request.openings,
        passcode,
        items: u32::from(grant.scope.items),
        files: u32::try_from(request.files.len()).unwrap_or(u32::MAX),
        status_digest: request.status_digest,
        direct_file: direct,
    })
    .map_err(|error| Problem::bad(error.code()))
}

#[expect(clippy::too_many_arguments, reason = "one row")]
fn insert(
    t: &Transaction<'_>,
    holder: &Holder,
    grant: &Grant,
    id: &GrantId,
    segment: &ShareId,
    state: &ShareState,
    queued: &Queued,
    request: &PublishRequest,
) -> rusqlite::Result<()> {
    t.execute(
        "INSERT INTO share (grant_id, grant_key, card, segment, phase, begins, ends, openings,
         state, tx, consent) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        params![
            id.as_bytes(),
            grant.key.as_bytes(),
            holder.card.as_bytes(),
            segment.as_bytes(),
            Phase::Granting as i64,
            int(grant.from),
            int(grant.until),
            grant.uses,
            state.to_bytes(),
            queued.bytes,
            request.consent.0
        ],
    )?;
    Ok(())
}

fn move_files(
    t: &Transaction<'_>,
    draft: &DraftId,
    count: usize,
    grant: &GrantId,
    now: u64,
) -> rusqlite::Result<()> {
    t.execute(
        "INSERT INTO share_file (share, k, blob, size, kind, updated)
         SELECT (SELECT id FROM share WHERE grant_id = ?3), k, blob, size, kind, ?4
         FROM draft_file WHERE draft = ?1 AND k < ?2",
        params![draft.0, count, grant.as_bytes(), int(now)],
    )?;
    t.execute("DELETE FROM draft WHERE id = ?1", params![draft.0])?;
    Ok(())
}

/// Waits until a block decided a transaction of the outbox.
pub(super) async fn until_settled(app: &Arc<App>, id: &Digest) -> Result<u64, Problem> {
    let (mut changes, id) = (app.head.changes(), *id);
    let wait = async {
        loop {
            changes.mark_unchanged();
            match app.db.read(move |c| outbox::fate(c, &id)).await? {
                Some(Fate::Final(position)) => return Ok(position),
                Some(Fate::Refused(code)) => {
                    tracing::warn!(code, "the ledger refused a transaction of a share");
                    return Err(Problem::conflict("ledger.refused"));
                }
                Some(Fate::Lapsed) | None => return Err(Problem::conflict("ledger.lapsed")),
                Some(Fate::Waiting) => {}
            }
            if changes.changed().await.is_err() {
                return Err(Problem::unavailable("ledger.unreachable"));
            }
        }
    };
    tokio::time::timeout(PATIENCE, wait)
        .await
        .unwrap_or(Err(Problem::unavailable("ledger.unreachable")))
}
