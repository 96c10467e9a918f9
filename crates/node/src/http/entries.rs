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
use medfolder_ledger::Subject;
use medfolder_ledger::policy::Action;
use medfolder_record::{CardNumber, FolderNumber, GrantId};
use serde::Deserialize;

use super::caller::permit;
use super::problem::Refused;
use super::{App, Shared, blocking};

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
    let limit = part.limit.unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE);
    #[cfg_attr(
        not(feature = "lying"),
        expect(unused_mut, reason = "only a liar changes it")
    )]
    let mut page = app.ledger.history(subject, part.from, limit)?;
    #[cfg(feature = "lying")]
    if app.lie == Some(crate::lying::Lie::HideNewest) {
        page.items.pop();
    }
    Ok(page.to_bytes())
}

fn cbor(bytes: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/cbor")], bytes).into_response()
}
