//! The table and the JSON file of a run, each figure beside its target.

mod criterion;
mod table;

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Serialize;

use super::environment::Environment;
use super::round::{median, median_ratio};

/// The target of a figure: the floor is required, the goal is the desired value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Target {
    /// Higher is better.
    AtLeast { floor: f64, goal: f64 },
    /// Lower is better.
    AtMost { floor: f64, goal: f64 },
}

/// A figure's result compared with its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Standing {
    Goal,
    Floor,
    Below,
    /// It has no target.
    Untargeted,
}

/// One measured figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Figure {
    pub(crate) what: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    pub(crate) target: Option<Target>,
    /// The rounds; the value is their median.
    pub(crate) rounds: Vec<f64>,
    pub(crate) note: String,
}

#[derive(Debug, Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    figure: &'a Figure,
    standing: Standing,
}

/// All figures of a run.
#[derive(Debug)]
pub(crate) struct Report {
    environment: Environment,
    figures: Vec<Figure>,
    missed: Vec<(String, Miss)>,
}

/// Why a scenario has no figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Miss {
    /// Its share of the time was used up.
    OutOfTime,
    /// It failed.
    Failed(String),
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfTime => "out of time",
            Self::Failed(reason) => reason,
        })
    }
}

impl Target {
    pub(crate) fn standing(self, value: f64) -> Standing {
        let reaches = |bar: f64| match self {
            Self::AtLeast { .. } => value >= bar,
            Self::AtMost { .. } => value <= bar,
        };
        let (Self::AtLeast { floor, goal } | Self::AtMost { floor, goal }) = self;
        if reaches(goal) {
            Standing::Goal
        } else if reaches(floor) {
            Standing::Floor
        } else {
            Standing::Below
        }
    }
}

impl Figure {
    pub(crate) fn new(what: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self {
            what: what.into(),
            value,
            unit,
            target: None,
            rounds: Vec::new(),
            note: String::new(),
        }
    }

    /// Makes a figure of several rounds: their median. Without rounds the figure has no value.
    pub(crate) fn of_rounds(what: impl Into<String>, rounds: &[f64], unit: &'static str) -> Self {
        let value = median(rounds).unwrap_or(f64::NAN);
        Self {
            rounds: rounds.to_vec(),
            ..Self::new(what, value, unit)
        }
    }

    /// Makes the figure of a comparison: the median of the rounds' ratios.
    pub(crate) fn ratio(what: impl Into<String>, ours: &[f64], limit: &[f64]) -> Self {
        let ratios: Vec<f64> = ours
            .iter()
            .zip(limit)
            .map(|(ours, limit)| ours / limit)
            .collect();
        let value = median_ratio(ours, limit).unwrap_or(f64::NAN);
        Self {
            rounds: ratios,
            ..Self::new(what, value, "×")
        }
    }

    pub(crate) fn at_least(mut self, floor: f64, goal: f64) -> Self {
        self.target = Some(Target::AtLeast { floor, goal });
        self
    }

    pub(crate) fn at_most(mut self, floor: f64, goal: f64) -> Self {
        self.target = Some(Target::AtMost { floor, goal });
        self
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    pub(crate) fn standing(&self) -> Standing {
        self.target
            .map_or(Standing::Untargeted, |target| target.standing(self.value))
    }
}

impl Report {
    pub(crate) fn new(environment: Environment) -> Self {
        Self {
            environment,
            figures: Vec::new(),
            missed: Vec::new(),
        }
    }

    /// Adds measured figures; a figure without a value was not measured.
    pub(crate) fn add(&mut self, mut figures: Vec<Figure>) {
        figures.retain(|figure| figure.value.is_finite());
        for figure in &figures {
            progress(&table::line(figure));
        }
        self.figures.extend(figures);
    }

    /// Records that a scenario has no figures, and why.
    pub(crate) fn miss(&mut self, scenario: &str, reason: Miss) {
        progress(&format!("{scenario}: {reason}"));
        self.missed.push((scenario.to_owned(), reason));
    }

    /// Returns the scenarios that failed.
    pub(crate) fn failed(&self) -> Vec<String> {
        let failed = self
            .missed
            .iter()
            .filter(|(_, reason)| *reason != Miss::OutOfTime);
        failed.map(|(scenario, _)| scenario.clone()).collect()
    }

    /// Returns the figures below their floor.
    pub(crate) fn below(&self) -> Vec<String> {
        let below = self
            .figures
            .iter()
            .filter(|figure| figure.standing() == Standing::Below);
        below.map(|figure| figure.what.clone()).collect()
    }

    /// Adds criterion's results from before this run.
    pub(crate) fn add_criterion(&mut self, dir: &Path) {
        self.figures.extend(criterion::figures(dir));
    }

    /// Writes everything as JSON and returns the path.
    pub(crate) fn write(&self, dir: &Path) -> anyhow::Result<PathBuf> {
        let name: String = format!(
            "{}-{}-{}",
            self.environment.started_at, self.environment.commit, self.environment.log
        )
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '_'
            }
        })
        .collect();
        let path = dir.join(format!("{name}.json"));
        let failed = || format!("cannot write {}", path.display());
        std::fs::create_dir_all(dir).with_context(failed)?;
        std::fs::write(&path, self.to_json()?).with_context(failed)?;
        Ok(path)
    }

    fn to_json(&self) -> serde_json::Result<String> {
        let rows: Vec<Row<'_>> = self
            .figures
            .iter()
            .map(|figure| Row {
                figure,
                standing: figure.standing(),
            })
            .collect();
        let missed: Vec<_> = self
            .missed
            .iter()
            .map(|(scenario, reason)| serde_json::json!({"scenario": scenario, "reason": reason.to_string()}))
            .collect();
        serde_json::to_string_pretty(&serde_json::json!({
            "environment": self.environment,
            "figures": rows,
            "not_measured": missed,
        }))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let environment = &self.environment;
        writeln!(
            f,
            "{}, commit {}, {} cores, {}, Linux {}, load before {}, {}{}\n",
            environment.log,
            environment.commit,
            environment.cores,
            environment.processor,
            environment.kernel,
            environment.load_before,
            environment.started_at,
            if environment.quick { ", brief run" } else { "" },
        )?;
        f.write_str(&table::render(&self.figures))?;
        for (scenario, reason) in &self.missed {
            writeln!(f, "not measured: {scenario}: {reason}")?;
        }
        Ok(())
    }
}

/// Reports progress on stderr.
#[expect(clippy::print_stderr, reason = "progress of a command")]
pub(crate) fn progress(line: &str) {
    eprintln!("{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_judged_by_its_target() {
        let high = Target::AtLeast {
            floor: 0.6,
            goal: 0.8,
        };
        let low = Target::AtMost {
            floor: 1.5,
            goal: 1.0,
        };
        for (target, value, expected) in [
            (high, 0.59, Standing::Below),
            (high, 0.6, Standing::Floor),
            (high, 0.8, Standing::Goal),
            (low, 1.51, Standing::Below),
            (low, 1.5, Standing::Floor),
            (low, 0.2, Standing::Goal),
        ] {
            assert_eq!(target.standing(value), expected, "{target:?} {value}");
        }
        assert_eq!(Figure::new("x", 1.0, "s").standing(), Standing::Untargeted);
    }

    #[test]
    fn the_json_holds_every_figure_with_its_rounds_and_the_missing_ones() {
        let mut report = Report::new(Environment {
            started_at: "2026-01-01T00:00:00.000Z".to_owned(),
            commit: "abc+".to_owned(),
            cores: 2,
            processor: "p".to_owned(),
            kernel: "k".to_owned(),
            load_before: "0.1".to_owned(),
            log: "kafka",
            quick: false,
        });
        report.add(vec![
            Figure::of_rounds("broken off", &[], "events/s"),
            Figure::ratio("r", &[8.0, 9.0], &[10.0, 10.0]).at_least(0.6, 0.8),
        ]);
        report.miss("import", Miss::OutOfTime);
        report.miss("questions", Miss::Failed("503".to_owned()));
        assert_eq!(report.failed(), ["questions"]);
        let dir = tempfile::tempdir().unwrap();
        let path = report.write(dir.path()).unwrap();
        let json: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(json["figures"][0]["standing"], "goal");
        assert_eq!(json["figures"][0]["rounds"], serde_json::json!([0.8, 0.9]));
        assert_eq!(json["not_measured"][0]["scenario"], "import");
        let text = report.to_string();
        assert!(
            text.contains("not measured: import") && text.contains("2 cores"),
            "{text}"
        );
    }
}
