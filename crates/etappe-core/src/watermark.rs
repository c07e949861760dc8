//! How far the figures reach: everything received before `as_of` is visible in them.
//!
//! Each partition's reader posts the receive time of its first record that is not visible yet, or,
//! when it had read everything, the moment at which it looked. The least of these is the answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::time::Timestamp;

/// The watermark of a process, shared by the readers that move it and the API that shows it.
#[derive(Debug, Clone)]
pub struct Watermark {
    partitions: Arc<[AtomicI64]>,
}

impl Watermark {
    /// Makes a watermark over `partitions` partitions, all at the epoch until they are posted.
    #[must_use]
    pub fn new(partitions: usize) -> Self {
        Self {
            partitions: (0..partitions).map(|_| AtomicI64::new(0)).collect(),
        }
    }

    /// Records that everything in partition number `index` received before `reached` is visible.
    ///
    /// An index past the last partition is ignored.
    pub fn post(&self, index: usize, reached: Timestamp) {
        if let Some(cell) = self.partitions.get(index) {
            cell.store(reached.as_millis(), Ordering::Release);
        }
    }

    /// Returns the instant before which every received event is visible, at most `now`.
    #[must_use]
    pub fn as_of(&self, now: Timestamp) -> Timestamp {
        self.partitions
            .iter()
            .map(|cell| Timestamp::from_millis(cell.load(Ordering::Acquire)))
            .fold(now, Timestamp::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_partition_holds_the_watermark_back() {
        let at = Timestamp::from_millis;
        let watermark = Watermark::new(2);
        assert_eq!(watermark.as_of(at(100)), at(0));
        watermark.post(0, at(90));
        watermark.post(1, at(70));
        watermark.post(9, at(1));
        assert_eq!(watermark.as_of(at(100)), at(70));
        watermark.post(1, at(200));
        assert_eq!(watermark.as_of(at(100)), at(90));
    }
}
