//! The spool's interface to Kafka. It is a trait so that tests can make Kafka fail at any moment.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use etappe_core::ports::{OutgoingRecord, PublishError};

use crate::kafka::KafkaPublisher;
use crate::kafka::delivery::{Delivery, Outcome};

/// Where records go while Kafka works.
pub(crate) trait Relay: Clone + Send + Sync + 'static {
    /// Returns the time within which a record must be delivered.
    fn delivery_timeout(&self) -> Duration;

    /// Returns the size of the largest record that is accepted.
    fn max_record_bytes(&self) -> usize;

    /// Hands records to the client. At any time a partition holds a prefix, in order, of what was
    /// handed over for it since the last purge.
    fn hand_over(&self, records: &[OutgoingRecord]) -> Arc<Delivery>;

    /// Hands the same payload over to every partition.
    fn hand_over_everywhere(&self, payload: &Bytes) -> Arc<Delivery>;

    /// Gives up every record that waits in the client.
    fn purge(&self);

    /// Waits until something goes wrong. Cancellation-safe.
    fn trouble(&self) -> impl Future<Output = ()> + Send;

    /// Returns whether no broker was reachable at the last report.
    fn is_away(&self) -> bool;

    /// Returns why records are not being delivered, if they are not.
    fn problem(&self) -> Option<String>;

    /// Converts a record's outcome into the sender's result.
    fn result(&self, record: &OutgoingRecord, outcome: Outcome) -> Result<(), PublishError>;

    /// Delivers waiting records for a limited time, then stops.
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
