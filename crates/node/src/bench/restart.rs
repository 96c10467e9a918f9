//! How long a node with a long history takes to serve again, how its answers' time depends on the
//! history, and what an idle day costs.

use std::path::Path;
use std::time::Instant;

use medfolder_ledger::body::{Anchor, AnchorKey};

use super::engine::{engine, submit_all};
use super::fixture::Fixture;
use super::{BenchError, Figure, quantile};
use crate::clock::{Clock as _, SystemClock};
use crate::engine::Engine as _;

/// Transactions made and submitted at a time.
const PART: u64 = 20_000;
/// Answers that are timed at the beginning and at the end.
const SAMPLE: u64 = 100;

/// Fills a ledger, times single answers before and after, and starts it again.
pub(super) fn measure(
    fixture: &Fixture,
    dir: &Path,
    transactions: u64,
) -> Result<Vec<Figure>, BenchError> {
    let (ledger, running) = engine(fixture, dir)?;
    let make = |from: u64, to: u64| -> Vec<Vec<u8>> {
        let now = SystemClock.now();
        (from..to).map(|n| anchor(fixture, n, now)).collect()
    };
    let (first, _) = submit_all(running.as_ref(), 1, make(0, SAMPLE))?;
    let mut done = SAMPLE;
    while done + SAMPLE < transactions {
        let to = (done + PART).min(transactions - SAMPLE);
        submit_all(running.as_ref(), 1_024, make(done, to))?;
        done = to;
    }
    let (last, _) = submit_all(running.as_ref(), 1, make(done, done + SAMPLE))?;
    let (size, bytes) = (ledger.head().header.log_size, ledger.blocks.size()?);
    running.stop();
    drop((running, ledger));
    let begun = Instant::now();
    let (ledger, running) = engine(fixture, dir)?;
    let seconds = begun.elapsed().as_secs_f64();
    let same = ledger.head().header.log_size == size;
    running.stop();
    let (early, late) = (quantile(&first, 500) * 1e3, quantile(&last, 500) * 1e3);
    Ok(vec![
        Figure::plain("ledger.restart", seconds, "s").wanted("≤ 2", same && seconds <= 2.0),
        Figure::plain("ledger.restart.transactions", size as f64, "tx"),
        Figure::plain("ledger.answer.late", late, "ms")
            .against("at the beginning", early)
            .wanted("flat: ≤ 2 × the peer", late <= early * 2.0),
        Figure::plain(
            "ledger.bytes_per_transaction",
            bytes as f64 / size as f64,
            "B",
        ),
    ])
}

fn anchor(fixture: &Fixture, n: u64, now: u64) -> Vec<u8> {
    let hospital = fixture.hospitals.first();
    let digest = fixture.chain.suite().hash(&[b"anchor", &n.to_be_bytes()]);
    let member = hospital.map_or(medfolder_record::MemberId([1; 16]), |hospital| hospital.id);
    let (by, kind) = (AnchorKey::Host, "bench".to_owned());
    let body = Anchor {
        member,
        by,
        digest,
        kind,
    };
    fixture.signed(body, now, &[hospital.map(|hospital| &hospital.host)])
}
