//! Opens a spool: the log on disk, the collector's id, and the task.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use etappe_core::ports::Clock;
use etappe_core::watermark::CollectorMark;
use parking_lot::Mutex;
use prometheus::Registry;
use tokio::sync::{Notify, RwLock};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::config::SpoolConfig;
use super::identity;
use super::spooler::{Mode, Shared, Spooler};
use super::task::SpoolTask;
use crate::error::LogError;
use crate::kafka::relay::Relay;
use crate::local::LocalLog;
use crate::metrics::spool::SpoolMetrics;

/// The parameters of a spool.
pub(super) struct Opening<R> {
    /// The configuration.
    pub(super) config: SpoolConfig,
    /// Kafka.
    pub(super) relay: R,
    /// The clock.
    pub(super) clock: Arc<dyn Clock>,
    /// Encodes a mark as a record.
    pub(super) encode_mark: fn(&CollectorMark) -> Bytes,
    /// How often a mark is written.
    pub(super) mark_interval: Duration,
    /// The boot id of the machine.
    pub(super) boot_id: String,
    /// The registry of the metrics.
    pub(super) registry: Registry,
}

impl<R: Relay> Opening<R> {
    pub(super) async fn run(self) -> Result<Spooler<R>, LogError> {
        let config = self.config.log(self.relay.max_record_bytes());
        let (clock, registry) = (Arc::clone(&self.clock), self.registry.clone());
        let (directory, boot_id) = (self.config.directory.clone(), self.boot_id);
        let opening = move || {
            let log = LocalLog::open(config, clock, &boot_id, &registry)?;
            Ok((log, identity::of(&directory)?))
        };
        let opened = tokio::task::spawn_blocking(opening).await;
        let (log, collector) = opened.unwrap_or(Err(LogError::Closed))?;
        let shared = Arc::new(Shared {
            relay: self.relay,
            spool: log.publisher(),
            reader: log.reader(),
            clock: self.clock,
            collector,
            encode_mark: self.encode_mark,
            // Start in spooling mode: only a delivered record proves that Kafka accepts any.
            gate: Arc::new(RwLock::new(Mode::Spooling)),
            is_spooling: AtomicBool::new(true),
            calls: Mutex::default(),
            wake: Notify::new(),
            queue_was_full: AtomicBool::new(false),
            stuck: Mutex::default(),
            has_ended: AtomicBool::new(false),
            requests: OnceLock::new(),
            metrics: SpoolMetrics::new(&self.registry, self.config.max_bytes),
            closing: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        let task = SpoolTask::new(Arc::clone(&shared), log, self.mark_interval);
        shared.tasks.spawn(task.run());
        Ok(Spooler { shared })
    }
}
