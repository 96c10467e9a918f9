//! The engine over HTTP on loopback: one transaction a request, the client on the same cores.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use medfolder_client::api::Blob;
use medfolder_client::api::ledger::{SubmitRequest, TransactionState, TransactionStatus};
use medfolder_client::http::{Http, HttpOptions};
use tokio::sync::watch;

use super::fixture::Fixture;
use super::{BenchError, Figure, quantile, rate};
use crate::clock::{Clock as _, SystemClock};
use crate::serve;

/// Requests under way at a time.
const CLIENTS: u64 = 64;

/// Registers cards over HTTP and measures the seals that follow.
pub(super) async fn measure(
    fixture: &Arc<Fixture>,
    dir: &Path,
    cards: u64,
) -> Result<Vec<Figure>, BenchError> {
    let mut config = fixture.install(dir)?;
    config.limits.requests = u32::MAX;
    let (stop, shutdown) = watch::channel(false);
    let running = serve(config, shutdown).await?;
    let url = format!("{}/v1/transactions?wait=final", running.url(false));
    let now = SystemClock.now();
    let registrations = (0..cards)
        .map(|n| fixture.register(&fixture.card(n), now))
        .collect();
    submit_all(&url, registrations).await?;
    let seals = (0..cards)
        .map(|n| fixture.seal(&fixture.card(n), 0, 8, now))
        .collect();
    let (times, seconds) = submit_all(&url, seals).await?;
    let _ = stop.send(true);
    let _ = running.handle.await;
    let (rate, p99) = (rate(cards, seconds), quantile(&times, 990) * 1e3);
    Ok(vec![
        Figure::plain("engine.embedded.http.rate", rate, "tx/s").wanted("≥ 4,000", rate >= 4_000.0),
        Figure::plain(
            "engine.embedded.http.p50",
            quantile(&times, 500) * 1e3,
            "ms",
        ),
        Figure::plain("engine.embedded.http.p99", p99, "ms"),
    ])
}

async fn submit_all(url: &str, transactions: Vec<Vec<u8>>) -> Result<(Vec<f64>, f64), BenchError> {
    let failed = |error: &dyn core::fmt::Display| BenchError::Fate(error.to_string());
    let http = Http::new(HttpOptions::default()).map_err(|error| failed(&error))?;
    let mut lanes: Vec<Vec<Vec<u8>>> = (0..CLIENTS).map(|_| Vec::new()).collect();
    for (n, stored) in transactions.into_iter().enumerate() {
        let lane = n % lanes.len().max(1);
        if let Some(lane) = lanes.get_mut(lane) {
            lane.push(stored);
        }
    }
    let begun = Instant::now();
    let tasks: Vec<_> = lanes
        .into_iter()
        .map(|lane| tokio::spawn(submit_lane(http.clone(), url.to_owned(), lane)))
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.map_err(|error| failed(&error))??);
    }
    times.sort_by(f64::total_cmp);
    Ok((times, begun.elapsed().as_secs_f64()))
}

async fn submit_lane(http: Http, url: String, lane: Vec<Vec<u8>>) -> Result<Vec<f64>, BenchError> {
    let failed = |error: &dyn core::fmt::Display| BenchError::Fate(error.to_string());
    let url = url.parse().map_err(|_| failed(&"address"))?;
    let mut times = Vec::with_capacity(lane.len());
    for stored in lane {
        let begun = Instant::now();
        let request = SubmitRequest {
            transaction: Blob(stored),
        };
        let status: TransactionStatus = http
            .post(&url, None, &request)
            .await
            .map_err(|error| failed(&error))?;
        if status.state != TransactionState::Final {
            return Err(failed(&status.code.unwrap_or_default()));
        }
        times.push(begun.elapsed().as_secs_f64());
    }
    Ok(times)
}
