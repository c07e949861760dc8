//! Leaving the group.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::Consumer;
use tokio::time::Instant;

use super::context::GroupConsumer;

/// How long a poll waits.
const SHORT_POLL: Duration = Duration::from_millis(5);
/// How long the client may take to send the leave request, once it holds no partitions.
const LEAVE_SENT_WITHIN: Duration = Duration::from_millis(300);
/// How long the brokers may take to receive it.
const LEFT_WITHIN: Duration = Duration::from_secs(5);

/// Tells the brokers that a static member (one with a name) leaves. Closing alone does not: its
/// partitions would wait for the name to come back.
pub(super) fn say_goodbye(consumer: &GroupConsumer) {
    if consumer.client().fatal_error().is_some() {
        return;
    }
    consumer.unsubscribe();
    let mut leave_at = Instant::now() + LEFT_WITHIN;
    let mut is_free = false;
    while leave_at > Instant::now() {
        if let Some(Err(error)) = consumer.poll(SHORT_POLL) {
            tracing::debug!(%error, "error while leaving the group");
        }
        let holds_nothing = consumer.assignment().is_ok_and(|held| held.count() == 0);
        if holds_nothing && !is_free {
            is_free = true;
            leave_at = Instant::now() + LEAVE_SENT_WITHIN;
        }
    }
}

/// Closes the client. That leaves the group if the member has no name.
pub(super) fn leave(consumer: Arc<GroupConsumer>) {
    if let Err(error) = consumer.close_queue() {
        tracing::debug!(%error, "the group was already left");
    }
    let deadline = Instant::now() + LEFT_WITHIN;
    while !consumer.closed() {
        if Instant::now() > deadline {
            // Dropping the client would wait for brokers that do not answer.
            std::mem::forget(consumer);
            return;
        }
        if let Some(Err(error)) = consumer.poll(SHORT_POLL) {
            tracing::debug!(%error, "error while leaving the group");
        }
    }
}
