//! What the collector knows of one site's traffic.

use std::collections::BTreeMap;
use std::time::Duration;

use etappe_core::id::SiteId;
use etappe_core::warning::WarningReason;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::bucket::Bucket;
use crate::demand::Demand;
use crate::owner_entries::{Latest, RejectedEvent, Room, WarnedEvent};

/// Counts of warnings by reason.
pub(crate) type WarningCounts = BTreeMap<WarningReason, u64>;

/// A site's traffic: how much it sends, and what of it did not count.
#[derive(Debug)]
pub(crate) struct SiteTraffic {
    site: SiteId,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// `None` as long as the site has no rate limit.
    bucket: Option<Bucket>,
    demand: Demand,
    rejections: Latest<RejectedEvent>,
    warnings: Latest<WarnedEvent>,
    /// All warnings since the process started; there can be more than are kept.
    warning_counts: WarningCounts,
}

impl SiteTraffic {
    pub(crate) const fn new(site: SiteId, now: Instant) -> Self {
        Self {
            site,
            state: Mutex::new(State {
                bucket: None,
                demand: Demand::none(now),
                rejections: Latest::new(),
                warnings: Latest::new(),
                warning_counts: BTreeMap::new(),
            }),
        }
    }

    pub(crate) const fn site(&self) -> &SiteId {
        &self.site
    }

    /// Returns how long the site must wait at `rate` before it may send again, if at all.
    pub(crate) fn wait(&self, rate: u32, now: Instant) -> Option<Duration> {
        self.state.lock().bucket(rate, now).wait(rate, now)
    }

    /// Counts events against the site's rate.
    pub(crate) fn take(&self, rate: u32, events: usize, now: Instant) {
        self.state.lock().bucket(rate, now).take(rate, events, now);
    }

    /// Counts a request of `bytes` and returns the site's recent traffic.
    pub(crate) fn count(&self, bytes: usize, now: Instant) -> Demand {
        let mut state = self.state.lock();
        state.demand.add(bytes, now);
        state.demand
    }

    /// Keeps rejections, oldest first.
    pub(crate) fn reject(&self, entries: impl IntoIterator<Item = RejectedEvent>, room: &Room) {
        self.state.lock().rejections.extend(entries, room);
    }

    /// Counts warnings and keeps examples of them, oldest first.
    pub(crate) fn warn(
        &self,
        counts: &WarningCounts,
        examples: impl IntoIterator<Item = WarnedEvent>,
        room: &Room,
    ) {
        let mut state = self.state.lock();
        for (reason, count) in counts {
            *state.warning_counts.entry(*reason).or_default() += count;
        }
        state.warnings.extend(examples, room);
    }

    /// Returns the latest rejections, newest first.
    pub(crate) fn rejections(&self) -> Vec<RejectedEvent> {
        self.state.lock().rejections.list()
    }

    /// Returns the number of warnings by the name of the reason, and the latest ones, newest first.
    pub(crate) fn warnings(&self) -> (BTreeMap<&'static str, u64>, Vec<WarnedEvent>) {
        let state = self.state.lock();
        let counts = state.warning_counts.iter();
        let counts = counts.map(|(reason, count)| (reason.as_str(), *count));
        (counts.collect(), state.warnings.list())
    }

    /// Returns the bytes of the kept rejections.
    pub(crate) fn rejection_bytes(&self) -> usize {
        self.state.lock().rejections.bytes()
    }

    /// Returns the bytes of the kept warnings.
    pub(crate) fn warning_bytes(&self) -> usize {
        self.state.lock().warnings.bytes()
    }

    /// Drops the oldest rejection.
    pub(crate) fn drop_rejection(&self, room: &Room) {
        self.state.lock().rejections.drop_oldest(room);
    }

    /// Drops the oldest warning; it still counts.
    pub(crate) fn drop_warning(&self, room: &Room) {
        self.state.lock().warnings.drop_oldest(room);
    }

    /// Returns whether this holds no more than the traffic of a site that has sent nothing.
    pub(crate) fn is_empty(&self, now: Instant) -> bool {
        let state = self.state.lock();
        state.demand.is_gone(now)
            && state.bucket.is_none_or(|bucket| bucket.is_full(now))
            && state.rejections.bytes() == 0
            && state.warning_counts.is_empty()
    }
}

impl State {
    fn bucket(&mut self, rate: u32, now: Instant) -> &mut Bucket {
        self.bucket.get_or_insert_with(|| Bucket::full(rate, now))
    }
}
