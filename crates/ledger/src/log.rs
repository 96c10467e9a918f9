//! The append-only Merkle log of accepted transactions (RFC 9162, section 2.1, hashing of
//! RFC 6962) under the suite's hash.
//!
//! ```text
//! leaf = H(0x00 ‖ stored bytes)      node = H(0x01 ‖ left ‖ right)      root of none = H("")
//! node (level, index) covers leaves index·2^level … (index+1)·2^level − 1; only full ones are kept
//! ```
//! [`Frontier`] appends in O(log n) with the at most 64 roots of full subtrees; the nodes that it
//! completes are stored by the caller, and proofs are made from them through [`LogNodes`].

use medfolder_crypto::{Digest, Suite, merkle};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// Place of a full subtree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    /// 0 for leaves.
    pub level: u8,
    /// From the left, at this level.
    pub index: u64,
}

/// Looks up hashes of full subtrees, leaves included.
pub trait LogNodes {
    /// What looking up can fail with.
    type Error;

    /// The hash; `None` when this subtree is not full yet.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn node(&self, id: NodeId) -> Result<Option<Digest>, Self::Error>;
}

/// What is needed to append: the size and the roots of the full subtrees, largest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Frontier {
    #[n(0)]
    size: u64,
    #[n(1)]
    peaks: Vec<Digest>,
}

impl Frontier {
    /// Of an empty log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The frontier of a log of `size` leaves, from its stored nodes.
    ///
    /// # Errors
    /// [`LogError`] when a node is missing or the store cannot be read.
    pub fn load<N: LogNodes>(nodes: &N, size: u64) -> Result<Self, LogError<N::Error>> {
        let peaks = full_subtrees(0, size)
            .into_iter()
            .map(|id| look_up(nodes, id))
            .collect::<Result<_, _>>()?;
        Ok(Self { size, peaks })
    }

    /// Number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf hash; `store` is called for it and for every node that it completes.
    pub fn append(&mut self, suite: Suite, leaf: Digest, mut store: impl FnMut(NodeId, Digest)) {
        let (mut node, mut index) = (leaf, self.size);
        let mut level = 0u8;
        store(NodeId { level, index }, node);
        while index & 1 == 1 {
            let Some(left) = self.peaks.pop() else { break };
            node = merkle::node_hash(suite, &left, &node);
            index >>= 1;
            level = level.saturating_add(1);
            store(NodeId { level, index }, node);
        }
        self.peaks.push(node);
        self.size = self.size.saturating_add(1);
    }

    /// The root.
    #[must_use]
    pub fn root(&self, suite: Suite) -> Digest {
        fold_right(suite, &self.peaks)
    }
}

/// Root over subtrees of falling size: the right ones are joined first.
fn fold_right(suite: Suite, peaks: &[Digest]) -> Digest {
    match peaks.split_last() {
        None => merkle::root(suite, &[]),
        Some((last, rest)) => rest
            .iter()
            .rev()
            .fold(*last, |right, left| merkle::node_hash(suite, left, &right)),
    }
}

/// Why a proof cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError<E> {
    /// There is no such leaf, or no such size yet.
    #[error("the log has no such position or size")]
    Range,
    /// A node that must be there is not.
    #[error("a node of the log is missing from its store")]
    Missing,
    /// The store cannot be read.
    #[error("the store of the log cannot be read")]
    Store(E),
}

impl<E> LogError<E> {
    /// Stable code of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Range => "log.range",
            Self::Missing => "log.missing",
            Self::Store(_) => "log.store",
        }
    }
}

fn look_up<N: LogNodes>(nodes: &N, id: NodeId) -> Result<Digest, LogError<N::Error>> {
    nodes
        .node(id)
        .map_err(LogError::Store)?
        .ok_or(LogError::Missing)
}

/// The full subtrees of leaves `from … to − 1`, left to right, where `from` is a multiple of the
/// smallest power of two not below `to − from`.
fn full_subtrees(from: u64, to: u64) -> Vec<NodeId> {
    let mut start = from;
    let mut found = Vec::new();
    while let Some(rest) = to.checked_sub(start).filter(|rest| *rest > 0) {
        let level = rest.ilog2();
        found.push(NodeId {
            level: u8::try_from(level).unwrap_or(u8::MAX),
            index: start >> level,
        });
        start = start.saturating_add(1 << level);
    }
    found
}

/// Root over leaves `from … to − 1` of one subtree.
fn range_root<N: LogNodes>(
    suite: Suite,
    nodes: &N,
    from: u64,
    to: u64,
) -> Result<Digest, LogError<N::Error>> {
    let peaks = full_subtrees(from, to)
        .into_iter()
        .map(|id| look_up(nodes, id))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(fold_right(suite, &peaks))
}

/// Largest power of two below `n`, for n ≥ 2.
const fn split(n: u64) -> u64 {
    match n.saturating_sub(1).checked_ilog2() {
        Some(bits) => 1 << bits,
        None => 0,
    }
}

/// Proof that a leaf stands at a position of the log (RFC 9162, section 2.1.3).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(array)]
pub struct InclusionProof {
    /// Position of the leaf.
    #[n(0)]
    pub index: u64,
    /// Size of the log that the root is of.
    #[n(1)]
    pub size: u64,
    /// Siblings from the leaf upwards.
    #[n(2)]
    pub path: Vec<Digest>,
}

/// Proof that one log is a prefix of another (RFC 9162, section 2.1.4).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(array)]
pub struct ConsistencyProof {
    /// Size of the older log.
    #[n(0)]
    pub from: u64,
    /// Size of the newer log.
    #[n(1)]
    pub to: u64,
    /// Nodes in the order of RFC 9162.
    #[n(2)]
    pub path: Vec<Digest>,
}

impl InclusionProof {
    /// Makes the proof for leaf `index` of the log's first `size` leaves.
    ///
    /// # Errors
    /// [`LogError`]
    pub fn make<N: LogNodes>(
        suite: Suite,
        nodes: &N,
        index: u64,
        size: u64,
    ) -> Result<Self, LogError<N::Error>> {
        if index >= size {
            return Err(LogError::Range);
        }
        let mut path = Vec::new();
        let (mut from, mut to) = (0u64, size);
        while to.saturating_sub(from) > 1 {
            let middle = from.saturating_add(split(to.saturating_sub(from)));
            if index < middle {
                path.push(range_root(suite, nodes, middle, to)?);
                to = middle;
            } else {
                path.push(range_root(suite, nodes, from, middle)?);
                from = middle;
            }
        }
        path.reverse();
        Ok(Self { index, size, path })
    }

    /// The root that a leaf hash leads to; `None` when the path does not fit index and size.
    #[must_use]
    pub fn root(&self, suite: Suite, leaf: Digest) -> Option<Digest> {
        merkle::root_from_path(suite, leaf, self.index, self.size, &self.path)
    }
}

impl ConsistencyProof {
    /// Makes the proof that the log's first `from` leaves are a prefix of its first `to`.
    ///
    /// # Errors
    /// [`LogError`]
    pub fn make<N: LogNodes>(
        suite: Suite,
        nodes: &N,
        from: u64,
        to: u64,
    ) -> Result<Self, LogError<N::Error>> {
        if from > to {
            return Err(LogError::Range);
        }
        let mut path = Vec::new();
        let (mut start, mut end, mut old) = (0u64, to, from);
        // SUBPROOF of RFC 9162: `old` counts from `start`; `whole` until the old tree was cut.
        let mut whole = true;
        while from > 0 && old < end.saturating_sub(start) {
            let k = split(end.saturating_sub(start));
            let middle = start.saturating_add(k);
            if old <= k {
                path.push(range_root(suite, nodes, middle, end)?);
                end = middle;
            } else {
                path.push(range_root(suite, nodes, start, middle)?);
                start = middle;
                old = old.saturating_sub(k);
                whole = false;
            }
        }
        if from > 0 && from < to && !whole {
            path.push(range_root(suite, nodes, start, end)?);
        }
        path.reverse();
        Ok(Self { from, to, path })
    }

    /// Whether the newer root continues the older one (RFC 9162, section 2.1.4.2).
    #[must_use]
    pub fn verify(&self, suite: Suite, old_root: &Digest, new_root: &Digest) -> bool {
        if self.from == self.to {
            return self.path.is_empty() && old_root == new_root;
        }
        if self.from == 0 {
            return self.path.is_empty() && self.to > 0 && *old_root == merkle::root(suite, &[]);
        }
        self.from < self.to && self.roots(suite, old_root) == Some((*old_root, *new_root))
    }

    /// The two roots that the path leads to.
    fn roots(&self, suite: Suite, old_root: &Digest) -> Option<(Digest, Digest)> {
        let (mut old_node, mut last) = (self.from.checked_sub(1)?, self.to.checked_sub(1)?);
        while old_node & 1 == 1 {
            old_node >>= 1;
            last >>= 1;
        }
        let mut path = self.path.iter();
        // A full old tree is its own first node.
        let first = if self.from.is_power_of_two() {
            old_root
        } else {
            path.next()?
        };
        let (mut old, mut new) = (*first, *first);
        for sibling in path {
            if last == 0 {
                return None;
            }
            if old_node & 1 == 1 || old_node == last {
                old = merkle::node_hash(suite, sibling, &old);
                new = merkle::node_hash(suite, sibling, &new);
                while old_node & 1 == 0 && old_node != 0 {
                    old_node >>= 1;
                    last >>= 1;
                }
            } else {
                new = merkle::node_hash(suite, &new, sibling);
            }
            old_node >>= 1;
            last >>= 1;
        }
        (last == 0).then_some((old, new))
    }
}

/// A log's nodes in memory, for tests, tools and browsers.
#[derive(Clone, Debug, Default)]
pub struct MemoryLog {
    nodes: std::collections::BTreeMap<NodeId, Digest>,
    frontier: Frontier,
}

impl MemoryLog {
    /// Appends a leaf hash.
    pub fn append(&mut self, suite: Suite, leaf: Digest) {
        let nodes = &mut self.nodes;
        self.frontier.append(suite, leaf, |id, hash| {
            nodes.insert(id, hash);
        });
    }

    /// Number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The root.
    #[must_use]
    pub fn root(&self, suite: Suite) -> Digest {
        self.frontier.root(suite)
    }
}

impl LogNodes for MemoryLog {
    type Error = core::convert::Infallible;

    fn node(&self, id: NodeId) -> Result<Option<Digest>, Self::Error> {
        Ok(self.nodes.get(&id).copied())
    }
}
