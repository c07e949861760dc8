//! A process's event log: on the local disk, or on Kafka with a spool in front.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use bytes::Bytes;
use etappe_classifier::{DeadLetterFile, DeadLetterFileError};
use etappe_core::id::PartitionId;
use etappe_core::ports::{
    DeadLetter, DeadLetters, EventPublisher, LogRecord, OutgoingRecord, Progress, PublishError,
    ReadRequest, RecordSource, RetryClass, Retryable, SourceEvent,
};
use etappe_core::watermark::CollectorMark;
use etappe_log::LogError;
use etappe_log::kafka::{KafkaCluster, KafkaDeadLetters, KafkaPublisher, KafkaSource};
use etappe_log::local::{LocalLog, LocalPublisher, LocalSource, current_boot_id};
use etappe_log::spool::SpoolingPublisher;
use etappe_runtime::clock::SystemClock;
use prometheus::Registry;

use crate::config::Config;
use crate::data_dir::DataDir;

/// The maximum size of the dead-letter file; when it is full, the classifier waits.
const DEAD_LETTER_BYTES: u64 = 1 << 30;

/// Publishes events; clones publish to the same log.
#[derive(Debug, Clone)]
pub(crate) enum Publisher {
    Local(LocalPublisher),
    Kafka(SpoolingPublisher),
    /// Kafka without a spool: for commands that may fail during an outage.
    Direct(KafkaPublisher),
}

impl Publisher {
    /// Returns why events go to the spool, if they do; they are still accepted.
    pub(crate) fn outage(&self) -> Option<String> {
        match self {
            Self::Kafka(publisher) => publisher.outage(),
            Self::Local(_) | Self::Direct(_) => None,
        }
    }

    /// Returns why events are refused, if they are.
    pub(crate) fn problem(&self) -> Option<String> {
        match self {
            Self::Local(publisher) => publisher.problem(),
            Self::Kafka(publisher) => publisher.problem(),
            Self::Direct(publisher) => publisher.problem(),
        }
    }
}

impl EventPublisher for Publisher {
    async fn publish(&self, records: Vec<OutgoingRecord>) -> Vec<Result<(), PublishError>> {
        match self {
            Self::Local(publisher) => publisher.publish(records).await,
            Self::Kafka(publisher) => publisher.publish(records).await,
            Self::Direct(publisher) => publisher.publish(records).await,
        }
    }

    fn fullness(&self) -> f64 {
        match self {
            Self::Local(publisher) => publisher.fullness(),
            Self::Kafka(publisher) => publisher.fullness(),
            Self::Direct(publisher) => publisher.fullness(),
        }
    }
}

/// The source of records.
#[derive(Debug)]
pub(crate) enum Source {
    Local(LocalSource),
    Kafka(KafkaSource),
}

impl RecordSource for Source {
    type Error = LogError;

    fn topic(&self) -> &str {
        match self {
            Self::Local(source) => source.topic(),
            Self::Kafka(source) => source.topic(),
        }
    }

    async fn changed(&self) -> Result<SourceEvent, LogError> {
        match self {
            Self::Local(source) => source.changed().await,
            Self::Kafka(source) => source.changed().await,
        }
    }

    async fn read(
        &self,
        partition: PartitionId,
        request: ReadRequest,
    ) -> Result<Vec<LogRecord>, LogError> {
        match self {
            Self::Local(source) => source.read(partition, request).await,
            Self::Kafka(source) => source.read(partition, request).await,
        }
    }

    async fn commit(&self, partition: PartitionId, progress: Progress) -> Result<(), LogError> {
        match self {
            Self::Local(source) => source.commit(partition, progress).await,
            Self::Kafka(source) => source.commit(partition, progress).await,
        }
    }

    async fn release(&self, partition: PartitionId) {
        match self {
            Self::Local(source) => source.release(partition).await,
            Self::Kafka(source) => source.release(partition).await,
        }
    }
}

/// The store for records that cannot be inserted.
#[derive(Debug, Clone)]
pub(crate) enum Letters {
    File(DeadLetterFile<SystemClock>),
    Kafka(KafkaDeadLetters),
}

/// Why dead letters cannot be stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LettersError {
    #[error(transparent)]
    File(#[from] DeadLetterFileError),
    #[error(transparent)]
    Kafka(#[from] LogError),
}

impl Retryable for LettersError {
    fn retry_class(&self) -> RetryClass {
        match self {
            Self::File(error) => error.retry_class(),
            Self::Kafka(error) => error.retry_class(),
        }
    }
}

impl DeadLetters for Letters {
    type Error = LettersError;

    async fn store(&self, letters: &[DeadLetter]) -> Result<(), LettersError> {
        match self {
            Self::File(file) => Ok(file.store(letters).await?),
            Self::Kafka(topic) => Ok(topic.store(letters).await?),
        }
    }
}

/// Opens the local log of a data folder.
pub(crate) async fn open_local(
    config: &Config,
    data: &DataDir,
    clock: SystemClock,
    registry: &Registry,
) -> anyhow::Result<LocalLog> {
    let mut config = config.log.clone();
    config.directory = data.path("log");
    let registry = registry.clone();
    let open = move || LocalLog::open(config, Arc::new(clock), &current_boot_id()?, &registry);
    let opened = tokio::task::spawn_blocking(open)
        .await
        .context("the log broke")?;
    opened.context("the event log cannot be opened")
}

/// Makes the local log of a data folder, if there is one, deliver everything that it still holds
/// again.
pub(crate) fn forget_how_it_was_left(data: &DataDir) -> anyhow::Result<()> {
    let mark = data.path("log").join("boot.json");
    match std::fs::remove_file(&mark) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", mark.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Opens the dead-letter file of a data folder.
pub(crate) fn open_letters(
    data: &DataDir,
    topic: &str,
    clock: SystemClock,
) -> anyhow::Result<Letters> {
    let file = letters_file(data);
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let opened = DeadLetterFile::open(&file, topic, DEAD_LETTER_BYTES, clock);
    Ok(Letters::File(
        opened.context("the dead letters cannot be opened")?,
    ))
}

/// Returns the path of a data folder's dead-letter file.
pub(crate) fn letters_file(data: &DataDir) -> PathBuf {
    data.path("dead-letters").join("letters.ndjson")
}

/// Returns a collector's mark as a record.
pub(crate) fn encode_mark(mark: &CollectorMark) -> Bytes {
    let mut record = Vec::new();
    etappe_wire::record::encode_mark(mark, &mut record);
    record.into()
}

/// Opens the spool of a data folder in front of Kafka.
pub(crate) async fn open_spool(
    config: &Config,
    data: &DataDir,
    cluster: &KafkaCluster,
    (clock, registry): (SystemClock, &Registry),
) -> anyhow::Result<SpoolingPublisher> {
    let mut spool = config.spool.clone();
    spool.directory = data.path("spool");
    let publisher = cluster.publisher()?;
    let boot = current_boot_id()?;
    let opened = SpoolingPublisher::open(
        spool,
        publisher,
        Arc::new(clock),
        encode_mark,
        &boot,
        registry,
    );
    opened.await.context("the spool cannot be opened")
}
