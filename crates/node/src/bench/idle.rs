//! What a node costs that has nothing to do: a heartbeat block a minute.
//!
//! Growth: so many heartbeat blocks as a day has go through the ledger's writer, one after the
//! other, and the folder's size is read before and after. Processor: a whole node runs for some
//! seconds with a heartbeat as often as its engine looks at the clock, five times a second instead
//! of once a minute; that it is still within the target leaves no doubt about the real interval.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use medfolder_crypto::Suite;
use medfolder_ledger::policy::{Policy, Windows};
use tokio::sync::watch;

use super::fixture::Fixture;
use super::{BenchError, Figure, processor};
use crate::clock::{Clock as _, SystemClock};
use crate::ledger::{Parts, WriteError, open};
use crate::metrics::Metrics;
use crate::serve;
use crate::state::MapSize;

/// Heartbeats of a day, one a minute.
pub(super) const DAY: u64 = 1_440;
/// How long the node is watched.
const WATCHED: Duration = Duration::from_secs(4);

/// Measures growth over so many heartbeats, and the processor's share.
pub(super) async fn measure(dir: &Path, heartbeats: u64) -> Result<Vec<Figure>, BenchError> {
    let policy = Policy {
        windows: Windows {
            heartbeat: 1,
            ..Windows::default()
        },
        ..Policy::default()
    };
    let start = SystemClock.now().saturating_sub(60_000);
    let fixture = Fixture::with(Suite::International, start, policy)?;
    let (bytes, seconds) = blocks(&fixture, &dir.join("blocks"), heartbeats)?;
    let (share, often) = node(&fixture, &dir.join("node")).await?;
    let day = DAY as f64;
    let growth = bytes / heartbeats as f64 * day / 1e6;
    let real = seconds / heartbeats as f64 * day / 86_400.0;
    Ok(vec![
        Figure::plain(
            "ledger.idle.bytes_per_heartbeat",
            bytes / heartbeats as f64,
            "B",
        ),
        Figure::plain("ledger.idle.growth", growth, "MB/day").wanted("≤ 10", growth <= 10.0),
        Figure::plain(
            "ledger.idle.heartbeat",
            seconds / heartbeats as f64 * 1e3,
            "ms",
        ),
        Figure::plain("ledger.idle.heartbeats", real * 100.0, "% of a core"),
        Figure::plain("ledger.idle.processor", share * 100.0, "% of a core")
            .wanted("≤ 3, with a heartbeat five times a second", share <= 0.03),
        Figure::plain("ledger.idle.processor.heartbeats", often, "1/s"),
    ])
}

/// Bytes by which the folder grows and processor seconds for so many heartbeat blocks.
fn blocks(fixture: &Fixture, dir: &Path, heartbeats: u64) -> Result<(f64, f64), BenchError> {
    let parts = Parts {
        chain: fixture.chain.clone(),
        dir: dir.to_path_buf(),
        size: MapSize {
            buckets: 64_000,
            cache_mib: 16,
        },
        blocks: None,
        metrics: Arc::new(Metrics::default()),
    };
    let (signer, suite) = (fixture.signer(), fixture.chain.suite());
    let mut writer = open(parts, &mut |header| Some(signer.certify(suite, header)))?;
    let failed = |error: WriteError| BenchError::Fate(error.to_string());
    let (size, used) = (folder(dir)?, processor());
    for _ in 0..heartbeats {
        let time = writer.header().next_time(0);
        let candidate = writer.execute(time, &[]).map_err(failed)?;
        let certificate = signer.certify(suite, candidate.header());
        writer.append(candidate, certificate).map_err(failed)?;
    }
    drop(writer);
    let used = processor() - used;
    Ok(((folder(dir)?.saturating_sub(size)) as f64, used))
}

/// The processor's share of a node without callers, and its heartbeats a second.
async fn node(fixture: &Fixture, dir: &Path) -> Result<(f64, f64), BenchError> {
    let (stop, shutdown) = watch::channel(false);
    let running = serve(fixture.install(dir)?, shutdown).await?;
    let height = || running.ledger.head().header.height as f64;
    let (begun, first, used) = (Instant::now(), height(), processor());
    tokio::time::sleep(WATCHED).await;
    let (seconds, used) = (begun.elapsed().as_secs_f64(), processor() - used);
    let often = (height() - first) / seconds;
    let _ = stop.send(true);
    let _ = running.handle.await;
    Ok((used / seconds, often))
}

/// Bytes that the files of a folder take on disk; those of sparse files only where written.
fn folder(dir: &Path) -> std::io::Result<u64> {
    use std::os::unix::fs::MetadataExt as _;
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() {
            folder(&entry.path())?
        } else {
            metadata.blocks() * 512
        };
    }
    Ok(bytes)
}
