//! What a reader looks up before it reads: its start offset, how far the collectors had come, and
//! the stored messages.

use etappe_core::id::Offset;
use etappe_core::ports::{Clock, MessageIndex, Progress, RecordSource};
use etappe_core::time::Timestamp;
use parking_lot::Mutex;

use super::{BatchReader, FilterShare};
use crate::duplicate_filter::FilterRebuild;
use crate::error::{ClassifierError, PortError};

impl<S: RecordSource, M: MessageIndex, C: Clock> BatchReader<S, M, C> {
    /// Returns the start offset when no progress was committed: after the last stored row.
    pub(crate) async fn find_progress(&self) -> Result<Progress, ClassifierError> {
        let stored = self
            .backoff
            .until_done(
                || self.index.stored_until(self.source.topic(), self.partition),
                |error, delay| self.note_opening("stored_until", error, delay),
            )
            .await
            .map_err(|source| ClassifierError::LookUp {
                partition: self.partition,
                source: PortError::new(source),
            })?;
        Ok(Progress {
            next: stored.unwrap_or(Offset(0)),
            pending: None,
        })
    }

    /// Restores how far the collectors had come before `next`.
    pub(crate) async fn restore_marks(&mut self, next: Offset) -> Result<(), ClassifierError> {
        let marks = self
            .backoff
            .until_done(
                || self.index.marks(self.source.topic(), self.partition, next),
                |error, delay| self.note_opening("marks", error, delay),
            )
            .await
            .map_err(|source| ClassifierError::LookUp {
                partition: self.partition,
                source: PortError::new(source),
            })?;
        self.reach.restore(marks, next);
        Ok(())
    }

    /// Fills the filter with the messages in the database. `again` is the number of messages that
    /// will be stored again before new ones: they are counted twice and must not shrink the window.
    pub(crate) async fn rebuild_filter(&self, again: u64) -> Result<(), ClassifierError> {
        let window = i64::try_from(self.config.filter_window.as_millis()).unwrap_or(i64::MAX);
        let since = self.clock.now().as_millis().saturating_sub(window);
        let since = Timestamp::from_millis(since);
        let FilterShare { bytes, messages } = self.filter_share;
        let rebuild = Mutex::new(FilterRebuild::new(bytes, messages.saturating_add(again)));
        loop {
            let list = rebuild.lock().next_list();
            let Some(limit) = list else {
                break;
            };
            let visit_list = || {
                rebuild.lock().begin_again();
                let visit = |hash| rebuild.lock().visit(hash);
                self.index
                    .recent(self.source.topic(), self.partition, since, limit, visit)
            };
            self.backoff
                .until_done(visit_list, |error, delay| {
                    self.note_opening("recent", error, delay);
                })
                .await
                .map_err(|source| ClassifierError::LookUp {
                    partition: self.partition,
                    source: PortError::new(source),
                })?;
        }
        let rebuilt = rebuild.into_inner().finish();
        self.metrics
            .set_filter_bytes(self.partition, rebuilt.bytes());
        self.pipeline_state.lock().filter = rebuilt;
        Ok(())
    }
}
