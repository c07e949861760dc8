//! Opens a process's event log: on the local disk, or on Kafka with a spool in front.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use bytes::Bytes;
use etappe_core::watermark::CollectorMark;
use etappe_log::dead_letters::{DeadLetterStore, Replayer};
use etappe_log::kafka::KafkaCluster;
use etappe_log::local::{DeadLetterFile, LocalLog, current_boot_id};
use etappe_log::medium::Publisher;
use etappe_log::spool::SpoolingPublisher;
use etappe_runtime::clock::SystemClock;
use prometheus::Registry;

use crate::config::Config;
use crate::data_dir::DataDir;

/// The maximum size of the dead-letter file; when it is full, the classifier waits.
const DEAD_LETTER_BYTES: u64 = 1 << 30;

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
        .context("opening the event log failed")?;
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
) -> anyhow::Result<DeadLetterStore> {
    let file = letters_file(data);
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let opened = DeadLetterFile::open(&file, topic, DEAD_LETTER_BYTES, Arc::new(clock));
    Ok(DeadLetterStore::File(
        opened.context("the dead letters cannot be opened")?,
    ))
}

/// Returns the path of a data folder's dead-letter file.
pub(crate) fn letters_file(data: &DataDir) -> PathBuf {
    data.path("dead-letters").join("letters.ndjson")
}

/// The replayer of a process's dead letters.
pub(crate) type LetterReplayer = Replayer<Publisher, SystemClock>;

/// Makes the replayer of `letters` into the process's own log.
pub(crate) fn replayer(
    letters: DeadLetterStore,
    publisher: Publisher,
    clock: SystemClock,
) -> LetterReplayer {
    let key_of = |payload: &[u8]| {
        let event = etappe_wire::record::decode(payload).ok()?;
        Some(etappe_wire::record::partition_key(&event))
    };
    Replayer::new(letters, publisher, clock, key_of)
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
