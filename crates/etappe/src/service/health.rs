//! Asks components again and again whether they still work, and reports what they say.

use std::time::Duration;

use etappe_classifier::CollectorWatch;
use etappe_runtime::health::Reporter;
use etappe_warehouse::Warehouse;
use tokio_util::sync::CancellationToken;

use super::event_log::Publisher;

/// How often each component is asked.
const EVERY: Duration = Duration::from_secs(2);

/// Asks the warehouse for a sign of life.
pub(crate) async fn watch_warehouse(
    warehouse: Warehouse,
    report: Reporter,
    shutdown: CancellationToken,
) {
    loop {
        match warehouse.ping().await {
            Ok(()) => report.ready(),
            Err(error) => report.not_ready(error.to_string()),
        }
        if is_over(&shutdown).await {
            return;
        }
    }
}

/// Asks the event log whether it takes events.
pub(crate) async fn watch_event_log(
    publisher: Publisher,
    report: Reporter,
    shutdown: CancellationToken,
) {
    loop {
        match publisher.problem() {
            None => report.ready(),
            Some(problem) => report.not_ready(problem),
        }
        if is_over(&shutdown).await {
            return;
        }
    }
}

/// Reports collectors that are silent and have records that nobody else has.
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

/// Waits for the next turn; returns whether the process ends instead.
async fn is_over(shutdown: &CancellationToken) -> bool {
    tokio::select! {
        () = shutdown.cancelled() => true,
        () = tokio::time::sleep(EVERY) => false,
    }
}
