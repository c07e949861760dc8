//! Finds the site of a write key, and with it the site's traffic.
//!
//! A request finds its [`SiteTraffic`] once, together with its key; everything about the site is
//! then in one object. Three things are about all sites together and are therefore
//! here: the map itself, because keys may come and go while traffic is remembered; the traffic of
//! all sites, of which a site's share is a part; and the memory for kept rejections and warnings,
//! which has one limit. No lock is taken while another one of these is held, except that empty
//! traffic is looked for under the map's lock.

use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

use etappe_core::id::SiteId;
use etappe_core::site::SiteDirectory;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::demand::Demand;
use crate::owner_entries::{Kept, Latest, RejectedEvent, Room, WarnedEvent};
use crate::sending_state::UnknownSender;
use crate::site_traffic::{SiteTraffic, WarningCounts};

/// Above this number of sites, empty traffic is removed.
const MANY_SITES: usize = 4096;

/// The sites and their traffic.
#[derive(Debug)]
pub(crate) struct Sites {
    directory: watch::Receiver<Arc<SiteDirectory>>,
    traffic: Mutex<HashMap<SiteId, Arc<SiteTraffic>>>,
    /// The recent traffic of all sites.
    demand: Mutex<Option<Demand>>,
    rejections: Room,
    warnings: Room,
    /// The last request whose key belongs to no site.
    unknown_sender: Mutex<Option<UnknownSender>>,
}

impl Sites {
    /// Keeps at most `kept_bytes` of rejections and as much of warnings.
    pub(crate) fn new(directory: watch::Receiver<Arc<SiteDirectory>>, kept_bytes: usize) -> Self {
        Self {
            directory,
            traffic: Mutex::default(),
            demand: Mutex::default(),
            rejections: Room::new(kept_bytes),
            warnings: Room::new(kept_bytes),
            unknown_sender: Mutex::default(),
        }
    }

    /// Returns the current sites and keys.
    pub(crate) fn directory(&self) -> Arc<SiteDirectory> {
        Arc::clone(&self.directory.borrow())
    }

    /// Returns the traffic of a site, which must be in the directory: unknown names would fill the
    /// memory.
    pub(crate) fn traffic_of(&self, site: &SiteId) -> Arc<SiteTraffic> {
        let mut traffic = self.traffic.lock();
        if let Some(known) = traffic.get(site) {
            return Arc::clone(known);
        }
        let now = Instant::now();
        if traffic.len() > MANY_SITES {
            // What a request in progress holds stays: it would be counted apart otherwise.
            traffic.retain(|_, one| Arc::strong_count(one) > 1 || !one.is_empty(now));
        }
        let new = Arc::new(SiteTraffic::new(site.clone(), now));
        traffic.insert(site.clone(), Arc::clone(&new));
        new
    }

    /// Returns the traffic of the site whose key this is.
    pub(crate) fn traffic_of_key(&self, key: &str) -> Option<Arc<SiteTraffic>> {
        let directory = self.directory();
        let (site, _) = directory.writer(key)?;
        Some(self.traffic_of(&site.id))
    }

    /// Records a request whose key belongs to no site.
    pub(crate) fn record_unknown_sender(&self, sender: UnknownSender) {
        *self.unknown_sender.lock() = Some(sender);
    }

    /// Returns the last request whose key belongs to no site.
    pub(crate) fn unknown_sender(&self) -> Option<UnknownSender> {
        *self.unknown_sender.lock()
    }

    /// Counts a request of `bytes` and returns the site's share of recent traffic, 0 to 1; 0 for a
    /// site that sends little.
    pub(crate) fn share(&self, traffic: &SiteTraffic, bytes: usize, now: Instant) -> f64 {
        let all = {
            let mut demand = self.demand.lock();
            let all = demand.get_or_insert(Demand::none(now));
            all.add(bytes, now);
            *all
        };
        traffic.count(bytes, now).share_of(all)
    }

    /// Keeps a site's rejections, oldest first.
    pub(crate) fn record_rejections(
        &self,
        traffic: &SiteTraffic,
        rejections: impl IntoIterator<Item = RejectedEvent>,
    ) {
        traffic.rejections.extend(rejections, &self.rejections);
        self.shrink(&self.rejections, |site| &site.rejections);
    }

    /// Counts a site's warnings and keeps examples of them, oldest first.
    pub(crate) fn record_warnings(
        &self,
        traffic: &SiteTraffic,
        counts: &WarningCounts,
        examples: impl IntoIterator<Item = WarnedEvent>,
    ) {
        if counts.is_empty() {
            return;
        }
        traffic.count_warnings(counts);
        traffic.warnings.extend(examples, &self.warnings);
        self.shrink(&self.warnings, |site| &site.warnings);
    }

    /// Drops entries of the sites with the most bytes of them until all sites' fit into the room.
    fn shrink<E: Kept>(&self, room: &Room, entries: impl Fn(&SiteTraffic) -> &Latest<E>) {
        if !room.is_exceeded() {
            return;
        }
        let sites: Vec<_> = self.traffic.lock().values().cloned().collect();
        let lists = sites.iter().map(|site| entries(site)).enumerate();
        let mut by_size: BinaryHeap<_> = lists.map(|(at, list)| (list.bytes(), at)).collect();
        while room.is_exceeded() {
            let Some(mut largest) = by_size.peek_mut().filter(|largest| largest.0 > 0) else {
                return;
            };
            let site = &sites[largest.1];
            largest.0 = entries(site).drop_oldest(room);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use etappe_core::time::Timestamp;

    use super::*;

    fn sites(kept_bytes: usize) -> Sites {
        Sites::new(watch::channel(Arc::default()).1, kept_bytes)
    }

    fn site(name: &str) -> SiteId {
        SiteId::try_new(name).unwrap()
    }

    fn event(number: usize) -> RejectedEvent {
        RejectedEvent {
            received_at: Timestamp::EPOCH,
            reason: "missing_id",
            kind: Some("track"),
            event: None,
            message_id: Some(number.to_string().into()),
            bytes: number,
            origin: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_has_nearly_all_demand_and_a_trickle_almost_none() {
        let sites = sites(0);
        let (flooding, trickling) = (
            sites.traffic_of(&site("flood")),
            sites.traffic_of(&site("trickle")),
        );
        let mut now = Instant::now();
        let (mut flood, mut trickle) = (0.0, 1.0);
        for second in 0..60 {
            now += Duration::from_secs(1);
            for _ in 0..1_000 {
                flood = sites.share(&flooding, 15_000, now);
            }
            trickle = sites.share(&trickling, 20_000, now);
            assert!(trickle < f64::EPSILON, "{second}: {trickle}");
        }
        assert!(flood > 0.99, "{flood} beside {trickle}");
    }

    #[tokio::test(start_paused = true)]
    async fn equal_sites_have_equal_shares_and_the_share_of_a_stopped_site_decays() {
        let sites = sites(0);
        let (a, b) = (sites.traffic_of(&site("a")), sites.traffic_of(&site("b")));
        let now = Instant::now();
        let mut share = 0.0;
        for _ in 0..1_000 {
            sites.share(&a, 100_000, now);
            share = sites.share(&b, 100_000, now);
        }
        assert!((share - 0.5).abs() < 0.01, "{share}");
        let later = now + Duration::from_secs(70);
        for _ in 0..1_000 {
            share = sites.share(&b, 100_000, later);
        }
        assert!(share > 0.99, "{share}");
    }

    #[tokio::test(start_paused = true)]
    async fn among_many_sites_only_those_with_something_to_remember_are_kept() {
        let sites = sites(usize::MAX);
        let name = |number: usize| site(&format!("s{number}"));
        let held = sites.traffic_of(&name(0));
        sites.record_rejections(&sites.traffic_of(&name(1)), [event(1)]);
        let limited = sites.traffic_of(&name(2));
        limited.take(1, 1_000, Instant::now());
        drop(limited);
        for number in 3..=MANY_SITES {
            sites.share(&sites.traffic_of(&name(number)), 100, Instant::now());
        }
        tokio::time::advance(Duration::from_secs(300)).await;
        sites.traffic_of(&site("new"));
        assert_eq!(sites.traffic.lock().len(), 4);
        assert!(Arc::ptr_eq(&held, &sites.traffic_of(&name(0))));
        assert_eq!(sites.traffic_of(&name(1)).rejections.list(), [event(1)]);
        assert!(sites.traffic_of(&name(2)).wait(1, Instant::now()).is_some());
    }

    #[tokio::test]
    async fn a_site_keeps_its_last_thousand_entries_newest_first() {
        let sites = sites(usize::MAX);
        let shop = sites.traffic_of(&site("shop"));
        sites.record_rejections(&shop, (0..600).map(event));
        sites.record_rejections(&shop, (600..1_500).map(event));
        let listed: Vec<usize> = shop
            .rejections
            .list()
            .iter()
            .map(|event| event.bytes)
            .collect();
        assert_eq!(listed, (500..1_500).rev().collect::<Vec<_>>());
        assert!(
            sites
                .traffic_of(&site("other"))
                .rejections
                .list()
                .is_empty()
        );
    }

    #[tokio::test]
    async fn the_site_with_the_most_entries_loses_its_oldest_ones() {
        let limit = 10 * event(0).memory();
        let sites = sites(limit);
        let (quiet, loud) = (
            sites.traffic_of(&site("quiet")),
            sites.traffic_of(&site("loud")),
        );
        sites.record_rejections(&quiet, (0..3).map(event));
        sites.record_rejections(&loud, (0..900).map(event));
        assert_eq!(quiet.rejections.list().len(), 3);
        let kept = loud.rejections.list();
        assert!((6..=7).contains(&kept.len()), "{}", kept.len());
        assert_eq!(kept.first(), Some(&event(899)));
        assert!(!sites.rejections.is_exceeded());
        let memory = |traffic: &SiteTraffic| -> usize {
            traffic.rejections.list().iter().map(Kept::memory).sum()
        };
        assert_eq!(memory(&loud), loud.rejections.bytes());
        assert!(memory(&loud) + memory(&quiet) <= limit);
    }
}
