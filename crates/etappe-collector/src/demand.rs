//! Each site's share of recent traffic, whether it was accepted or refused.
//!
//! Counts decay: after [`HALF_LIFE`] half of a count is left. Refused requests count too, so that a
//! site that is being refused does not look like a small one.

use std::collections::HashMap;
use std::time::Duration;

use etappe_core::id::SiteId;
use parking_lot::Mutex;
use tokio::time::Instant;

const HALF_LIFE: Duration = Duration::from_secs(10);
/// The fixed cost of a request, in addition to its bytes.
const REQUEST_BYTES: usize = 512;
/// A site that sends fewer bytes per second has a share of 0.
const SMALL: f64 = 64.0 * 1024.0;
/// Above this number of sites, decayed ones are removed.
const MANY_SITES: usize = 4096;

/// The recent traffic of all sites.
#[derive(Debug, Default)]
pub(crate) struct Demand(Mutex<Sites>);

#[derive(Debug, Default)]
struct Sites {
    all: Option<Fading>,
    each: HashMap<SiteId, Fading>,
}

/// A decaying count.
#[derive(Debug, Clone, Copy)]
struct Fading {
    bytes: f64,
    at: Instant,
}

impl Fading {
    const fn new(at: Instant) -> Self {
        Self { bytes: 0.0, at }
    }

    fn add(&mut self, bytes: f64, now: Instant) -> f64 {
        self.bytes = self.left(now) + bytes;
        self.at = now;
        self.bytes
    }

    fn left(&self, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.bytes * (-passed / HALF_LIFE.as_secs_f64()).exp2()
    }
}

impl Demand {
    /// Counts a request of `bytes` and returns the site's share of recent traffic, 0 to 1; 0 for a
    /// site that sends little.
    pub(crate) fn note(&self, site: &SiteId, bytes: usize, now: Instant) -> f64 {
        let bytes = u32::try_from(bytes + REQUEST_BYTES).map_or(f64::from(u32::MAX), f64::from);
        let mut sites = self.0.lock();
        let all = sites.all.get_or_insert(Fading::new(now)).add(bytes, now);
        if sites.each.len() > MANY_SITES {
            sites.each.retain(|_, count| count.left(now) >= 1.0);
        }
        let own = match sites.each.get_mut(site) {
            Some(count) => count.add(bytes, now),
            None => {
                let mut count = Fading::new(now);
                let own = count.add(bytes, now);
                sites.each.insert(site.clone(), count);
                own
            }
        };
        drop(sites);
        let per_second = own * std::f64::consts::LN_2 / HALF_LIFE.as_secs_f64();
        if per_second < SMALL {
            0.0
        } else {
            (own / all).min(1.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(name: &str) -> SiteId {
        SiteId::try_new(name).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_has_nearly_all_demand_and_a_trickle_almost_none() {
        let demand = Demand::default();
        let mut now = Instant::now();
        let (mut flood, mut trickle) = (0.0, 1.0);
        for second in 0..60 {
            now += Duration::from_secs(1);
            for _ in 0..1_000 {
                flood = demand.note(&site("flood"), 15_000, now);
            }
            trickle = demand.note(&site("trickle"), 20_000, now);
            assert!(trickle < f64::EPSILON, "{second}: {trickle}");
        }
        assert!(flood > 0.99, "{flood} beside {trickle}");
    }

    #[tokio::test(start_paused = true)]
    async fn equal_sites_have_equal_shares_and_the_share_of_a_stopped_site_decays() {
        let demand = Demand::default();
        let now = Instant::now();
        let mut share = 0.0;
        for _ in 0..1_000 {
            demand.note(&site("a"), 100_000, now);
            share = demand.note(&site("b"), 100_000, now);
        }
        assert!((share - 0.5).abs() < 0.01, "{share}");
        let later = now + Duration::from_secs(70);
        for _ in 0..1_000 {
            share = demand.note(&site("b"), 100_000, later);
        }
        assert!(share > 0.99, "{share}");
    }
}
