//! The options of a run, and how long each part takes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use tempfile::TempDir;

/// The minimum rate at which a backlog is drained, in events per second; slower is not worth waiting
/// for.
const SLOWEST_DRAIN: u64 = 8_000;
/// The time allowed for starting and stopping around a backlog, in seconds.
const AROUND_BACKLOG: u64 = 90;

/// Starts Etappe on a folder of its own, measures it beside its limits, and prints a table.
///
/// Programs are taken from the folder that this one is in; build them in release mode first.
#[derive(Debug, Clone, Parser)]
#[command(name = "etappe-bench", version)]
pub struct Options {
    /// Measure briefly: about 3 minutes instead of 8 (9 on Kafka), and noisier.
    #[arg(long)]
    pub quick: bool,
    /// Measure the roles on a real Kafka, instead of `etappe up` on the local log.
    #[arg(long)]
    pub kafka: bool,
    /// Run only scenarios whose name contains this, to look at one of them closely.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub only: String,
    /// How long the sustained load of the whole path lasts; also raises the limit on the run.
    #[arg(long, value_name = "SECONDS")]
    pub sustain: Option<u64>,
    /// Measure only how a log with so many events is drained.
    #[arg(long, value_name = "EVENTS")]
    pub backlog: Option<u64>,
    /// Where data is kept meanwhile and figures are written; on the disk to measure.
    #[arg(long, value_name = "DIR", default_value = "target/bench")]
    pub out: PathBuf,
    /// The data sets to import.
    #[arg(long, value_name = "DIR", default_value = "tests/data")]
    pub data_sets: PathBuf,
    /// Where criterion put its results.
    #[arg(long, value_name = "DIR", default_value = "target/criterion")]
    pub criterion: PathBuf,
}

/// The duration of each part.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pace {
    /// Rounds per comparison.
    pub(crate) rounds: u32,
    /// Seconds per side of the collector's comparisons.
    pub(crate) collector: f64,
    /// Seconds of the load before and after that which keeps everything behind the collector busy.
    pub(crate) filler: f64,
    /// Seconds of inserting rows.
    pub(crate) rows: f64,
    /// Seconds at 70 % of the maximum rate of single events.
    pub(crate) steady: f64,
    /// The number of events in the topic before a classifier starts.
    pub(crate) preload: u64,
    /// Rates meant to overload the whole path, in events per second, ascending.
    pub(crate) saturating: &'static [u32],
    /// Seconds at each of these rates.
    pub(crate) saturate: f64,
    /// Seconds of the sustained load.
    pub(crate) sustain: f64,
    /// Rates at which visibility is measured, the most important one first.
    pub(crate) lag_rates: &'static [u32],
    /// Seconds at each of these rates.
    pub(crate) lag: f64,
    /// How often each query is run.
    pub(crate) questions: u32,
}

impl Options {
    /// Returns the time limit of the whole run, without [`Self::longer`].
    pub(crate) fn limit(&self) -> Duration {
        if let Some(events) = self.backlog {
            return Duration::from_secs(AROUND_BACKLOG + events / SLOWEST_DRAIN);
        }
        Duration::from_secs(match (self.kafka, self.quick) {
            (false, true) => 120,
            (false, false) => 480,
            // More processes to start, and no queries at the end.
            (true, true) => 150,
            (true, false) => 540,
        })
    }

    /// Returns how much longer than usual the load of the whole path is held.
    pub(crate) fn longer(&self) -> Duration {
        let usual = if self.quick { QUICK } else { FULL };
        Duration::try_from_secs_f64(self.pace().sustain - usual.sustain).unwrap_or_default()
    }

    pub(crate) fn pace(&self) -> Pace {
        let mut pace = if self.quick { QUICK } else { FULL };
        if let Some(seconds) = self.sustain {
            pace.sustain = Duration::from_secs(seconds).as_secs_f64();
        }
        pace
    }

    /// Creates a folder on the measured disk; it is removed when the value is dropped.
    pub(crate) fn make_folder(&self) -> anyhow::Result<TempDir> {
        std::fs::create_dir_all(&self.out)
            .with_context(|| format!("cannot create {}", self.out.display()))?;
        let mut folder = tempfile::Builder::new();
        // Absolute, because it is passed to other processes.
        Ok(folder
            .prefix("data-")
            .tempdir_in(self.out.canonicalize()?)?)
    }

    pub(crate) fn out_dir(&self) -> PathBuf {
        self.out.clone()
    }

    pub(crate) fn criterion_dir(&self) -> PathBuf {
        self.criterion.clone()
    }

    /// Returns the data sets' files, smallest first; empty if there is no such folder.
    pub(crate) fn data_files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for folder in list(&self.data_sets)
            .into_iter()
            .filter(|path| path.is_dir())
        {
            files.extend(list(&folder).into_iter().filter(|path| is_events(path)));
        }
        files.sort_by_key(|path| path.metadata().map_or(0, |metadata| metadata.len()));
        files
    }
}

fn list(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten();
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect()
}

fn is_events(path: &Path) -> bool {
    path.file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| name.ends_with(".ndjson.gz"))
}

const FULL: Pace = Pace {
    rounds: 3,
    collector: 3.0,
    filler: 1.2,
    rows: 2.5,
    steady: 10.0,
    preload: 1_000_000,
    saturating: &[60_000, 120_000],
    saturate: 15.0,
    sustain: 60.0,
    lag_rates: &[10_000, 1_000, 5_000],
    lag: 18.0,
    questions: 20,
};

const QUICK: Pace = Pace {
    rounds: 1,
    collector: 2.0,
    filler: 0.7,
    rows: 1.5,
    steady: 4.0,
    preload: 250_000,
    saturating: &[50_000],
    saturate: 4.0,
    sustain: 8.0,
    lag_rates: &[10_000, 1_000, 5_000],
    lag: 6.0,
    questions: 5,
};

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Options {
        Options::parse_from(std::iter::once(&"etappe-bench").chain(arguments))
    }

    #[test]
    fn the_fixed_parts_of_a_run_fit_into_its_limit() {
        for arguments in [
            &[][..],
            &["--quick"],
            &["--sustain", "180"],
            &["--kafka"],
            &["--kafka", "--quick"],
        ] {
            let options = parsed(arguments);
            let pace = options.pace();
            let rounds = f64::from(pace.rounds);
            let steps = |rates: &[u32]| f64::from(u32::try_from(rates.len()).unwrap());
            // Batches: three relays and Etappe with filler; singles: relay and Etappe.
            let planned = rounds * (4.0 * pace.collector + 2.0 * pace.filler + 2.0 * pace.rows)
                + rounds * 2.0 * pace.collector
                + pace.steady
                + steps(pace.saturating) * pace.saturate
                + pace.sustain
                + steps(pace.lag_rates) * pace.lag;
            // A topic is filled and read at 25,000 events per second or more.
            let events = u32::try_from(pace.preload).unwrap();
            let preloaded = if options.kafka {
                f64::from(events) / 25e3
            } else {
                0.0
            };
            // The rest is for catching up, importing and querying.
            let limit = options.limit().as_secs_f64();
            let planned = planned + preloaded - options.longer().as_secs_f64();
            assert!(planned < limit * 0.7, "{planned} s of {limit} s");
        }
    }

    #[test]
    fn a_missing_folder_of_data_sets_has_no_files() {
        assert!(parsed(&["--data-sets", "/nowhere"]).data_files().is_empty());
    }
}
