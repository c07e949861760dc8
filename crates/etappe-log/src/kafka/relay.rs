//! What the spool needs of a publisher. It is a trait so that tests can make Kafka fail at any
//! moment.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use etappe_core::ports::{OutgoingRecord, PublishError};

use super::delivery::{Delivery, Outcome};

/// Where records go while Kafka works.
pub(crate) trait Relay: Clone + Send + Sync + 'static {
    /// Returns the time within which a record must be delivered.
    fn delivery_timeout(&self) -> Duration;

    /// Returns the size of the largest record that is accepted.
    fn max_record_bytes(&self) -> usize;

    /// Hands records to the client and returns their delivery. Does not wait.
    ///
    /// At any time a partition holds a prefix, in order, of what was handed over for it since the
    /// last purge. Once a record is refused because too many are waiting, all later ones in the
    /// call are refused too. Otherwise a record could arrive before an earlier one with the same
    /// key.
    fn hand_over(&self, records: &[OutgoingRecord]) -> Arc<Delivery>;

    /// Hands the same payload over to every partition.
    fn hand_over_everywhere(&self, payload: &Bytes) -> Arc<Delivery>;

    /// Gives up every record that waits in the client. The outcomes of the affected calls follow
    /// soon. Records already on their way to a broker may still arrive.
    fn purge(&self);

    /// Waits until something goes wrong: all brokers are down, a record was refused, or the client
    /// has failed. A problem that occurs while nobody waits is reported to the next call.
    /// Cancellation-safe.
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
