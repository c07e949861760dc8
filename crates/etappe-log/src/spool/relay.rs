//! What the spool asks of Kafka; a seam, so that tests can make Kafka fail at any moment.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use etappe_core::ports::{OutgoingRecord, PublishError};

use crate::kafka::KafkaPublisher;
use crate::kafka::delivery::{Delivery, Outcome};

/// Where records go while all is well.
pub(crate) trait Relay: Clone + Send + Sync + 'static {
    /// Returns how long a record may take.
    fn delivery_timeout(&self) -> Duration;

    /// Returns the largest record that is taken.
    fn max_record_bytes(&self) -> usize;

    /// Hands records over. What a partition gets at any time is a prefix of what was handed over
    /// for it since the last purge, in order.
    fn hand_over(&self, records: &[OutgoingRecord]) -> Arc<Delivery>;

    /// Hands the same payload over for every partition.
    fn hand_over_everywhere(&self, payload: &Bytes) -> Arc<Delivery>;

    /// Gives up everything that waits.
    fn purge(&self);

    /// Waits until something is wrong. Cancellation-safe.
    fn trouble(&self) -> impl Future<Output = ()> + Send;

    /// Returns whether no broker was reachable when last heard of.
    fn is_away(&self) -> bool;

    /// Returns why records are not delivered now, if so.
    fn problem(&self) -> Option<String>;

    /// Returns what a sender is told about a record.
    fn result(&self, record: &OutgoingRecord, outcome: Outcome) -> Result<(), PublishError>;

    /// Delivers what waits, for a while, and stops.
    fn close(&self) -> impl Future<Output = ()> + Send;
}

impl Relay for KafkaPublisher {
    fn delivery_timeout(&self) -> Duration {
        Self::delivery_timeout(self)
    }

    fn max_record_bytes(&self) -> usize {
        Self::max_record_bytes(self)
    }

    fn hand_over(&self, records: &[OutgoingRecord]) -> Arc<Delivery> {
        Self::hand_over(self, records)
    }

    fn hand_over_everywhere(&self, payload: &Bytes) -> Arc<Delivery> {
        Self::hand_over_everywhere(self, payload)
    }

    fn purge(&self) {
        Self::purge(self);
    }

    async fn trouble(&self) {
        Self::trouble(self).await;
    }

    fn is_away(&self) -> bool {
        Self::is_away(self)
    }

    fn problem(&self) -> Option<String> {
        Self::problem(self)
    }

    fn result(&self, record: &OutgoingRecord, outcome: Outcome) -> Result<(), PublishError> {
        Self::result(self, record, outcome)
    }

    async fn close(&self) {
        Self::close(self).await;
    }
}
