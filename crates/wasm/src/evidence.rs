//! Evidence packs.

use medfolder_ledger::Chain;
use medfolder_share::evidence::Evidence;
use serde_json::json;
use wasm_bindgen::prelude::*;

use crate::{Answer, thrown};

/// The report of a pack: its checks, what they come to, and a summary in both languages. `body` is
/// the record's text where it travelled beside the pack, `genesis` the one that the reader trusts.
///
/// # Errors
/// Throws a code when the bytes are no pack or the genesis is none; a pack that proves nothing is
/// no error but a report that says so.
#[wasm_bindgen(js_name = verifyEvidence)]
pub fn verify_evidence(
    pack: &[u8],
    body: Option<String>,
    genesis: Option<Vec<u8>>,
) -> Result<String, JsValue> {
    thrown(verify(pack, body.as_deref(), genesis.as_deref()))
}

fn verify(pack: &[u8], body: Option<&str>, genesis: Option<&[u8]>) -> Answer {
    let pack = Evidence::from_bytes(pack).map_err(|error| error.code())?;
    let known = genesis
        .map(Chain::from_bytes)
        .transpose()
        .map_err(|error| error.code())?;
    let report = pack.verify(known.as_ref(), body.map(str::as_bytes));
    let (zh, en) = report.summary();
    crate::json(&json!({ "report": report, "summary": { "zh": zh, "en": en } }))
}
