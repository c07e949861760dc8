//! Watches Kafka while records go there directly, and switches to the spool.
//!
//! Each decision looks at every call exactly once. The decision is taken again after the gate is
//! closed, because records may have been delivered in the meantime, and purging needs a current
//! reason.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::SpoolTask;
use crate::kafka::relay::Relay;
use crate::spool::decision::{Signs, SpoolReason, reason_to_spool};
use crate::spool::spooler::Mode;

/// How often Kafka is checked while it works.
const TICK: Duration = Duration::from_millis(100);

impl<R: Relay> SpoolTask<R> {
    /// Waits for a problem while records go to Kafka.
    pub(super) async fn watch(&mut self) {
        let shared = Arc::clone(&self.shared);
        tokio::select! {
            () = shared.relay.trouble() => {}
            () = shared.wake.notified() => {}
            () = tokio::time::sleep(TICK.min(self.marks.due_in())) => {}
            () = shared.closing.cancelled() => return,
        }
        self.write_mark_if_due();
        let signs = self.signs();
        if self.reason_to_spool(signs).is_some() {
            self.switch(signs).await;
        }
    }

    /// Ends the settled calls and returns the observed state of Kafka.
    fn signs(&mut self) -> Signs {
        let survey = self.shared.lock_calls().look();
        Signs {
            is_away: self.shared.relay.is_away(),
            has_failed: survey.has_failed,
            oldest_wait: survey.oldest_wait.max(self.marks.waiting_for()),
            queue_was_full: self.shared.queue_was_full.swap(false, Ordering::AcqRel),
            was_inattentive: self.attention.look(Instant::now().into_std()),
        }
    }

    fn reason_to_spool(&self, signs: Signs) -> Option<SpoolReason> {
        reason_to_spool(signs, self.shared.relay.delivery_timeout())
    }

    /// Switches to the spool, if there still is a reason once the gate is closed.
    async fn switch(&mut self, before: Signs) {
        let mut gate = Arc::clone(&self.shared.gate).write_owned().await;
        let mut signs = self.signs();
        signs.queue_was_full |= before.queue_was_full;
        let Some(reason) = self.reason_to_spool(signs) else {
            return;
        };
        let problem = self.shared.relay.problem();
        let spooled = self.spool_pending_sends().await;
        tracing::warn!(
            reason = reason.as_str(),
            problem,
            records = spooled,
            "events go to the spool until Kafka takes them again"
        );
        self.shared
            .metrics
            .switches
            .with_label_values(&[reason.as_str()])
            .inc();
        self.open(&mut gate, Mode::Spooling);
        self.backoff.reset();
    }
}
