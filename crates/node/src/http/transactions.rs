//! `POST /v1/transactions[?wait=final]`, `GET /v1/transactions/{id}`.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use medfolder_client::api::Blob;
use medfolder_client::api::ledger::{
    SubmitRequest, Submitted, TransactionState, TransactionStatus,
};
use medfolder_http::Json;
use medfolder_ledger::log::{InclusionProof, LogNodes as _, NodeId};
use medfolder_ledger::policy::Action;
use medfolder_ledger::proof::{Receipt, RefusalProof};
use medfolder_ledger::{Refusal, TxId};
use serde::Deserialize;

use super::caller::permit;
use super::problem::Refused;
use super::{App, Shared, blocking};
use crate::engine::{Settled, SubmitError};
use crate::store::StoreError;

/// Whether the answer waits until the transaction is final.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Wait {
    wait: Option<String>,
}

impl From<SubmitError> for Refused {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Refused(refusal) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, refusal.code())
            }
            SubmitError::Busy => Self::busy(1),
            SubmitError::Unavailable(_) | SubmitError::Follower => Self::unavailable(error.code()),
        }
    }
}

/// Takes a transaction.
pub(super) async fn submit(
    State(app): Shared,
    headers: HeaderMap,
    Query(wait): Query<Wait>,
    Json(request): Json<SubmitRequest>,
) -> Result<Response, Refused> {
    permit(&app, &headers, Action::Submit)?;
    let engine = app.engine.clone().ok_or(SubmitError::Follower)?;
    let Blob(bytes) = request.transaction;
    let ticket = blocking(move || Ok(engine.submit(bytes)?)).await?;
    let submitted = Submitted { id: ticket.id };
    if wait.wait.as_deref() != Some("final") {
        return Ok((StatusCode::ACCEPTED, Json(submitted)).into_response());
    }
    match ticket.fate.await {
        Ok(fate) => {
            let settled = fate?;
            Ok(Json(blocking(move || settled_status(&app, &settled)).await?).into_response())
        }
        Err(_) => Err(Refused::unavailable("node.stopping")),
    }
}

/// What is known of a transaction.
pub(super) async fn status(
    State(app): Shared,
    headers: HeaderMap,
    Path(id): Path<TxId>,
) -> Result<Json<TransactionStatus>, Refused> {
    permit(&app, &headers, Action::ReadTransaction)?;
    blocking(move || find(&app, id)).await.map(Json)
}

fn blank(id: TxId, state: TransactionState) -> TransactionStatus {
    TransactionStatus {
        id,
        state,
        code: None,
        height: None,
        time: None,
        position: None,
        receipt: None,
        refusal: None,
    }
}

fn find(app: &Arc<App>, id: TxId) -> Result<TransactionStatus, Refused> {
    // Asked first: a transaction that becomes final in between is found in the index.
    let waits = app
        .engine
        .as_ref()
        .is_some_and(|engine| engine.is_waiting(&id));
    let ledger = &app.ledger;
    if !ledger.index.reach(ledger.head().header.height) {
        return Err(Refused::storage());
    }
    let Some(located) = ledger.index.find(&id.0)? else {
        let state = if waits {
            TransactionState::Waiting
        } else {
            TransactionState::Unknown
        };
        return Ok(blank(id, state));
    };
    let (number, _) = ledger.blocks.transaction(located.height, located.place)?;
    let result = match located.position {
        Some(position) => Ok(position),
        None => Err(Refusal::of(number).unwrap_or(Refusal::Malformed)),
    };
    settled_status(
        app,
        &Settled {
            id,
            height: located.height,
            time: 0,
            result,
        },
    )
}

fn settled_status(app: &App, settled: &Settled) -> Result<TransactionStatus, Refused> {
    let checkpoint = app
        .ledger
        .checkpoint(settled.height)?
        .ok_or(Refused::storage())?;
    let mut status = blank(settled.id, TransactionState::Final);
    status.height = Some(settled.height);
    status.time = Some(checkpoint.header.time);
    match settled.result {
        Err(refusal) => {
            status.state = TransactionState::Refused;
            status.code = Some(refusal.code().to_owned());
            let blocks = app.ledger.blocks(settled.height, 1)?;
            let (block, _) = blocks.first().ok_or(Refused::storage())?;
            let results = block.results(app.ledger.chain().suite());
            status.refusal = Some(Blob(
                RefusalProof {
                    results,
                    checkpoint,
                }
                .to_bytes(),
            ));
        }
        Ok(position) => {
            let (suite, size) = (app.ledger.chain().suite(), checkpoint.header.log_size);
            let inclusion = InclusionProof::make(suite, &app.ledger.tree, position, size)
                .map_err(|error| StoreError::Failed(error.to_string()))?;
            let leaf = NodeId {
                level: 0,
                index: position,
            };
            let leaf = app.ledger.tree.node(leaf).ok().flatten();
            let root = leaf.and_then(|leaf| inclusion.root(suite, leaf));
            if root != Some(checkpoint.header.log_root) {
                return Err(StoreError::Damaged.into());
            }
            status.position = Some(position);
            status.receipt = Some(Blob(
                Receipt {
                    inclusion,
                    checkpoint,
                }
                .to_bytes(),
            ));
        }
    }
    Ok(status)
}
