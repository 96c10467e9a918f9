//! The engine in process: many submitters, each waiting for its answer before the next.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::fixture::Fixture;
use super::{BenchError, Figure, Primitives, processor, quantile, rate};
use crate::clock::{Clock as _, SystemClock};
use crate::engine::embedded::Embedded;
use crate::engine::{Engine, SubmitError};
use crate::ledger::{Ledger, Parts, open};
use crate::metrics::Metrics;
use crate::state::MapSize;

/// Transactions that may wait: more than there are submitters.
const LIMIT: usize = 16_384;
/// Submitters that register cards.
const REGISTRARS: usize = 256;

/// A ledger with registered cards and its engine.
pub(super) struct World {
    fixture: Arc<Fixture>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) engine: Arc<Embedded>,
    cards: u64,
    visit: AtomicU64,
}

/// Opens the engine of the fixture in `dir`.
pub(super) fn engine(
    fixture: &Fixture,
    dir: &Path,
) -> Result<(Arc<Ledger>, Arc<Embedded>), BenchError> {
    let parts = Parts {
        chain: fixture.chain.clone(),
        dir: dir.to_path_buf(),
        size: MapSize {
            buckets: 500_000,
            cache_mib: 64,
        },
        blocks: None,
        metrics: Arc::new(Metrics::default()),
    };
    let (signer, suite) = (fixture.signer(), fixture.chain.suite());
    let writer = open(parts, &mut |header| Some(signer.certify(suite, header)))?;
    let ledger = writer.ledger().clone();
    let engine = Embedded::start(writer, signer, Arc::new(SystemClock), LIMIT)?;
    Ok((ledger, Arc::new(engine)))
}

/// Submits everything from so many threads; each waits for an answer before its next. Seconds
/// that each transaction took, sorted, and all of them.
pub(super) fn submit_all(
    engine: &dyn Engine,
    submitters: usize,
    transactions: Vec<Vec<u8>>,
) -> Result<(Vec<f64>, f64), BenchError> {
    let mut lanes: Vec<Vec<Vec<u8>>> = (0..submitters).map(|_| Vec::new()).collect();
    for (stored, lane) in transactions.into_iter().zip((0..submitters).cycle()) {
        if let Some(lane) = lanes.get_mut(lane) {
            lane.push(stored);
        }
    }
    let begun = Instant::now();
    let times = std::thread::scope(|scope| {
        let threads: Vec<_> = lanes
            .into_iter()
            .map(|lane| scope.spawn(move || submit_lane(engine, lane)))
            .collect();
        let ended = |_| BenchError::Fate("a submitter ended".to_owned());
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(ended)?)
            .collect::<Result<Vec<_>, _>>()
    })?;
    let seconds = begun.elapsed().as_secs_f64();
    let mut times = times.concat();
    times.sort_by(f64::total_cmp);
    Ok((times, seconds))
}

fn submit_lane(engine: &dyn Engine, lane: Vec<Vec<u8>>) -> Result<Vec<f64>, BenchError> {
    let fate = |error: SubmitError| BenchError::Fate(error.to_string());
    lane.into_iter()
        .map(|stored| {
            let begun = Instant::now();
            let ticket = engine.submit(stored).map_err(fate)?;
            let settled = ticket
                .fate
                .blocking_recv()
                .map_err(|_| fate(SubmitError::Busy))?;
            match settled.map_err(fate)?.result {
                Ok(_) => Ok(begun.elapsed().as_secs_f64()),
                Err(refusal) => Err(BenchError::Fate(refusal.code().to_owned())),
            }
        })
        .collect()
}

impl World {
    /// Registers so many cards.
    pub(super) fn prepare(
        fixture: &Arc<Fixture>,
        dir: &Path,
        cards: u64,
    ) -> Result<Self, BenchError> {
        let (ledger, engine) = engine(fixture, dir)?;
        let now = SystemClock.now();
        let registrations = (0..cards)
            .map(|n| fixture.register(&fixture.card(n), now))
            .collect();
        submit_all(engine.as_ref(), REGISTRARS, registrations)?;
        Ok(Self {
            fixture: fixture.clone(),
            ledger,
            engine,
            cards,
            visit: AtomicU64::new(0),
        })
    }

    /// Seals of eight records, every one another card's.
    pub(super) fn seals(&self) -> Vec<Vec<u8>> {
        let (now, visit) = (SystemClock.now(), self.visit.fetch_add(1, Ordering::SeqCst));
        (0..self.cards)
            .map(|n| self.fixture.seal(&self.fixture.card(n), visit, 8, now))
            .collect()
    }

    /// One run with so many submitters.
    pub(super) fn measure(
        &self,
        submitters: usize,
        alone: &Primitives,
    ) -> Result<Vec<Figure>, BenchError> {
        let seals = self.seals();
        let bytes = seals.iter().map(Vec::len).sum::<usize>() as f64;
        let before = self.ledger.head().header.height;
        let used = processor();
        let (times, seconds) = submit_all(self.engine.as_ref(), submitters, seals)?;
        let used = (processor() - used) / self.cards.max(1) as f64 * 1e6;
        let blocks = self.ledger.head().header.height - before;
        let name = |what: &str| format!("engine.embedded.{submitters}.{what}");
        let rate = rate(self.cards, seconds);
        let (p50, p99) = (quantile(&times, 500) * 1e3, quantile(&times, 990) * 1e3);
        let bound = alone.bound();
        Ok(vec![
            Figure::plain(&name("rate"), rate, "tx/s")
                .against("one signature check and two map updates", bound)
                .wanted(
                    "≥ 10,000 and ≥ 50 % of the peer",
                    rate >= 10_000.0 && rate >= bound / 2.0,
                ),
            Figure::plain(&name("processor"), used, "µs/tx")
                .against(
                    "one signature check and two map updates",
                    alone.processor * 1e6,
                )
                .wanted("≤ 2 × the peer", used <= 2.0 * alone.processor * 1e6),
            Figure::plain(&name("records"), rate * 8.0, "records/s"),
            Figure::plain(&name("p50"), p50, "ms").against("fsync p50", alone.sync * 1e3),
            Figure::plain(&name("p99"), p99, "ms").wanted("≤ 200", p99 <= 200.0),
            Figure::plain(
                &name("block"),
                self.cards as f64 / blocks.max(1) as f64,
                "tx/block",
            ),
            Figure::plain(
                &name("bytes_per_record"),
                bytes / self.cards as f64 / 8.0,
                "B",
            )
            .wanted(
                "≤ 80 in seals of eight",
                bytes / self.cards as f64 / 8.0 <= 80.0,
            ),
        ])
    }

    /// Where the engine's thread spent its time, as means of a block and of a fold.
    pub(super) fn parts(&self) -> Vec<Figure> {
        let metrics = &self.ledger.metrics;
        [
            ("block", &metrics.block_seconds),
            ("contracts", &metrics.contracts_seconds),
            ("state", &metrics.state_seconds),
            ("write", &metrics.write_seconds),
            ("fold", &metrics.fold_seconds),
        ]
        .map(|(name, part)| {
            Figure::plain(
                &format!("engine.embedded.mean.{name}"),
                part.mean() / 1e3,
                "ms",
            )
        })
        .into()
    }

    pub(super) fn stop(self) {
        self.engine.stop();
    }
}
