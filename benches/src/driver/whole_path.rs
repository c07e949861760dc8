//! The whole path at once, on the same cores: load generator, Etappe and engine.
//!
//! A ladder of fixed rates finds the highest one that is sustained: everything is accepted, and
//! soon after the end everything is counted. That rate is then held for longer.

use std::time::Duration;

use tokio::time::Instant;

use super::bench::Bench;
use super::child::{Load, LoadTarget};
use super::probe::{Marker, probe_during};
use super::report::{Figure, progress};
use crate::load::report::{LoadReport, per_second};

const BATCH: u32 = 100;
/// How long after the end of a sustained load the last event may be counted.
const SUSTAINED_WITHIN: Duration = Duration::from_secs(3);
/// What starting the load and catching up after it may take.
const RESERVE_SECONDS: f64 = 8.0;
const PATIENCE: Duration = Duration::from_secs(120);

/// A load and what became of it.
struct Step {
    report: LoadReport,
    /// From the end of the load until everything was counted.
    behind: Duration,
    /// Events a second from the first request until everything was counted.
    effective: f64,
}

impl Step {
    async fn finish(bench: &Bench, report: LoadReport) -> anyhow::Result<Self> {
        let ended = Instant::now();
        let behind = Marker::send(bench).await?.counted(bench, PATIENCE).await? - ended;
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

/// Finds the highest sustained rate and holds it.
pub(crate) async fn run(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let target = LoadTarget::etappe(bench)?;
    let mut highest = None;
    let mut tried = Vec::new();
    for rate in bench.pace.ladder {
        if bench.seconds_left() < bench.pace.step + bench.pace.sustain + RESERVE_SECONDS {
            tried.push("no time for more".to_owned());
            break;
        }
        let load = Load::open(BATCH, f64::from(*rate), bench.pace.step);
        let report = load.run(&target).await?;
        let step = Step::finish(bench, report).await?;
        let told = format!(
            "{rate} events/s: {} of {} accepted, counted {:.1} s after the end",
            step.report.accepted_events,
            step.report.offered_events,
            step.behind.as_secs_f64()
        );
        progress(&told);
        tried.push(told);
        if !step.is_sustained() {
            break;
        }
        highest = Some(*rate);
    }
    // Below the ladder it is still told what comes through.
    let rate = highest.unwrap_or(bench.pace.ladder.first().map_or(1_000, |rate| rate / 2));
    hold(bench, &target, f64::from(rate), &tried).await
}

async fn hold(
    bench: &Bench,
    target: &LoadTarget,
    rate: f64,
    tried: &[String],
) -> anyhow::Result<Vec<Figure>> {
    let seconds = bench
        .pace
        .sustain
        .min(bench.seconds_left() - RESERVE_SECONDS)
        .max(1.0);
    let load = Box::pin(Load::open(BATCH, rate, seconds).run(target));
    let (report, lags) = probe_during(bench, load).await?;
    let step = Step::finish(bench, report).await?;
    let (report, lag) = (&step.report, lags.summary());
    let cpu: Vec<String> = ["server", "engine", "load"]
        .iter()
        .map(|role| format!("{role} {:.1}", report.cpu_seconds(role)))
        .collect();
    Ok(vec![
        Figure::new("whole path: sustained", step.effective, "events/s")
            .at_least(3e4, 6e4)
            .note(format!(
                "open loop at {rate} events/s for {seconds:.0} s; {} of {} accepted, failed {:?}; counted \
                 {:.1} s after the end; CPU seconds: {}",
                report.accepted_events,
                report.offered_events,
                report.errors,
                step.behind.as_secs_f64(),
                cpu.join(", ")
            )),
        Figure::new("whole path: acknowledged, p99", report.latency.p99_ms, "ms")
            .note(format!("tried: {}", tried.join("; "))),
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
