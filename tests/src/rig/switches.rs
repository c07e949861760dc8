//! Notices a collector that turns to its spool although nothing has touched the brokers: what it had
//! handed over is then sent twice, which costs time and hides behind the deduplication.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use tokio::time::Instant;

use super::fault::Fault;
use crate::role::RoleProcess;

/// How long after a fault of the brokers its last consequences may show: as long as a record may
/// take, `kafka.delivery_timeout`.
const AFTERMATH: Duration = Duration::from_secs(10);

/// What a collector's metrics say of its spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolFigures {
    /// Its name, and its process: the counters of another one begin at 0.
    pub collector: (String, u32),
    /// How often it turned to its spool, by reason.
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

/// Compares the collectors' figures from one fault to the next.
#[derive(Debug, Default)]
pub struct SwitchWatch {
    known: BTreeMap<(String, u32), BTreeMap<String, u64>>,
    /// When a fault of the brokers was over, until nothing of it is left.
    aftermath_of: Option<Instant>,
    /// The switches that nothing explains.
    unexplained: Vec<String>,
}

impl SwitchWatch {
    /// Notes the figures after `fault`, or at the beginning.
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

    /// Returns the switches that nothing explains.
    #[must_use]
    pub fn unexplained(&self) -> &[String] {
        &self.unexplained
    }
}
