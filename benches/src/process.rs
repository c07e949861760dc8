//! Resource use of processes, read from `/proc`: CPU seconds, peak memory, children.

use std::fs;
use std::io;

use anyhow::{Context, anyhow};
use serde::{Deserialize, Serialize};

/// A process's id.
pub type Pid = u32;

/// What a process has used since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// Seconds of CPU time, user and system, of all threads.
    pub cpu_seconds: f64,
    /// The peak resident memory, in bytes.
    pub peak_rss_bytes: u64,
}

/// What a process used during a measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProcessUsage {
    /// The process's role: `etappe`, `engine`, `load`, …
    pub role: String,
    /// Its id.
    pub pid: Pid,
    /// CPU seconds during the measurement.
    pub cpu_seconds: f64,
    /// Peak memory since the process started, in bytes.
    pub peak_rss_bytes: u64,
}

/// Processes that are watched during a measurement.
#[derive(Debug)]
pub struct Watch {
    processes: Vec<(String, Pid, Usage)>,
}

impl Watch {
    /// Starts watching processes, each with the role used in the report.
    ///
    /// # Errors
    ///
    /// When one of them does not exist.
    pub fn start(processes: Vec<(String, Pid)>) -> anyhow::Result<Self> {
        let processes = processes
            .into_iter()
            .map(|(role, pid)| Ok((role, pid, usage(pid)?)))
            .collect::<anyhow::Result<_>>()?;
        Ok(Self { processes })
    }

    /// Returns what each process used since the start of the watch.
    ///
    /// # Errors
    ///
    /// When one of them has ended.
    pub fn finish(&self) -> anyhow::Result<Vec<ProcessUsage>> {
        let finished = self.processes.iter().map(|(role, pid, before)| {
            let now =
                usage(*pid).with_context(|| format!("{role} ended during the measurement"))?;
            Ok(ProcessUsage {
                role: role.clone(),
                pid: *pid,
                cpu_seconds: now.cpu_seconds - before.cpu_seconds,
                peak_rss_bytes: now.peak_rss_bytes,
            })
        });
        finished.collect()
    }
}

/// Returns what a process has used since it started.
///
/// # Errors
///
/// When there is no such process.
pub fn usage(pid: Pid) -> anyhow::Result<Usage> {
    let read = |file: &str| {
        let path = format!("/proc/{pid}/{file}");
        fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))
    };
    let stat = Stat::parse(&read("stat")?)?;
    #[expect(
        clippy::cast_precision_loss,
        reason = "clock ticks stay far below 2^53"
    )]
    let cpu_seconds = stat.cpu_ticks as f64 / rustix::param::clock_ticks_per_second() as f64;
    Ok(Usage {
        cpu_seconds,
        peak_rss_bytes: peak_rss(&read("status")?)?,
    })
}

/// Returns a process's current resident memory, in bytes.
///
/// # Errors
///
/// When there is no such process.
pub fn resident_bytes(pid: Pid) -> anyhow::Result<u64> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    bytes_of(&status, "VmRSS:")
}

/// Returns a process and its children, each with a role: `role` for the process itself, and for a
/// child the first word after its program's name, such as `engine`.
///
/// # Errors
///
/// When `/proc` cannot be read.
pub fn with_children(pid: Pid, role: &str) -> anyhow::Result<Vec<(String, Pid)>> {
    let mut found = vec![(role.to_owned(), pid)];
    found.extend(
        children(pid)?
            .into_iter()
            .map(|child| (child_role(child), child)),
    );
    Ok(found)
}

/// Returns the ids of a process's children.
///
/// # Errors
///
/// When `/proc` cannot be read.
pub fn children(parent: Pid) -> io::Result<Vec<Pid>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        // A process may end while the folder is read.
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
            continue;
        };
        if Stat::parse(&stat).is_ok_and(|stat| stat.parent == parent) {
            found.push(pid);
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn child_role(pid: Pid) -> String {
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    role_of_command(&command)
}

/// Returns the first argument that is a word, from a command line in `/proc`.
fn role_of_command(command: &[u8]) -> String {
    let mut arguments = command.split(|byte| *byte == 0).skip(1);
    let word = arguments.find(|argument| argument.first().is_some_and(u8::is_ascii_lowercase));
    word.map_or_else(
        || "child".to_owned(),
        |word| String::from_utf8_lossy(word).into_owned(),
    )
}

#[derive(Debug, PartialEq, Eq)]
struct Stat {
    parent: Pid,
    cpu_ticks: u64,
}

impl Stat {
    /// Parses `/proc/PID/stat`. The program's name is in parentheses and may contain anything.
    fn parse(text: &str) -> anyhow::Result<Self> {
        let (_, fields) = text.rsplit_once(')').context("no program's name in stat")?;
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        // Counted from the state, which is the third field of the line.
        let field = |index: usize| {
            let text = fields
                .get(index)
                .ok_or_else(|| anyhow!("stat has too few fields"))?;
            text.parse::<u64>()
                .with_context(|| format!("`{text}` in stat is not a number"))
        };
        Ok(Self {
            parent: Pid::try_from(field(1)?)?,
            cpu_ticks: field(11)? + field(12)?,
        })
    }
}

/// Returns `VmHWM` of `/proc/PID/status` in bytes.
fn peak_rss(status: &str) -> anyhow::Result<u64> {
    bytes_of(status, "VmHWM:")
}

/// Returns a size from `/proc/PID/status` in bytes. A process that has just ended has none.
fn bytes_of(status: &str, name: &str) -> anyhow::Result<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let text = line.context("the process has ended")?.trim();
    let kibibytes = text
        .strip_suffix("kB")
        .with_context(|| format!("{name} has an unknown unit"))?
        .trim();
    Ok(kibibytes.parse::<u64>()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "42 (a (b) c) S 7 42 42 0 -1 4194560 1 2 3 4 150 50 9 9 20 0 1 0 100 1 1";

    #[test]
    fn a_programs_name_may_hold_parentheses() {
        assert_eq!(
            Stat::parse(STAT).unwrap(),
            Stat {
                parent: 7,
                cpu_ticks: 200
            }
        );
    }

    #[test]
    fn a_broken_stat_is_an_error() {
        for text in ["", "42 (x) S", "42 (x) S a b c d e f g h i j k l m"] {
            assert!(Stat::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn peak_memory_is_read_in_bytes() {
        assert_eq!(
            peak_rss("Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t 1 kB\n").unwrap(),
            2_097_152
        );
        assert!(peak_rss("Name:\tzombie\n").is_err());
    }

    #[test]
    fn roles_are_the_first_word_of_the_arguments() {
        assert_eq!(role_of_command(b"/x/etappe\0engine\0--data\0d\0"), "engine");
        assert_eq!(role_of_command(b"/x/etappe\0--verbose\0engine\0"), "engine");
        assert_eq!(role_of_command(b"/x/etappe\0"), "child");
    }

    #[test]
    fn this_process_uses_cpu_and_memory_and_has_the_child_it_starts() {
        let own = std::process::id();
        assert!(usage(own).unwrap().peak_rss_bytes > 100_000);
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .expect("sleep is everywhere");
        let found = with_children(own, "test").unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found.contains(&("test".to_owned(), own)));
        assert!(found.iter().any(|(_, pid)| *pid == child.id()), "{found:?}");
    }

    #[test]
    fn an_ended_process_is_an_error() {
        let mut child = std::process::Command::new("true")
            .spawn()
            .expect("true is everywhere");
        child.wait().unwrap();
        assert!(usage(child.id()).is_err());
    }
}
