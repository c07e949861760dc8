//! One limit in bytes for the batches of all partitions, whether being filled or being stored.
//!
//! A batch counts its encoded rows, the summary and the message hash of each row, and its dead
//! letters. After it is stored it keeps a share for the summaries until it is dropped.
//!
//! Invariants: the granted shares never exceed the limit together, every partition makes progress,
//! and there is no deadlock.
//!
//! - Every batch has a small reserved minimum, so it can always start.
//! - Beyond that it takes memory from a shared pool and never waits for it: a batch that gets no
//!   more counts as full and is sent. It may wait for the end of its partition's previous insert,
//!   which needs no more memory to end.
//! - Only a repeated range waits for the pool, because its size is fixed. It waits before it reads
//!   anything, with only its minimum, until it has as much as the largest batch. Released bytes go
//!   to waiters first.
//!
//! Trap: a share says when a batch stops growing, not what it holds. A batch may exceed its share
//! by one record, and a repeated range that is larger than the largest batch exceeds it by the
//! rest.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::metrics::ClassifierMetrics;

/// The unit of the budget, in bytes.
const UNIT: usize = 4 << 10;
/// The step by which a batch's share grows.
const STEP: usize = 1 << 20;
/// The largest minimum reserved for each batch.
const LARGEST_MINIMUM: usize = 1 << 20;
/// Batches per partition: one is filled while the previous one is stored.
const BATCHES_PER_PARTITION: usize = 2;

/// The limit; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct BatchBudget {
    pool: Arc<Semaphore>,
    /// The pool's size when nothing is taken.
    pool_bytes: usize,
    minimum: usize,
    metrics: ClassifierMetrics,
}

/// The memory that a batch may use; returned on drop.
#[derive(Debug)]
pub(crate) struct BatchShare {
    budget: BatchBudget,
    /// The part taken from the pool.
    taken: Option<OwnedSemaphorePermit>,
    granted: usize,
}

impl BatchBudget {
    /// Splits `bytes`: at most half is reserved as the minimum for the batches of `partitions`.
    pub(crate) fn new(bytes: usize, partitions: usize, metrics: ClassifierMetrics) -> Self {
        let batches = partitions.max(1).saturating_mul(BATCHES_PER_PARTITION);
        let minimum = (bytes / 2 / batches).min(LARGEST_MINIMUM);
        let pool = (bytes - minimum * batches) / UNIT;
        let pool = pool.min(Semaphore::MAX_PERMITS);
        Self {
            pool: Arc::new(Semaphore::new(pool)),
            pool_bytes: pool * UNIT,
            minimum,
            metrics,
        }
    }

    /// Returns the initial share of a new batch: the minimum.
    pub(crate) fn share(&self) -> BatchShare {
        self.metrics.add_batch_bytes(self.minimum);
        BatchShare {
            budget: self.clone(),
            taken: None,
            granted: self.minimum,
        }
    }

    /// Waits for a share of `bytes`, or of the minimum and the whole pool if that is less. The caller
    /// must hold no other share.
    pub(crate) async fn whole_share(&self, bytes: usize) -> BatchShare {
        let mut share = self.share();
        let wanted = bytes.saturating_sub(share.granted).min(self.pool_bytes);
        let taken = Arc::clone(&self.pool)
            .acquire_many_owned(units(wanted))
            .await
            .expect("the pool is never closed");
        share.add(taken);
        share
    }
}

impl BatchShare {
    /// Returns how many bytes the batch may use.
    pub(crate) const fn granted(&self) -> usize {
        self.granted
    }

    /// Takes another step if the pool has one; never waits.
    pub(crate) fn grow(&mut self) -> bool {
        let pool = Arc::clone(&self.budget.pool);
        let Ok(taken) = pool.try_acquire_many_owned(units(STEP)) else {
            self.budget.metrics.record_starved();
            return false;
        };
        self.add(taken);
        true
    }

    /// Gives back to the pool what a batch of `bytes` does not need.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let surplus = self.granted.saturating_sub(bytes.max(self.budget.minimum)) / UNIT;
        let returned = self.taken.as_mut().and_then(|taken| taken.split(surplus));
        let returned = returned.map_or(0, |returned| returned.num_permits()) * UNIT;
        self.granted -= returned;
        self.budget.metrics.remove_batch_bytes(returned);
    }

    fn add(&mut self, taken: OwnedSemaphorePermit) {
        let bytes = taken.num_permits() * UNIT;
        self.granted += bytes;
        self.budget.metrics.add_batch_bytes(bytes);
        match &mut self.taken {
            Some(all) => all.merge(taken),
            None => self.taken = Some(taken),
        }
    }
}

impl Drop for BatchShare {
    fn drop(&mut self) {
        self.budget.metrics.remove_batch_bytes(self.granted);
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
