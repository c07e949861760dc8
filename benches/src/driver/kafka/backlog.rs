//! A backlog on Kafka: the topic is filled before a classifier starts.

use tokio::time::Instant;

use super::super::bench::Bench;
use super::super::options::Options;
use super::super::report::Figure;
use super::super::run::Run;
use super::super::{RunResult, backlog};
use super::fleet::Fleet;

/// Fills the topic, starts a classifier and measures how it drains the topic.
pub(crate) async fn drain_backlog(options: Options) -> anyhow::Result<RunResult> {
    let mut run = Run::begin(&options, 0.0);
    run.tell("start Kafka, engine, collector");
    let mut fleet = Fleet::start(&options).await?;
    fleet.start_collector(None).await?;
    fleet.create_site().await?;
    let bench = fleet.bench()?;
    let drained = Box::pin(drain(&bench, &mut fleet));
    backlog::stage(&mut run, &bench, drained).await;
    run.add(fleet.bench()?.peak_memory()?);
    run.tell("stop");
    let stopped = fleet.stop().await;
    let outcome = run.finish(&options)?;
    stopped?;
    Ok(outcome)
}

async fn drain(bench: &Bench, fleet: &mut Fleet) -> anyhow::Result<Vec<Figure>> {
    let wanted = bench.options.backlog.unwrap_or_default();
    let events = backlog::fill(bench, wanted).await?;
    let begun = Instant::now();
    let classifier = fleet.start_classifier().await?;
    backlog::drain(bench, classifier, events, begun).await
}
