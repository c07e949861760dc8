//! Makes the fakes fail: errors before or after an effect, and a crash at a chosen step.
//!
//! Every fake that shares a [`Faults`] counts its calls as steps: one before an operation has its
//! effect, one after. A call at the crash step never returns, as in a process that died there. The
//! test waits for [`Faults::crashed`], drops what was running and starts again. A process can also
//! be slow, or freeze between any two steps and resume later.

use std::sync::Arc;
use std::time::Duration;

use etappe_core::ports::{RetryClass, Retryable};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::draw::Draw;

/// An operation of a fake that may fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Appending to the log.
    Publish,
    /// Reading from the log.
    Read,
    /// Committing progress.
    Commit,
    /// Storing rows.
    Insert,
    /// Looking up earlier messages.
    SeenBefore,
    /// Listing recent messages.
    Recent,
    /// Querying how far a partition is stored.
    StoredUntil,
    /// Querying the last marks.
    Marks,
    /// Storing a dead letter.
    StoreLetters,
    /// Posting watermarks.
    Post,
    /// Loading watermarks.
    Load,
}

impl Operation {
    /// Returns whether a crash may be planned around the operation; reading the log has no effect.
    const fn is_step(self) -> bool {
        !matches!(self, Self::Read | Self::Publish | Self::Post | Self::Load)
    }
}

/// The error of a fake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{operation:?} failed as planned ({class:?})")]
pub struct PlannedError {
    /// The operation that failed.
    pub operation: Operation,
    /// How its caller should handle it.
    pub class: RetryClass,
}

impl Retryable for PlannedError {
    fn retry_class(&self) -> RetryClass {
        self.class
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Timing {
    Before,
    After,
}

#[derive(Debug)]
struct Plan {
    operation: Operation,
    timing: Timing,
    class: RetryClass,
    times: usize,
}

#[derive(Debug, Default)]
struct State {
    plans: Vec<Plan>,
    steps: u64,
    crash_at: Option<u64>,
    latency: Option<(Draw, u64)>,
}

/// The failure plan of a set of fakes; clones share it.
#[derive(Debug, Clone)]
pub struct Faults {
    state: Arc<Mutex<State>>,
    crashed: Arc<watch::Sender<bool>>,
    frozen: Arc<watch::Sender<bool>>,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            state: Arc::default(),
            crashed: Arc::new(watch::Sender::new(false)),
            frozen: Arc::new(watch::Sender::new(false)),
        }
    }
}

impl Faults {
    /// Plans that the next `times` calls of `operation` fail without any effect.
    pub fn fail(&self, operation: Operation, class: RetryClass, times: usize) {
        self.plan(operation, Timing::Before, class, times);
    }

    /// Plans that the next `times` calls of `operation` take effect but report an error: the answer
    /// was lost.
    pub fn fail_after(&self, operation: Operation, class: RetryClass, times: usize) {
        self.plan(operation, Timing::After, class, times);
    }

    /// Plans a crash at the given step, counted from 1.
    pub fn crash_at(&self, step: u64) {
        self.state.lock().crash_at = Some(step);
    }

    /// Makes every step take a random time of less than `below` milliseconds, which must not be 0.
    pub fn slow_down(&self, draw: Draw, below: u64) {
        self.state.lock().latency = Some((draw, below));
    }

    /// Blocks everything at its next step, until [`Self::thaw`].
    pub fn freeze(&self) {
        self.frozen.send_replace(true);
    }

    /// Resumes everything where it was frozen.
    pub fn thaw(&self) {
        self.frozen.send_replace(false);
    }

    /// Clears all plans and the crash; steps continue to be counted.
    pub fn heal(&self) {
        let mut state = self.state.lock();
        state.plans.clear();
        state.crash_at = None;
        self.crashed.send_replace(false);
    }

    /// Returns the number of steps so far.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.state.lock().steps
    }

    /// Waits for the planned crash.
    pub async fn crashed(&self) {
        let mut receiver = self.crashed.subscribe();
        receiver
            .wait_for(|crashed| *crashed)
            .await
            .expect("the sender lives as long as self");
    }

    fn plan(&self, operation: Operation, timing: Timing, class: RetryClass, times: usize) {
        self.state.lock().plans.push(Plan {
            operation,
            timing,
            class,
            times,
        });
    }

    /// Fails or crashes as planned before an effect.
    pub(crate) async fn before(&self, operation: Operation) -> Result<(), PlannedError> {
        self.pass(operation, Timing::Before).await
    }

    /// Fails or crashes as planned after an effect.
    pub(crate) async fn after(&self, operation: Operation) -> Result<(), PlannedError> {
        self.pass(operation, Timing::After).await
    }

    async fn pass(&self, operation: Operation, timing: Timing) -> Result<(), PlannedError> {
        let (crashes, class, delay) = {
            let mut state = self.state.lock();
            state.steps += u64::from(operation.is_step());
            let crashes = operation.is_step() && state.crash_at == Some(state.steps);
            (crashes, state.take(operation, timing), state.delay())
        };
        if let Some(delay) = delay {
            tokio::time::sleep(delay).await;
        }
        let mut frozen = self.frozen.subscribe();
        frozen
            .wait_for(|frozen| !frozen)
            .await
            .expect("the sender lives as long as self");
        if crashes {
            self.crashed.send_replace(true);
            std::future::pending::<()>().await;
        }
        class.map_or(Ok(()), |class| Err(PlannedError { operation, class }))
    }
}

impl State {
    fn delay(&mut self) -> Option<Duration> {
        let (draw, below) = self.latency.as_mut()?;
        Some(Duration::from_millis(draw.below(*below)))
    }

    /// Takes the next planned failure of this operation and timing.
    fn take(&mut self, operation: Operation, timing: Timing) -> Option<RetryClass> {
        let plan = self
            .plans
            .iter_mut()
            .find(|plan| plan.operation == operation && plan.timing == timing && plan.times > 0)?;
        plan.times -= 1;
        Some(plan.class)
    }
}
