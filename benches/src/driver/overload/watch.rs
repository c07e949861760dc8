//! Samples during the flood: memory, and how queries are answered.

use std::future::Future;
use std::time::Duration;

use etappe_tests::site::TestSite;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::installation::Installation;
use crate::latency::LatencyHistogram;
use crate::process::{Pid, resident_bytes};

const SAMPLE_EVERY: Duration = Duration::from_millis(250);
const ASK_EVERY: Duration = Duration::from_secs(1);
/// A KPI page over all events.
pub(super) const CARDS: &str = "/kpis?from=2020-01-01&to=2100-01-01&model=aaarrr";

/// The samples.
#[derive(Debug, Default)]
pub(super) struct Watched {
    /// The memory of each process over time, by role.
    pub(super) memory: Vec<(String, Vec<u64>)>,
    /// The latencies of answered queries.
    pub(super) questions: LatencyHistogram,
    /// The number of queries not answered with 200.
    pub(super) unanswered: u64,
}

/// Runs `load` and samples meanwhile.
pub(super) async fn watch<T>(
    installation: &Installation,
    load: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<(T, Watched)> {
    let mut watched = Watched::default();
    let mut memory: Vec<(String, Pid, Vec<u64>)> = installation
        .processes
        .iter()
        .map(|(role, pid)| (role.clone(), *pid, Vec::new()))
        .collect();
    let loaded = tokio::select! {
        loaded = load => loaded?,
        never = sample(&mut memory) => match never {},
        never = ask(&installation.quiet, &mut watched) => match never {},
    };
    let series = memory.into_iter().map(|(role, _, bytes)| (role, bytes));
    watched.memory = series.collect();
    Ok((loaded, watched))
}

/// A type without values: the function never returns.
pub(super) enum Never {}

async fn sample(processes: &mut [(String, Pid, Vec<u64>)]) -> Never {
    let mut ticks = interval(SAMPLE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        for (_, pid, series) in &mut *processes {
            // A process that has ended is noticed when the run is checked.
            series.extend(resident_bytes(*pid).ok());
        }
    }
}

/// Queries a site's cards once a second.
pub(super) async fn ask(site: &TestSite, watched: &mut Watched) -> Never {
    let mut ticks = interval(ASK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let started = Instant::now();
        match site.get(CARDS).await {
            Ok((200, _)) => watched.questions.record(started.elapsed()),
            Ok(_) | Err(_) => watched.unanswered += 1,
        }
    }
}
