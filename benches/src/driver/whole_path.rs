//! The whole path at once, on the same cores: load generator, Etappe and engine.
//!
//! An excessive load shows the maximum throughput. A share of that is then held for a long time and
//! must be sustained: everything is accepted, and everything is counted soon after the end. If it
//! is not, a smaller share is held.

use std::time::Duration;

use anyhow::Context;
use tokio::time::Instant;

use super::bench::Bench;
use super::child::Load;
use super::probe::{CATCH_UP_PATIENCE, Marker, probe_during};
use super::report::{Figure, progress};
use crate::load::report::{LoadReport, per_second};

const BATCH: u32 = 100;
/// The time limit after a sustained load for counting its last event.
const SUSTAINED_WITHIN: Duration = Duration::from_secs(3);
/// The time allowed for starting the load and catching up after it.
const RESERVE_SECONDS: f64 = 8.0;
/// A load is excessive if less than this share of it gets through.
const SATURATED: f64 = 0.9;
/// The shares of the maximum throughput that are held.
const SHARES: [f64; 2] = [0.95, 0.8];

/// The result of a load.
struct LoadResult {
    report: LoadReport,
    /// The time from the end of the load until everything was counted.
    behind: Duration,
    /// Events per second from the first request until everything was counted.
    effective: f64,
}

impl LoadResult {
    async fn finish(bench: &Bench, report: LoadReport) -> anyhow::Result<Self> {
        let ended = Instant::now();
        let behind = Marker::send(bench)
            .await?
            .counted(bench, CATCH_UP_PATIENCE)
            .await?
            - ended;
        let seconds = report.elapsed_seconds + behind.as_secs_f64();
        let effective = per_second(report.accepted_events, seconds);
        Ok(Self {
            report,
            behind,
            effective,
        })
    }

    fn is_sustained(&self) -> bool {
        self.report.is_complete() && self.behind <= SUSTAINED_WITHIN
    }
}

/// Measures the maximum throughput, then holds a share of it.
pub(crate) async fn run(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let mut most: f64 = 0.0;
    let mut tried = Vec::new();
    for rate in bench.pace.saturating {
        let rate = f64::from(*rate);
        let report = Load::open(BATCH, rate, bench.pace.saturate)
            .run(&bench.target)
            .await?;
        let result = LoadResult::finish(bench, report).await?;
        tell(&mut tried, rate, &result);
        most = most.max(result.effective);
        if result.effective < rate * SATURATED {
            break;
        }
    }
    let saturated = Figure::new("whole path: most that comes through", most, "events/s")
        .note(format!("too much was sent: {}", tried.join("; ")));
    let mut figures = hold(bench, most).await?;
    figures.push(saturated);
    Ok(figures)
}

fn tell(tried: &mut Vec<String>, rate: f64, result: &LoadResult) {
    let told = format!(
        "at {rate} events/s {} of {} accepted, counted {:.1} s after the end",
        result.report.accepted_events,
        result.report.offered_events,
        result.behind.as_secs_f64()
    );
    progress(&told);
    tried.push(told);
}

/// Holds a share of `most`, or a smaller one if the first is not sustained.
async fn hold(bench: &Bench, most: f64) -> anyhow::Result<Vec<Figure>> {
    let mut held = None;
    let mut tried = Vec::new();
    for share in SHARES {
        let left = bench.seconds_left() - RESERVE_SECONDS;
        if held.is_some() && left < bench.pace.saturate {
            break;
        }
        // Rounded down to whole thousands.
        let rate = ((most * share / 1e3).floor() * 1e3).max(1e3);
        let load = Load::open(BATCH, rate, bench.pace.sustain.min(left).max(1.0));
        let (report, lags) = probe_during(bench, Box::pin(load.run(&bench.target))).await?;
        let result = LoadResult::finish(bench, report).await?;
        tell(&mut tried, rate, &result);
        let is_sustained = result.is_sustained();
        held = Some((load, result, lags.summary()));
        if is_sustained {
            break;
        }
    }
    let (load, result, lag) = held.context("nothing was held")?;
    let what = if result.is_sustained() {
        "whole path: sustained"
    } else {
        "whole path: NOT sustained"
    };
    let report = &result.report;
    let processes = report.processes.iter();
    let cpu: Vec<String> = processes
        .map(|process| format!("{} {:.1}", process.role, process.cpu_seconds))
        .collect();
    Ok(vec![
        Figure::new(what, result.effective, "events/s")
            .at_least(3e4, 6e4)
            .note(format!(
                "open loop, {:.0} s: {}; failed {:?}; CPU seconds: {}",
                load.seconds,
                tried.join("; "),
                report.errors,
                cpu.join(", ")
            )),
        Figure::new("whole path: acknowledged, p99", report.latency.p99_ms, "ms"),
        Figure::new(
            "whole path: acknowledged to visible, p95",
            lag.p95_ms / 1e3,
            "s",
        )
        .note(format!(
            "{} probes, p50 {:.2} s",
            lag.count,
            lag.p50_ms / 1e3
        )),
    ])
}
