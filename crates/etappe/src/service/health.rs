//! Polls components and reports their health.

use std::time::Duration;

use etappe_classifier::CollectorWatch;
use etappe_log::kafka::Lookout;
use etappe_log::medium::Publisher;
use etappe_runtime::health::{Health, Reporter};
use etappe_warehouse::Warehouse;
use tokio_util::sync::CancellationToken;

/// How often each component is polled.
const EVERY: Duration = Duration::from_secs(2);
/// The timeout of a health check. Together with [`EVERY`] it ensures that `/readyz` names an outage
/// within 15 seconds; a busy database answers sooner.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a process does during a Kafka outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absence {
    /// It cannot do its work.
    Stops,
    /// It continues with what it has: a spool, or the last known sites.
    GoesOn,
}

impl Absence {
    /// Reports why Kafka is unreachable.
    pub(crate) fn tell(self, report: &Reporter, reason: String) {
        match self {
            Self::Stops => report.not_ready(reason),
            Self::GoesOn => report.degraded(reason),
        }
    }
}

/// The health reporters of the components of `etappe up`; each is not ready until it reports otherwise.
pub(crate) struct Reports {
    pub(crate) classifier: Reporter,
    pub(crate) collector: Reporter,
    pub(crate) event_log: Reporter,
    pub(crate) warehouse: Reporter,
}

impl Reports {
    pub(crate) fn register(health: &Health) -> Self {
        Self {
            classifier: health.register("classifier"),
            collector: health.register("collector"),
            event_log: health.register("event_log"),
            warehouse: health.register("warehouse"),
        }
    }
}

/// Polls Kafka.
pub(crate) async fn watch_kafka(
    lookout: Lookout,
    report: Reporter,
    absence: Absence,
    shutdown: CancellationToken,
) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            looked = lookout.look() => match looked {
                Ok(()) => report.ready(),
                Err(error) => absence.tell(&report, error.to_string()),
            },
        }
        if is_over(&shutdown).await {
            break;
        }
    }
    // Dropping it waits for its threads.
    tokio::task::spawn_blocking(move || drop(lookout))
        .await
        .ok();
}

/// Polls the warehouse.
pub(crate) async fn watch_warehouse(
    warehouse: Warehouse,
    report: Reporter,
    shutdown: CancellationToken,
) {
    loop {
        match tokio::time::timeout(PATIENCE, warehouse.ping()).await {
            Ok(Ok(())) => report.ready(),
            Ok(Err(error)) => report.not_ready(error.to_string()),
            Err(_) => report.not_ready(format!(
                "the database did not answer within {} s",
                PATIENCE.as_secs()
            )),
        }
        if is_over(&shutdown).await {
            return;
        }
    }
}

/// Polls whether the event log accepts events.
pub(crate) async fn watch_event_log(
    publisher: Publisher,
    report: Reporter,
    shutdown: CancellationToken,
) {
    loop {
        match (publisher.problem(), publisher.outage()) {
            (Some(problem), _) => report.not_ready(problem),
            (None, Some(outage)) => report.degraded(outage),
            (None, None) => report.ready(),
        }
        if is_over(&shutdown).await {
            return;
        }
    }
}

/// Reports silent collectors that have records of their own which are not in the log yet.
pub(crate) async fn watch_collectors(
    watch: CollectorWatch,
    report: Reporter,
    shutdown: CancellationToken,
) {
    loop {
        let silent = watch.silent();
        let waited_for: Vec<String> = silent
            .iter()
            .filter(|collector| collector.holds)
            .map(|collector| format!("{} since {}", collector.collector, collector.last_heard))
            .collect();
        if waited_for.is_empty() {
            report.ready();
        } else {
            report.not_ready(format!(
                "silent with a spool, as_of waits for them: {}; start them again, or retire those \
                 that are gone for good with `etappe collectors retire`",
                waited_for.join(", ")
            ));
        }
        if is_over(&shutdown).await {
            return;
        }
    }
}

/// Waits for the next poll; returns true if the process shuts down instead.
async fn is_over(shutdown: &CancellationToken) -> bool {
    tokio::select! {
        () = shutdown.cancelled() => true,
        () = tokio::time::sleep(EVERY) => false,
    }
}
