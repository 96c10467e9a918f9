//! The state's tree against nomt's own builder, and its proofs.

use crate::state::StateKey;
use crate::tree::*;
use medfolder_crypto::{Digest, Suite, from_cbor, to_cbor};
use nomt_core::hasher::ValueHasher;
use nomt_core::update::build_trie;
use proptest::prelude::*;

fn key(n: u16) -> StateKey {
    let Digest(bytes) = Suite::International.hash(&[&n.to_be_bytes()]);
    StateKey(bytes)
}

fn tree(suite: Suite, count: u16) -> MemoryTree {
    let mut tree = MemoryTree::new(suite);
    tree.write((0..count).map(|n| (key(n), n.to_be_bytes().to_vec())));
    tree
}

#[test]
fn the_root_is_the_one_that_nomt_builds() {
    for count in 0..40 {
        let tree = tree(Suite::International, count);
        let ops = tree
            .entries()
            .iter()
            .map(|(k, v)| (k.0, InternationalHasher::hash_value(v)));
        assert_eq!(
            tree.root().0,
            build_trie::<InternationalHasher>(0, ops, |_| {})
        );
        let national = MemoryTree::new(Suite::National);
        assert_eq!(national.root(), Digest::default());
    }
    let tree = tree(Suite::National, 25);
    let ops = tree
        .entries()
        .iter()
        .map(|(k, v)| (k.0, NationalHasher::hash_value(v)));
    assert_eq!(tree.root().0, build_trie::<NationalHasher>(0, ops, |_| {}));
}

#[test]
fn every_key_is_proven_present_with_its_value_or_absent() {
    for suite in Suite::ALL {
        for count in [0, 1, 2, 3, 30] {
            let tree = tree(suite, count);
            for n in 0..40 {
                let proof = tree.prove(&key(n));
                let value = n.to_be_bytes();
                let expected = (n < count).then_some(&value[..]);
                assert_eq!(proof.verify(suite, &tree.root(), &key(n)), Ok(expected));
                let bytes = to_cbor(&proof);
                assert_eq!(from_cbor::<StateProof>(&bytes, 10_000), Ok(proof));
            }
        }
    }
}

#[test]
fn a_present_key_is_not_proven_absent_nor_with_another_value() {
    let suite = Suite::International;
    let full = tree(suite, 30);
    let mut without = full.clone();
    let mut forged = full.clone();
    forged.write([(key(7), vec![0xFF])]);
    assert!(
        forged
            .prove(&key(7))
            .verify(suite, &full.root(), &key(7))
            .is_err()
    );
    let mut rest = MemoryTree::new(suite);
    rest.write(
        without
            .entries()
            .clone()
            .into_iter()
            .filter(|(k, _)| *k != key(7)),
    );
    without = rest;
    assert!(
        without
            .prove(&key(7))
            .verify(suite, &full.root(), &key(7))
            .is_err()
    );
    // Another key's honest proof does not speak for this one.
    for other in (0..40).filter(|other| *other != 7) {
        let proof = full.prove(&key(other));
        assert_ne!(
            proof.verify(suite, &full.root(), &key(7)),
            Ok(None),
            "{other}"
        );
    }
}

#[test]
fn a_leaf_of_the_key_itself_does_not_pass_for_another_keys() {
    let suite = Suite::International;
    let tree = tree(suite, 30);
    let mut proof = to_cbor(&tree.prove(&key(3)));
    // Present with its value, rewritten as "another key's leaf" with the same key.
    let end = proof.len() - 3;
    proof.truncate(end);
    proof.extend([0x82, 0x58, 0x20]);
    proof.extend(key(3).0);
    proof.extend([0x58, 0x20]);
    proof.extend(InternationalHasher::hash_value(&3u16.to_be_bytes()));
    let hidden: StateProof = from_cbor(&proof, 10_000).unwrap();
    assert!(hidden.verify(suite, &tree.root(), &key(3)).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn one_flipped_bit_of_a_proof_root_or_key_proves_nothing_else(
        count in 1u16..40, n in 0u16..50, place: prop::sample::Index, bit in 0u8..8,
    ) {
        let suite = Suite::International;
        let tree = tree(suite, count);
        let proof = tree.prove(&key(n));
        let honest = proof.verify(suite, &tree.root(), &key(n)).unwrap().map(<[u8]>::to_vec);
        let mut bytes = to_cbor(&proof);
        let at = place.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Ok(changed) = from_cbor::<StateProof>(&bytes, 10_000) {
            prop_assert!(changed.verify(suite, &tree.root(), &key(n)).is_err());
        }
        let mut root = tree.root();
        root.0[at % 32] ^= 1 << bit;
        prop_assert!(proof.verify(suite, &root, &key(n)).is_err());
        prop_assert_eq!(honest.is_some(), n < count);
    }
}
