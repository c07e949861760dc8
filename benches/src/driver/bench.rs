//! What the scenarios share: the running Etappe, its engine, the programs beside this one.

use std::cell::Cell;
use std::future::Future;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use etappe_core::ports::Clock;
use etappe_runtime::clock::SystemClock;
use etappe_testkit::process::EtappeProcess;
use tempfile::TempDir;
use tokio::time::Instant;

use super::embedded::EmbeddedEngine;
use super::options::{Options, Pace};
use super::report::{Figure, progress};
use crate::process::{Pid, usage};

/// What a scenario needs to make figures of what it has found.
const LAST_MOMENT: Duration = Duration::from_millis(500);
const MIB: f64 = 1024.0 * 1024.0;

/// A running Etappe and how to measure it.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) options: Options,
    pub(crate) pace: Pace,
    pub(crate) etappe: EtappeProcess,
    pub(crate) engine: EmbeddedEngine,
    /// Sites, markers and the like get names that no other run has.
    pub(crate) nonce: u32,
    markers: AtomicU64,
    /// When the scenario that runs has to end.
    deadline: Cell<Instant>,
    folder: TempDir,
}

impl Bench {
    /// Starts Etappe on an empty folder.
    pub(crate) async fn start(options: Options) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&options.out)
            .with_context(|| format!("cannot make {}", options.out.display()))?;
        let folder = tempfile::Builder::new()
            .prefix("data-")
            .tempdir_in(&options.out)?;
        let etappe = EtappeProcess::start_with(folder.path(), Vec::new()).await?;
        let pid = etappe.id().context("Etappe has ended")?;
        let engine = EmbeddedEngine::find(pid, &etappe.data()).await?;
        Ok(Self {
            pace: options.pace(),
            options,
            etappe,
            engine,
            nonce: crate::nonce(SystemClock.now()),
            markers: AtomicU64::new(0),
            deadline: Cell::new(Instant::now()),
            folder,
        })
    }

    /// Stops Etappe; the folder goes away with this.
    pub(crate) async fn stop(&mut self) -> anyhow::Result<()> {
        self.etappe
            .stop()
            .await
            .context("Etappe did not stop cleanly")
    }

    pub(crate) fn pid(&self) -> anyhow::Result<Pid> {
        self.etappe.id().context("Etappe has ended")
    }

    /// Returns a number that was not returned before.
    pub(crate) fn next_marker(&self) -> u64 {
        self.markers.fetch_add(1, Ordering::Relaxed)
    }

    /// Sets when the scenario that runs has to end.
    pub(crate) fn set_deadline(&self, deadline: Instant) {
        self.deadline.set(deadline);
    }

    /// Returns how many seconds the scenario that runs has left.
    pub(crate) fn seconds_left(&self) -> f64 {
        self.deadline
            .get()
            .saturating_duration_since(Instant::now())
            .as_secs_f64()
    }

    /// Runs something that may be broken off when the scenario's time is over: what it has found
    /// by then is kept by the caller.
    pub(crate) async fn while_time_lasts(
        &self,
        work: impl Future<Output = anyhow::Result<()>>,
    ) -> anyhow::Result<()> {
        let end = self.deadline.get() - LAST_MOMENT;
        match tokio::time::timeout_at(end, work).await {
            Ok(done) => done,
            Err(_) => {
                progress("out of time: broken off");
                Ok(())
            }
        }
    }

    /// Makes a folder beside Etappe's data, on the same disk.
    pub(crate) fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(&path)?;
        Ok(path)
    }

    /// Returns what the processes needed at most since they started, all scenarios included.
    pub(crate) fn peak_memory(&self) -> anyhow::Result<Vec<Figure>> {
        let mut figures = Vec::new();
        for (what, pid, limit) in [
            ("peak memory, ours without the engine", self.pid()?, 512.0),
            ("peak memory, engine", self.engine.pid, 4096.0),
        ] {
            let usage = usage(pid)?;
            #[expect(
                clippy::cast_precision_loss,
                reason = "bytes of memory stay far below 2^53"
            )]
            let mebibytes = usage.peak_rss_bytes as f64 / MIB;
            figures.push(
                Figure::new(what, mebibytes, "MiB")
                    .at_most(limit, limit)
                    .note(format!(
                        "{:.0} CPU seconds in the whole run",
                        usage.cpu_seconds
                    )),
            );
        }
        Ok(figures)
    }
}
