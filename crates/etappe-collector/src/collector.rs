//! The state that all requests share.

use std::sync::Arc;

use etappe_core::ports::{Clock, EventPublisher};
use etappe_core::site::SiteDirectory;
use etappe_core::time::Timestamp;
use tokio::sync::watch;

use crate::admission::Admission;
use crate::budget::Budget;
use crate::config::CollectorConfig;
use crate::metrics::CollectorMetrics;
use crate::receptions::Receptions;
use crate::sites::Sites;

/// Receives events over HTTP and publishes them to an event log.
#[derive(Debug)]
pub struct Collector<P, C> {
    pub(crate) publisher: P,
    pub(crate) clock: C,
    pub(crate) sites: Sites,
    pub(crate) config: CollectorConfig,
    pub(crate) metrics: CollectorMetrics,
    pub(crate) budget: Arc<Budget>,
    pub(crate) admission: Admission,
    pub(crate) receptions: Receptions,
    /// When counting started.
    pub(crate) started_at: Timestamp,
}

impl<P: EventPublisher, C: Clock> Collector<P, C> {
    /// Makes a collector. Changes of `directory` apply from the next request on.
    pub fn new(
        publisher: P,
        clock: C,
        directory: watch::Receiver<Arc<SiteDirectory>>,
        config: CollectorConfig,
        metrics: CollectorMetrics,
    ) -> Self {
        Self {
            sites: Sites::new(directory, config.rejection_log_bytes),
            budget: Arc::new(Budget::new(
                config.in_flight_bytes,
                metrics.in_flight_bytes.clone(),
            )),
            started_at: clock.now(),
            admission: Admission::new(&config, metrics.admission.clone()),
            receptions: Receptions::default(),
            publisher,
            clock,
            config,
            metrics,
        }
    }

    /// Returns a function that returns when the oldest request in progress was received.
    pub fn oldest_request(&self) -> impl Fn() -> Option<Timestamp> + Send + Sync + 'static {
        let receptions = self.receptions.clone();
        move || receptions.oldest()
    }

    /// Updates the metric of the event log's fullness. Requests update it too; without requests,
    /// the metric would keep its last value unless this is called.
    pub fn show_log_fullness(&self) {
        self.admission.show_fullness(&self.publisher);
    }
}
