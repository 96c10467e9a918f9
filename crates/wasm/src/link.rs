//! Links and their files.

use medfolder_share::jwe::{JweLimits, decrypt};
use medfolder_share::read::LinkWarning;
use medfolder_share::rules::status::{status_request, status_url};
use medfolder_share::unpack::unpack;
use medfolder_share::{ReadLink, read_link};
use serde_json::{Value, json};
use wasm_bindgen::prelude::*;

use crate::{Answer, thrown};

/// What a link says: `{url, statusUrl, flags, label, exp, warnings}`.
///
/// # Errors
/// Throws the code of what is wrong with the link.
#[wasm_bindgen(js_name = readLink)]
pub fn read(text: &str) -> Result<String, JsValue> {
    thrown(describe(text))
}

/// One decrypted file: `{contentType, content}`, the content as text.
///
/// # Errors
/// Throws a code; nothing of a file that does not open is handed out.
#[wasm_bindgen(js_name = openFile)]
pub fn open_file(text: &str, jwe: &str) -> Result<String, JsValue> {
    thrown(open(text, jwe))
}

/// The body of a status request.
///
/// # Errors
/// Throws the code of what is wrong with the link.
#[wasm_bindgen(js_name = statusRequest)]
pub fn status(text: &str) -> Result<String, JsValue> {
    thrown(linked(text).and_then(|read| {
        let body = status_request(read.link.key());
        String::from_utf8(body.to_vec()).map_err(|_| "wasm.json")
    }))
}

/// Sorts decrypted FHIR files, a JSON list of texts in the link's order, into
/// `{grant, records: [{file, body, evidence, withheld}], attachments: [{file, mediaType, bytes}], missing}`;
/// bytes are hexadecimal. `missing` holds the evidence of records that the link names and no file shows: a
/// page that does not say so shows less than the patient shared.
///
/// # Errors
/// Throws a code when the argument is no list of texts.
#[wasm_bindgen(js_name = unpack)]
pub fn unpack_files(files: &str) -> Result<String, JsValue> {
    thrown(sorted(files))
}

fn linked(text: &str) -> Result<ReadLink, &'static str> {
    read_link(text).map_err(|error| error.code())
}

fn describe(text: &str) -> Answer {
    let ReadLink { link, warnings } = linked(text)?;
    crate::json(&json!({
        "url": link.url().as_str(),
        "statusUrl": status_url(link.url().as_str()),
        "flags": link.flags().letters(),
        "label": link.label(),
        "exp": link.exp(),
        "warnings": warnings.iter().map(LinkWarning::code).collect::<Vec<_>>(),
    }))
}

fn open(text: &str, jwe: &str) -> Answer {
    let read = linked(text)?;
    let file = decrypt(read.link.key(), jwe, &JweLimits::default()).map_err(|e| e.code())?;
    let content = core::str::from_utf8(&file.content).map_err(|_| "file.content")?;
    crate::json(&json!({ "contentType": file.content_type, "content": content }))
}

fn sorted(files: &str) -> Answer {
    let files: Vec<String> = serde_json::from_str(files).map_err(|_| "wasm.json")?;
    let files = files
        .into_iter()
        .map(String::into_bytes)
        .enumerate()
        .collect();
    let received = unpack(files);
    let records: Vec<Value> = received
        .records
        .iter()
        .map(|record| {
            json!({
                "file": record.file,
                "body": String::from_utf8_lossy(&record.body),
                "evidence": record.evidence.as_deref().map(hex::encode),
                "withheld": record.withheld.iter().map(|one| json!({
                    "digest": one.digest, "size": one.size,
                    "name": one.name, "mediaType": one.media_type,
                })).collect::<Vec<_>>(),
            })
        })
        .collect();
    let attachments: Vec<Value> = received
        .attachments
        .iter()
        .map(|one| {
            json!({
                "file": one.file, "mediaType": one.media_type, "bytes": hex::encode(&one.bytes),
            })
        })
        .collect();
    let missing: Vec<String> = received.missing.iter().map(hex::encode).collect();
    crate::json(&json!({
        "grant": received.grant, "records": records, "attachments": attachments, "missing": missing,
    }))
}
