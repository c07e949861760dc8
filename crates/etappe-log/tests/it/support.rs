//! Helpers for the tests of this crate: short ways to publish and read, and waits with an end.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use etappe_core::id::{Offset, OffsetRange, PartitionId};
use etappe_core::ports::{
    EventPublisher, OutgoingRecord, Progress, PublishError, ReadRequest, RecordSource, SourceEvent,
};
use etappe_core::time::Timestamp;
use etappe_log::LogError;
use etappe_log::local::{LocalLog, LocalLogConfig, LocalPublisher, LocalReader, LocalSource};
use etappe_testkit::clock::ManualClock;
use etappe_testkit::wait::PATIENCE;

/// Waits for `work`, for a limited time. `what` completes "waited too long for …".
pub(crate) async fn in_time<T>(what: &str, work: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(PATIENCE, work).await;
    done.unwrap_or_else(|_| panic!("waited too long for {what}"))
}

pub(crate) fn config(directory: &Path) -> LocalLogConfig {
    LocalLogConfig {
        directory: directory.to_owned(),
        min_free_bytes: 0,
        ..LocalLogConfig::default()
    }
}

pub(crate) fn open(directory: &Path, boot: &str) -> Result<LocalLog, LogError> {
    open_with(config(directory), boot)
}

pub(crate) fn open_with(config: LocalLogConfig, boot: &str) -> Result<LocalLog, LogError> {
    LocalLog::open(
        config,
        Arc::new(ManualClock::default()),
        boot,
        &prometheus::Registry::new(),
    )
}

pub(crate) fn record(key: u64, text: impl Into<String>) -> OutgoingRecord {
    OutgoingRecord {
        key,
        received_at: Timestamp::EPOCH,
        payload: Bytes::from(text.into()),
    }
}

/// Publishes one record per text, all with `key`.
pub(crate) async fn publish(
    publisher: &LocalPublisher,
    key: u64,
    texts: &[&str],
) -> Vec<Result<(), PublishError>> {
    let records = texts.iter().map(|text| record(key, *text)).collect();
    publisher.publish(records).await
}

pub(crate) fn request(from: u64) -> ReadRequest {
    ReadRequest {
        from: Offset(from),
        until: None,
        max_bytes: 1 << 20,
        wait: Duration::ZERO,
    }
}

/// Reads everything from `from` on, as offsets and texts.
pub(crate) async fn read_all(
    reader: &LocalReader,
    partition: u32,
    from: u64,
) -> Vec<(u64, String)> {
    let mut found = Vec::new();
    let mut next = from;
    loop {
        let records = reader
            .read(PartitionId(partition), request(next))
            .await
            .unwrap();
        let Some(last) = records.last() else {
            return found;
        };
        next = last.offset.0 + 1;
        found.extend(records.iter().map(|record| {
            let text = String::from_utf8(record.payload.to_vec()).unwrap();
            (record.offset.0, text)
        }));
    }
}

/// Waits for the next assignment, which must be that of `expected`.
pub(crate) async fn assigned(source: &LocalSource, expected: u32) -> (Progress, Vec<OffsetRange>) {
    match source.changed().await.unwrap() {
        SourceEvent::Assigned {
            partition,
            progress,
            replay,
        } => {
            assert_eq!(partition, PartitionId(expected));
            (progress.expect("the local log forgets nothing"), replay)
        }
        SourceEvent::Revoked { .. } => panic!("the local log revokes nothing"),
    }
}
