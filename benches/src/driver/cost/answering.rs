//! The cost of an answer that means durable: on the local log the sync, on Kafka the
//! acknowledgements and the idempotent producer.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use etappe_testkit::kafka::KafkaNode;
use tokio::process::Command;

use super::super::child::{Load, Relay};
use super::super::collector::BATCH;
use super::super::report::{Figure, progress};
use super::Pace;
use super::append::Appended;
use super::side::{Round, Side};
use crate::load::report::LoadReport;

/// The source of the library that does not sync.
const NO_SYNC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/shim/no_sync.c");

/// Compares appending to the local log with and without waiting for the disk.
pub(super) async fn on_disk(folder: &Path, pace: Pace) -> anyhow::Result<Vec<Figure>> {
    let library = build(folder).await?;
    let (mut synced, mut unsynced) = (Side::default(), Side::default());
    for round in 1..=pace.rounds {
        progress(&format!("round {round}: synced, not synced"));
        synced.add(append(folder, None, pace.answering).await?);
        unsynced.add(append(folder, Some(&library), pace.answering).await?);
    }
    let mut figures = synced.figures("local log, synced");
    figures.extend(unsynced.figures("local log, not synced"));
    figures.extend(synced.compared(&unsynced, "sync of the local log"));
    Ok(figures)
}

async fn build(folder: &Path) -> anyhow::Result<PathBuf> {
    let library = folder.join("no_sync.so");
    let output = Command::new("cc")
        .args(["-shared", "-fPIC", "-O2", "-o"])
        .arg(&library)
        .arg(NO_SYNC)
        .output()
        .await?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the shim is not built: {errors}");
    Ok(library)
}

async fn append(folder: &Path, shim: Option<&Path>, seconds: f64) -> anyhow::Result<Round> {
    let dir = tempfile::Builder::new().tempdir_in(folder)?;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["append", "--seconds", &seconds.to_string(), "--dir"])
        .arg(dir.path())
        .kill_on_drop(true);
    if let Some(shim) = shim {
        command.env("LD_PRELOAD", shim);
    }
    let output = command.output().await?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "appending failed: {errors}");
    let appended: Appended = serde_json::from_slice(&output.stdout)?;
    Ok(Round {
        events: appended.events,
        seconds: appended.seconds,
        cpu_seconds: appended.cpu_seconds,
        their_cpu_seconds: None,
    })
}

/// Compares publishing by a bare relay: with an idempotent producer that waits for all replicas,
/// and with one that waits only for the leader.
pub(super) async fn on_kafka(pace: Pace) -> anyhow::Result<Vec<Figure>> {
    let kafka = KafkaNode::start().await?;
    let brokers = kafka.brokers();
    let careful = Relay::start_on_kafka(&brokers, "cost.careful").await?;
    let careless = Relay::start_careless(&brokers, "cost.careless", 1).await?;
    let load = Load::closed(BATCH, pace.answering);
    let (mut all, mut one) = (Side::default(), Side::default());
    for round in 1..=pace.rounds {
        progress(&format!("round {round}: acks=all and idempotent, acks=1"));
        for (relay, side) in [(&careful, &mut all), (&careless, &mut one)] {
            let target = relay.target()?.with_many_connections();
            side.add(loaded(&load.run(&target).await?));
        }
    }
    drop((careful, careless));
    kafka.stop().await?;
    let mut figures = all.figures("Kafka relay, acks=all and idempotent");
    figures.extend(one.figures("Kafka relay, acks=1"));
    figures.extend(all.compared(&one, "acks=all and idempotence"));
    Ok(figures)
}

fn loaded(report: &LoadReport) -> Round {
    Round {
        events: report.accepted_events,
        seconds: report.elapsed_seconds,
        cpu_seconds: report.cpu_seconds("server"),
        their_cpu_seconds: None,
    }
}
