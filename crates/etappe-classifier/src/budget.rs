//! One bound in bytes for the batches of all partitions, being filled or being stored.
//!
//! Nobody who holds bytes waits for more, so nobody waits for each other: a batch that gets no more
//! counts as full and goes off. Every batch may have a small minimum that nobody else can take, so
//! each partition always gets on. Only who does a range again waits, because the size of such a
//! batch is given: before it begins, holding nothing, until it has as much as a batch may have.
//! Released bytes go to those who wait first.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::metrics::ClassifierMetrics;

/// What bytes are counted in.
const UNIT: usize = 4 << 10;
/// By how much a batch grows at a time.
const STEP: usize = 1 << 20;
/// The most that is kept for each batch.
const LARGEST_MINIMUM: usize = 1 << 20;
/// Batches of a partition: one is filled while the one before it is stored.
const BATCHES_PER_PARTITION: usize = 2;

/// The bound; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct BatchBudget {
    pool: Arc<Semaphore>,
    /// What the pool holds when nobody has taken of it.
    pool_bytes: usize,
    minimum: usize,
    metrics: ClassifierMetrics,
}

/// What a batch may hold; given back when dropped.
#[derive(Debug)]
pub(crate) struct BatchShare {
    budget: BatchBudget,
    /// What was taken of the pool.
    taken: Option<OwnedSemaphorePermit>,
    granted: usize,
}

impl BatchBudget {
    /// Divides `bytes`: at most half is kept as minimum for the batches of `partitions`.
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

    /// Returns the share of a batch about to be filled: the minimum.
    pub(crate) fn share(&self) -> BatchShare {
        self.metrics.add_batch_bytes(self.minimum);
        BatchShare {
            budget: self.clone(),
            taken: None,
            granted: self.minimum,
        }
    }

    /// Returns a share of `bytes`, or of everything there is if that is less, as soon as others have
    /// given back enough. Whoever calls this must hold no other share.
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
    /// Returns how many bytes the batch may hold.
    pub(crate) const fn granted(&self) -> usize {
        self.granted
    }

    /// Takes another step, if there is one; never waits.
    pub(crate) fn grow(&mut self) -> bool {
        let pool = Arc::clone(&self.budget.pool);
        let Ok(taken) = pool.try_acquire_many_owned(units(STEP)) else {
            self.budget.metrics.record_starved();
            return false;
        };
        self.add(taken);
        true
    }

    /// Gives back what a batch of `bytes` does not need.
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
