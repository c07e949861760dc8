//! Measures the roles on a real Kafka, scenario by scenario.
//!
//! First a topic is filled and a classifier started on it, beside bare inserts. Then the collector
//! is measured alone, beside the relay on the same broker and with no work behind it. Then
//! everything together.

mod backlog;
mod classifier;
mod collector;
mod fleet;

use super::child::Relay;
use super::collector::{Behind, singles};
use super::options::Options;
use super::run::{Run, settled};
use super::{RunResult, lag, whole_path};
pub(crate) use backlog::drain_backlog;
use fleet::Fleet;

/// The share of the time by which the whole path has been measured.
const WHOLE_PATH: f64 = 0.84;
/// The collector's topic while it is measured alone, which nobody consumes.
const ALONE: &str = "etappe.collector-alone.v1";

/// Runs all scenarios.
pub(crate) async fn run(options: Options) -> anyhow::Result<RunResult> {
    let mut run = Run::begin(&options, WHOLE_PATH);
    run.tell("start Kafka, engine, collector");
    let mut fleet = Fleet::start(&options).await?;
    fleet.start_collector(None).await?;
    fleet.create_site().await?;
    let bench = fleet.bench()?;
    let preloaded = Box::pin(classifier::run(&bench, &mut fleet));
    run.stage(&bench, "classifier, preloaded topic", 0.3, preloaded)
        .await;

    fleet.start_collector(Some(ALONE)).await?;
    alone(&mut run, &fleet).await?;

    fleet.start_collector(None).await?;
    let classifier_started = fleet.start_insights().await?;
    let bench = fleet.bench()?;
    run.wait_until_steady(classifier_started).await;
    let whole_path = Box::pin(settled(&bench, whole_path::run(&bench)));
    run.stage(&bench, "whole path", WHOLE_PATH, whole_path)
        .await;
    let lag = Box::pin(settled(&bench, lag::run(&bench)));
    run.stage(&bench, "acknowledged to visible", 1.0, lag).await;
    run.add(bench.peak_memory()?);
    run.tell("stop");
    let stopped = fleet.stop().await;
    let outcome = run.finish(&options)?;
    stopped?;
    Ok(outcome)
}

/// Measures the collector alone. The engine is stopped, since it would merge the rows stored
/// before.
async fn alone(run: &mut Run, fleet: &Fleet) -> anyhow::Result<()> {
    let bench = fleet.bench()?;
    let paused = bench.engine.pause()?;
    let relay = Relay::start_on_kafka(&fleet.brokers(), "limit.relay").await?;
    let batches = Box::pin(collector::batches(&bench, &relay));
    run.stage(&bench, "collector, batches", 0.45, batches).await;
    let singles = Box::pin(singles(&bench, &relay, Behind::Absent));
    run.stage(&bench, "collector, single events", 0.6, singles)
        .await;
    drop(paused);
    run.add(bench.peak_memory_alone()?);
    Ok(())
}
