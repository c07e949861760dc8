//! The collector's spool: while Kafka is unavailable, records are stored on the local disk.
//!
//! Invariant: no event goes to Kafka directly while the spool holds one. Records with equal keys
//! therefore keep their order, and once spooling has begun a sender waits for the disk, not for
//! Kafka.
//!
//! [`SpoolingPublisher`] publishes to Kafka as long as that works. When it stops working, every
//! undelivered record and every new one goes to a local log with one partition. A background task
//! drains that log to Kafka, and only when it is empty does direct publishing resume. A restart
//! changes nothing: a spool that is not empty is drained first.
//!
//! Trap: a record that the Kafka client gave up may still arrive. Its copy from the spool then
//! arrives later, in the same order, so consumers must tolerate duplicates.
//!
//! Modules, innermost first: `entry` (a record as stored in the spool), `calls` (publish calls in
//! flight), `decision` (when to spool), `identity` (the collector's id), `spooler` (the publishing
//! side), `task` (the task that switches, drains and writes marks).

mod calls;
mod config;
mod decision;
mod entry;
mod identity;
mod opening;
mod spooler;
mod task;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use etappe_core::ports::{Clock, EventPublisher, OutgoingRecord, PublishError};
use etappe_core::time::Timestamp;
use etappe_core::watermark::CollectorMark;
use prometheus::Registry;

pub use self::config::SpoolConfig;
use self::opening::Opening;
use self::spooler::Spooler;
use crate::error::LogError;
use crate::kafka::KafkaPublisher;

/// How often a mark is written.
const MARK_INTERVAL: Duration = Duration::from_secs(1);

/// Publishes to Kafka, or to the local disk while Kafka is unavailable. Clones share one publisher.
///
/// Dropping a publish future does not recall its records once they were handed over.
#[derive(Clone)]
pub struct SpoolingPublisher {
    spooler: Spooler<KafkaPublisher>,
}

impl fmt::Debug for SpoolingPublisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpoolingPublisher")
            .field("collector", &self.collector())
            .finish_non_exhaustive()
    }
}

impl SpoolingPublisher {
    /// Opens the spool that `config` describes, creating it if there is none. Whatever it holds is
    /// drained before anything goes to Kafka directly. Kafka need not be reachable.
    ///
    /// `encode_mark` encodes a mark as a log record. `boot_id` is
    /// [`current_boot_id`](crate::local::current_boot_id).
    ///
    /// # Errors
    /// [`LogError`] if the configuration is invalid, or the folder cannot be used, is in use, or
    /// holds a damaged file.
    pub async fn open(
        config: SpoolConfig,
        kafka: KafkaPublisher,
        clock: Arc<dyn Clock>,
        encode_mark: fn(&CollectorMark) -> Bytes,
        boot_id: &str,
        registry: &Registry,
    ) -> Result<Self, LogError> {
        let opening = Opening {
            config,
            relay: kafka,
            clock,
            encode_mark,
            mark_interval: MARK_INTERVAL,
            boot_id: boot_id.to_owned(),
            registry: registry.clone(),
        };
        let spooler = opening.run().await?;
        Ok(Self { spooler })
    }

    /// Sets the function that returns the receive time of the oldest request that is still being
    /// read and has published nothing yet. Marks stay below that time; without it they could
    /// promise too much. Only the first call counts.
    pub fn watch_requests(&self, oldest: impl Fn() -> Option<Timestamp> + Send + Sync + 'static) {
        self.spooler.watch_requests(Box::new(oldest));
    }

    /// Returns the collector's id, which stays with the spool.
    #[must_use]
    pub fn collector(&self) -> &str {
        self.spooler.collector()
    }

    /// Returns whether records go to the spool.
    #[must_use]
    pub fn is_spooling(&self) -> bool {
        self.spooler.is_spooling()
    }

    /// Returns why records are refused, if they are. Used by the readiness report.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.spooler.problem()
    }

    /// Returns what keeps records from reaching Kafka, if anything. Records are still accepted.
    #[must_use]
    pub fn outage(&self) -> Option<String> {
        self.spooler.outage()
    }

    /// Stops accepting records, brings those in flight to Kafka or to the spool, writes a last mark
    /// and closes both. Takes a few seconds while Kafka is unavailable.
    pub async fn close(&self) {
        self.spooler.close().await;
    }
}

impl EventPublisher for SpoolingPublisher {
    async fn publish(&self, records: Vec<OutgoingRecord>) -> Vec<Result<(), PublishError>> {
        self.spooler.publish(records).await
    }

    fn fullness(&self) -> f64 {
        self.spooler.fullness()
    }
}
