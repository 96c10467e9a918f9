//! What `medfolder bench` measures of the embedded engine (`ledger.md`, “Figures”).
//!
//! Each figure stands beside its primitives, measured alone in the same run on the same disk. The
//! figures are of one machine on one day; the ratios are what is compared.

mod engine;
pub mod fixture;
mod http;
mod idle;
mod list;
mod primitives;
mod restart;

use std::path::Path;

use medfolder_crypto::Suite;
use serde::Serialize;
use thiserror::Error;

use crate::clock::{Clock as _, SystemClock};
use crate::ledger::OpenError;
use crate::store::StoreError;
use fixture::Fixture;
pub use primitives::Primitives;

/// One line of `medfolder bench --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// Stable name.
    pub name: String,
    /// What was measured.
    pub value: f64,
    /// Its unit.
    pub unit: String,
    /// What it is compared with.
    pub peer: Option<String>,
    /// That one's value in this run, in the same unit.
    pub peer_value: Option<f64>,
    /// `value` / `peer_value`.
    pub ratio: Option<f64>,
    /// What is wanted, in words.
    pub target: String,
    /// Whether it was reached; absent where nothing is wanted.
    pub met: Option<bool>,
}

impl Figure {
    /// A value alone.
    #[must_use]
    pub fn plain(name: &str, value: f64, unit: &str) -> Self {
        Self {
            name: name.to_owned(),
            value,
            unit: unit.to_owned(),
            peer: None,
            peer_value: None,
            ratio: None,
            target: String::new(),
            met: None,
        }
    }

    /// The same beside a peer of this run.
    #[must_use]
    pub fn against(mut self, peer: &str, value: f64) -> Self {
        (self.peer, self.peer_value) = (Some(peer.to_owned()), Some(value));
        self.ratio = (value > 0.0).then(|| self.value / value);
        self
    }

    /// The same with what is wanted.
    #[must_use]
    pub fn wanted(mut self, target: &str, met: bool) -> Self {
        self.target = target.to_owned();
        self.met = Some(met);
        self
    }
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Cards, each sealed for once in each run.
    pub cards: u64,
    /// Transactions in the ledger that is restarted.
    pub restart: u64,
    /// Records of the card whose list is read.
    pub records: u64,
    /// Heartbeat blocks of a node that has nothing else to do.
    pub heartbeats: u64,
}

impl Scale {
    /// What the figures of `ledger.md` want.
    pub const FULL: Self = Self {
        cards: 20_000,
        restart: 1_000_000,
        records: 10_000,
        heartbeats: idle::DAY,
    };
    /// Enough to see that everything works.
    pub const SMALL: Self = Self {
        cards: 256,
        restart: 600,
        records: 160,
        heartbeats: 100,
    };
}

/// Why a bench did not run to its end.
#[derive(Debug, Error)]
pub enum BenchError {
    /// The fixture's chain.
    #[error(transparent)]
    Genesis(#[from] medfolder_ledger::GenesisError),
    /// The ledger.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A file.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A node.
    #[error(transparent)]
    Serve(#[from] crate::ServeError),
    /// A transaction had another fate than it must have.
    #[error("a transaction of the bench was not accepted: {0}")]
    Fate(String),
}

impl BenchError {
    /// Stable code of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "bench.failed"
    }
}

impl From<std::io::Error> for BenchError {
    fn from(error: std::io::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Measures everything in the empty folder `dir` and reports each figure as it is known.
///
/// # Errors
/// [`BenchError`].
pub async fn run(
    dir: &Path,
    scale: Scale,
    report: &mut dyn FnMut(Figure),
) -> Result<(), BenchError> {
    let fixture = Fixture::new(
        Suite::International,
        SystemClock.now().saturating_sub(60_000),
    )?;
    let fixture = std::sync::Arc::new(fixture);
    let alone = Primitives::measure(&fixture, dir, scale.cards)?;
    alone.figures().into_iter().for_each(&mut *report);
    let world = engine::World::prepare(&fixture, &dir.join("engine"), scale.cards)?;
    for submitters in [64, 1_024] {
        world
            .measure(submitters, &alone)?
            .into_iter()
            .for_each(&mut *report);
    }
    world.parts().into_iter().for_each(&mut *report);
    world.stop();
    http::measure(&fixture, &dir.join("http"), scale.cards)
        .await?
        .into_iter()
        .for_each(&mut *report);
    list::measure(&fixture, &dir.join("list"), scale.records)?
        .into_iter()
        .for_each(&mut *report);
    idle::measure(&dir.join("idle"), scale.heartbeats)
        .await?
        .into_iter()
        .for_each(&mut *report);
    let found = restart::measure(&fixture, &dir.join("restart"), scale.restart)?;
    found.into_iter().for_each(&mut *report);
    Ok(())
}

/// The value at `part` of 1,000 of sorted times.
fn quantile(sorted: &[f64], part: usize) -> f64 {
    let at = sorted.len().saturating_mul(part) / 1_000;
    sorted
        .get(at.min(sorted.len().saturating_sub(1)))
        .copied()
        .unwrap_or(0.0)
}

/// Processor seconds that this process has used so far; unlike time on the wall it does not depend
/// on who else is busy.
#[must_use]
pub fn processor() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Fields 14 and 15, in ticks of 10 ms; the name before them may hold spaces but ends in ')'.
    let fields = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace();
    let ticks: u64 = fields
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    ticks as f64 / 100.0
}

/// Processor seconds that this thread has used so far.
fn thread_processor() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = stat.split_whitespace().next().unwrap_or_default();
    nanoseconds.parse::<f64>().unwrap_or(0.0) / 1e9
}

/// Per second.
fn rate(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 {
        count as f64 / seconds
    } else {
        0.0
    }
}
