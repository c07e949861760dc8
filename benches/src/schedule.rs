//! Decides when requests are due.
//!
//! Open loop: the times are fixed beforehand, whatever the server does, and a request that waits
//! for a free connection has been waiting since it was due. Closed loop: each connection sends its
//! next request when the previous answer has arrived; such latencies mean little, and reports mark
//! them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// How requests arrive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Arrival {
    /// At this many requests per second, evenly spaced.
    Open {
        /// Requests per second.
        per_second: f64,
    },
    /// As fast as the answers come.
    Closed,
}

/// Hands out each request once.
#[derive(Debug)]
pub struct Schedule {
    arrival: Arrival,
    started: Instant,
    duration: Duration,
    next: AtomicU64,
}

/// A request that is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The request's number, counted from 0.
    pub number: u64,
    /// When it is due; `None` means now.
    pub at: Option<Instant>,
}

impl Schedule {
    /// Starts a schedule at `started`.
    #[must_use]
    pub fn new(arrival: Arrival, started: Instant, duration: Duration) -> Self {
        Self {
            arrival,
            started,
            duration,
            next: AtomicU64::new(0),
        }
    }

    /// Takes the next request; `None` once all are taken or the time is over.
    pub fn take(&self, now: Instant) -> Option<Due> {
        if self.arrival == Arrival::Closed && now >= self.started + self.duration {
            return None;
        }
        // An index past the end is never used; the counter cannot overflow in any realistic time.
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        match self.arrival {
            Arrival::Closed => Some(Due { number, at: None }),
            Arrival::Open { per_second } => {
                let offset = offset(number, per_second);
                (offset < self.duration).then(|| Due {
                    number,
                    at: Some(self.started + offset),
                })
            }
        }
    }

    /// Returns the total number of requests of an open schedule, or the number taken so far from a
    /// closed one.
    #[must_use]
    pub fn total(&self) -> u64 {
        match self.arrival {
            Arrival::Closed => self.next.load(Ordering::Relaxed),
            Arrival::Open { per_second } => requests_before(self.duration, per_second),
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "request numbers stay far below 2^53"
)]
fn offset(number: u64, per_second: f64) -> Duration {
    // A rate close to 0 gives times beyond any duration; such a request is never due.
    Duration::try_from_secs_f64(number as f64 / per_second).unwrap_or(Duration::MAX)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturating, and both factors are positive"
)]
fn requests_before(duration: Duration, per_second: f64) -> u64 {
    let estimate = (duration.as_secs_f64() * per_second).ceil() as u64;
    // Rounding may be off by one either way, so count exactly.
    let from = estimate.saturating_sub(2);
    from + (from..estimate + 2)
        .filter(|n| offset(*n, per_second) < duration)
        .count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(schedule: &Schedule, now: Instant) -> Vec<Due> {
        std::iter::from_fn(|| schedule.take(now))
            .take(1_000_000)
            .collect()
    }

    #[test]
    fn open_requests_are_evenly_spaced_and_independent_of_now() {
        let start = Instant::now();
        let arrival = Arrival::Open { per_second: 4.0 };
        let schedule = Schedule::new(arrival, start, Duration::from_secs(2));
        let late = start + Duration::from_secs(60);
        let due = taken(&schedule, late);
        assert_eq!(due.len(), 8);
        for (index, due) in due.iter().enumerate() {
            let millis = 250 * index as u64;
            assert_eq!(due.at, Some(start + Duration::from_millis(millis)));
            assert_eq!(due.number, index as u64);
        }
    }

    #[test]
    fn the_total_is_the_number_of_requests_that_can_be_taken() {
        let start = Instant::now();
        for (per_second, seconds) in [(3.0, 1.0), (1_000.0, 0.1), (7.3, 2.9), (0.1, 5.0)] {
            let duration = Duration::from_secs_f64(seconds);
            let schedule = Schedule::new(Arrival::Open { per_second }, start, duration);
            let total = schedule.total();
            assert_eq!(
                taken(&schedule, start).len() as u64,
                total,
                "{per_second} {seconds}"
            );
        }
    }

    #[test]
    fn a_closed_schedule_ends_with_its_time() {
        let start = Instant::now();
        let schedule = Schedule::new(Arrival::Closed, start, Duration::from_secs(1));
        assert_eq!(
            schedule.take(start),
            Some(Due {
                number: 0,
                at: None
            })
        );
        assert_eq!(schedule.take(start + Duration::from_secs(1)), None);
        assert_eq!(schedule.total(), 1);
    }
}
