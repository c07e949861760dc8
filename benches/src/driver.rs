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
use report::Report;

/// What stopping everything may take after the deadline.
const STOP_RESERVE: Duration = Duration::from_secs(15);

/// Runs all scenarios and returns the table's text; a JSON file with all figures is written too.
///
/// # Errors
///
/// When Etappe does not start or stop. A scenario that fails is told in the table instead.
pub async fn run(options: Options) -> anyhow::Result<String> {
    let deadline = Instant::now() + options.limit() - STOP_RESERVE;
    let mut report = Report::new(environment::describe(&options));
    let mut bench = Bench::start(options).await?;
    let stage = |name| Stage { name, deadline };
    stage("collector, batches")
        .run(collector::batches(&bench), &mut report)
        .await;
    stage("collector, single events")
        .run(collector::singles(&bench), &mut report)
        .await;
    stage("whole path")
        .run(whole_path::run(&bench), &mut report)
        .await;
    stage("acknowledged to visible")
        .run(lag::run(&bench), &mut report)
        .await;
    stage("import").run(import::run(&bench), &mut report).await;
    stage("questions")
        .run(question::run(&bench), &mut report)
        .await;
    stage("memory").run(bench.peak_memory(), &mut report).await;
    report.add_criterion(&bench.options.criterion_dir());
    let stopped = bench.stop().await;
    let written = report.write(&bench.options.out_dir())?;
    let text = format!("{report}\nall figures: {}\n", written.display());
    stopped.map(|()| text)
}

struct Stage {
    name: &'static str,
    deadline: Instant,
}

impl Stage {
    /// Runs a scenario up to the deadline; what it found until then is lost if it takes longer.
    async fn run(
        &self,
        scenario: impl Future<Output = anyhow::Result<Vec<report::Figure>>>,
        report: &mut Report,
    ) {
        report::progress(&format!("== {}", self.name));
        match tokio::time::timeout_at(self.deadline, scenario).await {
            Ok(Ok(figures)) => report.add(figures),
            Ok(Err(error)) => report.miss(self.name, &format!("{error:#}")),
            Err(_) => report.miss(self.name, "out of time"),
        }
    }
}
