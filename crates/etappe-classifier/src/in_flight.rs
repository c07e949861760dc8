//! What the preparation of a batch must know of the one before it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::batch::{Messages, SealedBatch};

/// The batch before, while it is being inserted.
#[derive(Debug)]
pub(crate) struct InFlight {
    messages: Arc<Messages>,
    done: AtomicBool,
}

impl InFlight {
    pub(crate) fn new(batch: &SealedBatch) -> Self {
        Self {
            messages: Arc::clone(&batch.messages),
            done: AtomicBool::new(false),
        }
    }

    /// Returns the batch's messages.
    pub(crate) fn messages(&self) -> Arc<Messages> {
        Arc::clone(&self.messages)
    }

    /// Records that the insert ended, however it did.
    pub(crate) fn finish(&self) {
        self.done.store(true, Ordering::Release);
    }

    /// Returns whether the insert ended.
    pub(crate) fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }
}
