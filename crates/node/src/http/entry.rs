//! Single entries of the state, present or absent, with proof: records, seals, anchors, staff,
//! receipts, members.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use medfolder_client::api::Blob;
use medfolder_client::api::ledger::{MemberAnswer, MembersAnswer, StateAnswer};
use medfolder_crypto::Digest;
use medfolder_http::Json;
use medfolder_ledger::StateKey;
use medfolder_ledger::body::AnchorKey;
use medfolder_ledger::policy::Action;
use medfolder_record::{KeyId, MemberId, RecordId, VisitId};
use serde::Deserialize;

use super::caller::permit;
use super::problem::Refused;
use super::{App, Shared, blocking};

/// The member that sealed; the entries are under its id, too.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Sealer {
    member: MemberId,
}

/// Whether a record is in force: absent means that it was neither replaced nor withdrawn.
pub(super) async fn record(
    State(app): Shared,
    headers: HeaderMap,
    Path(id): Path<RecordId>,
    Query(sealer): Query<Sealer>,
) -> Result<Json<StateAnswer>, Refused> {
    permit(&app, &headers, Action::ReadRecord)?;
    let key = StateKey::record(app.ledger.chain().suite(), &sealer.member, &id);
    entry(app, key).await
}

/// A seal's entry: its card, its place in the log, its block time.
pub(super) async fn seal(
    State(app): Shared,
    headers: HeaderMap,
    Path((visit, seq)): Path<(VisitId, u32)>,
    Query(sealer): Query<Sealer>,
) -> Result<Json<StateAnswer>, Refused> {
    permit(&app, &headers, Action::ReadRecord)?;
    let key = StateKey::seal(app.ledger.chain().suite(), &sealer.member, &visit, seq);
    entry(app, key).await
}

/// Who anchored, with which of its keys.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Anchored {
    member: MemberId,
    by: AnchorKey,
}

/// What a member anchored, for anybody who knows the digest.
pub(super) async fn anchor(
    State(app): Shared,
    headers: HeaderMap,
    Path(digest): Path<Digest>,
    Query(Anchored { member, by }): Query<Anchored>,
) -> Result<Json<StateAnswer>, Refused> {
    permit(&app, &headers, Action::ReadRecord)?;
    let key = StateKey::anchor(app.ledger.chain().suite(), &member, by, &digest);
    entry(app, key).await
}

/// A staff key's entry.
pub(super) async fn staff(
    State(app): Shared,
    headers: HeaderMap,
    Path(key): Path<KeyId>,
) -> Result<Json<StateAnswer>, Refused> {
    permit(&app, &headers, Action::ReadStaff)?;
    let key = StateKey::staff(app.ledger.chain().suite(), &key);
    entry(app, key).await
}

/// The member that serves a share.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Host {
    host: MemberId,
}

/// Whether the host reported an access receipt.
pub(super) async fn receipt(
    State(app): Shared,
    headers: HeaderMap,
    Path(digest): Path<Digest>,
    Query(Host { host }): Query<Host>,
) -> Result<Json<StateAnswer>, Refused> {
    permit(&app, &headers, Action::ReadReceipt)?;
    let key = StateKey::receipt(app.ledger.chain().suite(), &host, &digest);
    entry(app, key).await
}

async fn entry(app: Arc<App>, key: StateKey) -> Result<Json<StateAnswer>, Refused> {
    blocking(move || {
        let view = app.ledger.view()?;
        Ok(Json(StateAnswer {
            proof: Blob(view.entry(&key)?.to_bytes()),
        }))
    })
    .await
}

/// All members.
pub(super) async fn members(
    State(app): Shared,
    headers: HeaderMap,
) -> Result<Json<MembersAnswer>, Refused> {
    permit(&app, &headers, Action::ReadMembers)?;
    blocking(move || {
        let (chain, view) = (app.ledger.chain(), app.ledger.view()?);
        let members = chain.genesis().members.iter().map(|member| {
            let proof = view.entry(&StateKey::member(chain.suite(), &member.id))?;
            Ok(MemberAnswer {
                member: member.id,
                proof: Blob(proof.to_bytes()),
            })
        });
        let members = members.collect::<Result<_, Refused>>()?;
        Ok(Json(MembersAnswer { members }))
    })
    .await
}
