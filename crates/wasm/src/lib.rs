//! medfolder-wasm
use wasm_bindgen::prelude::*;

/// Reads a link.
///
/// # Errors
/// A stable code.
#[wasm_bindgen(js_name = readLink)]
pub fn read_link(text: &str) -> Result<String, JsValue> {
    medfolder_share::read_link(text)
        .map(|_| "ok".to_owned())
        .map_err(|error| JsValue::from_str(error.code()))
}
