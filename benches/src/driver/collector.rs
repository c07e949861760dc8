//! The collector beside the bare relay, and everything behind the log beside bare inserts.
//!
//! The engine is stopped (SIGSTOP) while the collector is measured: the classifier fills its
//! buffers and waits. So the collector gets the CPU, as it does in a process of its own. Then
//! everything behind the log catches up. That is measured between two markers, with more work
//! before and after them.

use std::future::Future;

use anyhow::ensure;

use super::bench::Bench;
use super::child::{Load, Relay, insert_rows};
use super::probe::{CATCH_UP_PATIENCE, Marker, catch_up};
use super::report::{Figure, progress};
use super::round::{Rounds, median};
use crate::load::report::{LoadReport, per_second};
use crate::process::Watch;
use crate::rows::{self, RowTarget};

/// Events per batch.
pub(crate) const BATCH: u32 = 100;
/// The share of the maximum rate at which latency is reported.
const STEADY_SHARE: f64 = 0.7;

/// The rates of all rounds, in events per second.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    pub(crate) wall: Vec<f64>,
    pub(crate) per_core: Vec<f64>,
}

impl Rates {
    pub(crate) fn add(&mut self, report: &LoadReport) {
        self.wall.push(report.accepted_per_second);
        self.per_core.push(per_second(
            report.accepted_events,
            report.cpu_seconds("server"),
        ));
    }
}

/// Measures gzip batches of 100 events, and the catching up after them.
pub(crate) async fn batches(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let relays = [
        Relay::start(&bench.folder("relay-raw")?, "raw").await?,
        Relay::start(&bench.folder("relay-inflated")?, "inflated").await?,
        Relay::start(&bench.folder("relay-events")?, "events").await?,
    ];
    let mut limits: [Rates; 3] = Default::default();
    let mut ours = Rates::default();
    let mut behind = CatchingUp::default();
    let load = Load::closed(BATCH, bench.pace.collector);
    let rounds = async {
        let mut rounds = Rounds::new(bench.pace.rounds);
        while let Some(round) = rounds.next(bench.seconds_left(), 0.0) {
            progress(&format!(
                "round {round}: relays, collector, catching up, inserts"
            ));
            for (relay, limit) in relays.iter().zip(&mut limits) {
                limit.add(&load.run(&relay.target()?).await?);
            }
            behind.round(bench, load, &mut ours).await?;
        }
        Ok(())
    };
    bench.while_time_lasts(rounds).await?;
    ensure!(!ours.wall.is_empty(), "out of time");
    let mut figures = compared(&ours, &limits);
    figures.extend(behind.figures());
    Ok(figures)
}

fn compared(ours: &Rates, [raw, inflated, events]: &[Rates; 3]) -> Vec<Figure> {
    vec![
        Figure::of_rounds(
            "collector, batches of 100: accepted",
            &ours.wall,
            "events/s",
        )
        .note("as fast as possible, 16 connections; everything behind the log stands still"),
        Figure::of_rounds(
            "collector, batches of 100: per core",
            &ours.per_core,
            "events/s",
        )
        .at_least(1e5, 2e5)
        .note("per CPU second of Etappe's process"),
        Figure::of_rounds("limit: relay of single events", &events.wall, "events/s")
            .note("inflates, takes the batch apart, appends each message as a record"),
        Figure::of_rounds(
            "limit: relay of single events, per core",
            &events.per_core,
            "events/s",
        ),
        Figure::ratio(
            "collector to relay of single events",
            &ours.wall,
            &events.wall,
        )
        .at_least(0.6, 0.8),
        Figure::ratio(
            "collector to relay of single events, per core",
            &ours.per_core,
            &events.per_core,
        ),
        Figure::of_rounds(
            "limit: relay of the body's text",
            &inflated.wall,
            "events/s",
        )
        .note("inflates and never looks inside"),
        Figure::ratio(
            "collector to relay of the body's text",
            &ours.wall,
            &inflated.wall,
        ),
        Figure::of_rounds("limit: relay of the body as it came", &raw.wall, "events/s"),
        Figure::ratio(
            "collector to relay of the body as it came",
            &ours.wall,
            &raw.wall,
        ),
    ]
}

/// The rates of catching up after the collector, per round.
#[derive(Debug, Default)]
struct CatchingUp {
    wall: Vec<f64>,
    per_core: Vec<f64>,
    engine_per_core: Vec<f64>,
    bare: Vec<f64>,
    arrivals: Vec<f64>,
}

impl CatchingUp {
    /// Loads the collector alone, then lets everything behind it catch up and inserts bare rows.
    async fn round(
        &mut self,
        bench: &Bench,
        load: Load,
        collector: &mut Rates,
    ) -> anyhow::Result<()> {
        let target = &bench.target;
        let filler = Load::closed(BATCH, bench.pace.filler);
        let paused = bench.engine.pause()?;
        filler.run(target).await?;
        let first = Marker::send(bench).await?;
        let loaded = load.run(target).await?;
        collector.add(&loaded);
        let second = Marker::send(bench).await?;
        filler.run(target).await?;
        let last = Marker::send(bench).await?;
        drop(paused);

        let begun = first.counted(bench, CATCH_UP_PATIENCE).await?;
        let watch = Watch::start(vec![
            bench.ours[0].clone(),
            ("engine".to_owned(), bench.engine.pid),
        ])?;
        let ended = second.counted(bench, CATCH_UP_PATIENCE).await?;
        let used = watch.finish()?;
        last.counted(bench, CATCH_UP_PATIENCE).await?;
        let events = loaded.accepted_events;
        self.wall
            .push(per_second(events, (ended - begun).as_secs_f64()));
        self.per_core.push(per_second(events, used[0].cpu_seconds));
        self.engine_per_core
            .push(per_second(events, used[1].cpu_seconds));

        for (target, rates) in [
            (RowTarget::Bare, &mut self.bare),
            (RowTarget::Arrivals, &mut self.arrivals),
        ] {
            let report = insert_rows(&bench.engine, target, bench.pace.rows).await?;
            rates.push(report.rows_per_second);
        }
        rows::clear(&bench.engine.database).await
    }

    fn figures(&self) -> Vec<Figure> {
        vec![
            Figure::of_rounds(
                "log → classify → insert: catching up",
                &self.wall,
                "events/s",
            ),
            Figure::of_rounds(
                "log → classify → insert: per core, without the engine",
                &self.per_core,
                "events/s",
            )
            .at_least(1e5, 2e5)
            .note("per CPU second of Etappe's process while it catches up"),
            Figure::of_rounds(
                "engine meanwhile, per core",
                &self.engine_per_core,
                "events/s",
            ),
            Figure::of_rounds(
                "limit: bare rows into the same tables",
                &self.arrivals,
                "rows/s",
            )
            .note("encoded beforehand; arrivals and the views behind it"),
            Figure::ratio(
                "catching up to bare rows, same tables",
                &self.wall,
                &self.arrivals,
            ),
            Figure::of_rounds(
                "limit: bare rows into one plain table",
                &self.bare,
                "rows/s",
            ),
            Figure::ratio(
                "catching up to bare rows, plain table",
                &self.wall,
                &self.bare,
            ),
        ]
    }
}

/// The state of everything behind the log while the collector is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Behind {
    /// It is stopped, and catches up afterwards.
    Stopped,
    /// It is not running yet.
    Absent,
}

impl Behind {
    async fn while_measuring<T>(
        self,
        bench: &Bench,
        measure: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        match self {
            Self::Absent => measure.await,
            Self::Stopped => {
                let paused = bench.engine.pause()?;
                let measured = measure.await?;
                drop(paused);
                catch_up(bench).await?;
                Ok(measured)
            }
        }
    }
}

/// Measures one event per request beside a relay, and its latency at 70 % of the maximum rate.
pub(crate) async fn singles(
    bench: &Bench,
    relay: &Relay,
    behind: Behind,
) -> anyhow::Result<Vec<Figure>> {
    let load = Load::closed(0, bench.pace.collector);
    let (mut ours, mut limit) = (Rates::default(), Rates::default());
    let mut rounds = Rounds::new(bench.pace.rounds);
    while let Some(round) = rounds.next(bench.seconds_left(), bench.pace.steady * 2.0) {
        progress(&format!("round {round}: relay, collector"));
        limit.add(&load.run(&relay.target()?).await?);
        let measured = behind.while_measuring(bench, load.run(&bench.target));
        ours.add(&measured.await?);
    }
    let most = median(&ours.wall).unwrap_or(0.0);
    let rate = (most * STEADY_SHARE).round();
    ensure!(rate >= 1.0, "no single event was accepted");
    let load = Load::open(0, rate, bench.pace.steady);
    let measured = behind.while_measuring(bench, load.run(&bench.target));
    let mut figures = compared_singles(&ours, &limit);
    figures.push(steady_figure(rate, &measured.await?));
    Ok(figures)
}

fn compared_singles(ours: &Rates, limit: &Rates) -> Vec<Figure> {
    vec![
        Figure::of_rounds("collector, single events: accepted", &ours.wall, "events/s")
            .note("as fast as possible, 256 connections; nothing behind the log works meanwhile"),
        Figure::of_rounds(
            "collector, single events: per core",
            &ours.per_core,
            "events/s",
        ),
        Figure::of_rounds("limit: relay, single events", &limit.wall, "events/s"),
        Figure::of_rounds(
            "limit: relay, single events, per core",
            &limit.per_core,
            "events/s",
        ),
        Figure::ratio("collector to relay, single events", &ours.wall, &limit.wall)
            .at_least(0.6, 0.8),
        Figure::ratio(
            "collector to relay, single events, per core",
            &ours.per_core,
            &limit.per_core,
        ),
    ]
}

fn steady_figure(rate: f64, steady: &LoadReport) -> Figure {
    let latency = steady.latency;
    Figure::new(
        "collector, single events: p99 at 70 % load",
        latency.p99_ms,
        "ms",
    )
    .at_most(100.0, 100.0)
    .note(format!(
        "open loop at {rate} events/s; p50 {:.1}, p90 {:.1}, p99.9 {:.1}, max {:.1} ms; \
         {} of {} accepted; failed {:?}",
        latency.p50_ms,
        latency.p90_ms,
        latency.p99_9_ms,
        latency.max_ms,
        steady.accepted_events,
        steady.offered_events,
        steady.errors
    ))
}
