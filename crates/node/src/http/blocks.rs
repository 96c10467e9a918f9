//! Whole blocks with their certificates, for members: what edges, inner zones and followers copy.
//!
//! ```text
//! CBOR array(2)  block │ certificate        one, or a sequence of them (RFC 8742)
//! ```

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use medfolder_client::api::ledger::MAX_BLOCKS;
use medfolder_crypto::to_cbor;
use medfolder_ledger::policy::Action;
use serde::Deserialize;

use super::caller::permit;
use super::problem::Refused;
use super::{App, Shared, blocking};

/// An answer ends after the block that passes this many bytes.
const ENOUGH: usize = 16 << 20;
/// Blocks read at once.
const STEP: usize = 16;

/// Which blocks.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Range {
    #[serde(default)]
    from: u64,
    limit: Option<u64>,
}

/// One block.
pub(super) async fn one(
    State(app): Shared,
    headers: HeaderMap,
    Path(height): Path<u64>,
) -> Result<Response, Refused> {
    permit(&app, &headers, Action::ReadBlocks)?;
    let bytes = blocking(move || sequence(&app, height, 1)).await?;
    if bytes.is_empty() {
        Err(Refused::not_found())
    } else {
        Ok(cbor(bytes))
    }
}

/// A sequence of blocks; empty beyond the newest.
pub(super) async fn range(
    State(app): Shared,
    headers: HeaderMap,
    Query(range): Query<Range>,
) -> Result<Response, Refused> {
    permit(&app, &headers, Action::ReadBlocks)?;
    let limit = range.limit.unwrap_or(MAX_BLOCKS).clamp(1, MAX_BLOCKS);
    blocking(move || sequence(&app, range.from, limit))
        .await
        .map(cbor)
}

fn sequence(app: &App, from: u64, limit: u64) -> Result<Vec<u8>, Refused> {
    let (mut bytes, mut from, end) = (Vec::new(), from, from.saturating_add(limit));
    while from < end && bytes.len() < ENOUGH {
        let most = usize::try_from(end - from).unwrap_or(STEP).min(STEP);
        let blocks = app.ledger.blocks(from, most)?;
        let Some((last, _)) = blocks.last() else {
            break;
        };
        from = last.header.height + 1;
        blocks.iter().for_each(|pair| bytes.extend(to_cbor(pair)));
    }
    Ok(bytes)
}

fn cbor(bytes: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/cbor")], bytes).into_response()
}
