//! The part of the authenticated trie that is in memory: all that changed lately, and hashes for
//! the rest.
//!
//! ```text
//! Inner ── Inner ── Leaf (key, value)        changed or looked at since it was last let go
//!   │        └───── Stub                     a subtree as the base on disk has it
//!   └────── Empty
//! ```
//! Every subtree's hash stands beside its siblings', so that a block's root costs the hashes of its
//! paths and no disk. What a block changes is computed first and put in later; a reader who holds
//! a version keeps it, since paths are then copied instead of written over. Under a stub nothing
//! changed since the base was written; where a path ends at one, the base is asked once and the
//! path becomes part of the trie. Shape and hashes are `nomt`'s.

use std::sync::Arc;

use nomt::hasher::NodeHasher;
use nomt::proof::{PathProof, PathProofTerminal};
use nomt::trie::{InternalData, LeafData, Node, TERMINATOR};

use super::map::{Key, MapError};

/// A value, shared by all versions that have it.
pub(super) type Value = Arc<[u8]>;

/// A key's new value with its digest.
#[derive(Clone)]
pub(super) struct Write {
    pub(super) key: Key,
    pub(super) digest: Node,
    pub(super) value: Value,
}

/// A subtree.
#[derive(Clone)]
pub(super) struct Trie {
    hash: Node,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    Empty,
    Stub,
    Leaf(Arc<Leaf>),
    Inner(Arc<[Trie; 2]>),
}

struct Leaf {
    data: LeafData,
    /// Absent when the base has it.
    value: Option<Value>,
}

/// What a block changes: subtrees with their new hashes.
#[derive(Default)]
pub(super) struct Changes(Vec<Change>);

struct Change {
    hash: Node,
    what: What,
}

enum What {
    /// Another subtree.
    Kind(Kind),
    /// Changes of the halves, by their places in the list.
    Halves([Option<usize>; 2]),
}

/// What a version knows of a key.
pub(super) enum Found {
    Value(Value),
    Absent,
    /// The base knows.
    Base,
}

/// A path from the root: its siblings, and how it ends if that is in memory.
pub(super) struct Path {
    pub(super) siblings: Vec<Node>,
    pub(super) end: Option<Option<LeafData>>,
}

/// Proves a key's path in the base.
pub(super) type Base<'a> = &'a mut dyn FnMut(&Key) -> Result<PathProof, MapError>;

fn bit(key: &Key, depth: usize) -> usize {
    let byte = key.get(depth / 8).copied().unwrap_or_default();
    usize::from(byte >> (7 - depth % 8) & 1)
}

fn join<H: NodeHasher>(left: Node, right: Node) -> Node {
    H::hash_internal(&InternalData { left, right })
}

impl Trie {
    pub(super) const EMPTY: Self = Self {
        hash: TERMINATOR,
        kind: Kind::Empty,
    };

    /// The subtree of which only the hash is known.
    pub(super) fn stub(hash: Node) -> Self {
        if hash == TERMINATOR {
            Self::EMPTY
        } else {
            let kind = Kind::Stub;
            Self { hash, kind }
        }
    }

    pub(super) const fn hash(&self) -> Node {
        self.hash
    }

    fn leaf<H: NodeHasher>(data: LeafData, value: Option<Value>) -> Self {
        let hash = H::hash_leaf(&data);
        let kind = Kind::Leaf(Arc::new(Leaf { data, value }));
        Self { hash, kind }
    }

    fn inner<H: NodeHasher>(halves: [Self; 2]) -> Self {
        let [left, right] = halves.each_ref().map(Self::hash);
        let kind = Kind::Inner(Arc::new(halves));
        let hash = join::<H>(left, right);
        Self { hash, kind }
    }

    /// The two halves of what is no inner node: a leaf goes down one level.
    fn halves(&self, depth: usize) -> [Self; 2] {
        match &self.kind {
            Kind::Leaf(leaf) if bit(&leaf.data.key_path, depth) == 0 => [self.clone(), Self::EMPTY],
            Kind::Leaf(_) => [Self::EMPTY, self.clone()],
            _ => [Self::EMPTY, Self::EMPTY],
        }
    }

    /// What is known of a key.
    pub(super) fn find(&self, key: &Key) -> Found {
        let (mut at, mut depth) = (self, 0);
        loop {
            match &at.kind {
                Kind::Empty => return Found::Absent,
                Kind::Stub => return Found::Base,
                Kind::Leaf(leaf) if leaf.data.key_path != *key => return Found::Absent,
                Kind::Leaf(leaf) => return leaf.value.clone().map_or(Found::Base, Found::Value),
                Kind::Inner(halves) => {
                    let [left, right] = halves.as_ref();
                    at = if bit(key, depth) == 0 { left } else { right };
                    depth += 1;
                }
            }
        }
    }

    /// The way to a key.
    pub(super) fn path(&self, key: &Key) -> Path {
        let (mut at, mut siblings) = (self, Vec::new());
        while let Kind::Inner(halves) = &at.kind {
            let [left, right] = halves.as_ref();
            let (next, sibling) = match bit(key, siblings.len()) {
                0 => (left, right),
                _ => (right, left),
            };
            siblings.push(sibling.hash);
            at = next;
        }
        let end = match &at.kind {
            Kind::Leaf(leaf) => Some(Some(leaf.data.clone())),
            Kind::Stub => None,
            Kind::Empty | Kind::Inner(_) => Some(None),
        };
        Path { siblings, end }
    }

    /// What changes with these values, which are in order of their keys, each key once.
    ///
    /// # Errors
    /// [`MapError`] when the base cannot be read or is not what the stubs say.
    pub(super) fn change<H: NodeHasher>(
        &self,
        writes: &[Write],
        base: Base<'_>,
    ) -> Result<Changes, MapError> {
        let mut changes = Changes(Vec::with_capacity(writes.len() * 8));
        self.collect::<H>(0, writes, base, &mut changes)?;
        Ok(changes)
    }

    /// Adds what changes here to the list; its place there, if anything does.
    fn collect<H: NodeHasher>(
        &self,
        depth: usize,
        writes: &[Write],
        base: Base<'_>,
        changes: &mut Changes,
    ) -> Result<Option<usize>, MapError> {
        if writes.is_empty() {
            return Ok(None);
        }
        let change = if let Kind::Inner(halves) = &self.kind {
            let [left, right] = halves.as_ref();
            let (low, high) = split(writes, depth);
            let low = left.collect::<H>(depth + 1, low, base, changes)?;
            let high = right.collect::<H>(depth + 1, high, base, changes)?;
            let hash = join::<H>(changes.hash(low, left), changes.hash(high, right));
            let what = What::Halves([low, high]);
            Change { hash, what }
        } else {
            let Self { hash, kind } = self.put::<H>(depth, writes, base)?;
            let what = What::Kind(kind);
            Change { hash, what }
        };
        changes.0.push(change);
        Ok(Some(changes.0.len() - 1))
    }

    /// The subtree with these values.
    fn put<H: NodeHasher>(
        &self,
        depth: usize,
        writes: &[Write],
        base: Base<'_>,
    ) -> Result<Self, MapError> {
        let halves = match (&self.kind, writes) {
            (_, []) => return Ok(self.clone()),
            (Kind::Stub, [first, ..]) => {
                let whole = expand::<H>(self.hash, depth, &first.key, base(&first.key)?)?;
                return whole.put::<H>(depth, writes, base);
            }
            (Kind::Empty, [only]) => return Ok(only.leaf::<H>()),
            (Kind::Leaf(leaf), [only]) if leaf.data.key_path == only.key => {
                return Ok(only.leaf::<H>());
            }
            (Kind::Inner(halves), _) => halves.as_ref().clone(),
            _ => self.halves(depth),
        };
        let (low, high) = split(writes, depth);
        let [left, right] = halves;
        let left = left.put::<H>(depth + 1, low, base)?;
        let right = right.put::<H>(depth + 1, high, base)?;
        Ok(Self::inner::<H>([left, right]))
    }

    /// Puts changes in that were computed of this very version.
    pub(super) fn apply(&mut self, mut changes: Changes) {
        if let Some(last) = changes.0.len().checked_sub(1) {
            self.apply_one(last, &mut changes);
        }
    }

    fn apply_one(&mut self, at: usize, changes: &mut Changes) {
        let Some(Change { hash, what }) = changes.0.get_mut(at) else {
            return;
        };
        self.hash = *hash;
        match (
            core::mem::replace(what, What::Halves([None; 2])),
            &mut self.kind,
        ) {
            (What::Kind(kind), _) => self.kind = kind,
            (What::Halves(places), Kind::Inner(halves)) => {
                for (half, place) in Arc::make_mut(halves).iter_mut().zip(places) {
                    if let Some(place) = place {
                        half.apply_one(place, changes);
                    }
                }
            }
            (What::Halves(_), _) => {}
        }
    }

    /// The version that keeps only the paths of these keys, which are in order: all others are let
    /// go and must be the base's.
    pub(super) fn only(&self, depth: usize, keys: &[Key]) -> Self {
        match (&self.kind, keys) {
            (_, []) => Self::stub(self.hash),
            (Kind::Inner(halves), _) => {
                let at = keys.partition_point(|key| bit(key, depth) == 0);
                let (low, high) = keys.split_at(at);
                let [left, right] = halves.as_ref();
                let halves = [left.only(depth + 1, low), right.only(depth + 1, high)];
                let (hash, kind) = (self.hash, Kind::Inner(Arc::new(halves)));
                Self { hash, kind }
            }
            _ => self.clone(),
        }
    }

    /// Number of leaves in memory.
    pub(super) fn leaves(&self) -> usize {
        match &self.kind {
            Kind::Empty | Kind::Stub => 0,
            Kind::Leaf(_) => 1,
            Kind::Inner(halves) => halves.iter().map(Self::leaves).sum(),
        }
    }
}

impl Changes {
    /// The root after them.
    pub(super) fn root(&self) -> Option<Node> {
        self.0.last().map(|change| change.hash)
    }

    fn hash(&self, place: Option<usize>, before: &Trie) -> Node {
        let change = place.and_then(|place| self.0.get(place));
        change.map_or(before.hash, |change| change.hash)
    }
}

fn split(writes: &[Write], depth: usize) -> (&[Write], &[Write]) {
    writes.split_at(writes.partition_point(|write| bit(&write.key, depth) == 0))
}

impl Write {
    fn leaf<H: NodeHasher>(&self) -> Trie {
        let data = LeafData {
            key_path: self.key,
            value_hash: self.digest,
        };
        Trie::leaf::<H>(data, Some(self.value.clone()))
    }
}

/// The subtree of a stub along one path, checked against the stub's hash.
fn expand<H: NodeHasher>(
    hash: Node,
    depth: usize,
    key: &Key,
    path: PathProof,
) -> Result<Trie, MapError> {
    let mut trie = match path.terminal {
        PathProofTerminal::Leaf(data) => Trie::leaf::<H>(data, None),
        PathProofTerminal::Terminator(_) => Trie::EMPTY,
    };
    for (level, sibling) in path.siblings.iter().enumerate().skip(depth).rev() {
        let sibling = Trie::stub(*sibling);
        trie = Trie::inner::<H>(match bit(key, level) {
            0 => [trie, sibling],
            _ => [sibling, trie],
        });
    }
    if trie.hash == hash {
        Ok(trie)
    } else {
        Err(MapError::other("the base does not fit the blocks"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use medfolder_ledger::tree::InternationalHasher as H;
    use nomt::hasher::ValueHasher as _;

    fn write(n: u64, value: u8) -> Write {
        let key = medfolder_crypto::Suite::International
            .hash(&[&n.to_be_bytes()])
            .0;
        let value: Value = vec![value; 9].into();
        let digest = H::hash_value(&value);
        Write { key, digest, value }
    }

    fn writes(numbers: impl Iterator<Item = u64>, value: u8) -> Vec<Write> {
        let mut writes: Vec<_> = numbers.map(|n| write(n, value)).collect();
        writes.sort_by_key(|write| write.key);
        writes
    }

    fn grown(trie: &Trie, writes: &[Write], base: Base<'_>) -> Trie {
        let changes = trie.change::<H>(writes, base).unwrap();
        let (mut grown, root) = (trie.clone(), changes.root());
        grown.apply(changes);
        assert_eq!(Some(grown.hash()), root);
        grown
    }

    fn no_base(_: &Key) -> Result<PathProof, MapError> {
        Err(MapError::other("nothing may be asked"))
    }

    /// What `nomt` computes of the same entries.
    fn root(writes: &[Write]) -> Node {
        let entries = writes.iter().map(|write| (write.key, write.digest));
        nomt_core::update::build_trie::<H>(0, entries, |_| {})
    }

    #[test]
    fn the_root_is_that_of_the_whole_trie_in_whatever_steps_it_grew() {
        for step in [1, 7, 100] {
            let (mut trie, mut done) = (Trie::EMPTY, 0);
            while done < 100 {
                let part = writes(done..(done + step).min(100), 1);
                let changes = trie.change::<H>(&part, &mut no_base).unwrap();
                trie.apply(changes);
                done += step;
            }
            assert_eq!(trie.hash(), root(&writes(0..100, 1)));
            assert_eq!(trie.leaves(), 100);
            let other = grown(&trie, &writes(10..20, 2), &mut no_base);
            assert!(matches!(other.find(&write(11, 2).key), Found::Value(v) if v[0] == 2));
            assert!(matches!(trie.find(&write(11, 2).key), Found::Value(v) if v[0] == 1));
            assert!(matches!(trie.find(&write(100, 1).key), Found::Absent));
        }
    }

    #[test]
    fn what_is_let_go_comes_back_from_the_base_and_a_wrong_base_is_noticed() {
        let all = writes(0..200, 1);
        let whole = grown(&Trie::EMPTY, &all, &mut no_base);
        let kept = [all[3].key, all[77].key];
        let small = whole.only(0, &kept);
        assert_eq!(small.hash(), whole.hash());
        assert!(small.leaves() < 10);
        assert!(matches!(small.find(&all[77].key), Found::Value(_)));
        let mut base = |key: &Key| Ok(proof(&whole, key));
        let changed = writes(150..260, 3);
        let after = grown(&small, &changed, &mut base);
        assert_eq!(after.hash(), grown(&whole, &changed, &mut no_base).hash());
        let mut wrong = |key: &Key| Ok(proof(&after, key));
        assert!(small.change::<H>(&changed, &mut wrong).is_err());
    }

    fn proof(trie: &Trie, key: &Key) -> PathProof {
        let path = trie.path(key);
        let nothing = || PathProofTerminal::Terminator(nomt_core::trie_pos::TriePosition::new());
        PathProof {
            terminal: path
                .end
                .unwrap()
                .map_or_else(nothing, PathProofTerminal::Leaf),
            siblings: path.siblings,
        }
    }
}
