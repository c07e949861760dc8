//! Measures the cost of the guarantee: the same work with and without each of its pieces,
//! alternating.
//!
//! Nothing in the product can be switched off, so each piece is removed around it: a preloaded
//! library that does not sync, a bare producer with fewer acknowledgements, a source that forgets
//! its commits, an index that knows nothing, tables without deduplication windows. Everything else
//! is the real component.

mod answering;
mod append;
mod behind;
mod feed;
mod side;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use tempfile::TempDir;

use super::RunResult;
use super::environment;
use super::report::{Figure, Miss, Report, progress};

const APPENDING: &str = "answering, local log";
const PUBLISHING: &str = "answering, Kafka";
const BEHIND: &str = "log to insert";

/// Measures what the guarantee costs and prints a table.
#[derive(Debug, Clone, Parser)]
#[command(name = "etappe-cost", version)]
pub struct CostOptions {
    /// Two rounds of little work instead of four.
    #[arg(long)]
    pub quick: bool,
    /// Leave out what needs a Kafka.
    #[arg(long)]
    pub without_kafka: bool,
    /// Run only scenarios whose name contains this.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub only: String,
    /// Where data is kept meanwhile and figures are written; on the disk to measure.
    #[arg(long, value_name = "DIR", default_value = "target/bench")]
    pub out: PathBuf,
    #[command(subcommand)]
    part: Option<Part>,
}

/// What this program does for itself, in a process of its own.
#[derive(Debug, Clone, Subcommand)]
enum Part {
    /// Append to a local log as fast as possible and print what came of it.
    #[command(hide = true)]
    Append(append::Appending),
}

/// How much work is done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    rounds: u32,
    /// Seconds per side of the comparisons of answering.
    answering: f64,
    /// Events per side of the comparisons behind the log.
    events: u64,
}

impl CostOptions {
    fn pace(&self) -> Pace {
        if self.quick {
            Pace {
                rounds: 2,
                answering: 1.5,
                events: 100_000,
            }
        } else {
            Pace {
                rounds: 4,
                answering: 3.0,
                events: 200_000,
            }
        }
    }
}

/// Runs all comparisons and also writes a JSON file with all figures.
///
/// # Errors
///
/// When nothing can be started or written. A failed comparison is reported in the outcome instead.
pub async fn run(options: CostOptions) -> anyhow::Result<RunResult> {
    if let Some(Part::Append(appending)) = &options.part {
        let table = append::run(appending).await?;
        return Ok(RunResult {
            table,
            failed: Vec::new(),
        });
    }
    let pace = options.pace();
    let mut report = Report::new(environment::of_run("cost"));
    let folder = folder(&options)?;
    let is_wanted = |name: &str| name.contains(&options.only);
    for name in [APPENDING, PUBLISHING, BEHIND] {
        if !is_wanted(name) || (name == PUBLISHING && options.without_kafka) {
            continue;
        }
        progress(&format!("== {name}"));
        let figures = match name {
            APPENDING => Box::pin(answering::on_disk(folder.path(), pace)).await,
            PUBLISHING => Box::pin(answering::on_kafka(pace)).await,
            _ => Box::pin(behind::run(folder.path(), pace)).await,
        };
        note(&mut report, name, figures);
    }
    let written = report.write(&options.out)?;
    Ok(RunResult {
        table: format!("{report}\nall figures: {}\n", written.display()),
        failed: report.failed(),
    })
}

fn note(report: &mut Report, name: &str, figures: anyhow::Result<Vec<Figure>>) {
    match figures {
        Ok(figures) => report.add(figures),
        Err(error) => report.miss(name, Miss::Failed(format!("{error:#}"))),
    }
}

fn folder(options: &CostOptions) -> anyhow::Result<TempDir> {
    std::fs::create_dir_all(&options.out)?;
    let mut folder = tempfile::Builder::new();
    // Absolute, because it is passed to other processes.
    Ok(folder
        .prefix("cost-")
        .tempdir_in(options.out.canonicalize()?)?)
}
