//! One card with many records: its whole list with proof, as the node makes it, and what an
//! incremental sync costs on the wire.

use std::path::Path;
use std::time::Instant;

use medfolder_ledger::{Running, Subject};

use super::engine::{engine, submit_all};
use super::fixture::Fixture;
use super::{BenchError, Figure};
use crate::clock::{Clock as _, SystemClock};
use crate::engine::Engine as _;
use crate::store::StoreError;

/// Records of one seal.
const SEAL: u64 = 8;

/// Measures the list of a card with so many records.
pub(super) fn measure(
    fixture: &Fixture,
    dir: &Path,
    records: u64,
) -> Result<Vec<Figure>, BenchError> {
    let (ledger, engine) = engine(fixture, dir)?;
    let (now, card) = (SystemClock.now(), fixture.card(0));
    submit_all(engine.as_ref(), 1, vec![fixture.register(&card, now)])?;
    let visits = records.div_ceil(SEAL);
    let seals = (0..visits)
        .map(|visit| fixture.seal(&card, visit, SEAL, now))
        .collect();
    submit_all(engine.as_ref(), 64, seals)?;
    let failed = |error: StoreError| BenchError::Fate(error.to_string());
    let (subject, suite) = (Subject::Card(card.number), fixture.chain.suite());
    let mut known = Running::start(suite, &subject);
    let (mut bytes, mut seconds, mut complete) = (0_usize, 0.0, false);
    while !complete {
        let begun = Instant::now();
        let page = ledger
            .history(subject, known.count, u64::MAX)
            .map_err(failed)?;
        let encoded = page.to_bytes();
        seconds += begun.elapsed().as_secs_f64();
        bytes += encoded.len();
        let verified = page
            .verify(&fixture.chain, &subject, &known)
            .map_err(|error| BenchError::Fate(error.to_string()))?;
        (known, complete) = (verified.known, verified.complete);
    }
    let nothing = ledger
        .history(subject, known.count, u64::MAX)
        .map_err(failed)?;
    engine.stop();
    let allowed = (records * 60 + visits * 160) as f64;
    let (milliseconds, increment) = (seconds * 1e3, nothing.to_bytes().len() as f64);
    Ok(vec![
        Figure::plain("ledger.list", milliseconds, "ms").wanted("≤ 100", milliseconds <= 100.0),
        Figure::plain("ledger.list.bytes", bytes as f64, "B")
            .against("60 B a record and 160 B a seal", allowed)
            .wanted("≤ the peer", bytes as f64 <= allowed),
        Figure::plain("ledger.sync.increment", increment, "B")
            .wanted("≤ 2,048", increment <= 2_048.0),
    ])
}
