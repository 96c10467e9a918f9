//! The parts that bound the engine, each alone: a signature check, an update of the map, a sync.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use medfolder_ledger::Prepared;
use medfolder_ledger::tree::InternationalHasher;

use super::fixture::Fixture;
use super::{BenchError, Figure, processor, quantile, thread_processor};
use crate::clock::{Clock as _, SystemClock};
use crate::state::{Map as _, MapError, MapSize, NomtMap};
use crate::store::StoreError;

/// Keys of one block's batch.
const BATCH: u64 = 2_000;
/// Size of an entry in bytes, about that of a card.
const ENTRY: usize = 160;

/// Times in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Primitives {
    /// Reading a transaction and checking its one signature, on one core.
    pub check: f64,
    /// One update of the map, on disk, in batches.
    pub update: f64,
    /// One `fdatasync` of 4 KiB, the median.
    pub sync: f64,
    /// Processor time of one check and two updates.
    pub processor: f64,
    /// Cores.
    pub cores: usize,
}

impl Primitives {
    /// Measures them in `dir`.
    ///
    /// # Errors
    /// [`BenchError`].
    pub fn measure(fixture: &Fixture, dir: &Path, count: u64) -> Result<Self, BenchError> {
        std::fs::create_dir_all(dir)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let (check, checking) = check(fixture)?;
        let before = processor();
        let update = update(&dir.join("map"), 2 * count)?;
        let processor = checking + (processor() - before) / count.max(1) as f64;
        Ok(Self {
            check,
            update,
            sync: sync(&dir.join("sync"))?,
            processor,
            cores,
        })
    }

    /// Transactions a second if there were nothing but a check (on all cores) and two updates.
    #[must_use]
    pub fn bound(&self) -> f64 {
        1.0 / (self.check / self.cores as f64 + 2.0 * self.update)
    }

    /// The lines.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        vec![
            Figure::plain("primitive.signature_check", self.check * 1e6, "µs"),
            Figure::plain("primitive.map_update", self.update * 1e6, "µs"),
            Figure::plain("primitive.fsync_p50", self.sync * 1e6, "µs"),
            Figure::plain("primitive.processor", self.processor * 1e6, "µs/tx"),
            Figure::plain("primitive.bound", self.bound(), "tx/s"),
        ]
    }
}

/// Seconds on the clock and of the processor for one check.
fn check(fixture: &Fixture) -> Result<(f64, f64), BenchError> {
    const TIMES: u32 = 2_000;
    let state: std::collections::BTreeMap<_, _> = fixture
        .chain
        .genesis()
        .initial_state()
        .into_iter()
        .collect();
    let stored = fixture.seal(&fixture.card(0), 0, 8, SystemClock.now());
    let (begun, used) = (Instant::now(), thread_processor());
    for _ in 0..TIMES {
        Prepared::new(&fixture.chain, stored.clone(), &state)
            .map_err(|error| BenchError::Fate(error.to_string()))?;
    }
    let per = |seconds: f64| seconds / f64::from(TIMES);
    Ok((
        per(begun.elapsed().as_secs_f64()),
        per(thread_processor() - used),
    ))
}

fn failed(error: MapError) -> BenchError {
    StoreError::Failed(error.to_string()).into()
}

fn update(dir: &Path, keys: u64) -> Result<f64, BenchError> {
    let size = MapSize {
        buckets: 500_000,
        cache_mib: 64,
    };
    let map = NomtMap::<InternationalHasher>::open(dir, size).map_err(failed)?;
    let suite = medfolder_crypto::Suite::International;
    let begun = Instant::now();
    let mut done = 0;
    while done < keys {
        let batch = done..keys.min(done + BATCH);
        let mut keys: Vec<_> = batch.map(|n| suite.hash(&[&n.to_be_bytes()]).0).collect();
        keys.sort_unstable();
        done += keys.len() as u64;
        let writes = keys.into_iter().map(|key| (key, [7; ENTRY].as_slice()));
        let layer = map.prepare(writes.collect()).map_err(failed)?;
        map.push(layer, &mut || {});
        map.fold(map.root()).map_err(failed)?;
    }
    Ok(begun.elapsed().as_secs_f64() / keys.max(1) as f64)
}

fn sync(path: &Path) -> Result<f64, BenchError> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    let mut times = Vec::new();
    for _ in 0..200 {
        let begun = Instant::now();
        file.write_all(&[7; 4_096])?;
        file.sync_data()?;
        times.push(begun.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(quantile(&times, 500))
}
