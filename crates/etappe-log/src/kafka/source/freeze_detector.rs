//! Detects that the process was frozen for long.
//!
//! Invariant: after a freeze nothing is committed until the brokers have had time to report the
//! loss of partitions. A frozen process may have lost its partitions without knowing. Before the
//! brokers tell it, its client could commit like a consumer without a group, which brokers accept
//! while the group is empty.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Measures the time between heartbeats of the process.
#[derive(Debug)]
pub(super) struct FreezeDetector {
    /// The longest time between two heartbeats that does not count as a freeze.
    limit: Duration,
    /// How long to refuse commits after a freeze.
    doubt: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    last_sign: Instant,
    doubt_until: Option<Instant>,
}

impl FreezeDetector {
    /// Creates one for a group that drops members after `session_timeout`. Within half of that a
    /// member hears from the brokers several times.
    pub(super) fn new(session_timeout: Duration) -> Self {
        Self {
            limit: session_timeout / 2,
            doubt: session_timeout / 2,
            state: Mutex::new(State {
                last_sign: Instant::now(),
                doubt_until: None,
            }),
        }
    }

    /// Records a heartbeat. To be called all the time.
    pub(super) fn beat(&self) {
        self.check(Instant::now(), true);
    }

    /// Returns whether the process may have lost its partitions without knowing.
    pub(super) fn is_doubtful(&self) -> bool {
        self.check(Instant::now(), false)
    }

    fn check(&self, now: Instant, is_sign: bool) -> bool {
        let mut state = self.state.lock();
        if now.saturating_duration_since(state.last_sign) > self.limit {
            state.doubt_until = Some(now + self.doubt);
        }
        if is_sign || state.doubt_until.is_some() {
            state.last_sign = now;
        }
        if state.doubt_until.is_some_and(|until| until <= now) {
            state.doubt_until = None;
        }
        state.doubt_until.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_freeze_is_followed_by_doubt() {
        let freeze_detector = FreezeDetector::new(Duration::from_secs(8));
        for _ in 0..20 {
            freeze_detector.beat();
            assert!(!freeze_detector.is_doubtful());
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        tokio::time::advance(Duration::from_secs(8)).await;
        assert!(
            freeze_detector.is_doubtful(),
            "whoever looks first notices it"
        );
        freeze_detector.beat();
        tokio::time::advance(Duration::from_secs(3)).await;
        assert!(freeze_detector.is_doubtful());
        tokio::time::advance(Duration::from_secs(1)).await;
        freeze_detector.beat();
        assert!(!freeze_detector.is_doubtful());
    }
}
