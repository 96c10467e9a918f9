//! Checkpoints and proofs that a newer one continues an older one; public.

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use medfolder_client::api::Blob;
use medfolder_client::api::ledger::{CheckpointAnswer, ConsistencyAnswer};
use medfolder_crypto::to_cbor;
use medfolder_http::Json;
use medfolder_ledger::log::{ConsistencyProof, LogError};
use medfolder_ledger::policy::Action;
use serde::Deserialize;

use super::caller::permit;
use super::problem::Refused;
use super::{Shared, blocking};
use crate::store::StoreError;

/// The newest checkpoint.
pub(super) async fn latest(
    State(app): Shared,
    headers: HeaderMap,
) -> Result<Json<CheckpointAnswer>, Refused> {
    permit(&app, &headers, Action::ReadCheckpoint)?;
    Ok(Json(CheckpointAnswer {
        checkpoint: Blob(app.ledger.head().to_bytes()),
    }))
}

/// The checkpoint of a block.
pub(super) async fn at(
    State(app): Shared,
    headers: HeaderMap,
    Path(height): Path<u64>,
) -> Result<Json<CheckpointAnswer>, Refused> {
    permit(&app, &headers, Action::ReadCheckpoint)?;
    blocking(move || {
        let checkpoint = app.ledger.checkpoint(height)?.ok_or(Refused::not_found())?;
        Ok(Json(CheckpointAnswer {
            checkpoint: Blob(checkpoint.to_bytes()),
        }))
    })
    .await
}

/// Two sizes of the log.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Sizes {
    from: u64,
    to: u64,
}

/// That the log of size `to` continues the log of size `from`.
pub(super) async fn consistency(
    State(app): Shared,
    headers: HeaderMap,
    Query(Sizes { from, to }): Query<Sizes>,
) -> Result<Json<ConsistencyAnswer>, Refused> {
    permit(&app, &headers, Action::ReadCheckpoint)?;
    if from > to || to > app.ledger.head().header.log_size {
        return Err(Refused::new(StatusCode::BAD_REQUEST, "log.range"));
    }
    blocking(move || {
        let suite = app.ledger.chain().suite();
        let made = ConsistencyProof::make(suite, &app.ledger.tree, from, to);
        let proof = made.map_err(|error| match error {
            LogError::Range => Refused::new(StatusCode::BAD_REQUEST, "log.range"),
            LogError::Missing | LogError::Store(_) => Refused::storage(),
        })?;
        let roots = (app.ledger.log_root(from)?, app.ledger.log_root(to)?);
        let (Some(old), Some(new)) = roots else {
            return Err(Refused::new(StatusCode::BAD_REQUEST, "log.range"));
        };
        if !proof.verify(suite, &old, &new) {
            return Err(StoreError::Damaged.into());
        }
        Ok(Json(ConsistencyAnswer {
            proof: Blob(to_cbor(&proof)),
        }))
    })
    .await
}
