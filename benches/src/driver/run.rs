//! A run: its scenarios one after the other, each within its share of the time.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use super::RunResult;
use super::bench::Bench;
use super::environment;
use super::options::Options;
use super::probe;
use super::report::{Figure, Miss, Report, progress};

/// For two minutes after its start a classifier checks every batch against the tables; later it
/// need not. The sustained load is measured after that.
const STEADY_AFTER: Duration = Duration::from_secs(125);
/// The time reserved for stopping everything after the deadline.
const STOP_RESERVE: Duration = Duration::from_secs(15);

/// The scenarios of a run and their results.
#[derive(Debug)]
pub(crate) struct Run {
    begun: Instant,
    time: Duration,
    /// The share of the time by which the whole path has been measured.
    whole_path: f64,
    /// The extra time of the whole path and everything after it.
    longer: Duration,
    /// Intentional waiting time, which counts towards no scenario's share.
    waited: Duration,
    only: String,
    report: Report,
}

impl Run {
    pub(crate) fn begin(options: &Options, whole_path: f64) -> Self {
        Self {
            begun: Instant::now(),
            time: options.limit() - STOP_RESERVE,
            whole_path,
            longer: options.longer(),
            waited: Duration::ZERO,
            only: options.only.clone(),
            report: Report::new(environment::describe(options)),
        }
    }

    /// Runs a scenario, which has until `share` of the whole time is used up. So it ends before the
    /// next one's share begins, and unused time passes to later scenarios.
    pub(crate) async fn stage(
        &mut self,
        bench: &Bench,
        name: &str,
        share: f64,
        scenario: impl Future<Output = anyhow::Result<Vec<Figure>>>,
    ) {
        if !name.contains(&self.only) {
            return;
        }
        self.tell(name);
        let longer = if share < self.whole_path {
            Duration::ZERO
        } else {
            self.longer
        };
        let deadline = self.begun + self.time.mul_f64(share) + longer + self.waited;
        bench.set_deadline(deadline);
        match tokio::time::timeout_at(deadline, scenario).await {
            Ok(Ok(figures)) => self.report.add(figures),
            Ok(Err(error)) => self.report.miss(name, Miss::Failed(format!("{error:#}"))),
            Err(_) => self.report.miss(name, Miss::OutOfTime),
        }
    }

    /// Waits until a classifier that was started at `started` has reached its steady state.
    pub(crate) async fn wait_until_steady(&mut self, started: Instant) {
        let before = Instant::now();
        let steady = started + STEADY_AFTER;
        if before < steady {
            self.tell("wait until two minutes after the classifier's start");
            tokio::time::sleep_until(steady).await;
            self.waited += steady - before;
        }
    }

    /// Adds figures that need no scenario.
    pub(crate) fn add(&mut self, figures: Vec<Figure>) {
        self.report.add(figures);
    }

    /// Adds criterion's results from before this run.
    pub(crate) fn add_criterion(&mut self, options: &Options) {
        self.report.add_criterion(&options.criterion_dir());
    }

    /// Reports what is being done.
    pub(crate) fn tell(&self, what: &str) {
        progress(&format!("== {what} ({} s)", self.begun.elapsed().as_secs()));
    }

    /// Writes the report.
    pub(crate) fn finish(self, options: &Options) -> anyhow::Result<RunResult> {
        let written = self.report.write(&options.out_dir())?;
        self.tell("done");
        Ok(RunResult {
            table: format!("{}\nall figures: {}\n", self.report, written.display()),
            failed: self.report.failed(),
        })
    }
}

/// Runs a scenario once everything before it is counted, so that the work left by earlier scenarios
/// does not add to its load.
pub(crate) async fn settled(
    bench: &Bench,
    scenario: impl Future<Output = anyhow::Result<Vec<Figure>>>,
) -> anyhow::Result<Vec<Figure>> {
    probe::catch_up(bench).await?;
    scenario.await
}
