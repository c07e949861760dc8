//! Load shedding: decides which requests are accepted under overload.
//!
//! Three resources run short under a flood: processor time, the disk, and room in the event log.
//! Processor time and disk are shared fairly, one request of each site in turn. A site whose queue
//! waits too long gets further requests refused. The last part of a nearly full log is reserved for
//! sites that did not fill it. Requests are refused before their body is read, so a refusal is
//! cheap.
//!
//! The queues are not part of a site's traffic: a queue decides which holder is next, and a holder
//! may be a network.

use std::sync::Arc;
use std::time::Duration;

use etappe_core::ports::EventPublisher;
use etappe_runtime::fair_queue::{FairQueue, Share};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::budget::Holder;
use crate::config::CollectorConfig;
use crate::error::IntakeError;
use crate::metrics::AdmissionMetrics;
use crate::site_traffic::SiteTraffic;
use crate::sites::Sites;

/// Smaller bodies need no turn: refusing them would cost as much, and the connection limit bounds
/// their number.
const SMALL: usize = 4 * 1024;
/// The number of bodies processed at a time, per core: enough that a core always finds the next one
/// ready.
const WORK_PER_CORE: usize = 2;
/// The maximum age of the log's cached fullness.
const ROOM_INTERVAL: Duration = Duration::from_millis(20);
/// The `Retry-After` of a site whose queue waits too long.
const RETRY_AFTER_CROWD: Duration = Duration::from_secs(1);
/// The `Retry-After` of a site that has filled the log.
const RETRY_AFTER_FULL: Duration = Duration::from_secs(5);

/// Decides which requests are accepted.
#[derive(Debug)]
pub(crate) struct Admission {
    /// Turns to process a body.
    work: FairQueue<Holder>,
    /// Bytes that may be on their way to the disk at a time.
    publishing: FairQueue<Holder>,
    fullness: Mutex<Option<(Instant, f64)>>,
    longest_wait: Duration,
    /// The part of the log that is reserved for sites that did not fill it.
    reserve: f64,
    metrics: AdmissionMetrics,
}

impl Admission {
    pub(crate) fn new(config: &CollectorConfig, metrics: AdmissionMetrics) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            work: FairQueue::new(cores * WORK_PER_CORE),
            publishing: FairQueue::new(config.publishing_bytes),
            fullness: Mutex::default(),
            longest_wait: config.turn_timeout,
            reserve: f64::from(config.log_reserve_percent) / 100.0,
            metrics,
        }
    }

    /// Decides whether a site's request may go on, before its body is read.
    pub(crate) fn admit_site(
        &self,
        (sites, traffic): (&Sites, &Arc<SiteTraffic>),
        bytes: usize,
        publisher: &impl EventPublisher,
    ) -> Result<(), IntakeError> {
        let now = Instant::now();
        let share = sites.share(traffic, bytes, now);
        if self.fullness(publisher, now) > 1.0 - self.reserve * share {
            self.metrics.shed("log");
            return Err(IntakeError::Crowded {
                retry_after: RETRY_AFTER_FULL,
            });
        }
        self.admit(&Holder::Site(Arc::clone(traffic)))
    }

    /// Returns whether a request may queue: not if the holder's first request has waited too long.
    pub(crate) fn admit(&self, holder: &Holder) -> Result<(), IntakeError> {
        for (queue, name) in [(&self.work, "work"), (&self.publishing, "publish")] {
            if queue.longest_wait(holder) > self.longest_wait {
                self.metrics.shed(name);
                return Err(IntakeError::Crowded {
                    retry_after: RETRY_AFTER_CROWD,
                });
            }
        }
        Ok(())
    }

    /// Waits for a turn to process a body of `bytes`; a small one needs none.
    pub(crate) async fn turn_to_work(
        &self,
        holder: &Holder,
        bytes: usize,
    ) -> Option<Share<Holder>> {
        if bytes < SMALL {
            return None;
        }
        let _waiting = self.metrics.wait_for_turn("work");
        Some(self.work.request(holder, 1).await)
    }

    /// Waits for a turn to publish `bytes`; a small number needs none.
    pub(crate) async fn turn_to_publish(
        &self,
        holder: &Holder,
        bytes: usize,
    ) -> Option<Share<Holder>> {
        if bytes < SMALL {
            return None;
        }
        let _waiting = self.metrics.wait_for_turn("publish");
        Some(self.publishing.request(holder, bytes).await)
    }

    fn fullness(&self, publisher: &impl EventPublisher, now: Instant) -> f64 {
        let mut known = self.fullness.lock();
        match *known {
            Some((at, fullness)) if now.saturating_duration_since(at) < ROOM_INTERVAL => fullness,
            Some(_) | None => {
                let fullness = self.show_fullness(publisher);
                *known = Some((now, fullness));
                fullness
            }
        }
    }

    /// Reads how full the event log is and updates the metric.
    pub(crate) fn show_fullness(&self, publisher: &impl EventPublisher) -> f64 {
        let fullness = publisher.fullness();
        self.metrics.log_fullness.set(fullness);
        fullness
    }
}
