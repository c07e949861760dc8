//! Ends a process: after a signal, or when a component cannot continue.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

/// Why the process shuts down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// SIGINT or SIGTERM: a clean stop was requested.
    Signal(&'static str),
    /// A component cannot continue.
    Failure(String),
}

/// Signals the shutdown to the whole process; clones share one state.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    token: CancellationToken,
    reason: Arc<Mutex<Option<Reason>>>,
}

impl Shutdown {
    /// Begins the shutdown, unless it has begun; the first reason is kept.
    pub fn begin(&self, reason: Reason) {
        let mut stored = self.reason.lock();
        if stored.is_none() {
            *stored = Some(reason);
        }
        drop(stored);
        self.token.cancel();
    }

    /// Waits until the shutdown has begun. Cancellation-safe.
    pub async fn begun(&self) {
        self.token.cancelled().await;
    }

    /// Returns the token that is cancelled when the shutdown begins.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Returns the reason, once the shutdown has begun.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        self.reason.lock().clone()
    }

    /// Waits for SIGINT or SIGTERM and then begins the shutdown; returns early if it has begun.
    ///
    /// # Errors
    /// The operating system's error if the signals cannot be registered.
    pub async fn listen_to_signals(&self) -> std::io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let name = tokio::select! {
            _ = interrupt.recv() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
            () = self.begun() => return Ok(()),
        };
        tracing::info!(signal = name, "stopping");
        self.begin(Reason::Signal(name));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_reason_stays() {
        let shutdown = Shutdown::default();
        shutdown.clone().begin(Reason::Failure("engine".to_owned()));
        shutdown.begin(Reason::Signal("SIGTERM"));
        shutdown.begun().await;
        assert_eq!(
            shutdown.reason(),
            Some(Reason::Failure("engine".to_owned()))
        );
    }
}
