//! The state of the previous batch that preparing the next one needs.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::batch::{Messages, SealedBatch};

/// The previous batch, while it is being inserted.
#[derive(Debug)]
pub(crate) struct InFlight {
    messages: Arc<Messages>,
    done: CancellationToken,
}

impl InFlight {
    pub(crate) fn new(batch: &SealedBatch) -> Self {
        Self {
            messages: Arc::clone(&batch.messages),
            done: CancellationToken::new(),
        }
    }

    /// Returns the batch's messages.
    pub(crate) fn messages(&self) -> Arc<Messages> {
        Arc::clone(&self.messages)
    }

    /// Records that the insert ended, successfully or not, and that its memory is free.
    pub(crate) fn finish(&self) {
        self.done.cancel();
    }

    /// Returns whether the insert has ended.
    pub(crate) fn is_done(&self) -> bool {
        self.done.is_cancelled()
    }

    /// Waits until the insert has ended.
    pub(crate) async fn ended(&self) {
        self.done.cancelled().await;
    }
}
