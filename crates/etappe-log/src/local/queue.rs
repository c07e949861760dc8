//! The queue between publishers and a partition's writer, bounded in bytes and drained in groups.
//!
//! Invariant: bytes count until their group is finished, so the bound also covers the group being
//! written. The lock is held only to move entries, never during disk I/O.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use etappe_core::ports::PublishError;
use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

/// The cost of a record in addition to its bytes.
const RECORD_COST: usize = 64;

/// The records of one publish call for one partition.
#[derive(Debug)]
pub(crate) struct Submission {
    /// The records, in order.
    pub(crate) payloads: Vec<Bytes>,
    /// Receives the outcome, which is the same for all records.
    pub(crate) done: oneshot::Sender<Result<(), PublishError>>,
}

impl Submission {
    fn cost(&self) -> usize {
        let bytes: usize = self.payloads.iter().map(Bytes::len).sum();
        bytes + RECORD_COST * self.payloads.len()
    }
}

/// Why a submission was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The queue is at its bound.
    Full,
    /// The queue is closed.
    Closed,
}

/// The writer's next work.
#[derive(Debug)]
pub(crate) enum Work {
    /// Write these, then call [`Queue::finish`] with their cost.
    Group {
        /// The submissions, in order.
        submissions: Vec<Submission>,
        /// Their cost.
        cost: usize,
    },
    /// Nothing came within the given time.
    Nothing,
    /// The queue is closed and empty.
    End,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Submission>,
    cost: usize,
    is_closed: bool,
}

/// A partition's queue.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    limit: usize,
}

impl Queue {
    /// Creates a queue with a limit of about `limit` bytes. An empty queue accepts one submission
    /// of any size.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            limit,
        }
    }

    /// Adds a submission and returns its cost.
    pub(crate) fn push(&self, submission: Submission) -> Result<usize, Refusal> {
        let cost = submission.cost();
        let mut state = self.state.lock();
        if state.is_closed {
            return Err(Refusal::Closed);
        }
        if state.cost > 0 && state.cost + cost > self.limit {
            return Err(Refusal::Full);
        }
        state.cost += cost;
        state.waiting.push_back(submission);
        drop(state);
        self.changed.notify_one();
        Ok(cost)
    }

    /// Waits for submissions for at most `patience`, and takes about `limit` bytes of them.
    pub(crate) fn take(&self, limit: usize, patience: Duration) -> Work {
        let mut state = self.state.lock();
        let has_nothing = |state: &mut State| state.waiting.is_empty() && !state.is_closed;
        self.changed
            .wait_while_for(&mut state, has_nothing, patience);
        let mut submissions = Vec::new();
        let mut cost = 0;
        while let Some(next) = state.waiting.front().map(Submission::cost)
            && (submissions.is_empty() || cost + next <= limit)
        {
            cost += next;
            submissions.extend(state.waiting.pop_front());
        }
        if !submissions.is_empty() {
            Work::Group { submissions, cost }
        } else if state.is_closed {
            Work::End
        } else {
            Work::Nothing
        }
    }

    /// Frees the cost of a finished group.
    pub(crate) fn finish(&self, cost: usize) {
        self.state.lock().cost -= cost;
    }

    /// Refuses new submissions. Those waiting stay.
    pub(crate) fn close(&self) {
        self.state.lock().is_closed = true;
        self.changed.notify_all();
    }

    /// Refuses new submissions and drops those waiting. Their publishers see that the writer is
    /// gone.
    pub(crate) fn abort(&self) {
        let mut state = self.state.lock();
        state.is_closed = true;
        state.waiting.clear();
    }
}
