//! Tracks when requests in progress were received: a watermark on the log's completeness must not
//! pass the oldest of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use etappe_core::ports::Clock;
use etappe_core::time::Timestamp;
use parking_lot::Mutex;

/// The requests in progress; clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Receptions(Arc<Mutex<BTreeMap<Timestamp, usize>>>);

/// A request in progress, until this is dropped.
#[derive(Debug)]
pub(crate) struct Received {
    at: Timestamp,
    receptions: Receptions,
}

impl Receptions {
    /// Begins a request. The time is read and recorded under one lock, so that `oldest` never
    /// misses it.
    pub(crate) fn begin(&self, clock: &impl Clock) -> Received {
        let mut requests = self.0.lock();
        let at = clock.now();
        *requests.entry(at).or_default() += 1;
        drop(requests);
        Received {
            at,
            receptions: self.clone(),
        }
    }

    /// Returns when the oldest request in progress was received, if there is one.
    pub(crate) fn oldest(&self) -> Option<Timestamp> {
        self.0.lock().keys().next().copied()
    }
}

impl Received {
    /// Returns when the request was received.
    pub(crate) const fn at(&self) -> Timestamp {
        self.at
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        let mut requests = self.receptions.0.lock();
        if let Some(count) = requests.get_mut(&self.at) {
            *count -= 1;
            if *count == 0 {
                requests.remove(&self.at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    #[derive(Clone)]
    struct Hand(Arc<AtomicI64>);

    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.load(Ordering::Relaxed))
        }
    }

    #[test]
    fn the_oldest_time_counts_until_every_request_received_then_has_ended() {
        let hand = Hand(Arc::new(AtomicI64::new(5)));
        let receptions = Receptions::default();
        assert_eq!(receptions.oldest(), None);
        let (first, second) = (receptions.begin(&hand), receptions.begin(&hand));
        hand.0.store(9, Ordering::Relaxed);
        let third = receptions.begin(&hand);
        assert_eq!(third.at(), Timestamp::from_millis(9));
        drop(first);
        assert_eq!(receptions.oldest(), Some(Timestamp::from_millis(5)));
        drop(second);
        assert_eq!(receptions.oldest(), Some(Timestamp::from_millis(9)));
        drop(third);
        assert_eq!(receptions.oldest(), None);
    }
}
