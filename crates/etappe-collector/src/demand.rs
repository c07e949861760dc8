//! Counts recent traffic, whether it was accepted or refused.
//!
//! Counts decay: after [`HALF_LIFE`] half of a count is left. Refused requests count too, so that a
//! site that is being refused does not look like a small one.

use std::time::Duration;

use tokio::time::Instant;

const HALF_LIFE: Duration = Duration::from_secs(10);
/// The fixed cost of a request, in addition to its bytes.
const REQUEST_BYTES: usize = 512;
/// A site that sends fewer bytes per second has a share of 0.
const SMALL: f64 = 64.0 * 1024.0;

/// The recent traffic of a site, or of all sites.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demand {
    bytes: f64,
    at: Instant,
}

impl Demand {
    /// Returns the demand of a site that has sent nothing.
    pub(crate) const fn none(at: Instant) -> Self {
        Self { bytes: 0.0, at }
    }

    /// Counts a request of `bytes`.
    pub(crate) fn add(&mut self, bytes: usize, now: Instant) {
        let bytes = u32::try_from(bytes + REQUEST_BYTES).map_or(f64::from(u32::MAX), f64::from);
        self.bytes = self.left(now) + bytes;
        self.at = now;
    }

    /// Returns whether less than a byte is left of the count.
    pub(crate) fn is_gone(self, now: Instant) -> bool {
        self.left(now) < 1.0
    }

    /// Returns the share of a site with this demand in the demand of `all` sites, 0 to 1; 0 for a
    /// site that sends little. Both must have counted the same request last.
    pub(crate) fn share_of(self, all: Self) -> f64 {
        let per_second = self.bytes * std::f64::consts::LN_2 / HALF_LIFE.as_secs_f64();
        if per_second < SMALL {
            0.0
        } else {
            (self.bytes / all.bytes).min(1.0)
        }
    }

    fn left(self, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.bytes * (-passed / HALF_LIFE.as_secs_f64()).exp2()
    }
}
