//! Opening: what the disk holds becomes one consistent ledger.
//!
//! The blocks are taken as they are; the state's base is found among their state roots; blocks
//! after it are executed again and must lead to the headers that were certified. When index, log
//! or state do not fit the blocks (a copied or damaged folder) they are made anew from genesis.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, RwLock};

use medfolder_crypto::{Digest, Suite, to_cbor};
use medfolder_ledger::log::Frontier;
use medfolder_ledger::tree::{InternationalHasher, NationalHasher};
use medfolder_ledger::{Certificate, Chain, Checkpoint, Header};
use thiserror::Error;
use tokio::sync::watch;

use super::{Ledger, WriteError, Writer, read};
use crate::metrics::Metrics;
use crate::recent::Recent;
use crate::state::{Map, MapError, MapSize, NomtMap};
use crate::store::{BlockStore, Index, SqliteBlocks, StoreError, StoredBlock, Tree};

/// What a ledger is opened from.
pub struct Parts {
    /// The chain.
    pub chain: Chain,
    /// Folder of all files.
    pub dir: PathBuf,
    /// Size of the state's table and caches.
    pub size: MapSize,
    /// Where blocks are kept; in `dir` when `None`.
    pub blocks: Option<Arc<dyn BlockStore>>,
    /// Counters.
    pub metrics: Arc<Metrics>,
}

/// Why a ledger cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// A file cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another process has the folder open.
    #[error("another process uses the data folder {0}")]
    Busy(PathBuf),
    /// The stored blocks belong to another genesis.
    #[error("the data folder belongs to another chain")]
    OtherChain,
    /// The first or the last block has no certificate that holds.
    #[error("a stored block has no valid certificate")]
    NoCertificate,
    /// Blocks that state and index know are gone.
    #[error("blocks.db is older than what was derived from it")]
    BlocksLost,
    /// Execution does not lead to what was certified.
    #[error("the stored blocks do not hold: {0}")]
    Blocks(WriteError),
}

impl OpenError {
    /// Stable code of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            OpenError::Store(error) => error.code(),
            OpenError::Busy(_) => "node.busy_folder",
            OpenError::OtherChain => "node.other_chain",
            OpenError::NoCertificate => "block.certificate",
            OpenError::BlocksLost => "node.blocks_lost",
            OpenError::Blocks(error) => error.code(),
        }
    }
}

impl From<MapError> for OpenError {
    fn from(error: MapError) -> Self {
        Self::Store(StoreError::Failed(error.to_string()))
    }
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<WriteError> for OpenError {
    fn from(error: WriteError) -> Self {
        Self::Blocks(error)
    }
}

const STATE: &str = "state";
const INDEX: &str = "index.db";
const LOG: &str = "log";
const BLOCKS: &str = "blocks.db";

/// Opens the ledger in a folder; `certify` is asked for the certificate of block 0 of a new one.
///
/// # Errors
/// [`OpenError`].
pub fn open(
    parts: Parts,
    certify: &mut dyn FnMut(&Header) -> Option<Certificate>,
) -> Result<Writer, OpenError> {
    fs::create_dir_all(&parts.dir)?;
    let blocks: Arc<dyn BlockStore> = match &parts.blocks {
        Some(blocks) => blocks.clone(),
        None => Arc::new(SqliteBlocks::open(&parts.dir.join(BLOCKS))?),
    };
    let (last, suite) = (blocks.last()?, parts.chain.suite());
    let mut derived = Derived::open(&parts)?;
    // Blocks are durable before anything is derived from them. Where they are behind, they were lost
    // or put back from an older copy: to go on would write other blocks at heights that readers know.
    let known = derived.index.progress().height;
    if last.map_or(!derived.is_new(), |last| known > last) {
        return Err(OpenError::BlocksLost);
    }
    if base_height(&derived, blocks.as_ref(), last, suite)?.is_none() && !derived.is_new() {
        tracing::warn!("state, log and index do not fit the blocks and are made anew");
        drop(derived);
        clear(&parts.dir)?;
        derived = Derived::open(&parts)?;
    }
    let base = base_height(&derived, blocks.as_ref(), last, suite)?;
    start(parts, blocks, derived, base, last, certify)
}

/// What is derived from the blocks.
struct Derived {
    map: Box<dyn Map>,
    index: Index,
    tree: Tree,
}

impl Derived {
    fn open(parts: &Parts) -> Result<Self, OpenError> {
        let state = parts.dir.join(STATE);
        let map: Box<dyn Map> = match parts.chain.suite() {
            Suite::International => Box::new(map(
                NomtMap::<InternationalHasher>::open(&state, parts.size),
                &parts.dir,
            )?),
            Suite::National => Box::new(map(
                NomtMap::<NationalHasher>::open(&state, parts.size),
                &parts.dir,
            )?),
        };
        let index = Index::open(&parts.dir.join(INDEX))?;
        Ok(Self {
            map,
            index,
            tree: Tree::open(&parts.dir.join(LOG))?,
        })
    }

    /// Whether nothing was ever committed.
    fn is_new(&self) -> bool {
        self.map.base_root() == [0; 32] && self.index.progress().height == 0
    }
}

fn map<M>(opened: Result<M, MapError>, dir: &Path) -> Result<M, OpenError> {
    opened.map_err(|error| match error.to_string() {
        text if text.contains("lock") => OpenError::Busy(dir.to_path_buf()),
        text => OpenError::Store(StoreError::Failed(text)),
    })
}

/// Removes all that is derived from the blocks.
pub(crate) fn clear(dir: &Path) -> io::Result<()> {
    fs::remove_dir_all(dir.join(STATE))?;
    for name in [INDEX, "index.db-wal", "index.db-shm", LOG] {
        match fs::remove_file(dir.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn header(blocks: &dyn BlockStore, height: u64) -> Result<Header, OpenError> {
    let missing = || StoreError::Failed(format!("block {height} is missing"));
    let (header, certificate) = blocks.header(height)?.ok_or_else(missing)?;
    Ok(read(&header, &certificate)?.header)
}

/// The newest block whose state root is the base's, if log and index reach at least as far.
fn base_height(
    derived: &Derived,
    blocks: &dyn BlockStore,
    last: Option<u64>,
    suite: Suite,
) -> Result<Option<u64>, OpenError> {
    let (root, indexed) = (derived.map.base_root(), derived.index.progress());
    let Some(last) = last else { return Ok(None) };
    if root == [0; 32] || derived.tree.truncate(indexed.log_size).is_err() || indexed.height > last
    {
        return Ok(None);
    }
    for height in (0..=indexed.height).rev() {
        let header = header(blocks, height)?;
        if header.state_root == Digest(root) {
            let log = Frontier::load(&derived.tree, header.log_size);
            let fits = log.is_ok_and(|log| log.root(suite) == header.log_root);
            return Ok(fits.then_some(height));
        }
    }
    Ok(None)
}

fn start(
    parts: Parts,
    blocks: Arc<dyn BlockStore>,
    derived: Derived,
    base: Option<u64>,
    last: Option<u64>,
    certify: &mut dyn FnMut(&Header) -> Option<Certificate>,
) -> Result<Writer, OpenError> {
    let checkpoint = match base {
        Some(height) => {
            let found = blocks.header(height)?;
            let (header, certificate) =
                found.ok_or_else(|| StoreError::Failed("no base".to_owned()))?;
            read(&header, &certificate)?
        }
        None => genesis(
            &parts.chain,
            blocks.as_ref(),
            derived.map.as_ref(),
            last,
            certify,
        )?,
    };
    let header = checkpoint.header.clone();
    if header.genesis != parts.chain.digest() {
        return Err(OpenError::OtherChain);
    }
    if let Some(last) = last {
        let (header, certificate) = blocks
            .header(last)?
            .ok_or_else(|| StoreError::Failed("no last block".to_owned()))?;
        let last = read(&header, &certificate)?;
        last.verify(&parts.chain)
            .map_err(|_| OpenError::NoCertificate)?;
    }
    let frontier = Frontier::load(&derived.tree, header.log_size)
        .map_err(|error| StoreError::Failed(error.to_string()))?;
    let recent = recent(&parts.chain, blocks.as_ref(), header.height, header.time)?;
    let Derived { map, index, tree } = derived;
    let ledger = Arc::new(Ledger {
        chain: parts.chain,
        blocks,
        tree,
        map,
        index,
        recent: RwLock::new(recent),
        metrics: parts.metrics,
        head: watch::Sender::new(Arc::new(checkpoint)),
        failure: Mutex::new(None),
        closing: AtomicBool::new(false),
    });
    ledger.set_failure(None);
    let mut writer = Writer::new(ledger, header, frontier)?;
    writer.recover()?;
    Ok(writer)
}

/// The state of genesis and block 0, stored if it is not.
fn genesis(
    chain: &Chain,
    blocks: &dyn BlockStore,
    map: &dyn Map,
    last: Option<u64>,
    certify: &mut dyn FnMut(&Header) -> Option<Certificate>,
) -> Result<Checkpoint, OpenError> {
    let mut entries = chain.genesis().initial_state();
    entries.sort_unstable_by_key(|(key, _)| *key);
    let writes = entries.iter().map(|(key, value)| (key.0, value.as_slice()));
    let layer = map.prepare(writes.collect())?;
    let header = Header::genesis(chain, Digest(layer.root()));
    let checkpoint = match last {
        Some(_) => {
            let found = blocks
                .header(0)?
                .ok_or_else(|| StoreError::Failed("no block 0".to_owned()))?;
            read(&found.0, &found.1)?
        }
        None => {
            let certificate = certify(&header).ok_or(OpenError::NoCertificate)?;
            let checkpoint = Checkpoint {
                header: header.clone(),
                certificate,
            };
            checkpoint
                .verify(chain)
                .map_err(|_| OpenError::NoCertificate)?;
            blocks.append(&first(&checkpoint))?;
            checkpoint
        }
    };
    if checkpoint.header != header {
        return Err(OpenError::OtherChain);
    }
    map.push(layer, &mut || {});
    map.fold(header.state_root.0)?;
    Ok(checkpoint)
}

fn first(checkpoint: &Checkpoint) -> StoredBlock {
    StoredBlock {
        height: 0,
        header: to_cbor(&checkpoint.header),
        certificate: to_cbor(&checkpoint.certificate),
        ids: Vec::new(),
        transactions: Vec::new(),
    }
}

/// Ids of accepted transactions up to block `height` that are still valid at `time`: those of the
/// blocks within the longest validity, found by bisection over block times.
fn recent(
    chain: &Chain,
    blocks: &dyn BlockStore,
    height: u64,
    time: u64,
) -> Result<Recent, OpenError> {
    let since = time.saturating_sub(chain.policy().windows.validity_late);
    let (mut low, mut high) = (0, height);
    while low < high {
        let middle = low.midpoint(high);
        if header(blocks, middle)?.time < since {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    let mut recent = Recent::default();
    for column in blocks.ids(low, height)? {
        recent.add(&column, time);
    }
    Ok(recent)
}
