//! The spool of a collector: while Kafka is away, records wait on this machine's disk.
//!
//! [`SpoolingPublisher`] publishes to Kafka as long as that works. When it does not, everything that
//! is not delivered goes to a local log of one partition, and so does all that comes after it, until
//! a drainer has brought the last of it to Kafka; also after a restart. So records with equal keys
//! keep their order, and a sender waits for a disk at most.
//!
//! From the inside out: `entry` (a record in the spool), `calls` (what is under way), `decision`
//! (when to spool), `relay` (what is asked of Kafka), `identity` (who this collector is), `spooler`
//! (the publishing side), `task` (the task that switches, drains and writes marks).

mod calls;
mod config;
mod decision;
mod entry;
mod identity;
mod opening;
mod relay;
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

/// Publishes to Kafka, and to the disk while Kafka is away; clones are the same.
///
/// Dropping a publish call changes nothing for its records once they were handed over.
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
    /// Opens the spool that `config` describes, and makes it when there is none. What is in it is
    /// drained from now on, before anything goes to Kafka directly. Kafka may be away.
    ///
    /// `encode_mark` makes the log record of a mark. `boot_id` is
    /// [`current_boot_id`](crate::local::current_boot_id).
    ///
    /// # Errors
    /// [`LogError`] when the configuration is invalid, or the folder cannot be used, is in use, or
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

    /// Tells where to ask for the oldest request that is being read and has not published yet, so
    /// that marks do not promise more than is true. Only the first call counts.
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

    /// Returns why records are refused, if they are: for the report on readiness.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.spooler.problem()
    }

    /// Returns what keeps records from Kafka, if something does. They are taken all the same.
    #[must_use]
    pub fn outage(&self) -> Option<String> {
        self.spooler.outage()
    }

    /// Stops taking records, brings to Kafka or to the spool what is under way, writes a last mark
    /// and closes both. Takes a few seconds while Kafka is away.
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
