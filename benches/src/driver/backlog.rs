//! A backlog: the log is filled with events while everything behind it stands still, and is then
//! drained.
//!
//! The number of stored events and the memory of the draining process are sampled once a second.
//! Draining at full speed means that the last million events is as fast as the first, and that
//! memory in the last quarter is the same as in the first.

use std::time::Duration;

use anyhow::ensure;
use tokio::time::Instant;

use super::bench::Bench;
use super::child::Load;
use super::collector::BATCH;
use super::report::{Figure, progress};
use super::run::Run;
use crate::load::report::per_second;
use crate::process::{Pid, resident_bytes, usage};

/// Seconds of each load that fills the log.
const FILL: f64 = 2.0;
/// The interval between two samples.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The number of events whose rates are compared.
const MILLION: u64 = 1_000_000;
const MIB: f64 = 1_048_576.0;

/// One sample.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Look {
    /// Seconds since draining began.
    seconds: f64,
    stored: u64,
    resident: u64,
}

/// A drained backlog.
#[derive(Debug)]
struct Drained {
    events: u64,
    looks: Vec<Look>,
    cpu_seconds: f64,
    engine_cpu_seconds: f64,
    peak: u64,
}

/// Runs the scenario as the only stage of a run.
pub(crate) async fn stage(
    run: &mut Run,
    bench: &Bench,
    scenario: impl Future<Output = anyhow::Result<Vec<Figure>>>,
) {
    run.stage(bench, "backlog", 1.0, scenario).await;
}

/// Sends events until `wanted` are in the log, and returns how many there are.
pub(crate) async fn fill(bench: &Bench, wanted: u64) -> anyhow::Result<u64> {
    let begun = Instant::now();
    let mut events = 0;
    while events < wanted {
        let report = Load::closed(BATCH, FILL).run(&bench.target).await?;
        ensure!(report.errors.is_empty(), "filling the log failed: {report}");
        events += report.accepted_events;
        progress(&format!("{events} events are in the log"));
    }
    let rate = per_second(events, begun.elapsed().as_secs_f64());
    progress(&format!("filled at {rate:.0} events/s, pauses included"));
    Ok(events)
}

/// Waits until the process `ours` has stored `events`, and returns the samples.
pub(crate) async fn drain(
    bench: &Bench,
    ours: Pid,
    events: u64,
    begun: Instant,
) -> anyhow::Result<Vec<Figure>> {
    let (before, engine_before) = (usage(ours)?, usage(bench.engine.pid)?);
    let mut looks = Vec::new();
    let mut next = begun;
    loop {
        let stored = bench.engine.stored_events(&bench.site.name).await?;
        looks.push(Look {
            seconds: begun.elapsed().as_secs_f64(),
            stored,
            resident: resident_bytes(ours)?,
        });
        if stored >= events {
            break;
        }
        next += LOOK_EVERY;
        tokio::time::sleep_until(next).await;
    }
    let after = usage(ours)?;
    let drained = Drained {
        events,
        looks,
        cpu_seconds: after.cpu_seconds - before.cpu_seconds,
        engine_cpu_seconds: usage(bench.engine.pid)?.cpu_seconds - engine_before.cpu_seconds,
        peak: after.peak_rss_bytes,
    };
    Ok(drained.figures())
}

impl Drained {
    fn figures(&self) -> Vec<Figure> {
        let seconds = self.looks.last().map_or(0.0, |look| look.seconds);
        let span = MILLION.min(self.events);
        let first = self.rate_between(0, span);
        let last = self.rate_between(self.events - span, self.events);
        let quarter = self.events / 4;
        let memory_first = self.most_resident(0, quarter);
        let memory_last = self.most_resident(self.events - quarter, self.events);
        let rates = (0..self.events / MILLION)
            .map(|million| self.rate_between(million * MILLION, (million + 1) * MILLION) / 1e3)
            .map(|rate| format!("{rate:.1}"))
            .collect::<Vec<_>>();
        vec![
            Figure::new(
                "backlog: drained",
                per_second(self.events, seconds),
                "events/s",
            )
            .note(format!(
                "{} events in {seconds:.1} s; thousands a second, million by million: {}",
                self.events,
                rates.join(", ")
            )),
            Figure::new("backlog: first million", first, "events/s"),
            Figure::new("backlog: last million", last, "events/s"),
            Figure::new("backlog: last million to the first", last / first, "×"),
            Figure::new(
                "backlog: per core, without the engine",
                per_second(self.events, self.cpu_seconds),
                "events/s",
            )
            .at_least(1e5, 2e5),
            Figure::new(
                "backlog: engine meanwhile, per core",
                per_second(self.events, self.engine_cpu_seconds),
                "events/s",
            ),
            Figure::new(
                "backlog: most memory in the first quarter",
                memory_first,
                "MiB",
            ),
            Figure::new(
                "backlog: most memory in the last quarter",
                memory_last,
                "MiB",
            ),
            Figure::new(
                "backlog: peak memory of what drains it",
                mebibytes(self.peak),
                "MiB",
            )
            .at_most(512.0, 512.0)
            .note(format!("{} looks, one a second", self.looks.len())),
        ]
    }

    /// Returns the rate at which the events between two positions were stored.
    fn rate_between(&self, from: u64, to: u64) -> f64 {
        match (self.time_of(from), self.time_of(to)) {
            (Some(from_time), Some(to_time)) => per_second(to - from, to_time - from_time),
            _ => f64::NAN,
        }
    }

    /// Returns when this many events were stored, interpolated between the samples around it.
    fn time_of(&self, events: u64) -> Option<f64> {
        if events == 0 {
            return Some(0.0);
        }
        let after = self.looks.iter().position(|look| look.stored >= events)?;
        let later = self.looks[after];
        let Some(earlier) = after.checked_sub(1).map(|before| self.looks[before]) else {
            return Some(later.seconds);
        };
        let part = as_f64(events - earlier.stored) / as_f64(later.stored - earlier.stored);
        Some(earlier.seconds + part * (later.seconds - earlier.seconds))
    }

    /// Returns the maximum memory, in MiB, of the samples between two positions.
    fn most_resident(&self, from: u64, to: u64) -> f64 {
        let looks = self.looks.iter();
        let within = looks.filter(|look| (from..=to).contains(&look.stored));
        within
            .map(|look| look.resident)
            .max()
            .map_or(f64::NAN, mebibytes)
    }
}

fn mebibytes(bytes: u64) -> f64 {
    as_f64(bytes) / MIB
}

#[expect(
    clippy::cast_precision_loss,
    reason = "numbers of events and bytes of memory stay far below 2^53"
)]
fn as_f64(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drained(looks: &[(f64, u64, u64)]) -> Drained {
        let looks: Vec<Look> = looks
            .iter()
            .map(|(seconds, stored, mebibytes)| Look {
                seconds: *seconds,
                stored: *stored,
                resident: mebibytes << 20,
            })
            .collect();
        Drained {
            events: looks.last().unwrap().stored,
            looks,
            cpu_seconds: 10.0,
            engine_cpu_seconds: 40.0,
            peak: 300 << 20,
        }
    }

    #[test]
    fn a_rate_covers_the_events_between_two_positions() {
        let drained = drained(&[
            (0.0, 0, 50),
            (10.0, 1_000_000, 200),
            (20.0, 2_000_000, 210),
            (40.0, 3_000_000, 205),
        ]);
        for (from, to, expected) in [
            (0, 1_000_000, 100_000.0),
            (500_000, 1_500_000, 100_000.0),
            (2_000_000, 3_000_000, 50_000.0),
        ] {
            let rate = drained.rate_between(from, to);
            assert!((rate - expected).abs() < 1.0, "{from} to {to}: {rate}");
        }
    }

    #[test]
    fn memory_is_reported_per_quarter() {
        let drained = drained(&[
            (0.0, 0, 50),
            (1.0, 1_000, 200),
            (2.0, 2_000, 400),
            (3.0, 3_000, 220),
            (4.0, 4_000, 210),
        ]);
        let figures = drained.figures();
        let value = |what: &str| {
            let found = figures.iter().find(|figure| figure.what.contains(what));
            found.unwrap().value
        };
        assert!((value("first quarter") - 200.0).abs() < 1e-9);
        assert!((value("last quarter") - 220.0).abs() < 1e-9);
        assert!((value("peak memory") - 300.0).abs() < 1e-9);
    }
}
