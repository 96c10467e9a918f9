//! Medfolder in the browser: open a shared file, verify what it proves, check a checkpoint.
//!
//! | JavaScript | does |
//! |---|---|
//! | `readLink(text)` | what a link says: address, flags, label; never its key |
//! | `openFile(text, jwe)` | decrypts one file of the link |
//! | `statusRequest(text)` | the body that asks the host why a link fails |
//! | `unpack(files)` | sorts decrypted files into records, attachments and evidence |
//! | `verifyEvidence(pack, body, genesis)` | the report of an evidence pack |
//! | `checkCheckpoint(genesis, checkpoint, known)` | whether a checkpoint is certified and not older |
//!
//! Answers are JSON text. A refusal is thrown as its stable code, a string. Everything is the same
//! Rust as everywhere else; there is no I/O, no clock and no randomness in here.

pub mod checkpoint;
pub mod evidence;
pub mod link;

use wasm_bindgen::JsValue;

/// An answer as JSON text, or a stable code.
type Answer = Result<String, &'static str>;

fn json(value: &impl serde::Serialize) -> Answer {
    serde_json::to_string(value).map_err(|_| "wasm.json")
}

fn thrown(answer: Answer) -> Result<String, JsValue> {
    answer.map_err(JsValue::from_str)
}
