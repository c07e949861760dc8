//! Limits a site's events per second.
//!
//! A bucket refills at the site's rate, up to one second's worth. A request is accepted while the
//! bucket holds an event, and may leave it in debt. So a batch larger than the bucket is accepted
//! too, and the site then waits until the debt is paid. The rate holds on average.

use std::time::Duration;

use tokio::time::Instant;

/// The longest wait that a client is given.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// The tolerance for rounding errors of added fractions.
const ROUNDING: f64 = 1e-6;

/// The bucket of a site that has a rate limit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    /// Negative when in debt.
    events: f64,
    /// The last rate, in events per second.
    rate: f64,
    filled_at: Instant,
}

impl Bucket {
    /// Returns a full bucket.
    pub(crate) fn full(rate: u32, now: Instant) -> Self {
        Self {
            events: f64::from(rate),
            rate: f64::from(rate),
            filled_at: now,
        }
    }

    /// Returns how long the site must wait before it may send again, if at all.
    pub(crate) fn wait(&mut self, rate: u32, now: Instant) -> Option<Duration> {
        self.fill(rate, now);
        let missing = 1.0 - self.events;
        (missing > ROUNDING).then(|| {
            Duration::try_from_secs_f64(missing / self.rate)
                .unwrap_or(LONGEST_WAIT)
                .min(LONGEST_WAIT)
        })
    }

    /// Takes `events` out of the bucket.
    pub(crate) fn take(&mut self, rate: u32, events: usize, now: Instant) {
        self.fill(rate, now);
        self.events -= u32::try_from(events).map_or(f64::from(u32::MAX), f64::from);
    }

    /// Returns whether the bucket is full, as a new one is.
    pub(crate) fn is_full(mut self, now: Instant) -> bool {
        self.add(now);
        self.events >= self.rate
    }

    fn fill(&mut self, rate: u32, now: Instant) {
        self.rate = f64::from(rate);
        self.add(now);
    }

    fn add(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.events = (self.events + elapsed * self.rate).min(self.rate);
        self.filled_at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_site_that_sent_too_much_waits_until_its_debt_is_paid() {
        let start = Instant::now();
        let mut bucket = Bucket::full(10, start);
        assert_eq!(bucket.wait(10, start), None);
        bucket.take(10, 4, start);
        assert_eq!(bucket.wait(10, start), None);
        bucket.take(10, 26, start);
        assert_eq!(bucket.wait(10, start), Some(Duration::from_millis(2_100)));
        let later = start + Duration::from_secs(2);
        assert!(bucket.wait(10, later).is_some());
        let paid = later + Duration::from_millis(100);
        assert_eq!(bucket.wait(10, paid), None);
        assert!(!bucket.is_full(paid));
        let long_after = start + Duration::from_secs(9_999);
        assert!(bucket.is_full(long_after));
        assert_eq!(bucket.wait(10, long_after), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_of_zero_lets_nothing_in() {
        let now = Instant::now();
        let mut bucket = Bucket::full(0, now);
        bucket.take(0, 5, now);
        assert_eq!(bucket.wait(0, now), Some(Duration::from_secs(3600)));
    }
}
