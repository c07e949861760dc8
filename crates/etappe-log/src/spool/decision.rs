//! When records stop going to Kafka directly. Pure.

use std::time::Duration;

/// How long nothing may be delivered while the queue is full.
const STALL: Duration = Duration::from_secs(1);

/// What is seen of Kafka.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Signs {
    /// No broker is reachable.
    pub(crate) is_away: bool,
    /// Records of a call were refused or given up.
    pub(crate) has_failed: bool,
    /// How long the oldest call has been waiting.
    pub(crate) oldest_wait: Duration,
    /// Records were refused because too much is waiting.
    pub(crate) queue_was_full: bool,
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
    /// Too much is waiting and nothing moves.
    Stalled,
}

impl SpoolReason {
    /// Returns what the metrics call it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Away => "away",
            Self::Failed => "failed",
            Self::TooSlow => "too_slow",
            Self::Stalled => "stalled",
        }
    }
}

/// Returns why to spool from now on, or `None` while Kafka does its work.
pub(crate) fn reason_to_spool(signs: Signs, delivery_timeout: Duration) -> Option<SpoolReason> {
    if signs.is_away {
        Some(SpoolReason::Away)
    } else if signs.has_failed {
        Some(SpoolReason::Failed)
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
    fn spooling_begins_when_kafka_does_not_do_its_work() {
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
    }
}
