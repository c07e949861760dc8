//! Makes the fakes fail: errors before or after an effect, and a crash at a chosen step.
//!
//! Every fake that shares a [`Faults`] counts its calls as steps: one before an operation has its
//! effect, one after. At the step of a crash the call never returns, as it would not in a process
//! that died there; the test waits for [`Faults::crashed`], drops what was running and starts anew.
//! A process can also be slow, or freeze between any two steps and wake up later.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use etappe_core::ports::{Classified, RetryClass};
use tokio::sync::watch;

use crate::draw::Draw;

/// An operation of a fake that may fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Appending to the log.
    Publish,
    /// Reading from the log.
    Read,
    /// Remembering progress.
    Commit,
    /// Storing rows.
    Insert,
    /// Asking for earlier messages.
    SeenBefore,
    /// Listing recent messages.
    Recent,
    /// Asking how far a partition is stored.
    StoredUntil,
    /// Asking for the last marks.
    Marks,
    /// Keeping a dead letter.
    Bury,
    /// Telling others how far the figures reach.
    Post,
    /// Hearing it from them.
    Load,
}

impl Operation {
    /// Returns whether a crash may be planned around the operation; reading alone changes nothing.
    const fn is_step(self) -> bool {
        !matches!(self, Self::Read | Self::Publish | Self::Post | Self::Load)
    }
}

/// The error of a fake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{operation:?} failed as planned ({class:?})")]
pub struct PlannedError {
    /// What failed.
    pub operation: Operation,
    /// What its caller should do.
    pub class: RetryClass,
}

impl Classified for PlannedError {
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

/// The plan of failures of a set of fakes; copies share it.
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
    /// Plans that the next `times` calls of `operation` fail without having had an effect.
    pub fn fail(&self, operation: Operation, class: RetryClass, times: usize) {
        self.plan(operation, Timing::Before, class, times);
    }

    /// Plans that the next `times` calls of `operation` have their effect, but report an error: the
    /// answer was lost.
    pub fn fail_after(&self, operation: Operation, class: RetryClass, times: usize) {
        self.plan(operation, Timing::After, class, times);
    }

    /// Plans a crash at the step of this number, counted from 1.
    pub fn crash_at(&self, step: u64) {
        self.lock().crash_at = Some(step);
    }

    /// Makes every step take a random time below so many milliseconds, which are not none.
    pub fn slow_down(&self, draw: Draw, below: u64) {
        self.lock().latency = Some((draw, below));
    }

    /// Stops everything at its next step, until [`Self::thaw`].
    pub fn freeze(&self) {
        self.frozen.send_replace(true);
    }

    /// Lets everything go on where it was frozen.
    pub fn thaw(&self) {
        self.frozen.send_replace(false);
    }

    /// Forgets all plans and the crash; steps go on being counted.
    pub fn heal(&self) {
        let mut state = self.lock();
        state.plans.clear();
        state.crash_at = None;
        self.crashed.send_replace(false);
    }

    /// Returns the number of steps so far.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.lock().steps
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
        self.lock().plans.push(Plan {
            operation,
            timing,
            class,
            times,
        });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
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
            let mut state = self.lock();
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

    /// Takes the next planned failure of this operation at this time.
    fn take(&mut self, operation: Operation, timing: Timing) -> Option<RetryClass> {
        let plan = self
            .plans
            .iter_mut()
            .find(|plan| plan.operation == operation && plan.timing == timing && plan.times > 0)?;
        plan.times -= 1;
        Some(plan.class)
    }
}
