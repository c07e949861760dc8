//! The collector on Kafka beside a relay that publishes to the same broker.

use anyhow::ensure;

use super::super::bench::Bench;
use super::super::child::{Load, Relay};
use super::super::collector::{BATCH, Rates};
use super::super::report::{Figure, progress};
use super::super::round::Rounds;

/// Measures gzip batches of 100 events.
pub(super) async fn batches(bench: &Bench, relay: &Relay) -> anyhow::Result<Vec<Figure>> {
    let limit_target = relay.target()?.with_many_connections();
    let load = Load::closed(BATCH, bench.pace.collector);
    let (mut ours, mut limit) = (Rates::default(), Rates::default());
    let rounds = async {
        let mut rounds = Rounds::new(bench.pace.rounds);
        while let Some(round) = rounds.next(bench.seconds_left(), 0.0) {
            progress(&format!("round {round}: relay, collector"));
            limit.add(&load.run(&limit_target).await?);
            ours.add(&load.run(&bench.target).await?);
        }
        Ok(())
    };
    bench.while_time_lasts(rounds).await?;
    ensure!(!ours.wall.is_empty(), "out of time");
    Ok(compared(&ours, &limit))
}

fn compared(ours: &Rates, limit: &Rates) -> Vec<Figure> {
    vec![
        Figure::of_rounds(
            "collector, batches of 100: accepted",
            &ours.wall,
            "events/s",
        )
        .note("as fast as possible, 64 connections; broker and load generator on the same cores"),
        Figure::of_rounds(
            "collector, batches of 100: per core",
            &ours.per_core,
            "events/s",
        )
        .at_least(1e5, 2e5)
        .note("per CPU second of the collector's process"),
        Figure::of_rounds("limit: relay to Kafka", &limit.wall, "events/s").note(
            "inflates, takes the batch apart, publishes each message; the same linger, codec and acks",
        ),
        Figure::of_rounds("limit: relay to Kafka, per core", &limit.per_core, "events/s"),
        Figure::ratio("collector to relay", &ours.wall, &limit.wall).at_least(0.6, 0.8),
        Figure::ratio("collector to relay, per core", &ours.per_core, &limit.per_core),
    ]
}
