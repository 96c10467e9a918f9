//! Pinned packs of both suites: `tests/vectors/evidence.json`, which the browser's module is tested
//! with, too.
//!
//! A change of the format fails here; `cargo test -p medfolder-share --lib vectors -- --ignored`
//! writes the file anew once the change is meant.

use std::path::{Path, PathBuf};

use medfolder_crypto::Suite;
use serde_json::{Value, json};

use super::tests::making;
use super::tests_carried::Original;
use super::world::{BODY, World};
use crate::content_type::FHIR_JSON;
use crate::jwe::{Zip, encrypt};
use crate::link::share_url;
use crate::{Flags, Link, LinkDraft, LinkKey};

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/evidence.json")
}

/// A record with a signature of the hospital's own system, over a file beside it or over its body.
fn carried(suite: Suite, original: &Original, with_body: bool) -> Value {
    let sealed = original.sealed(suite, with_body);
    json!({
        "record": sealed.record.id(),
        "body": original.body,
        "pack": hex::encode(sealed.pack.to_bytes()),
    })
}

fn of_suite(suite: Suite) -> Value {
    let mut world = World::with_card(suite);
    let (record, seal) = world.seal_record(0);
    let whole = making(&world, &record, &seal).whole(false).unwrap();
    let part = making(&world, &record, &seal).pieces(&[1], &[]).unwrap();
    json!({
        "genesis": hex::encode(world.chain.to_bytes()),
        "checkpoint": hex::encode(world.checkpoint().to_bytes()),
        "record": record.id(),
        "whole": hex::encode(whole.to_bytes()),
        "part": hex::encode(part.to_bytes()),
        "carried": carried(suite, &Original::of(suite), true),
        "carried_body": carried(suite, &Original::is_body(suite), false),
    })
}

fn link() -> (Value, LinkKey) {
    let key = LinkKey::from_bytes([1; 32]);
    let draft = LinkDraft {
        url: share_url("https://edge.example", &[2; 32]),
        key: key.duplicate(),
        flags: Flags::default(),
        label: Some("给医生看".into()),
        exp: None,
    };
    let uri = Link::issue(draft).unwrap().to_uri();
    (json!(uri.as_str()), key)
}

fn vectors() -> Value {
    json!({
        "body": BODY,
        "link": link().0,
        "international": of_suite(Suite::International),
        "national": of_suite(Suite::National),
    })
}

#[test]
fn packs_are_made_of_the_pinned_bytes() {
    let mut pinned: Value =
        serde_json::from_str(&std::fs::read_to_string(file()).unwrap()).unwrap();
    // A nonce is random: the encrypted file is opened, not compared.
    let jwe = pinned.as_object_mut().unwrap().remove("jwe").unwrap();
    let opened = crate::jwe::decrypt(&link().1, jwe.as_str().unwrap(), &Default::default());
    assert_eq!(*opened.unwrap().content, BODY.as_bytes());
    assert_eq!(pinned, vectors());
}

#[test]
#[ignore = "writes the vectors anew"]
fn write_the_vectors() {
    let mut vectors = vectors();
    let (key, rng) = (link().1, &mut medfolder_crypto::os_rng());
    let jwe = encrypt(&key, FHIR_JSON, BODY.as_bytes(), Zip::None, rng).unwrap();
    vectors["jwe"] = json!(jwe);
    let text = serde_json::to_string_pretty(&vectors).unwrap();
    std::fs::write(file(), text + "\n").unwrap();
}
