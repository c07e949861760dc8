//! Detects a collector that switches to its spool although the brokers were not touched: records in
//! flight are then sent twice, which costs time and is masked by the deduplication.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use tokio::time::Instant;

use super::fault::Fault;
use crate::role::RoleProcess;

/// How long the consequences of a broker fault may last: a record's delivery timeout,
/// `kafka.delivery_timeout`.
const AFTERMATH: Duration = Duration::from_secs(10);

/// A collector's spool metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolFigures {
    /// Its name and its process: the counters of a new process start at 0.
    pub collector: (String, u32),
    /// How often it switched to its spool, by reason.
    pub switches: BTreeMap<String, u64>,
    /// Whether its records go to the spool.
    pub is_spooling: bool,
}

/// Reads the figures of a collector.
///
/// # Errors
/// When its admin address does not answer.
pub async fn spool_figures(role: &RoleProcess) -> anyhow::Result<SpoolFigures> {
    let url = format!("http://{}/metrics", role.said("admin"));
    let answer = reqwest::get(&url).await?.error_for_status()?;
    let process = role.id().context("the collector runs")?;
    let collector = (role.name().to_owned(), process);
    Ok(SpoolFigures::parse(collector, &answer.text().await?))
}

impl SpoolFigures {
    /// Reads the figures out of a collector's metrics.
    #[must_use]
    pub fn parse(collector: (String, u32), metrics: &str) -> Self {
        let mut figures = Self {
            collector,
            switches: BTreeMap::new(),
            is_spooling: false,
        };
        for line in metrics.lines() {
            let Some((name, value)) = line.rsplit_once(' ') else {
                continue;
            };
            let reason = name
                .strip_prefix("etappe_log_spool_switches_total{reason=\"")
                .and_then(|rest| rest.strip_suffix("\"}"));
            if let (Some(reason), Ok(count)) = (reason, value.parse()) {
                figures.switches.insert(reason.to_owned(), count);
            }
            if name == "etappe_log_spool_active" {
                figures.is_spooling = value != "0";
            }
        }
        figures
    }
}

/// Compares the collectors' metrics between faults.
#[derive(Debug, Default)]
pub struct SwitchWatch {
    known: BTreeMap<(String, u32), BTreeMap<String, u64>>,
    /// When a broker fault ended, until its consequences are over.
    aftermath_of: Option<Instant>,
    /// The switches without an explanation.
    unexplained: Vec<String>,
}

impl SwitchWatch {
    /// Records the metrics after `fault`, or at the beginning.
    pub fn note(&mut self, fault: Option<Fault>, figures: &[SpoolFigures], now: Instant) {
        if fault.is_some_and(Fault::touches_brokers) {
            self.aftermath_of = Some(now);
        }
        let is_explained = self.aftermath_of.is_some();
        for it in figures {
            let known = self.known.entry(it.collector.clone()).or_default();
            for (reason, count) in &it.switches {
                let before = known.insert(reason.clone(), *count).unwrap_or(0);
                if !is_explained && *count > before {
                    let (name, _) = &it.collector;
                    let times = count - before;
                    self.unexplained.push(format!(
                        "{name} turned to its spool {times} times ({reason}) while the brokers were \
                         well, around {fault:?}"
                    ));
                }
            }
        }
        let is_over = |since: Instant| {
            now.duration_since(since) >= AFTERMATH && figures.iter().all(|it| !it.is_spooling)
        };
        if self.aftermath_of.is_some_and(is_over) {
            self.aftermath_of = None;
        }
    }

    /// Returns the switches without an explanation.
    #[must_use]
    pub fn unexplained(&self) -> &[String] {
        &self.unexplained
    }
}
