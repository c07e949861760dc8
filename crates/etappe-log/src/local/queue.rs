//! The queue between publishers and a partition's writer: bounded in bytes, drained in groups.
//!
//! The lock is held for moving entries only, never while the disk works. Bytes count until their
//! group is done, so the bound covers what is being written too.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use etappe_core::ports::PublishError;
use tokio::sync::oneshot;

/// What a record counts for beside its bytes.
const RECORD_COST: usize = 64;

/// Records of one publish call for one partition.
#[derive(Debug)]
pub(crate) struct Submission {
    /// The records, in order.
    pub(crate) payloads: Vec<Bytes>,
    /// Hears the outcome, which is the same for all of them.
    pub(crate) done: oneshot::Sender<Result<(), PublishError>>,
}

impl Submission {
    fn cost(&self) -> usize {
        let bytes: usize = self.payloads.iter().map(Bytes::len).sum();
        bytes + RECORD_COST * self.payloads.len()
    }
}

/// Why a submission was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The queue is at its bound.
    Full,
    /// Nothing is taken any more.
    Closed,
}

/// What the writer is to do.
#[derive(Debug)]
pub(crate) enum Work {
    /// Write these, then call [`Queue::finish`] with their cost.
    Group {
        /// The submissions, in order.
        submissions: Vec<Submission>,
        /// What they count for.
        cost: usize,
    },
    /// Nothing came for a while.
    Nothing,
    /// Nothing will come any more.
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
    /// Makes a queue that takes about `limit` bytes. One submission is always taken by an empty
    /// queue, however large.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            limit,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a submission and returns what it counts for.
    pub(crate) fn push(&self, submission: Submission) -> Result<usize, Refusal> {
        let cost = submission.cost();
        let mut state = self.lock();
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

    /// Waits for submissions, at most `patience`, and takes about `limit` bytes of them.
    pub(crate) fn take(&self, limit: usize, patience: Duration) -> Work {
        let state = self.lock();
        let (mut state, _) = self
            .changed
            .wait_timeout_while(state, patience, |state| {
                state.waiting.is_empty() && !state.is_closed
            })
            .unwrap_or_else(PoisonError::into_inner);
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

    /// Gives back what a group counted for.
    pub(crate) fn finish(&self, cost: usize) {
        self.lock().cost -= cost;
    }

    /// Takes nothing any more; what is waiting stays.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    /// Takes nothing any more and drops what is waiting: its publishers hear that the writer is
    /// gone.
    pub(crate) fn abort(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        state.waiting.clear();
    }
}
