//! The driver: starts Etappe as a user would, runs the scenarios, writes the table.
//!
//! `local` measures `etappe up` on the local log, `kafka` the roles on a real Kafka. The two sides
//! of each comparison alternate (A B A B), because machines are noisy. The reported value is the
//! median; for ratios it is the median of the rounds' ratios. The whole run has a deadline: what
//! does not fit is left out and reported as such.

mod backlog;
mod bench;
mod child;
mod collector;
pub mod cost;
mod embedded;
mod environment;
mod import;
mod kafka;
mod lag;
mod local;
mod options;
pub mod overload;
mod probe;
mod question;
mod report;
mod round;
mod run;
mod whole_path;

pub use options::Options;

/// The result of a run.
#[derive(Debug)]
pub struct RunResult {
    /// The table, ready to print.
    pub table: String,
    /// The scenarios that failed; a scenario without time left did not fail.
    pub failed: Vec<String>,
}

/// Runs a program of the driver until it ends or is interrupted, and prints its table.
///
/// # Errors
///
/// The program's own, or that something in it failed.
#[expect(
    clippy::print_stdout,
    reason = "the table is what the programs are for"
)]
pub async fn show(program: impl Future<Output = anyhow::Result<RunResult>>) -> anyhow::Result<()> {
    let result = tokio::select! {
        result = program => result?,
        // Dropping the values that own them ends all started processes.
        _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted"),
    };
    print!("{}", result.table);
    anyhow::ensure!(
        result.failed.is_empty(),
        "failed: {}",
        result.failed.join("; ")
    );
    Ok(())
}

/// Runs all scenarios and also writes a JSON file with all figures.
///
/// # Errors
///
/// When Etappe does not start or stop. A failed scenario is reported in the result instead.
pub async fn run(options: Options) -> anyhow::Result<RunResult> {
    match (options.kafka, options.backlog.is_some()) {
        (true, true) => Box::pin(kafka::drain_backlog(options)).await,
        (true, false) => Box::pin(kafka::run(options)).await,
        (false, true) => Box::pin(local::drain_backlog(options)).await,
        (false, false) => Box::pin(local::run(options)).await,
    }
}
