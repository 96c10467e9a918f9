//! Lists of cards, grants and folders with what proves them whole.
//!
//! An answer is one `HistoryPage` in CBOR: items from where the client asked, and the subject's
//! entry with its proof as of the newest checkpoint. A client asks on until its count is the
//! entry's; the running digest then shows that nothing was left out.

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use medfolder_client::api::ledger::MAX_PAGE;
use medfolder_client::api::session::Subject as Login;
use medfolder_crypto::{Suite, from_cbor};
use medfolder_ledger::Subject;
use medfolder_ledger::policy::Action;
use medfolder_ledger::proof::{EntryProof, HistoryItem, HistoryPage};
use medfolder_ledger::state::{CardEntry, FolderEntry, GrantEntry, StateError, StateRead, read};
use medfolder_record::{CardNumber, FolderNumber, GrantId};
use serde::Deserialize;

use super::caller::permit;
use super::problem::Refused;
use super::{App, Shared, blocking};
use crate::store::IndexEntry;

/// A page ends after the item that passes this many bytes.
const ENOUGH: usize = 4 << 20;

/// Which part of a list.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct Part {
    #[serde(default)]
    from: u64,
    limit: Option<u64>,
}

/// A card's list.
pub(super) async fn card(
    State(app): Shared,
    headers: HeaderMap,
    Path(number): Path<CardNumber>,
    Query(part): Query<Part>,
) -> Result<Response, Refused> {
    let caller = permit(&app, &headers, Action::ReadCard)?;
    caller.is_card_or_member(&app, number)?;
    blocking(move || page(&app, Subject::Card(number), part))
        .await
        .map(cbor)
}

/// A grant's list.
pub(super) async fn grant(
    State(app): Shared,
    headers: HeaderMap,
    Path(id): Path<GrantId>,
    Query(part): Query<Part>,
) -> Result<Response, Refused> {
    permit(&app, &headers, Action::ReadGrant)?.is_or_member(Login::Grant(id))?;
    blocking(move || page(&app, Subject::Grant(id), part))
        .await
        .map(cbor)
}

/// A folder's list.
pub(super) async fn folder(
    State(app): Shared,
    headers: HeaderMap,
    Path(number): Path<FolderNumber>,
    Query(part): Query<Part>,
) -> Result<Response, Refused> {
    permit(&app, &headers, Action::ReadFolder)?.is_or_member(Login::Folder(number))?;
    blocking(move || page(&app, Subject::Folder(number), part))
        .await
        .map(cbor)
}

fn page(app: &App, subject: Subject, part: Part) -> Result<Vec<u8>, Refused> {
    let (entry, count) = entry(app, &subject)?;
    let limit = part.limit.unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE);
    let to = part.from.saturating_add(limit).min(count);
    let items = items(app, &subject, part.from, to)?;
    Ok(HistoryPage {
        subject,
        from: part.from,
        items,
        entry,
    }
    .to_bytes())
}

/// The subject's entry with its proof, and the length of its list.
fn entry(app: &App, subject: &Subject) -> Result<(EntryProof, u64), Refused> {
    let suite = app.ledger.chain().suite();
    let view = app.ledger.view()?;
    Ok((
        view.entry(&subject.state_key(suite))?,
        count(&view, suite, subject)?,
    ))
}

fn count(state: &dyn StateRead, suite: Suite, subject: &Subject) -> Result<u64, StateError> {
    let key = subject.state_key(suite);
    let running = match subject {
        Subject::Card(_) => read::<CardEntry>(state, &key)?.map(|entry| entry.running),
        Subject::Grant(_) => read::<GrantEntry>(state, &key)?.map(|entry| entry.running),
        Subject::Folder(_) => read::<FolderEntry>(state, &key)?.map(|entry| entry.running),
    };
    Ok(running.map_or(0, |running| running.count))
}

fn items(app: &App, subject: &Subject, from: u64, to: u64) -> Result<Vec<HistoryItem>, Refused> {
    let ledger = &app.ledger;
    if from >= to {
        return Ok(Vec::new());
    }
    if !ledger.index.reach(ledger.head().header.height) {
        return Err(Refused::storage());
    }
    let (mut items, mut size) = (Vec::new(), 0);
    for (height, entry) in ledger.index.entries(subject, from, to)? {
        let item = item(app, height, entry)?;
        size += match &item {
            HistoryItem::Transaction(stored) => stored.len(),
            HistoryItem::Access(_) => 256,
        };
        items.push(item);
        if size > ENOUGH {
            break;
        }
    }
    #[cfg(feature = "lying")]
    if app.lie == Some(crate::lying::Lie::HideNewest) {
        items.pop();
    }
    Ok(items)
}

fn item(app: &App, height: u64, entry: IndexEntry) -> Result<HistoryItem, Refused> {
    if entry.step.is_empty() {
        let (_, bytes) = app.ledger.blocks.transaction(height, entry.place)?;
        return Ok(HistoryItem::Transaction(bytes));
    }
    let step = from_cbor(&entry.step, entry.step.len()).map_err(|_| Refused::storage())?;
    Ok(HistoryItem::Access(step))
}

fn cbor(bytes: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/cbor")], bytes).into_response()
}
