//! The authenticated map under the contracts' state: `nomt` on disk, what changed lately in memory.
//!
//! ```text
//! base      nomt's committed trie; durable; as of some block
//! trie      the newest version in memory, over the base: a block's root costs hashes, no disk
//! pending   what was written since the base; folded into it by one commit now and then
//! ```
//! A block needs no disk of its own here: after a crash the blocks since the base are executed
//! again. Folding goes on beside the next blocks; only what is not in memory waits while the base
//! is committed. Readers see one version; a commit waits until they have finished.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use nomt::proof::{PathProof, PathProofTerminal};
use nomt::trie::Node;
use nomt::{HashAlgorithm, KeyReadWrite, Nomt, Options, Session, SessionParams};
use nomt_core::trie_pos::TriePosition;
use thiserror::Error;

use super::trie::{Changes, Found, Trie, Value, Write};

/// Key of an entry: already a digest, hence evenly spread.
pub type Key = [u8; 32];
/// What a block writes, in order of the keys, each key once.
pub type Writes<'a> = Vec<(Key, &'a [u8])>;

/// Bytes of memory that an entry takes, about.
const ENTRY: usize = 512;

/// The map could not read or write its files.
#[derive(Clone, Debug, Error)]
#[error("the state's files cannot be read or written: {0}")]
pub struct MapError(String);

impl MapError {
    /// Stable code of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "node.storage"
    }

    pub(super) fn other(error: impl core::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

fn failed(error: impl core::fmt::Display) -> MapError {
    MapError::other(error)
}

/// Size of the map's table on disk and of its caches.
#[derive(Clone, Copy, Debug)]
pub struct MapSize {
    /// Buckets of 4 KiB; fixed when the files are made. 500,000 hold some millions of entries.
    pub buckets: u32,
    /// Cache in MiB: for pages of the base, for its values, and for entries in memory each.
    pub cache_mib: usize,
}

/// A consistent view as of one block.
pub trait Snapshot {
    /// The value under `key`.
    ///
    /// # Errors
    /// [`MapError`].
    fn read(&self, key: &Key) -> Result<Option<Vec<u8>>, MapError>;

    /// A proof that `key` has its value or none.
    ///
    /// # Errors
    /// [`MapError`].
    fn prove(&self, key: &Key) -> Result<PathProof, MapError>;
}

/// The map, whatever its hash.
pub trait Map: Send + Sync {
    /// Root of the base: what is committed on disk.
    fn base_root(&self) -> [u8; 32];

    /// Root of the newest version.
    fn root(&self) -> [u8; 32];

    /// A view of the newest version; `look` runs while no other can be shown, so that what it
    /// reads belongs to the same block. Take one view at a time: a second one may wait for a commit
    /// that waits for the first.
    ///
    /// # Errors
    /// [`MapError`].
    fn snapshot(&self, look: &mut dyn FnMut()) -> Result<Box<dyn Snapshot + '_>, MapError>;

    /// The value under `key` as of the newest version; cheaper than a view, and of no fixed block.
    ///
    /// # Errors
    /// [`MapError`].
    fn read(&self, key: &Key) -> Result<Option<Vec<u8>>, MapError>;

    /// Computes the version after a block without showing it to readers. For the one thread that
    /// writes: of two layers of one version only one may be pushed.
    ///
    /// # Errors
    /// [`MapError`].
    fn prepare(&self, writes: Writes<'_>) -> Result<Layer, MapError>;

    /// Shows a prepared version to readers, together with what `publish` does, in one step.
    fn push(&self, layer: Layer, publish: &mut dyn FnMut());

    /// Number of written keys that wait for [`Map::fold`].
    fn pending(&self) -> usize;

    /// Commits the version of this root, and all before it, to disk; does nothing when no pending
    /// one has it. Durable when it returns. After an error the base is what it was before or what
    /// it should be, and the next fold finds out which.
    ///
    /// # Errors
    /// [`MapError`].
    fn fold(&self, root: [u8; 32]) -> Result<(), MapError>;
}

/// What a block writes, and what that changes.
pub struct Layer {
    root: Node,
    changes: Changes,
    writes: Vec<Write>,
}

impl Layer {
    /// Root of the version with it.
    #[must_use]
    pub const fn root(&self) -> [u8; 32] {
        self.root
    }
}

struct Versions {
    newest: Trie,
    /// What each block since the base wrote and its root, oldest first.
    pending: Vec<(Node, Vec<Write>)>,
    /// Whether too many entries are in memory.
    crowded: bool,
}

impl Versions {
    /// Lets go what the base has. Done with a push, so that no layer is of another version.
    fn clear(&mut self) {
        let writes = self.pending.iter().flat_map(|(_, writes)| writes);
        let mut keys: Vec<Key> = writes.map(|write| write.key).collect();
        keys.sort_unstable();
        self.newest = self.newest.only(0, &keys);
        self.crowded = false;
    }
}

/// The map over one hash.
pub struct NomtMap<H> {
    dir: PathBuf,
    size: MapSize,
    /// Absent only when it could not be opened again after a failed commit.
    base: RwLock<Option<Nomt<H>>>,
    versions: RwLock<Versions>,
    folding: Mutex<()>,
}

fn open<H: HashAlgorithm>(dir: &Path, size: MapSize) -> Result<Nomt<H>, MapError> {
    let mut options = Options::new();
    options.path(dir);
    options.hashtable_buckets(size.buckets);
    options.preallocate_ht(false);
    options.commit_concurrency(1);
    options.io_workers(1);
    options.page_cache_size(size.cache_mib);
    options.leaf_cache_size(size.cache_mib);
    Nomt::open(options).map_err(failed)
}

type Base<'a, H> = RwLockReadGuard<'a, Option<Nomt<H>>>;

impl<H: HashAlgorithm> NomtMap<H> {
    /// Opens or creates the map in `dir`.
    ///
    /// # Errors
    /// [`MapError`].
    pub fn open(dir: &Path, size: MapSize) -> Result<Self, MapError> {
        let base = open::<H>(dir, size)?;
        let versions = Versions {
            newest: Trie::stub(base.root().into_inner()),
            pending: Vec::new(),
            crowded: false,
        };
        Ok(Self {
            dir: dir.to_path_buf(),
            size,
            base: RwLock::new(Some(base)),
            versions: RwLock::new(versions),
            folding: Mutex::new(()),
        })
    }

    fn versions(&self) -> RwLockReadGuard<'_, Versions> {
        self.versions.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn versions_mut(&self) -> RwLockWriteGuard<'_, Versions> {
        self.versions
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn base(&self) -> Base<'_, H> {
        self.base.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The pending writes up to the version of this root, later ones over earlier ones, and the
    /// number of their blocks.
    fn merged(&self, root: Node) -> Option<(BTreeMap<Key, Value>, usize)> {
        let versions = self.versions();
        let last = versions.pending.iter().rposition(|(of, _)| *of == root)?;
        let writes = versions.pending.iter().take(last + 1);
        let writes = writes.flat_map(|(_, writes)| writes);
        let merged = writes.map(|write| (write.key, write.value.clone()));
        Some((merged.collect(), last + 1))
    }

    /// Forgets what is in the base now, and looks whether too much is in memory.
    fn settle(&self, blocks: usize) {
        let newest = self.versions().newest.clone();
        let crowded = newest.leaves() > (self.size.cache_mib << 20) / ENTRY;
        drop(newest);
        let mut versions = self.versions_mut();
        versions.pending.drain(..blocks);
        versions.crowded = crowded;
    }

    /// Opens the base again: a failed commit leaves it unusable.
    fn reopen(&self) -> Result<(), MapError> {
        let mut base = self.base.write().unwrap_or_else(PoisonError::into_inner);
        *base = None;
        *base = Some(open(&self.dir, self.size)?);
        Ok(())
    }

    fn commit(&self, writes: &BTreeMap<Key, Value>, root: Node) -> Result<(), MapError> {
        let base = self.base();
        let base = present(&base)?;
        if base.root().into_inner() == root {
            return Ok(());
        }
        let writes = writes
            .iter()
            .map(|(key, value)| (*key, KeyReadWrite::Write(Some(value.to_vec()))));
        let session = base.begin_session(SessionParams::default());
        let finished = session.finish(writes.collect()).map_err(failed)?;
        if finished.root().into_inner() != root {
            return Err(failed("the base does not fit the blocks"));
        }
        finished.commit(base).map_err(failed)
    }
}

fn present<H>(base: &Option<Nomt<H>>) -> Result<&Nomt<H>, MapError> {
    base.as_ref().ok_or_else(|| failed("they were closed"))
}

impl<H: HashAlgorithm + Send + Sync> Map for NomtMap<H> {
    fn base_root(&self) -> [u8; 32] {
        let base = self.base();
        base.as_ref()
            .map_or([0; 32], |base| base.root().into_inner())
    }

    fn root(&self) -> [u8; 32] {
        self.versions().newest.hash()
    }

    fn snapshot(&self, look: &mut dyn FnMut()) -> Result<Box<dyn Snapshot + '_>, MapError> {
        let base = self.base();
        // The session first: while it is open no commit can change what the version leaves to it.
        let session = present(&base)?.begin_session(SessionParams::default());
        let versions = self.versions();
        look();
        Ok(Box::new(View {
            trie: versions.newest.clone(),
            session,
            _base: base,
        }))
    }

    fn read(&self, key: &Key) -> Result<Option<Vec<u8>>, MapError> {
        let found = self.versions().newest.find(key);
        match found {
            Found::Value(value) => Ok(Some(value.to_vec())),
            Found::Absent => Ok(None),
            Found::Base => present(&self.base())?.read(*key).map_err(failed),
        }
    }

    fn prepare(&self, writes: Writes<'_>) -> Result<Layer, MapError> {
        let write = |(key, value): (Key, &[u8])| Write {
            key,
            digest: H::hash_value(value),
            value: value.into(),
        };
        let writes: Vec<Write> = writes.into_iter().map(write).collect();
        let (base, versions) = (self.base(), self.versions());
        let mut session = None;
        let mut prove = |key: &Key| {
            let base = present(&base)?;
            session
                .get_or_insert_with(|| base.begin_session(SessionParams::default()))
                .prove(*key)
                .map_err(failed)
        };
        let changes = versions.newest.change::<H>(&writes, &mut prove)?;
        Ok(Layer {
            root: changes.root().unwrap_or_else(|| versions.newest.hash()),
            changes,
            writes,
        })
    }

    fn push(&self, layer: Layer, publish: &mut dyn FnMut()) {
        let mut versions = self.versions_mut();
        versions.pending.push((layer.root, layer.writes));
        versions.newest.apply(layer.changes);
        if versions.crowded {
            versions.clear();
        }
        publish();
    }

    fn pending(&self) -> usize {
        let versions = self.versions();
        versions
            .pending
            .iter()
            .map(|(_, writes)| writes.len())
            .sum()
    }

    fn fold(&self, root: [u8; 32]) -> Result<(), MapError> {
        let _alone = self.folding.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((writes, blocks)) = self.merged(root) else {
            return Ok(());
        };
        if let Err(error) = self.commit(&writes, root) {
            self.reopen()?;
            return Err(error);
        }
        self.settle(blocks);
        Ok(())
    }
}

struct View<'a, H> {
    trie: Trie,
    session: Session<H>,
    _base: Base<'a, H>,
}

impl<H: HashAlgorithm> Snapshot for View<'_, H> {
    fn read(&self, key: &Key) -> Result<Option<Vec<u8>>, MapError> {
        match self.trie.find(key) {
            Found::Value(value) => Ok(Some(value.to_vec())),
            Found::Absent => Ok(None),
            Found::Base => self.session.read(*key).map_err(failed),
        }
    }

    fn prove(&self, key: &Key) -> Result<PathProof, MapError> {
        let path = self.trie.path(key);
        let mut siblings = path.siblings;
        let terminal = match path.end {
            Some(Some(leaf)) => PathProofTerminal::Leaf(leaf),
            Some(None) => PathProofTerminal::Terminator(TriePosition::new()),
            None => {
                let rest = self.session.prove(*key).map_err(failed)?;
                siblings.extend(rest.siblings.into_iter().skip(siblings.len()));
                rest.terminal
            }
        };
        Ok(PathProof { terminal, siblings })
    }
}

#[cfg(test)]
mod tests;
