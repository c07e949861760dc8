//! The environment of the measurements: machine and commit.

use std::fs;
use std::process::Command;
use std::thread::available_parallelism;

use etappe_core::ports::Clock;
use etappe_runtime::clock::SystemClock;
use serde::Serialize;

use super::options::Options;

/// Machine and commit.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Environment {
    /// When the run began.
    pub(crate) started_at: String,
    /// The commit, with `+` if files were changed since.
    pub(crate) commit: String,
    /// Cores this process may use.
    pub(crate) cores: usize,
    /// The processor's name.
    pub(crate) processor: String,
    /// The kernel's release.
    pub(crate) kernel: String,
    /// The load average of the last minute before the run; above 0 the machine was busy.
    pub(crate) load_before: String,
    /// Which log was used: `local log` or `kafka`.
    pub(crate) log: &'static str,
    /// Whether this was a brief run.
    pub(crate) quick: bool,
}

pub(crate) fn describe(options: &Options) -> Environment {
    let log = if options.kafka { "kafka" } else { "local log" };
    Environment {
        quick: options.quick,
        ..of_run(log)
    }
}

/// Describes a full run on a log.
pub(crate) fn of_run(log: &'static str) -> Environment {
    Environment {
        started_at: SystemClock.now().to_string(),
        commit: commit().unwrap_or_else(|| "unknown".to_owned()),
        cores: available_parallelism().map_or(1, usize::from),
        processor: processor(&read("/proc/cpuinfo"))
            .unwrap_or("unknown")
            .to_owned(),
        kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        load_before: first_word(&read("/proc/loadavg")).to_owned(),
        log,
        quick: false,
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn first_word(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or_default()
}

fn processor(cpuinfo: &str) -> Option<&str> {
    let line = cpuinfo
        .lines()
        .find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim())
}

fn commit() -> Option<String> {
    let hash = git(&["rev-parse", "--short=10", "HEAD"])?;
    let changed = !git(&["status", "--porcelain"])?.trim().is_empty();
    Some(format!("{}{}", hash.trim(), if changed { "+" } else { "" }))
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_named_as_the_kernel_does() {
        let text = "processor\t: 0\nmodel name\t: Some CPU @ 2.10GHz\nmodel name\t: Other\n";
        assert_eq!(processor(text), Some("Some CPU @ 2.10GHz"));
        assert_eq!(processor("processor: 0"), None);
    }
}
