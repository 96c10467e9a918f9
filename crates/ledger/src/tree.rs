//! The authenticated state: a binary Merkle map of 256-bit keys, as `nomt` keeps it on disk.
//!
//! ```text
//! value digest = H("medfolder/state-value" ‖ 0 ‖ value)
//! leaf         = H("medfolder/state-leaf" ‖ 0 ‖ key ‖ value digest)     most significant bit set
//! inner node   = H("medfolder/state-node" ‖ 0 ‖ left ‖ right)           most significant bit cleared
//! empty        = 32 zero bytes
//! ```
//! A node at depth d covers the keys that begin with its d bits (most significant bit of byte 0
//! first; 0 is left). A subtree of one key is that key's leaf, of none is empty. So a key is absent
//! where its path ends at an empty node or at another key's leaf. Source: `nomt-core`, whose
//! verifier this is.

use medfolder_crypto::{Digest, Label, Suite};
use minicbor::{Decode, Decoder, Encode, Encoder};
use nomt_core::hasher::{NodeHasher, ValueHasher, node_kind_by_msb, set_msb, unset_msb};
use nomt_core::proof::{PathProof, PathProofTerminal};
use nomt_core::trie::{InternalData, LeafData, Node, NodeKind, TERMINATOR};
use nomt_core::trie_pos::TriePosition;
use std::collections::BTreeMap;

use crate::state::{StateError, StateKey, StateRead};

/// Longest value of an entry in bytes.
pub const MAX_VALUE: usize = 256 << 10;
const MAX_DEPTH: usize = 256;

macro_rules! hasher {
    ($(#[$doc:meta])* $name:ident, $suite:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl ValueHasher for $name {
            fn hash_value(value: &[u8]) -> [u8; 32] {
                $suite.hash_labelled(Label::STATE_VALUE, &[value]).0
            }
        }

        impl NodeHasher for $name {
            fn hash_leaf(data: &LeafData) -> [u8; 32] {
                let parts: [&[u8]; 2] = [&data.key_path, &data.value_hash];
                let Digest(mut node) = $suite.hash_labelled(Label::STATE_LEAF, &parts);
                set_msb(&mut node);
                node
            }

            fn hash_internal(data: &InternalData) -> [u8; 32] {
                let parts: [&[u8]; 2] = [&data.left, &data.right];
                let Digest(mut node) = $suite.hash_labelled(Label::STATE_NODE, &parts);
                unset_msb(&mut node);
                node
            }

            fn node_kind(node: &Node) -> NodeKind {
                node_kind_by_msb(node)
            }
        }
    };
}

hasher! {
    /// SHA-256, for `nomt` on an international chain.
    InternationalHasher, Suite::International
}
hasher! {
    /// SM3, for `nomt` on a national chain.
    NationalHasher, Suite::National
}

/// Where a key's path ends.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    /// At the key's leaf: its value.
    Value(Vec<u8>),
    /// At another key's leaf: that key and its value's digest.
    Other(StateKey, Digest),
    /// At an empty subtree.
    Empty,
}

/// Proof of what a key's entry is, or that there is none.
///
/// ```text
/// CBOR [siblings, end]     siblings: byte string, 32 bytes each, from the root downwards
///                          end: byte string (the value) │ [key, value digest] │ null
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateProof {
    siblings: Vec<Node>,
    end: End,
}

/// A proof that does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the state's proof does not lead to the certified root")]
pub struct StateProofError;

impl StateProofError {
    /// Stable code of the error.
    #[must_use]
    pub const fn code(self) -> &'static str {
        "proof.state"
    }
}

impl StateProof {
    /// From a path that `nomt` proved for `key`, and the value that it has, if any.
    #[must_use]
    pub fn from_path(path: PathProof, key: &StateKey, value: Option<Vec<u8>>) -> Self {
        let end = match (path.terminal, value) {
            (PathProofTerminal::Leaf(leaf), Some(value)) if leaf.key_path == key.0 => {
                End::Value(value)
            }
            (PathProofTerminal::Leaf(leaf), _) => {
                End::Other(StateKey(leaf.key_path), Digest(leaf.value_hash))
            }
            (PathProofTerminal::Terminator(_), _) => End::Empty,
        };
        Self {
            siblings: path.siblings,
            end,
        }
    }

    /// The entry's bytes that are proven for `key` under `root`; `None` when there is provably no
    /// entry.
    ///
    /// # Errors
    /// [`StateProofError`] when the proof does not lead to the root, or is of another key.
    pub fn verify(
        &self,
        suite: Suite,
        root: &Digest,
        key: &StateKey,
    ) -> Result<Option<&[u8]>, StateProofError> {
        match suite {
            Suite::International => self.verify_with::<InternationalHasher>(root, key),
            Suite::National => self.verify_with::<NationalHasher>(root, key),
        }
    }

    fn verify_with<H: NodeHasher + ValueHasher>(
        &self,
        root: &Digest,
        key: &StateKey,
    ) -> Result<Option<&[u8]>, StateProofError> {
        let leaf = match &self.end {
            End::Value(value) => Some(LeafData {
                key_path: key.0,
                value_hash: H::hash_value(value),
            }),
            // Another key's leaf: the same key here would be a hidden value.
            End::Other(other, _) if other == key => return Err(StateProofError),
            End::Other(other, value) => Some(LeafData {
                key_path: other.0,
                value_hash: value.0,
            }),
            End::Empty => None,
        };
        let terminal = leaf.clone().map_or_else(
            || PathProofTerminal::Terminator(TriePosition::new()),
            PathProofTerminal::Leaf,
        );
        let path = PathProof {
            terminal,
            siblings: self.siblings.clone(),
        };
        let bits = TriePosition::from_path_and_depth(key.0, 256);
        let verified = path
            .verify::<H>(bits.path(), root.0)
            .map_err(|_| StateProofError)?;
        let holds = match (&self.end, &leaf) {
            (End::Value(_), Some(leaf)) => verified.confirm_value(leaf),
            _ => verified.confirm_nonexistence(&key.0),
        };
        match (holds, &self.end) {
            (Ok(true), End::Value(value)) => Ok(Some(value)),
            (Ok(true), _) => Ok(None),
            _ => Err(StateProofError),
        }
    }

    /// Number of siblings, for figures.
    #[must_use]
    pub const fn depth(&self) -> usize {
        self.siblings.len()
    }
}

impl<C> Encode<C> for StateProof {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.array(2)?.bytes(&self.siblings.concat())?;
        match &self.end {
            End::Value(value) => e.bytes(value)?.ok(),
            End::Other(key, value) => e.array(2)?.bytes(&key.0)?.bytes(&value.0)?.ok(),
            End::Empty => e.null()?.ok(),
        }
    }
}

impl<'b, C> Decode<'b, C> for StateProof {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        use minicbor::data::Type;
        let malformed = || minicbor::decode::Error::message("no state proof");
        if d.array()? != Some(2) {
            return Err(malformed());
        }
        let (siblings, rest) = d.bytes()?.as_chunks::<32>();
        if !rest.is_empty() || siblings.len() > MAX_DEPTH {
            return Err(malformed());
        }
        let end = match d.datatype()? {
            Type::Bytes => End::Value(bounded(d.bytes()?).ok_or_else(malformed)?),
            Type::Null => {
                d.null()?;
                End::Empty
            }
            _ if d.array()? == Some(2) => End::Other(d.decode()?, d.decode()?),
            _ => return Err(malformed()),
        };
        Ok(Self {
            siblings: siblings.to_vec(),
            end,
        })
    }
}

fn bounded(value: &[u8]) -> Option<Vec<u8>> {
    (value.len() <= MAX_VALUE).then(|| value.to_vec())
}

/// The same map in memory: the reference that tests compare `nomt` with, and the state of tools
/// and browsers. Root and proofs cost O(n).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryTree {
    suite: Suite,
    entries: BTreeMap<StateKey, Vec<u8>>,
}

impl StateRead for MemoryTree {
    fn get(&self, key: &StateKey) -> Result<Option<Vec<u8>>, StateError> {
        Ok(self.entries.get(key).cloned())
    }
}

impl MemoryTree {
    /// An empty map.
    #[must_use]
    pub const fn new(suite: Suite) -> Self {
        Self {
            suite,
            entries: BTreeMap::new(),
        }
    }

    /// Sets entries.
    pub fn write(&mut self, writes: impl IntoIterator<Item = (StateKey, Vec<u8>)>) {
        self.entries.extend(writes);
    }

    /// All entries, by key.
    #[must_use]
    pub const fn entries(&self) -> &BTreeMap<StateKey, Vec<u8>> {
        &self.entries
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> Digest {
        let leaves = self.leaves();
        Digest(match self.suite {
            Suite::International => build::<InternationalHasher>(0, &leaves),
            Suite::National => build::<NationalHasher>(0, &leaves),
        })
    }

    fn leaves(&self) -> Vec<LeafData> {
        let digest = |value: &[u8]| match self.suite {
            Suite::International => InternationalHasher::hash_value(value),
            Suite::National => NationalHasher::hash_value(value),
        };
        self.entries
            .iter()
            .map(|(key, value)| LeafData {
                key_path: key.0,
                value_hash: digest(value),
            })
            .collect()
    }

    /// Proves what a key's entry is, or that there is none.
    #[must_use]
    pub fn prove(&self, key: &StateKey) -> StateProof {
        let leaves = self.leaves();
        let (siblings, leaf) = match self.suite {
            Suite::International => descend::<InternationalHasher>(key, &leaves),
            Suite::National => descend::<NationalHasher>(key, &leaves),
        };
        let terminal = leaf.map_or_else(
            || PathProofTerminal::Terminator(TriePosition::new()),
            PathProofTerminal::Leaf,
        );
        let path = PathProof { terminal, siblings };
        StateProof::from_path(path, key, self.entries.get(key).cloned())
    }
}

fn bit(key: &[u8; 32], depth: usize) -> bool {
    key.get(depth / 8)
        .is_some_and(|byte| byte & (0x80 >> (depth % 8)) != 0)
}

/// Leaves on the left and right below `depth`; they are in order of their keys.
fn halves(depth: usize, leaves: &[LeafData]) -> (&[LeafData], &[LeafData]) {
    leaves.split_at(leaves.partition_point(|leaf| !bit(&leaf.key_path, depth)))
}

fn build<H: NodeHasher>(depth: usize, leaves: &[LeafData]) -> Node {
    match leaves {
        [] => TERMINATOR,
        [only] => H::hash_leaf(only),
        _ => {
            let (left, right) = halves(depth, leaves);
            let below = depth.saturating_add(1);
            H::hash_internal(&InternalData {
                left: build::<H>(below, left),
                right: build::<H>(below, right),
            })
        }
    }
}

/// The siblings on a key's path and the leaf where it ends.
fn descend<H: NodeHasher>(key: &StateKey, leaves: &[LeafData]) -> (Vec<Node>, Option<LeafData>) {
    let (mut siblings, mut here) = (Vec::new(), leaves);
    while here.len() > 1 {
        let depth = siblings.len();
        let (left, right) = halves(depth, here);
        let (next, sibling) = if bit(&key.0, depth) {
            (right, left)
        } else {
            (left, right)
        };
        siblings.push(build::<H>(depth.saturating_add(1), sibling));
        here = next;
    }
    (siblings, here.first().cloned())
}
