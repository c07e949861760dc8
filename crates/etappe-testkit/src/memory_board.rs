//! An in-memory watermark board.

use std::collections::BTreeMap;
use std::sync::Arc;

use etappe_core::id::PartitionId;
use etappe_core::ports::WatermarkBoard;
use etappe_core::watermark::PartitionReach;
use parking_lot::Mutex;

use crate::faults::{Faults, Operation, PlannedError};

#[derive(Debug, Default)]
struct State {
    topic: String,
    reaches: BTreeMap<(String, PartitionId), PartitionReach>,
    posts: Vec<Vec<PartitionReach>>,
}

/// An in-memory board; clones share its content.
#[derive(Debug, Clone, Default)]
pub struct MemoryBoard {
    state: Arc<Mutex<State>>,
    faults: Faults,
}

impl MemoryBoard {
    /// Makes an empty board that fails as planned.
    #[must_use]
    pub fn with_faults(faults: Faults) -> Self {
        Self {
            state: Arc::default(),
            faults,
        }
    }

    /// Returns everything that was posted, in order.
    ///
    /// # Panics
    /// When a holder of the lock panicked before.
    #[must_use]
    pub fn posts(&self) -> Vec<Vec<PartitionReach>> {
        let state = self.state.lock();
        state.posts.clone()
    }
}

impl WatermarkBoard for MemoryBoard {
    type Error = PlannedError;

    async fn post(&self, topic: &str, reaches: &[PartitionReach]) -> Result<(), PlannedError> {
        self.faults.before(Operation::Post).await?;
        {
            let mut state = self.state.lock();
            topic.clone_into(&mut state.topic);
            for reach in reaches {
                let place = (topic.to_owned(), reach.partition);
                state.reaches.insert(place, *reach);
            }
            state.posts.push(reaches.to_vec());
        }
        self.faults.after(Operation::Post).await
    }

    async fn load(&self) -> Result<Vec<PartitionReach>, PlannedError> {
        self.faults.before(Operation::Load).await?;
        let reaches = {
            let state = self.state.lock();
            let of_topic = state.reaches.iter();
            of_topic
                .filter(|((topic, _), _)| *topic == state.topic)
                .map(|(_, reach)| *reach)
                .collect()
        };
        self.faults.after(Operation::Load).await?;
        Ok(reaches)
    }
}
