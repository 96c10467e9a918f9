//! The Merkle log against the RFC's vectors, a plain root, and another crate.

use crate::log::*;
use medfolder_crypto::{Digest, Suite, merkle};

fn log(suite: Suite, count: u64) -> (MemoryLog, Vec<Digest>) {
    let leaves: Vec<_> = (0..count)
        .map(|n| merkle::leaf_hash(suite, &[&n.to_be_bytes()]))
        .collect();
    let mut log = MemoryLog::default();
    leaves.iter().for_each(|leaf| log.append(suite, *leaf));
    (log, leaves)
}

#[test]
fn the_frontiers_root_is_the_merkle_root_at_every_size() {
    for suite in Suite::ALL {
        for size in 0..70 {
            let (log, leaves) = log(suite, size);
            let root = merkle::root(suite, &leaves);
            assert_eq!(log.root(suite), root);
            let loaded = Frontier::load(&log, size).unwrap();
            assert_eq!((loaded.size(), loaded.root(suite)), (size, root));
        }
    }
}

#[test]
fn a_frontier_loaded_from_an_older_size_goes_on_alike() {
    let suite = Suite::International;
    let (all, leaves) = log(suite, 40);
    for size in 0..40 {
        let mut frontier = Frontier::load(&all, size).unwrap();
        for leaf in &leaves[size as usize..] {
            frontier.append(suite, *leaf, |_, _| {});
        }
        assert_eq!(frontier.root(suite), all.root(suite));
    }
}

#[test]
fn every_leaf_of_every_size_is_proven_included_and_at_no_other_place() {
    let suite = Suite::International;
    let (log, leaves) = log(suite, 24);
    for size in 1..=24u64 {
        let root = merkle::root(suite, &leaves[..size as usize]);
        for index in 0..size {
            let proof = InclusionProof::make(suite, &log, index, size).unwrap();
            assert_eq!(proof.root(suite, leaves[index as usize]), Some(root));
            for other in (0..size).filter(|other| *other != index) {
                let moved = InclusionProof {
                    index: other,
                    ..proof.clone()
                };
                assert_ne!(moved.root(suite, leaves[index as usize]), Some(root));
            }
        }
        assert_eq!(
            InclusionProof::make(suite, &log, size, size),
            Err(LogError::Range)
        );
    }
    assert_eq!(
        InclusionProof::make(suite, &log, 0, 25),
        Err(LogError::Missing)
    );
}

#[test]
fn every_size_is_proven_a_prefix_of_every_later_one_and_of_no_other_log() {
    let suite = Suite::International;
    let (log, leaves) = log(suite, 20);
    let root = |size: u64| merkle::root(suite, &leaves[..size as usize]);
    for to in 0..=20 {
        for from in 0..=to {
            let proof = ConsistencyProof::make(suite, &log, from, to).unwrap();
            assert!(proof.verify(suite, &root(from), &root(to)), "{from} {to}");
            let wrong = Digest([1; 32]);
            // Every log continues the empty one.
            assert_eq!(
                proof.verify(suite, &root(from), &wrong),
                from == 0 && to > 0
            );
            assert!(!proof.verify(suite, &wrong, &root(to)));
            for index in 0..proof.path.len() {
                let mut changed = proof.clone();
                changed.path[index].0[0] ^= 1;
                assert!(!changed.verify(suite, &root(from), &root(to)));
            }
            let mut longer = proof.clone();
            longer.path.push(wrong);
            assert!(!longer.verify(suite, &root(from), &root(to)));
        }
    }
    assert_eq!(
        ConsistencyProof::make(suite, &log, 3, 2),
        Err(LogError::Range)
    );
}

#[test]
fn roots_and_proofs_match_the_certificate_transparency_vectors() {
    // Inputs, roots and proofs of the reference tests of RFC 6962 implementations.
    let data: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    let suite = Suite::International;
    let mut log = MemoryLog::default();
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    for (bytes, root) in data.iter().zip(roots) {
        log.append(suite, merkle::leaf_hash(suite, &[bytes]));
        assert_eq!(log.root(suite).to_string(), root);
    }
    let texts = |path: &[Digest]| path.iter().map(Digest::to_string).collect::<Vec<_>>();
    let inclusion = InclusionProof::make(suite, &log, 5, 8).unwrap();
    assert_eq!(
        texts(&inclusion.path),
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ]
    );
    let consistency = ConsistencyProof::make(suite, &log, 6, 8).unwrap();
    assert_eq!(
        texts(&consistency.path),
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ]
    );
}

#[test]
fn another_crate_makes_the_same_roots_and_takes_our_proofs() {
    use ct_merkle::mem_backed_tree::MemoryBackedTree;
    use ct_merkle::{ConsistencyProof as TheirConsistency, InclusionProof as TheirInclusion};
    use sha2::Sha256;
    let suite = Suite::International;
    let mut ours = MemoryLog::default();
    let mut theirs = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    let mut roots = Vec::new();
    for n in 0..33u64 {
        let bytes = n.to_be_bytes().to_vec();
        ours.append(suite, merkle::leaf_hash(suite, &[&bytes]));
        theirs.push(bytes);
        roots.push(theirs.root());
        assert_eq!(ours.root(suite).0[..], theirs.root().as_bytes()[..]);
    }
    for index in 0..33u64 {
        let proof = InclusionProof::make(suite, &ours, index, 33).unwrap();
        let bytes: Vec<u8> = proof.path.iter().flat_map(|node| node.0).collect();
        let their = TheirInclusion::<Sha256>::try_from_bytes(bytes).unwrap();
        let value = index.to_be_bytes().to_vec();
        assert!(
            theirs
                .root()
                .verify_inclusion(&value, index, &their)
                .is_ok()
        );
    }
    for from in 1..33u64 {
        let proof = ConsistencyProof::make(suite, &ours, from, 33).unwrap();
        let bytes: Vec<u8> = proof.path.iter().flat_map(|node| node.0).collect();
        let their = TheirConsistency::<Sha256>::try_from_bytes(bytes).unwrap();
        let old = &roots[from as usize - 1];
        assert!(
            theirs.root().verify_consistency(old, &their).is_ok(),
            "{from}"
        );
    }
}
