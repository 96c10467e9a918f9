//! The key tree's pinned vectors, one per suite (`tests/vectors/keys.json`).
#![allow(clippy::unwrap_used, reason = "tests")]

use medfolder_crypto::{Secret32, Suite, tree::ChainRoot, tree::KeyPair, words};
use serde_json::{Value, json};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/keys.json");

fn pair(keys: &KeyPair, version: u8) -> Value {
    let number = [&[version][..], &keys.number.0].concat();
    json!({
        "signing": keys.signing.public(),
        "encryption": keys.encryption.public().to_bytes(),
        "number": bs58::encode(number).with_check().into_string(),
    })
}

fn tree(suite: Suite) -> Value {
    let root = Secret32::new(core::array::from_fn(|i| i as u8));
    let genesis = suite.hash(&[b"a genesis"]);
    let chain = ChainRoot::derive(suite, &root, &genesis);
    json!({
        "suite": suite,
        "root": hex::encode(root.expose()),
        "english": words::from_root(&root, words::WordList::English).join(" "),
        "chinese": words::from_root(&root, words::WordList::Chinese).concat(),
        "genesis": genesis,
        "member": hex::encode([0x11; 16]),
        "card_0": pair(&chain.card(&[0x11; 16], 0), 0),
        "card_1": pair(&chain.card(&[0x11; 16], 1), 0),
        "folder": pair(&chain.folder(), 1),
    })
}

fn vectors() -> Value {
    Value::Array(Suite::ALL.into_iter().map(tree).collect())
}

#[test]
fn the_key_tree_is_the_pinned_one() {
    let pinned: Value = serde_json::from_slice(&std::fs::read(FILE).unwrap()).unwrap();
    assert_eq!(vectors(), pinned);
}

#[test]
#[ignore = "writes the pinned file anew; run it only when the format changes on purpose"]
fn write_vectors() {
    let text = serde_json::to_string_pretty(&vectors()).unwrap();
    std::fs::write(FILE, text + "\n").unwrap();
}
