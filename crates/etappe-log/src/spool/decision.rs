//! Decides when records stop going to Kafka directly. Pure functions.
//!
//! Invariant: Kafka is judged slow only while this process itself runs normally. A frozen process
//! measures its own freeze as waiting time, and the delivery reports that arrived meanwhile are
//! still unread. [`Attention`] detects this and suspends the two time-based reasons. The other two,
//! no reachable broker and a failed record, count at any time.

use std::time::{Duration, Instant};

/// How long a call may wait while the client's queue is full.
const STALL: Duration = Duration::from_secs(1);
/// If two looks are further apart than this, waiting times say nothing about Kafka's speed.
const LATE: Duration = Duration::from_secs(1);
/// After such a gap, how long delivery reports may take to come in.
const GRACE: Duration = Duration::from_secs(1);

/// The observed state of Kafka.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Signs {
    /// No broker is reachable.
    pub(crate) is_away: bool,
    /// Records of a call were refused or given up.
    pub(crate) has_failed: bool,
    /// How long the oldest call has been waiting.
    pub(crate) oldest_wait: Duration,
    /// Records were refused because the queue was full.
    pub(crate) queue_was_full: bool,
    /// This process was frozen a moment ago. Reports of deliveries made meanwhile may still be
    /// unread.
    pub(crate) was_inattentive: bool,
}

/// Detects freezes of this process from the times of the looks, so that brokers are not blamed for
/// them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attention {
    last: Instant,
    was_late: bool,
    judges_from: Instant,
}

impl Attention {
    /// Starts with a look at `now`.
    pub(crate) const fn new(now: Instant) -> Self {
        Self {
            last: now,
            was_late: false,
            judges_from: now,
        }
    }

    /// Records a look at `now`. Returns whether it follows a freeze too closely for waiting times
    /// to count. A process that is late every time is excused only once: it is too slow for its
    /// senders, whatever the cause.
    pub(crate) fn look(&mut self, now: Instant) -> bool {
        let is_late = now.saturating_duration_since(self.last) > LATE;
        if is_late && !self.was_late {
            self.judges_from = now + GRACE;
        }
        self.last = now;
        self.was_late = is_late;
        now < self.judges_from
    }
}

/// Why records go to the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SpoolReason {
    /// No broker is reachable.
    Away,
    /// Records were refused or given up.
    Failed,
    /// A call was not delivered in time.
    TooSlow,
    /// The queue is full and the oldest call has waited too long.
    Stalled,
}

impl SpoolReason {
    /// Returns the value of the metrics label.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Away => "away",
            Self::Failed => "failed",
            Self::TooSlow => "too_slow",
            Self::Stalled => "stalled",
        }
    }
}

/// Returns why to start spooling, or `None` while Kafka works.
pub(crate) fn reason_to_spool(signs: Signs, delivery_timeout: Duration) -> Option<SpoolReason> {
    if signs.is_away {
        Some(SpoolReason::Away)
    } else if signs.has_failed {
        Some(SpoolReason::Failed)
    } else if signs.was_inattentive {
        None
    } else if signs.oldest_wait >= delivery_timeout {
        Some(SpoolReason::TooSlow)
    } else if signs.queue_was_full && signs.oldest_wait >= STALL {
        Some(SpoolReason::Stalled)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spooling_begins_when_kafka_does_not_deliver() {
        let timeout = Duration::from_secs(10);
        let check = |signs, expected| assert_eq!(reason_to_spool(signs, timeout), expected);
        let calm = Signs::default();
        check(calm, None);
        let waiting = |seconds| Signs {
            oldest_wait: Duration::from_secs(seconds),
            ..calm
        };
        check(waiting(9), None);
        check(waiting(10), Some(SpoolReason::TooSlow));
        let full = |seconds| Signs {
            queue_was_full: true,
            ..waiting(seconds)
        };
        check(full(0), None);
        check(full(1), Some(SpoolReason::Stalled));
        let failed = Signs {
            has_failed: true,
            ..calm
        };
        check(failed, Some(SpoolReason::Failed));
        let away = Signs {
            is_away: true,
            ..failed
        };
        check(away, Some(SpoolReason::Away));
        let frozen = |signs| Signs {
            was_inattentive: true,
            ..signs
        };
        check(frozen(waiting(60)), None);
        check(frozen(full(60)), None);
        check(frozen(failed), Some(SpoolReason::Failed));
        check(frozen(away), Some(SpoolReason::Away));
    }

    #[test]
    fn a_frozen_process_gets_a_grace_period_and_a_slow_one_gets_one_only() {
        let begun = tokio::time::Instant::now().into_std();
        let mut attention = Attention::new(begun);
        let mut look = |millis| attention.look(begun + Duration::from_millis(millis));
        assert!(!look(100) && !look(1_000));
        assert!(look(20_000) && look(20_100) && look(20_999));
        assert!(!look(21_000) && !look(21_100));
        assert!(look(25_000));
        assert!(!look(27_000) && !look(29_000), "late again and again");
        assert!(!look(29_100));
        assert!(look(40_000));
    }
}
