//! Nodes of the Merkle log in a flat file, so that any proof is a few reads.
//!
//! ```text
//! file = 32-byte nodes of full subtrees in the order in which they became full:
//!        leaf 0 | leaf 1, parent(0,1) | leaf 2 | leaf 3, parent(2,3), parent(0..4) | …
//! after n leaves it holds 2n − ones(n) nodes, ones = number of one bits of n;
//! node (level, i) covers leaves i·2^level … and stands at 2(m−1) − ones(m−1) + level, m = (i+1)·2^level
//! ```
//! The file is derived from the blocks: it is not synced with each block; after a crash it is cut
//! back to what was known to be on disk and extended again. Reads and appends use positions, so
//! that readers need no lock.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use medfolder_crypto::{Digest, Suite};
use medfolder_ledger::log::{Frontier, LogNodes, NodeId};

const NODE: u64 = 32;

/// The nodes of one Merkle log.
#[derive(Debug)]
pub struct Tree {
    file: File,
}

/// Nodes that an append adds, in the file's order.
#[derive(Clone, Debug, Default)]
pub struct Grown(Vec<u8>);

impl Grown {
    /// Appends leaf hashes to a frontier and keeps the nodes that become full.
    #[must_use]
    pub fn of(suite: Suite, frontier: &mut Frontier, leaves: &[Digest]) -> Self {
        let mut bytes = Vec::with_capacity(leaves.len() * 64);
        for leaf in leaves {
            frontier.append(suite, *leaf, |_, node| bytes.extend_from_slice(&node.0));
        }
        Self(bytes)
    }
}

/// Number of nodes that `leaves` leaves complete.
const fn nodes(leaves: u64) -> u64 {
    2 * leaves - leaves.count_ones() as u64
}

/// Where a node stands.
const fn place(id: NodeId) -> u64 {
    let before = ((id.index + 1) << id.level) - 1;
    nodes(before) + id.level as u64
}

impl Tree {
    /// Opens or creates the file.
    ///
    /// # Errors
    /// What the operating system answers.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        Ok(Self { file })
    }

    /// Cuts the log back to `leaves` leaves.
    ///
    /// # Errors
    /// `UnexpectedEof` when the file does not hold that many; else what the system answers.
    pub fn truncate(&self, leaves: u64) -> io::Result<()> {
        let length = nodes(leaves) * NODE;
        if self.file.metadata()?.len() < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.file.set_len(length)
    }

    /// Makes everything appended so far durable.
    ///
    /// # Errors
    /// What the operating system answers.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Writes what a log of `size` leaves grew by.
    ///
    /// # Errors
    /// What the operating system answers.
    pub fn append(&self, size: u64, grown: &Grown) -> io::Result<()> {
        self.file.write_all_at(&grown.0, nodes(size) * NODE)
    }
}

impl LogNodes for Tree {
    type Error = io::Error;

    fn node(&self, id: NodeId) -> Result<Option<Digest>, io::Error> {
        let mut node = [0; 32];
        match self.file.read_exact_at(&mut node, place(id) * NODE) {
            Ok(()) => Ok(Some(Digest(node))),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use medfolder_crypto::merkle;
    use medfolder_ledger::log::InclusionProof;

    const SUITE: Suite = Suite::International;

    fn leaves(count: u64) -> Vec<Digest> {
        (0..count)
            .map(|n| merkle::leaf_hash(SUITE, &[&n.to_be_bytes()]))
            .collect()
    }

    fn tree_of(count: u64, step: usize) -> (tempfile::TempDir, Tree) {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::open(&dir.path().join("log")).unwrap();
        let mut frontier = Frontier::new();
        for part in leaves(count).chunks(step) {
            let size = frontier.size();
            tree.append(size, &Grown::of(SUITE, &mut frontier, part))
                .unwrap();
        }
        (dir, tree)
    }

    #[test]
    fn every_size_has_the_root_and_the_paths_of_the_whole_list() {
        let all = leaves(70);
        let (_dir, tree) = tree_of(70, 7);
        for size in 1..=70_u64 {
            let root = merkle::root(SUITE, &all[..size as usize]);
            assert_eq!(Frontier::load(&tree, size).unwrap().root(SUITE), root);
            for index in 0..size {
                let proof = InclusionProof::make(SUITE, &tree, index, size).unwrap();
                assert_eq!(proof.root(SUITE, all[index as usize]), Some(root));
            }
        }
    }

    #[test]
    fn a_log_cut_back_and_extended_again_is_the_same_file() {
        let (dir, tree) = tree_of(50, 9);
        let path = dir.path().join("log");
        let before = std::fs::read(&path).unwrap();
        tree.truncate(33).unwrap();
        let mut frontier = Frontier::load(&tree, 33).unwrap();
        tree.append(33, &Grown::of(SUITE, &mut frontier, &leaves(50)[33..]))
            .unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), before);
        assert!(tree.truncate(51).is_err());
    }
}
