//! Merkle trees with the hashing of RFC 6962 (RFC 9162, section 2.1) under either suite's hash.
//!
//! ```text
//! leaf = H(0x00 ‖ data)        node = H(0x01 ‖ left ‖ right)
//! root of n > 1 leaves: split at the largest power of two below n; root of none = H("")
//! ```
//! Used for a record's content root and for the chunks of an attachment; leaves arrive hashed.

use crate::{Digest, Suite};

/// H(0x00 ‖ parts).
pub fn leaf_hash(suite: Suite, parts: &[&[u8]]) -> Digest {
    let mut hasher = suite.hasher();
    hasher.update(&[0]);
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finish()
}

/// H(0x01 ‖ left ‖ right).
pub fn node_hash(suite: Suite, left: &Digest, right: &Digest) -> Digest {
    suite.hash(&[&[1], &left.0, &right.0])
}

/// Root over leaf hashes.
pub fn root(suite: Suite, leaves: &[Digest]) -> Digest {
    match leaves {
        [] => suite.hash(&[]),
        [only] => *only,
        _ => {
            let (left, right) = leaves.split_at(split_point(leaves.len()));
            node_hash(suite, &root(suite, left), &root(suite, right))
        }
    }
}

/// Siblings from leaf `index` up to the root; `None` when there is no such leaf.
pub fn inclusion_path(suite: Suite, leaves: &[Digest], index: usize) -> Option<Vec<Digest>> {
    if index >= leaves.len() {
        return None;
    }
    let mut path = Vec::new();
    let (mut leaves, mut index) = (leaves, index);
    while leaves.len() > 1 {
        let (left, right) = leaves.split_at(split_point(leaves.len()));
        if index < left.len() {
            path.push(root(suite, right));
            leaves = left;
        } else {
            path.push(root(suite, left));
            index = index.saturating_sub(left.len());
            leaves = right;
        }
    }
    path.reverse();
    Some(path)
}

/// The root that a leaf hash and its path lead to; `None` when index, size and path length do
/// not fit each other (RFC 9162, section 2.1.3.2).
pub fn root_from_path(
    suite: Suite,
    leaf: Digest,
    index: u64,
    size: u64,
    path: &[Digest],
) -> Option<Digest> {
    let last = size.checked_sub(1).filter(|last| index <= *last)?;
    let (mut node, mut last, mut hash) = (index, last, leaf);
    for sibling in path {
        if last == 0 {
            return None;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(suite, sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(suite, &hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(hash)
}

/// The largest power of two below `len`; `len` is at least 2.
const fn split_point(len: usize) -> usize {
    1 << len.saturating_sub(1).ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(suite: Suite, count: usize) -> Vec<Digest> {
        (0..count)
            .map(|n| leaf_hash(suite, &[&n.to_be_bytes()]))
            .collect()
    }

    #[test]
    fn roots_match_the_certificate_transparency_vectors() {
        // Inputs and roots of the reference test in RFC 6962 implementations.
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
        let hashes: Vec<_> = data.iter().map(|d| leaf_hash(suite, &[d])).collect();
        let expected = [
            (
                1,
                "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            ),
            (
                3,
                "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            ),
            (
                8,
                "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
            ),
        ];
        for (count, text) in expected {
            assert_eq!(root(suite, &hashes[..count]).to_string(), text);
        }
    }

    #[test]
    fn every_leaf_of_every_small_tree_leads_to_its_root_and_no_other_does() {
        for suite in Suite::ALL {
            for size in 1..=20 {
                let leaves = leaves(suite, size);
                let expected = root(suite, &leaves);
                for index in 0..size {
                    let path = inclusion_path(suite, &leaves, index).unwrap();
                    for claimed in 0..size {
                        let found = root_from_path(
                            suite,
                            leaves[index],
                            claimed as u64,
                            size as u64,
                            &path,
                        );
                        assert_eq!(found == Some(expected), claimed == index);
                    }
                }
            }
        }
    }

    #[test]
    fn a_path_that_is_too_short_or_too_long_leads_nowhere() {
        let suite = Suite::International;
        let leaves = leaves(suite, 5);
        let path = inclusion_path(suite, &leaves, 1).unwrap();
        let lead = |path: &[Digest]| root_from_path(suite, leaves[1], 1, 5, path);
        assert!(lead(&path).is_some());
        let longer = [&path[..], &path[..1]].concat();
        for wrong in [&path[..0], &path[..2], &longer] {
            assert_eq!(lead(wrong), None);
        }
    }
}
