//! An in-memory dead-letter store.

use std::collections::BTreeMap;
use std::sync::Arc;

use etappe_core::id::{Offset, PartitionId};
use etappe_core::ports::{DeadLetter, DeadLetters};
use parking_lot::Mutex;

use crate::faults::{Faults, Operation, PlannedError};

type Letters = BTreeMap<(PartitionId, Offset), DeadLetter>;

/// An in-memory dead-letter store; clones share its content.
#[derive(Debug, Clone, Default)]
pub struct MemoryLetters {
    letters: Arc<Mutex<Letters>>,
    faults: Faults,
}

impl MemoryLetters {
    /// Makes an empty store that fails as planned.
    #[must_use]
    pub fn with_faults(faults: Faults) -> Self {
        Self {
            letters: Arc::default(),
            faults,
        }
    }

    /// Returns the same store with its own failure plan.
    #[must_use]
    pub fn failing(&self, faults: Faults) -> Self {
        Self {
            letters: Arc::clone(&self.letters),
            faults,
        }
    }

    /// Returns the dead letters, ordered by partition and offset.
    ///
    /// # Panics
    /// When a holder of the lock panicked before.
    #[must_use]
    pub fn all(&self) -> Vec<DeadLetter> {
        let letters = self.letters.lock();
        letters.values().cloned().collect()
    }
}

impl DeadLetters for MemoryLetters {
    type Error = PlannedError;

    async fn store(&self, letters: &[DeadLetter]) -> Result<(), PlannedError> {
        self.faults.before(Operation::StoreLetters).await?;
        {
            let mut kept = self.letters.lock();
            for letter in letters {
                kept.entry((letter.partition, letter.offset))
                    .or_insert_with(|| letter.clone());
            }
        }
        self.faults.after(Operation::StoreLetters).await
    }
}
