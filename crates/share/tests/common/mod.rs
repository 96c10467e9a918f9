//! Helpers of the conformance tests: a link with known parts, and a viewer driven by hand.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses some of these"
)]

pub mod host;

use medfolder_crypto::os_rng;
use medfolder_share::jwe::{Zip, encrypt};
use medfolder_share::viewer::{Response, Step, ViewedFile, Viewer, ViewerError, ViewerOptions};
use medfolder_share::{Flags, Link, LinkDraft, LinkKey};
use zeroize::Zeroizing;

pub const KEY: [u8; 32] = [7; 32];
pub const URL: &str = "https://edge.example/s/AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

pub fn key() -> LinkKey {
    LinkKey::from_bytes(KEY)
}

pub fn link(letters: &str) -> Link {
    link_at(URL, letters)
}

pub fn link_at(url: &str, letters: &str) -> Link {
    let flags = Flags::from_letters(letters);
    Link::issue(LinkDraft {
        url: url.into(),
        key: key(),
        flags,
        label: None,
        exp: None,
    })
    .unwrap()
}

pub fn jwe(content_type: &str, content: &[u8]) -> String {
    encrypt(&key(), content_type, content, Zip::None, &mut os_rng()).unwrap()
}

pub fn options() -> ViewerOptions {
    ViewerOptions {
        recipient: "Dr. Li".into(),
        ..Default::default()
    }
}

pub fn with_passcode(passcode: &str) -> ViewerOptions {
    ViewerOptions {
        passcode: Some(Zeroizing::new(passcode.into())),
        ..options()
    }
}

pub fn ok(body: &str) -> Response<'_> {
    Response {
        status: 200,
        retry_after: None,
        body: body.as_bytes(),
    }
}

pub fn status(status: u16) -> Response<'static> {
    Response {
        status,
        retry_after: None,
        body: b"",
    }
}

/// Runs a viewer at time 0 against a host given as a function of the step.
pub fn drive(
    viewer: &mut Viewer,
    mut host: impl FnMut(&Step) -> (u16, String),
) -> Result<Vec<Step>, ViewerError> {
    let mut steps = Vec::new();
    for _ in 0..100 {
        let step = viewer.step(0);
        steps.push(step.clone());
        match step {
            Step::Post { .. } | Step::Get { .. } => {
                let (status, body) = host(steps.last().unwrap());
                let body = body.as_bytes();
                viewer.answer(
                    0,
                    Response {
                        status,
                        retry_after: None,
                        body,
                    },
                )?;
            }
            _ => return Ok(steps),
        }
    }
    panic!("the viewer does not come to an end");
}

pub fn open_direct(content_type: &str, content: &[u8]) -> ViewedFile {
    let mut viewer = Viewer::new(link("U"), options(), 0).unwrap();
    let body = jwe(content_type, content);
    drive(&mut viewer, |_| (200, body.clone())).unwrap();
    viewer.into_files().remove(0)
}

/// A manifest of embedded files.
pub fn manifest(files: &[(&str, &str)]) -> String {
    let files: Vec<_> = files
        .iter()
        .map(|(kind, jwe)| serde_json::json!({"contentType": kind, "embedded": jwe}))
        .collect();
    serde_json::json!({ "files": files }).to_string()
}

/// A manifest of locations.
pub fn locations(urls: &[&str]) -> String {
    let files: Vec<_> = urls
        .iter()
        .map(|url| serde_json::json!({"contentType": "application/fhir+json", "location": url}))
        .collect();
    serde_json::json!({ "files": files }).to_string()
}

pub fn encode(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

pub fn uri(payload: serde_json::Value) -> String {
    format!("shlink:/{}", encode(payload.to_string().as_bytes()))
}

pub fn payload() -> serde_json::Value {
    serde_json::json!({"url": URL, "key": "A".repeat(43)})
}

pub fn with(name: &str, value: serde_json::Value) -> String {
    let mut payload = payload();
    payload[name] = value;
    uri(payload)
}
