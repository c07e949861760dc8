//! What the collector knows of one site's traffic.

use std::collections::BTreeMap;
use std::time::Duration;

use etappe_core::id::SiteId;
use etappe_core::warning::WarningReason;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::bucket::Bucket;
use crate::demand::Demand;
use crate::owner_entries::{Latest, RejectedEvent, WarnedEvent};
use crate::sending_state::SendingState;

/// Counts of warnings by reason.
pub(crate) type WarningCounts = BTreeMap<WarningReason, u64>;

/// A site's traffic: how much it sends, and what of it did not count.
#[derive(Debug)]
pub(crate) struct SiteTraffic {
    site: SiteId,
    volume: Mutex<Volume>,
    /// Apart from the volume, so that requests do not wait while an owner reads entries.
    pub(crate) rejections: Latest<RejectedEvent>,
    pub(crate) warnings: Latest<WarnedEvent>,
    /// Whether sending works.
    pub(crate) sending: SendingState,
    /// All warnings since the process started; there can be more than are kept.
    warning_counts: Mutex<WarningCounts>,
}

/// How much a site sends.
#[derive(Debug)]
struct Volume {
    /// `None` as long as the site has no rate limit.
    bucket: Option<Bucket>,
    demand: Demand,
}

impl SiteTraffic {
    pub(crate) const fn new(site: SiteId, now: Instant) -> Self {
        Self {
            site,
            volume: Mutex::new(Volume {
                bucket: None,
                demand: Demand::none(now),
            }),
            rejections: Latest::new(),
            warnings: Latest::new(),
            sending: SendingState::new(),
            warning_counts: Mutex::new(BTreeMap::new()),
        }
    }

    pub(crate) const fn site(&self) -> &SiteId {
        &self.site
    }

    /// Returns how long the site must wait at `rate` before it may send again, if at all.
    pub(crate) fn wait(&self, rate: u32, now: Instant) -> Option<Duration> {
        self.volume.lock().bucket(rate, now).wait(rate, now)
    }

    /// Counts events against the site's rate.
    pub(crate) fn take(&self, rate: u32, events: usize, now: Instant) {
        self.volume.lock().bucket(rate, now).take(rate, events, now);
    }

    /// Counts a request of `bytes` and returns the site's recent traffic.
    pub(crate) fn count(&self, bytes: usize, now: Instant) -> Demand {
        let mut volume = self.volume.lock();
        volume.demand.add(bytes, now);
        volume.demand
    }

    /// Counts warnings.
    pub(crate) fn count_warnings(&self, counts: &WarningCounts) {
        let mut all = self.warning_counts.lock();
        for (reason, count) in counts {
            *all.entry(*reason).or_default() += count;
        }
    }

    /// Returns the number of warnings by the name of the reason.
    pub(crate) fn warning_counts(&self) -> BTreeMap<&'static str, u64> {
        let counts = self.warning_counts.lock();
        let named = counts.iter();
        named
            .map(|(reason, count)| (reason.as_str(), *count))
            .collect()
    }

    /// Returns whether this holds no more than the traffic of a site that has sent nothing.
    pub(crate) fn is_empty(&self, now: Instant) -> bool {
        let volume = self.volume.lock();
        let is_idle =
            volume.demand.is_gone(now) && volume.bucket.is_none_or(|bucket| bucket.is_full(now));
        drop(volume);
        is_idle && self.rejections.bytes() == 0 && self.warning_counts.lock().is_empty()
    }
}

impl Volume {
    fn bucket(&mut self, rate: u32, now: Instant) -> &mut Bucket {
        self.bucket.get_or_insert_with(|| Bucket::full(rate, now))
    }
}
