//! The authenticated map under the contracts' state: `nomt` on disk, recent blocks on top of it.
//!
//! ```text
//! base      nomt's committed trie; durable; as of some block
//! layers    one overlay per block after the base, newest first, in memory; their blocks are durable in the block store
//! pending   what all layers together write; folded into the base by one commit now and then
//! ```
//! One commit for many blocks costs a fraction of one per block, and a block needs no disk of its
//! own here: after a crash the blocks since the base are executed again. Readers see base and
//! layers as of one block; folding waits until they have finished.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use nomt::proof::PathProof;
use nomt::{HashAlgorithm, KeyReadWrite, Nomt, Options, Overlay, Session, SessionParams};
use thiserror::Error;

/// Key of an entry: already a digest, hence evenly spread.
pub type Key = [u8; 32];
/// What a block writes: `None` deletes.
pub type Writes = BTreeMap<Key, Option<Vec<u8>>>;

/// The map could not read or write its files.
#[derive(Debug, Error)]
#[error("the state's files cannot be read or written: {0}")]
pub struct MapError(String);

impl MapError {
    /// Stable code of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "node.storage"
    }
}

fn failed(error: impl core::fmt::Display) -> MapError {
    MapError(error.to_string())
}

/// Size of the map's table on disk and of its caches.
#[derive(Clone, Copy, Debug)]
pub struct MapSize {
    /// Buckets of 4 KiB; fixed when the files are made. 500,000 hold some millions of entries.
    pub buckets: u32,
    /// Cache in MiB, for pages of the trie and for values each.
    pub cache_mib: usize,
}

/// A consistent view as of one block.
pub trait Snapshot: Send {
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

    /// Root with all layers.
    fn root(&self) -> [u8; 32];

    /// A view of base and layers; `look` runs while no layer can be pushed, so that what it reads
    /// belongs to the same block. Take one view at a time: a second one may wait for a fold that
    /// waits for the first.
    ///
    /// # Errors
    /// [`MapError`].
    fn snapshot(&self, look: &mut dyn FnMut()) -> Result<Box<dyn Snapshot + '_>, MapError>;

    /// The value under `key` as of the newest layer; cheaper than a view, and of no fixed block.
    ///
    /// # Errors
    /// [`MapError`].
    fn read(&self, key: &Key) -> Result<Option<Vec<u8>>, MapError>;

    /// Computes the layer of a block over the present layers without showing it to readers.
    ///
    /// # Errors
    /// [`MapError`].
    fn prepare(&self, writes: Writes) -> Result<Layer, MapError>;

    /// Shows a prepared layer to readers, together with what `publish` does, in one step.
    fn push(&self, layer: Layer, publish: &mut dyn FnMut());

    /// Number of keys that wait for [`Map::fold`].
    fn pending(&self) -> usize;

    /// Commits all layers to disk. Durable when it returns; an error makes the map unusable until
    /// it is opened again.
    ///
    /// # Errors
    /// [`MapError`].
    fn fold(&self) -> Result<(), MapError>;
}

/// A block's changes with the root after them.
pub struct Layer {
    overlay: Overlay,
    writes: Writes,
}

impl Layer {
    /// Root after this layer.
    #[must_use]
    pub fn root(&self) -> [u8; 32] {
        self.overlay.root().into_inner()
    }
}

struct Layers {
    /// Newest first, as `nomt` wants its ancestors.
    overlays: Vec<Arc<Overlay>>,
    pending: Writes,
}

/// The map over one hash.
pub struct NomtMap<H> {
    nomt: Nomt<H>,
    layers: RwLock<Layers>,
}

impl<H: HashAlgorithm> NomtMap<H> {
    /// Opens or creates the map in `dir`.
    ///
    /// # Errors
    /// [`MapError`].
    pub fn open(dir: &Path, size: MapSize) -> Result<Self, MapError> {
        let mut options = Options::new();
        options.path(dir);
        options.hashtable_buckets(size.buckets);
        options.preallocate_ht(false);
        options.commit_concurrency(1);
        options.io_workers(1);
        options.page_cache_size(size.cache_mib);
        options.leaf_cache_size(size.cache_mib);
        let nomt = Nomt::open(options).map_err(failed)?;
        let layers = Layers {
            overlays: Vec::new(),
            pending: Writes::new(),
        };
        Ok(Self {
            nomt,
            layers: RwLock::new(layers),
        })
    }

    fn layers(&self) -> RwLockReadGuard<'_, Layers> {
        self.layers.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn layers_mut(&self) -> RwLockWriteGuard<'_, Layers> {
        self.layers.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn session(&self, layers: &Layers) -> Result<Session<H>, MapError> {
        let ancestors = layers.overlays.iter().map(Arc::as_ref);
        let params = SessionParams::default()
            .overlay(ancestors)
            .map_err(|e| failed(format!("{e:?}")))?;
        Ok(self.nomt.begin_session(params))
    }
}

fn finish<H: HashAlgorithm>(
    session: Session<H>,
    writes: &Writes,
) -> Result<nomt::FinishedSession, MapError> {
    let actuals = writes
        .iter()
        .map(|(key, value)| (*key, KeyReadWrite::Write(value.clone())))
        .collect();
    session.finish(actuals).map_err(failed)
}

impl<H: HashAlgorithm + Send + Sync> Map for NomtMap<H> {
    fn base_root(&self) -> [u8; 32] {
        self.nomt.root().into_inner()
    }

    fn root(&self) -> [u8; 32] {
        let layers = self.layers();
        let newest = layers.overlays.first();
        newest.map_or_else(|| self.base_root(), |overlay| overlay.root().into_inner())
    }

    fn snapshot(&self, look: &mut dyn FnMut()) -> Result<Box<dyn Snapshot + '_>, MapError> {
        let layers = self.layers();
        look();
        Ok(Box::new(View(self.session(&layers)?)))
    }

    fn read(&self, key: &Key) -> Result<Option<Vec<u8>>, MapError> {
        // The lock is held over both, or a fold between them would hide a value.
        let layers = self.layers();
        match layers.pending.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.nomt.read(*key).map_err(failed),
        }
    }

    fn prepare(&self, writes: Writes) -> Result<Layer, MapError> {
        let session = self.session(&self.layers())?;
        let overlay = finish(session, &writes)?.into_overlay();
        Ok(Layer { overlay, writes })
    }

    fn push(&self, layer: Layer, publish: &mut dyn FnMut()) {
        let mut layers = self.layers_mut();
        layers.pending.extend(layer.writes);
        layers.overlays.insert(0, Arc::new(layer.overlay));
        publish();
    }

    fn pending(&self) -> usize {
        self.layers().pending.len()
    }

    fn fold(&self) -> Result<(), MapError> {
        let mut layers = self.layers_mut();
        if layers.overlays.is_empty() {
            return Ok(());
        }
        let session = self.nomt.begin_session(SessionParams::default());
        let finished = finish(session, &layers.pending)?;
        finished.commit(&self.nomt).map_err(failed)?;
        layers.overlays.clear();
        layers.pending.clear();
        Ok(())
    }
}

struct View<H>(Session<H>);

impl<H: HashAlgorithm + Send> Snapshot for View<H> {
    fn read(&self, key: &Key) -> Result<Option<Vec<u8>>, MapError> {
        self.0.read(*key).map_err(failed)
    }

    fn prove(&self, key: &Key) -> Result<PathProof, MapError> {
        self.0.prove(*key).map_err(failed)
    }
}
