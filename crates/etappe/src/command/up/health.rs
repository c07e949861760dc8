//! Asks components again and again whether they still work, and reports what they say.

use std::time::Duration;

use etappe_log::local::LocalPublisher;
use etappe_runtime::health::Reporter;
use etappe_warehouse::Warehouse;
use tokio_util::sync::CancellationToken;

/// How often each component is asked.
const EVERY: Duration = Duration::from_secs(2);

/// Asks the warehouse for a sign of life.
pub(super) async fn watch_warehouse(
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
pub(super) async fn watch_event_log(
    publisher: LocalPublisher,
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

/// Waits for the next turn; returns whether the process ends instead.
async fn is_over(shutdown: &CancellationToken) -> bool {
    tokio::select! {
        () = shutdown.cancelled() => true,
        () = tokio::time::sleep(EVERY) => false,
    }
}
