//! The result of a trial, and the table that shows it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::checker::Verdict;
use super::fault::Fault;

/// The result of a trial.
#[derive(Debug)]
pub struct TrialResult {
    /// The seed.
    pub seed: u64,
    /// Messages that were acknowledged.
    pub acknowledged: u64,
    /// The number of requests, including repeats.
    pub requests: u64,
    /// Answers other than 200, and requests without one.
    pub refusals: u64,
    /// Messages that the database refused for their content until they were replayed at the end.
    pub refused_for_content: u64,
    /// Unreadable records.
    pub unreadable: u64,
    /// Each fault, and the time from the removal of its cause until a new event was counted.
    pub recoveries: Vec<(Fault, Duration)>,
    /// The checker's verdict.
    pub verdict: Verdict,
    /// The time from the first message to the verdict.
    pub took: Duration,
}

impl TrialResult {
    /// Returns the share of faults that the system recovered from within `limit`.
    #[must_use]
    pub fn recovered_within(&self, limit: Duration) -> f64 {
        let quick = self.recoveries.iter().filter(|(_, took)| *took <= limit);
        #[expect(clippy::cast_precision_loss, reason = "some hundred faults")]
        let share = quick.count() as f64 / self.recoveries.len().max(1) as f64;
        share
    }
}

impl fmt::Display for TrialResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "seed {}: {} messages acknowledged in {} requests ({} without a 200), {} faults, {:.0} s",
            self.seed,
            self.acknowledged,
            self.requests,
            self.refusals,
            self.recoveries.len(),
            self.took.as_secs_f64()
        )?;
        writeln!(
            f,
            "  {} refused for their content and sent again, {} unreadable records",
            self.refused_for_content, self.unreadable
        )?;
        let mut by_kind: BTreeMap<Fault, Vec<f64>> = BTreeMap::new();
        for (fault, took) in &self.recoveries {
            by_kind.entry(*fault).or_default().push(took.as_secs_f64());
        }
        for (fault, mut seconds) in by_kind {
            seconds.sort_by(f64::total_cmp);
            let median = seconds[seconds.len() / 2];
            let longest = seconds.last().copied().unwrap_or_default();
            writeln!(
                f,
                "  {:18} {:3} times, recovered in {median:.1} s (median), {longest:.1} s (longest)",
                format!("{fault:?}"),
                seconds.len()
            )?;
        }
        writeln!(
            f,
            "  {:.0} % recovered within 10 s",
            100.0 * self.recovered_within(Duration::from_secs(10))
        )?;
        write!(f, "{}", self.verdict)
    }
}
