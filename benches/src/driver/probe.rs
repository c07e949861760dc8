//! Markers: unique events that are sent to see when they are counted.
//!
//! A marker has several actors, some in every partition. So once all of them are counted,
//! everything acknowledged before it is counted too.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use etappe_core::ports::Clock;
use etappe_core::time::Timestamp;
use etappe_runtime::clock::SystemClock;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::bench::Bench;
use crate::latency::LatencyHistogram;

/// Enough that every partition gets one, except once in thousands of times.
const ACTORS: u64 = 48;
/// The interval between two queries while everything behind the log works at its limit.
const CATCH_UP_PAUSE: Duration = Duration::from_millis(100);
/// The time limit for catching up.
pub(crate) const CATCH_UP_PATIENCE: Duration = Duration::from_secs(120);
/// The interval between two queries of a probe.
const PROBE_PAUSE: Duration = Duration::from_millis(30);
/// The pause between two probes.
const BETWEEN_PROBES: Duration = Duration::from_millis(100);
/// How long queries may be refused because the engine does not answer.
const UNAVAILABLE_PATIENCE: Duration = Duration::from_secs(10);
/// A probe that takes longer counts as having taken this long.
const PROBE_PATIENCE: Duration = Duration::from_secs(30);
const DAY_MILLIS: i64 = 86_400_000;

/// An acknowledged marker.
#[derive(Debug)]
pub(crate) struct Marker {
    question: Value,
    actors: u64,
    acknowledged: Instant,
}

impl Marker {
    /// Sends a marker to all partitions.
    pub(crate) async fn send(bench: &Bench) -> anyhow::Result<Self> {
        Self::of_actors(bench, ACTORS).await
    }

    async fn of_actors(bench: &Bench, actors: u64) -> anyhow::Result<Self> {
        let name = format!("marker-{:08x}-{}", bench.nonce, bench.next_marker());
        let now = SystemClock.now();
        let message = |actor: u64| {
            json!({
                "type": "track", "event": name, "messageId": format!("{name}-{actor}"),
                "anonymousId": format!("{name}-{actor}"), "timestamp": now.to_string(),
            })
        };
        let batch: Vec<Value> = (0..actors).map(message).collect();
        let (status, answer) = bench.site.send(&batch).await?;
        let acknowledged = Instant::now();
        ensure!(status == 200, "a marker got {status}: {answer}");
        let question = json!({
            "steps": [{"event": name}],
            "from": Timestamp::from_millis(now.as_millis() - DAY_MILLIS).to_string(),
            "to": Timestamp::from_millis(now.as_millis() + DAY_MILLIS).to_string(),
        });
        Ok(Self {
            question,
            actors,
            acknowledged,
        })
    }

    /// Waits until the marker is counted, and returns when it was.
    pub(crate) async fn counted(
        &self,
        bench: &Bench,
        patience: Duration,
    ) -> anyhow::Result<Instant> {
        let waited = tokio::time::timeout(patience, self.wait(bench, CATCH_UP_PAUSE)).await;
        waited.with_context(|| format!("not counted within {patience:?}"))?
    }

    /// Queries until the marker is counted. The pause between two queries is at least as long as a
    /// query takes, so that queries stay a small part of the load.
    async fn wait(&self, bench: &Bench, pause: Duration) -> anyhow::Result<Instant> {
        let mut answered_at = Instant::now();
        loop {
            let asked = Instant::now();
            let (status, answer) = bench.site.ask("/funnel", &self.question).await?;
            let now = Instant::now();
            match status {
                200 => {
                    answered_at = now;
                    let count = answer["steps"][0]["count"].as_u64();
                    if count.context("a funnel without a count")? >= self.actors {
                        return Ok(now);
                    }
                }
                // The engine may be busy with the backlog that built up while it was stopped.
                503 if now - answered_at < UNAVAILABLE_PATIENCE => {}
                status => bail!("a funnel got {status}: {answer}"),
            }
            tokio::time::sleep(pause.max(now - asked)).await;
        }
    }
}

/// Waits until everything acknowledged is counted.
pub(crate) async fn catch_up(bench: &Bench) -> anyhow::Result<()> {
    Marker::send(bench)
        .await?
        .counted(bench, CATCH_UP_PATIENCE)
        .await?;
    Ok(())
}

/// Runs a load and meanwhile measures the delay from acknowledgement to counting, one probe after
/// the other.
pub(crate) async fn probe_during<T>(
    bench: &Bench,
    load: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<(T, LatencyHistogram)> {
    let over = AtomicBool::new(false);
    let load = async {
        let loaded = load.await;
        over.store(true, Ordering::Relaxed);
        loaded
    };
    let (loaded, lags) = tokio::join!(load, probe_until(bench, &over));
    Ok((loaded?, lags?))
}

async fn probe_until(bench: &Bench, over: &AtomicBool) -> anyhow::Result<LatencyHistogram> {
    let mut lags = LatencyHistogram::default();
    while !over.load(Ordering::Relaxed) {
        let marker = Marker::of_actors(bench, 1).await?;
        let counted = tokio::time::timeout(PROBE_PATIENCE, marker.wait(bench, PROBE_PAUSE)).await;
        match counted {
            Ok(at) => lags.record(at? - marker.acknowledged),
            Err(_) => lags.record(PROBE_PATIENCE),
        }
        tokio::time::sleep(BETWEEN_PROBES).await;
    }
    Ok(lags)
}
