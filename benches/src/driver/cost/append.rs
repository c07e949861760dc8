//! Appends to a local log like a collector's requests, in a separate process.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use etappe_core::ports::{Clock, EventPublisher, OutgoingRecord};
use etappe_log::local::{LocalLog, LocalLogConfig, LocalPublisher, current_boot_id};
use etappe_runtime::clock::SystemClock;
use prometheus::Registry;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::feed::records;
use crate::process::usage;

/// Events per request.
const REQUEST: u64 = 100;
/// Concurrent requests.
const REQUESTS: u64 = 16;

/// What to append.
#[derive(Debug, Clone, Args)]
pub(super) struct Appending {
    /// The log's folder.
    #[arg(long)]
    dir: PathBuf,
    /// For how long.
    #[arg(long)]
    seconds: f64,
}

/// The result.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Appended {
    pub(super) events: u64,
    pub(super) seconds: f64,
    pub(super) cpu_seconds: f64,
}

/// Appends and returns the result as JSON.
pub(super) async fn run(appending: &Appending) -> anyhow::Result<String> {
    let now = SystemClock.now();
    let requests: Vec<Vec<OutgoingRecord>> = (0..REQUESTS)
        .map(|request| records(request * REQUEST..(request + 1) * REQUEST, now, 1))
        .collect::<anyhow::Result<_>>()?;
    let config = LocalLogConfig {
        directory: appending.dir.clone(),
        ..LocalLogConfig::default()
    };
    let boot = current_boot_id()?;
    let open = move || LocalLog::open(config, Arc::new(SystemClock), &boot, &Registry::new());
    let log = tokio::task::spawn_blocking(open).await??;
    let before = usage(std::process::id())?;
    let begun = Instant::now();
    let end = begun + Duration::try_from_secs_f64(appending.seconds)?;
    let mut appenders = JoinSet::new();
    for request in requests {
        appenders.spawn(append_until(end, log.publisher(), request));
    }
    let mut events = 0;
    while let Some(appended) = appenders.join_next().await {
        events += appended??;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let cpu_seconds = usage(std::process::id())?.cpu_seconds - before.cpu_seconds;
    log.close().await?;
    let appended = Appended {
        events,
        seconds,
        cpu_seconds,
    };
    Ok(serde_json::to_string(&appended)?)
}

async fn append_until(
    end: Instant,
    publisher: LocalPublisher,
    request: Vec<OutgoingRecord>,
) -> anyhow::Result<u64> {
    let mut events = 0;
    while Instant::now() < end {
        for outcome in publisher.publish(request.clone()).await {
            outcome.context("a record was refused")?;
            events += 1;
        }
    }
    Ok(events)
}
