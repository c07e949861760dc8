//! Limits each site's events per second.
//!
//! Each site has a bucket that refills at the site's rate, up to one second's worth. A request is
//! accepted while the bucket holds an event, and may leave it in debt. So a batch larger than the
//! bucket is accepted too, and the site then waits until the debt is paid. The rate holds on
//! average.

use std::collections::HashMap;
use std::time::Duration;

use etappe_core::id::SiteId;
use parking_lot::Mutex;
use tokio::time::Instant;

/// The longest wait that a client is given.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// The tolerance for rounding errors of added fractions.
const ROUNDING: f64 = 1e-6;

/// The buckets of all sites that have a rate limit.
#[derive(Debug, Default)]
pub(crate) struct RateLimits {
    buckets: Mutex<HashMap<SiteId, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// Negative when in debt.
    events: f64,
    filled_at: Instant,
}

impl RateLimits {
    /// Returns how long `site` must wait before it may send again, if at all.
    pub(crate) fn wait(&self, site: &SiteId, rate: u32, now: Instant) -> Option<Duration> {
        let mut buckets = self.buckets.lock();
        let bucket = filled(&mut buckets, site, rate, now);
        let missing = 1.0 - bucket.events;
        (missing > ROUNDING).then(|| {
            Duration::try_from_secs_f64(missing / f64::from(rate))
                .unwrap_or(LONGEST_WAIT)
                .min(LONGEST_WAIT)
        })
    }

    /// Takes `events` out of the bucket of `site`.
    pub(crate) fn take(&self, site: &SiteId, rate: u32, events: usize, now: Instant) {
        let events = u32::try_from(events).map_or(f64::from(u32::MAX), f64::from);
        filled(&mut self.buckets.lock(), site, rate, now).events -= events;
    }
}

fn filled<'a>(
    buckets: &'a mut HashMap<SiteId, Bucket>,
    site: &SiteId,
    rate: u32,
    now: Instant,
) -> &'a mut Bucket {
    let full = f64::from(rate);
    let bucket = buckets.entry(site.clone()).or_insert(Bucket {
        events: full,
        filled_at: now,
    });
    let elapsed = now
        .saturating_duration_since(bucket.filled_at)
        .as_secs_f64();
    bucket.events = (bucket.events + elapsed * full).min(full);
    bucket.filled_at = now;
    bucket
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_site_that_sent_too_much_waits_until_its_debt_is_paid() {
        let limits = RateLimits::default();
        let site = SiteId::try_new("shop").unwrap();
        let start = Instant::now();
        assert_eq!(limits.wait(&site, 10, start), None);
        limits.take(&site, 10, 4, start);
        assert_eq!(limits.wait(&site, 10, start), None);
        limits.take(&site, 10, 26, start);
        assert_eq!(
            limits.wait(&site, 10, start),
            Some(Duration::from_millis(2_100))
        );
        let later = start + Duration::from_secs(2);
        assert!(limits.wait(&site, 10, later).is_some());
        assert_eq!(
            limits.wait(&site, 10, later + Duration::from_millis(100)),
            None
        );
        assert_eq!(
            limits.wait(&site, 10, start + Duration::from_secs(9_999)),
            None
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_of_zero_lets_nothing_in() {
        let limits = RateLimits::default();
        let site = SiteId::try_new("shop").unwrap();
        let now = Instant::now();
        limits.take(&site, 0, 5, now);
        assert_eq!(limits.wait(&site, 0, now), Some(Duration::from_secs(3600)));
    }
}
