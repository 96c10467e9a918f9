//! Counters of this process in Prometheus' text format (version 0.0.4).
//!
//! A small fixed set, written by hand: counters, gauges and two histograms with fixed buckets.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Upper bounds of the histograms' buckets, in microseconds.
const BOUNDS: [u64; 10] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000,
];

/// Times in microseconds, counted by bucket.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BOUNDS.len()],
    count: AtomicU64,
    sum: AtomicU64,
}

impl Histogram {
    /// Counts the time since `begun`.
    pub fn since(&self, begun: Instant) {
        self.observe(u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX));
    }

    /// The mean in microseconds.
    #[must_use]
    pub fn mean(&self) -> f64 {
        get(&self.sum) as f64 / get(&self.count).max(1) as f64
    }

    /// Counts one time.
    pub fn observe(&self, micros: u64) {
        for (bucket, _) in self
            .buckets
            .iter()
            .zip(BOUNDS)
            .filter(|(_, bound)| micros <= *bound)
        {
            add(bucket, 1);
        }
        add(&self.count, 1);
        add(&self.sum, micros);
    }

    fn write(&self, out: &mut String, name: &str, help: &str) {
        head(out, name, help, "histogram");
        for (bucket, bound) in self.buckets.iter().zip(BOUNDS) {
            let seconds = bound as f64 / 1e6;
            let _ = writeln!(out, "{name}_bucket{{le=\"{seconds}\"}} {}", get(bucket));
        }
        let _ = writeln!(out, "{name}_bucket{{le=\"+Inf\"}} {}", get(&self.count));
        let _ = writeln!(out, "{name}_sum {}", get(&self.sum) as f64 / 1e6);
        let _ = writeln!(out, "{name}_count {}", get(&self.count));
    }
}

/// Everything that is counted.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Height of the newest block.
    pub height: AtomicU64,
    /// Accepted transactions.
    pub accepted: AtomicU64,
    /// Refused transactions, in blocks.
    pub refused: AtomicU64,
    /// Transactions turned away before they came into a block.
    pub turned_away: AtomicU64,
    /// Transactions that wait for a block.
    pub waiting: AtomicU64,
    /// Alerts raised.
    pub alerts: AtomicU64,
    /// Requests answered.
    pub requests: AtomicU64,
    /// Requests answered with a status of 500 and above.
    pub failures: AtomicU64,
    /// 1 while blocks can be written.
    pub healthy: AtomicU64,
    /// From taking a group of transactions to their block being durable.
    pub block_seconds: Histogram,
    /// Executing a block's transactions.
    pub contracts_seconds: Histogram,
    /// Computing the state's root after a block.
    pub state_seconds: Histogram,
    /// Writing a block, with its sync.
    pub write_seconds: Histogram,
    /// Folding the state's layers to disk.
    pub fold_seconds: Histogram,
}

/// Adds to a counter.
pub fn add(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

/// Sets a gauge.
pub fn set(gauge: &AtomicU64, value: u64) {
    gauge.store(value, Ordering::Relaxed);
}

/// Reads a counter or gauge.
pub fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

fn head(out: &mut String, name: &str, help: &str, kind: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

impl Metrics {
    /// The text that `/metrics` answers.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::with_capacity(4_096);
        for (name, help, kind, value) in [
            (
                "medfolder_node_height",
                "Height of the newest block.",
                "gauge",
                &self.height,
            ),
            (
                "medfolder_node_accepted_total",
                "Accepted transactions.",
                "counter",
                &self.accepted,
            ),
            (
                "medfolder_node_refused_total",
                "Refused transactions.",
                "counter",
                &self.refused,
            ),
            (
                "medfolder_node_turned_away_total",
                "Transactions turned away before a block.",
                "counter",
                &self.turned_away,
            ),
            (
                "medfolder_node_waiting",
                "Transactions that wait.",
                "gauge",
                &self.waiting,
            ),
            (
                "medfolder_node_alerts_total",
                "Alerts raised.",
                "counter",
                &self.alerts,
            ),
            (
                "medfolder_node_requests_total",
                "Requests answered.",
                "counter",
                &self.requests,
            ),
            (
                "medfolder_node_failures_total",
                "Answers of 500 and above.",
                "counter",
                &self.failures,
            ),
            (
                "medfolder_node_healthy",
                "1 while blocks can be written.",
                "gauge",
                &self.healthy,
            ),
        ] {
            head(&mut out, name, help, kind);
            let _ = writeln!(out, "{name} {}", get(value));
        }
        for (name, help, histogram) in [
            ("block", "Making a block, all in all.", &self.block_seconds),
            (
                "contracts",
                "Executing a block's transactions.",
                &self.contracts_seconds,
            ),
            ("state", "Computing the state's root.", &self.state_seconds),
            (
                "write",
                "Writing a block, with its sync.",
                &self.write_seconds,
            ),
            ("fold", "Folding the state to disk.", &self.fold_seconds),
        ] {
            histogram.write(&mut out, &format!("medfolder_node_{name}_seconds"), help);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_holds_every_metric_with_its_type_and_cumulative_buckets() {
        let metrics = Metrics::default();
        set(&metrics.height, 7);
        metrics.write_seconds.observe(700);
        let text = metrics.text();
        assert!(text.contains("# TYPE medfolder_node_height gauge\nmedfolder_node_height 7\n"));
        assert!(text.contains("medfolder_node_write_seconds_bucket{le=\"0.0005\"} 0\n"));
        assert!(text.contains("medfolder_node_write_seconds_bucket{le=\"0.001\"} 1\n"));
        assert!(text.contains("medfolder_node_write_seconds_bucket{le=\"+Inf\"} 1\n"));
    }
}
