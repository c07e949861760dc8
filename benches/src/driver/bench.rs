//! Shared by the scenarios: the running installation, its engine, and how both are measured.

use std::cell::Cell;
use std::future::Future;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use etappe_core::ports::Clock;
use etappe_runtime::clock::SystemClock;
use etappe_tests::site::TestSite;
use tokio::time::Instant;

use super::child::LoadTarget;
use super::embedded::EmbeddedEngine;
use super::options::{Options, Pace};
use super::report::{Figure, progress};
use crate::process::{Pid, Usage, usage};

/// The time that a scenario needs to compute its figures.
const LAST_MOMENT: Duration = Duration::from_millis(500);
const MIB: f64 = 1024.0 * 1024.0;

/// A running installation, as it was started.
#[derive(Debug)]
pub(crate) struct Installation {
    /// The site that receives events and queries.
    pub(crate) site: TestSite,
    /// The address for loads: host and port.
    pub(crate) listen: String,
    pub(crate) engine: EmbeddedEngine,
    /// Our processes except the engine, each with its role.
    pub(crate) ours: Vec<(String, Pid)>,
    /// Processes that work beside them: a broker.
    pub(crate) beside: Vec<(String, Pid)>,
    /// A folder on the measured disk.
    pub(crate) folder: PathBuf,
}

/// A running installation and how to measure it.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) options: Options,
    pub(crate) pace: Pace,
    pub(crate) site: TestSite,
    pub(crate) target: LoadTarget,
    pub(crate) engine: EmbeddedEngine,
    pub(crate) ours: Vec<(String, Pid)>,
    beside: Vec<(String, Pid)>,
    /// Makes the names of sites, markers and the like unique to this run.
    pub(crate) nonce: u32,
    markers: AtomicU64,
    /// The deadline of the current scenario.
    deadline: Cell<Instant>,
    folder: PathBuf,
}

impl Bench {
    pub(crate) fn of(options: Options, installation: Installation) -> Self {
        let Installation {
            site,
            listen,
            engine,
            ours,
            beside,
            folder,
        } = installation;
        let mut watch = ours.clone();
        watch.push(("engine".to_owned(), engine.pid));
        watch.extend(beside.iter().cloned());
        Self {
            pace: options.pace(),
            options,
            target: LoadTarget::etappe(listen, &site.write_key, watch),
            site,
            engine,
            ours,
            beside,
            nonce: crate::nonce(SystemClock.now()),
            markers: AtomicU64::new(0),
            deadline: Cell::new(Instant::now()),
            folder,
        }
    }

    /// Returns a number that was not returned before.
    pub(crate) fn next_marker(&self) -> u64 {
        self.markers.fetch_add(1, Ordering::Relaxed)
    }

    /// Sets the deadline of the current scenario.
    pub(crate) fn set_deadline(&self, deadline: Instant) {
        self.deadline.set(deadline);
    }

    /// Returns how many seconds the current scenario has left.
    pub(crate) fn seconds_left(&self) -> f64 {
        self.deadline
            .get()
            .saturating_duration_since(Instant::now())
            .as_secs_f64()
    }

    /// Runs something that may be interrupted at the scenario's deadline; the caller keeps the
    /// results so far.
    pub(crate) async fn while_time_lasts(
        &self,
        work: impl Future<Output = anyhow::Result<()>>,
    ) -> anyhow::Result<()> {
        let end = self.deadline.get() - LAST_MOMENT;
        match tokio::time::timeout_at(end, work).await {
            Ok(done) => done,
            Err(_) => {
                progress("out of time: stopped");
                Ok(())
            }
        }
    }

    /// Creates a folder beside Etappe's data, on the same disk.
    pub(crate) fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.folder.join(name);
        std::fs::create_dir_all(&path)?;
        Ok(path)
    }

    /// Returns the processes' peak memory since their start, over all scenarios.
    pub(crate) fn peak_memory(&self) -> anyhow::Result<Vec<Figure>> {
        let mut figures = Vec::new();
        let mut sum = Usage::default();
        for (role, pid) in &self.ours {
            let used = usage(*pid)?;
            sum.peak_rss_bytes += used.peak_rss_bytes;
            sum.cpu_seconds += used.cpu_seconds;
            // A single process is the sum already.
            if self.ours.len() > 1 {
                figures.push(memory_figure(role, &used));
            }
        }
        figures.push(memory_figure("ours without the engine", &sum).at_most(512.0, 512.0));
        let engine = usage(self.engine.pid)?;
        figures.push(memory_figure("engine", &engine).at_most(4096.0, 4096.0));
        for (role, pid) in &self.beside {
            figures.push(memory_figure(role, &usage(*pid)?));
        }
        Ok(figures)
    }

    /// Returns the collector's peak memory while it was measured alone.
    pub(crate) fn peak_memory_alone(&self) -> anyhow::Result<Vec<Figure>> {
        let (_, pid) = self.ours.first().context("a collector runs")?;
        Ok(vec![memory_figure("collector alone", &usage(*pid)?)])
    }
}

/// Makes the figure of a process's peak memory.
pub(crate) fn memory_figure(what: &str, used: &Usage) -> Figure {
    #[expect(
        clippy::cast_precision_loss,
        reason = "bytes of memory stay far below 2^53"
    )]
    let mebibytes = used.peak_rss_bytes as f64 / MIB;
    Figure::new(format!("peak memory, {what}"), mebibytes, "MiB").note(format!(
        "{:.0} CPU seconds since its start",
        used.cpu_seconds
    ))
}
