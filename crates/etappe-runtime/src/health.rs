//! The state of each component, for `/healthz` and `/readyz`.
//!
//! A component is registered as not ready and reports changes. Health concerns the process: a
//! failed component requires a restart. Readiness means that it can do its work.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;

/// The state of a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", content = "reason", rename_all = "snake_case")]
pub enum State {
    /// It works.
    Ready,
    /// It works, but lacks something that it will need sooner or later.
    Degraded(String),
    /// It cannot work now and will recover by itself once the reason is gone.
    NotReady(String),
    /// It will not work again in this process.
    Failed(String),
}

impl State {
    /// Returns whether the component works.
    #[must_use]
    pub const fn works(&self) -> bool {
        matches!(self, Self::Ready | Self::Degraded(_))
    }
}

/// The states of all components of a process; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Health {
    components: Arc<Mutex<BTreeMap<&'static str, State>>>,
}

/// A component's handle for reporting.
#[derive(Debug, Clone)]
pub struct Reporter {
    health: Health,
    component: &'static str,
}

impl Health {
    /// Registers a component as not ready and returns its handle.
    #[must_use]
    pub fn register(&self, component: &'static str) -> Reporter {
        let reporter = Reporter {
            health: self.clone(),
            component,
        };
        reporter.report(State::NotReady("starting".to_owned()));
        reporter
    }

    /// Returns every component with its state, by name.
    #[must_use]
    pub fn components(&self) -> BTreeMap<&'static str, State> {
        self.components.lock().clone()
    }

    /// Returns whether every component works, possibly degraded.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.components.lock().values().all(State::works)
    }

    /// Returns whether no component has failed.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        !self
            .components
            .lock()
            .values()
            .any(|state| matches!(state, State::Failed(_)))
    }
}

impl Reporter {
    /// Records the component's state and logs changes.
    pub fn report(&self, state: State) {
        let before = self
            .health
            .components
            .lock()
            .insert(self.component, state.clone());
        if before.as_ref() == Some(&state) {
            return;
        }
        let component = self.component;
        match state {
            State::Ready => tracing::info!(component, "component is ready"),
            State::Degraded(reason) => {
                tracing::warn!(component, reason, "component is degraded");
            }
            State::NotReady(reason) if before.is_none() => {
                tracing::debug!(component, reason, "component is starting");
            }
            State::NotReady(reason) => tracing::warn!(component, reason, "component is not ready"),
            State::Failed(reason) => tracing::error!(component, reason, "component has failed"),
        }
    }

    /// Records that the component works.
    pub fn ready(&self) {
        self.report(State::Ready);
    }

    /// Records that the component works, but lacks something that it needs.
    pub fn degraded(&self, reason: impl Into<String>) {
        self.report(State::Degraded(reason.into()));
    }

    /// Records that the component cannot work for now.
    pub fn not_ready(&self, reason: impl Into<String>) {
        self.report(State::NotReady(reason.into()));
    }

    /// Records that the component will not work again.
    pub fn failed(&self, reason: impl Into<String>) {
        self.report(State::Failed(reason.into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_component_that_is_not_ready_holds_the_process_back() {
        let health = Health::default();
        let (log, engine) = (health.register("log"), health.register("engine"));
        assert!(!health.is_ready() && health.is_healthy());
        log.ready();
        engine.not_ready("connection refused");
        assert!(!health.is_ready());
        engine.degraded("the disk is slow");
        assert!(health.is_ready());
        engine.ready();
        assert!(health.is_ready());
        log.failed("disk is gone");
        assert!(!health.is_ready() && !health.is_healthy());
    }
}
