//! The driver: starts Etappe as a user would, runs the scenarios, writes the table.
//!
//! The two sides of each comparison take turns (A B A B), because machines are noisy; what is told
//! is the median, and for ratios the median of the rounds' ratios. The whole run has a deadline: what
//! does not fit is left out and said to be.

mod bench;
mod child;
mod collector;
mod embedded;
mod environment;
mod import;
mod lag;
mod options;
mod probe;
mod question;
mod report;
mod round;
mod whole_path;

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use bench::Bench;
pub use options::Options;
use report::{Figure, Miss, Report};

/// What stopping everything may take after the deadline.
const STOP_RESERVE: Duration = Duration::from_secs(15);
/// The share of the time in which the whole path has been measured.
const WHOLE_PATH: f64 = 0.72;

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    /// The table, ready to be printed.
    pub table: String,
    /// The scenarios that failed; one that had no time left did not.
    pub failed: Vec<String>,
}

/// Runs all scenarios; a JSON file with all figures is written too.
///
/// # Errors
///
/// When Etappe does not start or stop. A scenario that fails is told in the outcome instead.
pub async fn run(options: Options) -> anyhow::Result<Outcome> {
    let mut run = Run {
        begun: Instant::now(),
        time: options.limit() - STOP_RESERVE,
        longer: options.longer(),
        report: Report::new(environment::describe(&options)),
    };
    let mut bench = Bench::start(options).await?;
    // Each scenario has to end before the next one's share of the time; what it leaves is theirs.
    run.stage(
        &bench,
        "collector, batches",
        0.33,
        Box::pin(collector::batches(&bench)),
    )
    .await;
    run.stage(
        &bench,
        "collector, single events",
        0.45,
        collector::singles(&bench),
    )
    .await;
    run.stage(&bench, "whole path", WHOLE_PATH, whole_path::run(&bench))
        .await;
    run.stage(&bench, "acknowledged to visible", 0.86, lag::run(&bench))
        .await;
    run.stage(&bench, "import", 0.91, import::run(&bench)).await;
    run.stage(&bench, "questions", 1.0, question::run(&bench))
        .await;
    let mut report = run.report;
    report.add(bench.peak_memory()?);
    report.add_criterion(&bench.options.criterion_dir());
    report::progress(&format!("== stop ({} s)", run.begun.elapsed().as_secs()));
    let stopped = bench.stop().await;
    let written = report.write(&bench.options.out_dir())?;
    report::progress(&format!("== done ({} s)", run.begun.elapsed().as_secs()));
    stopped?;
    Ok(Outcome {
        table: format!("{report}\nall figures: {}\n", written.display()),
        failed: report.failed(),
    })
}

struct Run {
    begun: Instant,
    time: Duration,
    /// What the whole path and everything after it gets on top.
    longer: Duration,
    report: Report,
}

impl Run {
    /// Runs a scenario; it has until `share` of the whole time is over.
    async fn stage(
        &mut self,
        bench: &Bench,
        name: &str,
        share: f64,
        scenario: impl Future<Output = anyhow::Result<Vec<Figure>>>,
    ) {
        report::progress(&format!("== {name} ({} s)", self.begun.elapsed().as_secs()));
        let longer = if share < WHOLE_PATH {
            Duration::ZERO
        } else {
            self.longer
        };
        let deadline = self.begun + self.time.mul_f64(share) + longer;
        bench.set_deadline(deadline);
        let scenario = async {
            // What the scenario before may have left behind is not this one's load.
            probe::catch_up(bench).await?;
            scenario.await
        };
        match tokio::time::timeout_at(deadline, scenario).await {
            Ok(Ok(figures)) => self.report.add(figures),
            Ok(Err(error)) => self.report.miss(name, Miss::Failed(format!("{error:#}"))),
            Err(_) => self.report.miss(name, Miss::OutOfTime),
        }
    }
}
