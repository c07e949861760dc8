//! A classifier on a topic that is already full, beside bare inserts.

use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::time::Instant;

use super::super::bench::{Bench, memory_figure};
use super::super::child::{Load, insert_rows};
use super::super::collector::BATCH;
use super::super::report::{Figure, progress};
use super::fleet::Fleet;
use crate::load::report::per_second;
use crate::process::{Usage, usage};
use crate::rows::{self, RowTarget};

/// Seconds of each load that fills the topic.
const FILL: f64 = 1.0;
/// The interval at which rows are counted.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The time reserved for the inserts afterwards and their start.
const RESERVE_SECONDS: f64 = 4.0;

/// The events that a classifier stored, and the resources used.
struct Stored {
    events: u64,
    /// Seconds from the start of its process to the last row.
    seconds: f64,
    used: Usage,
    engine_cpu_seconds: f64,
}

/// Fills the topic, starts a classifier and waits until every event is stored; then inserts bare
/// rows.
pub(super) async fn run(bench: &Bench, fleet: &mut Fleet) -> anyhow::Result<Vec<Figure>> {
    let events = fill(bench).await?;
    progress(&format!("{events} events are in the topic"));
    let stored = classify(bench, fleet, events).await?;
    let arrivals = insert_rows(&bench.engine, RowTarget::Arrivals, bench.pace.rows).await?;
    let bare = insert_rows(&bench.engine, RowTarget::Bare, bench.pace.rows).await?;
    rows::clear(&bench.engine.database).await?;
    let mut figures = stored.figures();
    let rate = per_second(events, stored.seconds);
    for (limit, tables, note) in [
        (
            arrivals,
            "the same tables",
            "encoded beforehand; arrivals and the views behind it",
        ),
        (bare, "one plain table", "encoded beforehand"),
    ] {
        let limit = limit.rows_per_second;
        let what = format!("limit: bare rows into {tables}");
        figures.push(Figure::new(what, limit, "rows/s").note(note));
        let what = format!("classifier to bare rows into {tables}");
        figures.push(Figure::ratio(what, &[rate], &[limit]));
    }
    Ok(figures)
}

/// Sends events until enough are in the topic, and returns how many.
async fn fill(bench: &Bench) -> anyhow::Result<u64> {
    let mut events = 0;
    while events < bench.pace.preload {
        let report = Load::closed(BATCH, FILL).run(&bench.target).await?;
        ensure!(
            report.errors.is_empty(),
            "filling the topic failed: {report}"
        );
        events += report.accepted_events;
    }
    Ok(events)
}

async fn classify(bench: &Bench, fleet: &mut Fleet, events: u64) -> anyhow::Result<Stored> {
    let engine_before = usage(bench.engine.pid)?.cpu_seconds;
    let started = Instant::now();
    let classifier = fleet.start_classifier().await?;
    let patience = bench.seconds_left() - 2.0 * bench.pace.rows - RESERVE_SECONDS;
    let patience = Duration::try_from_secs_f64(patience).unwrap_or_default();
    let waited = tokio::time::timeout(patience, until_stored(bench, events)).await;
    waited.with_context(|| format!("not stored within {patience:?}"))??;
    Ok(Stored {
        events,
        seconds: started.elapsed().as_secs_f64(),
        used: usage(classifier)?,
        engine_cpu_seconds: usage(bench.engine.pid)?.cpu_seconds - engine_before,
    })
}

impl Stored {
    fn figures(&self) -> Vec<Figure> {
        let rate = |seconds: f64| per_second(self.events, seconds);
        vec![
            Figure::new(
                "classifier, preloaded topic: stored",
                rate(self.seconds),
                "events/s",
            )
            .note(format!(
                "{} events in {:.1} s, from the start of its process to the last row",
                self.events, self.seconds
            )),
            Figure::new(
                "classifier: per core, without the engine",
                rate(self.used.cpu_seconds),
                "events/s",
            )
            .at_least(1e5, 2e5)
            .note(format!(
                "per CPU second of its process, start included: {:.1} s",
                self.used.cpu_seconds
            )),
            Figure::new(
                "engine meanwhile, per core",
                rate(self.engine_cpu_seconds),
                "events/s",
            ),
            memory_figure("classifier on a full topic", &self.used),
        ]
    }
}

/// Waits until at least `events` events are stored.
async fn until_stored(bench: &Bench, events: u64) -> anyhow::Result<()> {
    while bench.engine.stored_events(&bench.site.name).await? < events {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}
