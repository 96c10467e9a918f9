//! Checkpoints of a ledger.

use medfolder_ledger::block::proves_fork;
use medfolder_ledger::{Chain, Checkpoint};
use wasm_bindgen::prelude::*;

use crate::{Answer, thrown};

/// A checkpoint's header, once it is certified under the genesis and not older than the known one.
///
/// # Errors
/// Throws a code: `block.certificate`, `ledger.old_head`, `ledger.fork`, ….
#[wasm_bindgen(js_name = checkCheckpoint)]
pub fn check_checkpoint(
    genesis: &[u8],
    checkpoint: &[u8],
    known: Option<Vec<u8>>,
) -> Result<String, JsValue> {
    thrown(check(genesis, checkpoint, known.as_deref()))
}

fn check(genesis: &[u8], checkpoint: &[u8], known: Option<&[u8]>) -> Answer {
    let chain = Chain::from_bytes(genesis).map_err(|error| error.code())?;
    let read = |bytes| Checkpoint::from_bytes(bytes).map_err(|error| error.code());
    let checkpoint = read(checkpoint)?;
    checkpoint.verify(&chain).map_err(|error| error.code())?;
    if let Some(known) = known.map(read).transpose()? {
        if proves_fork(&chain, &known, &checkpoint).map_err(|error| error.code())? {
            return Err("ledger.fork");
        }
        if checkpoint.header.height < known.header.height {
            return Err("ledger.old_head");
        }
    }
    crate::json(&checkpoint.header)
}
