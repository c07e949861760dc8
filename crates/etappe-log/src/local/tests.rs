//! The parts of the local log together, on a disk that can be made to fail.

mod backup;
mod damage;
mod fault;
mod model;
mod power;

use std::fs::File;
use std::io;
use std::path::Path;

use bytes::Bytes;
use etappe_core::id::{Offset, OffsetRange};
use etappe_core::ports::{
    EventPublisher, LogRecord, OutgoingRecord, Progress, PublishError, ReadRequest, RecordSource,
    SourceEvent,
};
use etappe_core::time::Timestamp;
use etappe_testkit::clock::ManualClock;
use etappe_testkit::offsets::progress;
use parking_lot::{Condvar, Mutex};

use super::*;

/// The kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A file cannot be created.
    Create,
    /// Only this many bytes are written.
    ShortWrite(usize),
    /// As before, and the written bytes cannot be truncated.
    ShortWriteStays(usize),
    /// The written bytes cannot be synced.
    Sync,
    /// As before, and the written bytes cannot be truncated.
    SyncStays,
}

/// The operating system's disk, until it is told to fail.
#[derive(Debug, Default)]
pub(crate) struct FaultyDisk {
    next: Mutex<Option<Fault>>,
    is_stuck: Mutex<bool>,
    free: Mutex<Option<u64>>,
    is_held: Mutex<bool>,
    released: Condvar,
}

impl FaultyDisk {
    /// Fails once, at the next operation of that kind.
    pub(crate) fn fail_next(&self, fault: Fault) {
        *self.next.lock() = Some(fault);
    }

    /// Cancels a fault that has not happened yet, and returns whether there was one.
    pub(crate) fn take_fault(&self) -> bool {
        self.next.lock().take().is_some()
    }

    pub(crate) fn set_free_bytes(&self, free: u64) {
        *self.free.lock() = Some(free);
    }

    /// Makes syncs wait until they are released.
    pub(crate) fn hold_syncs(&self) {
        *self.is_held.lock() = true;
    }

    pub(crate) fn release_syncs(&self) {
        *self.is_held.lock() = false;
        self.released.notify_all();
    }

    fn take_if(&self, is_wanted: impl FnOnce(Fault) -> bool) -> Option<Fault> {
        self.next.lock().take_if(|fault| is_wanted(*fault))
    }
}

impl Disk for FaultyDisk {
    fn create(&self, path: &Path) -> io::Result<File> {
        match self.take_if(|fault| fault == Fault::Create) {
            Some(_) => Err(io::ErrorKind::StorageFull.into()),
            None => File::options()
                .read(true)
                .write(true)
                .create_new(true)
                .open(path),
        }
    }

    fn write(&self, file: &File, bytes: &[u8], position: u64) -> io::Result<()> {
        use Fault::{ShortWrite, ShortWriteStays};
        match self.take_if(|fault| matches!(fault, ShortWrite(_) | ShortWriteStays(_))) {
            Some(fault @ (ShortWrite(length) | ShortWriteStays(length))) => {
                *self.is_stuck.lock() = matches!(fault, ShortWriteStays(_));
                RealDisk.write(file, &bytes[..length.min(bytes.len())], position)?;
                Err(io::ErrorKind::StorageFull.into())
            }
            Some(_) | None => RealDisk.write(file, bytes, position),
        }
    }

    fn sync(&self, _file: &File) -> io::Result<()> {
        self.released
            .wait_while(&mut self.is_held.lock(), |is_held| *is_held);
        match self.take_if(|fault| matches!(fault, Fault::Sync | Fault::SyncStays)) {
            Some(fault) => {
                *self.is_stuck.lock() = fault == Fault::SyncStays;
                Err(io::Error::from_raw_os_error(5))
            }
            // The tests never take the machine down, and thousands of real syncs would take long.
            None => Ok(()),
        }
    }

    fn truncate(&self, file: &File, length: u64) -> io::Result<()> {
        if std::mem::take(&mut *self.is_stuck.lock()) {
            return Err(io::Error::from_raw_os_error(5));
        }
        RealDisk.truncate(file, length)
    }

    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn sync_file_system(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        match *self.free.lock() {
            Some(free) => Ok(free),
            None => RealDisk.free_bytes(path),
        }
    }
}

/// A folder and the parameters of the log in it.
pub(crate) struct Bench {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) config: LocalLogConfig,
    pub(crate) disk: Arc<FaultyDisk>,
    pub(crate) clock: Arc<ManualClock>,
    /// The retry interval of a failed log. In most tests it is too long to matter.
    pub(crate) try_again: Duration,
}

impl Bench {
    /// Creates a bench for a log of one partition with small segments and frequent upkeep.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = LocalLogConfig {
            directory: folder.path().to_owned(),
            partitions: 1,
            codec: Codec::None,
            segment_bytes: 1 << 16,
            min_free_bytes: 0,
            ..LocalLogConfig::default()
        };
        Self {
            folder,
            config,
            disk: Arc::default(),
            clock: Arc::default(),
            try_again: Duration::MAX,
        }
    }

    pub(crate) fn open(&self, boot: &str) -> Result<LocalLog, LogError> {
        self.open_on(Arc::<FaultyDisk>::clone(&self.disk), boot)
    }

    fn open_on(&self, disk: Arc<dyn Disk>, boot: &str) -> Result<LocalLog, LogError> {
        let opening = Opening {
            disk,
            config: Arc::new(self.config.clone()),
            clock: Arc::<ManualClock>::clone(&self.clock),
            metrics: LogMetrics::new(&Registry::new()),
            upkeep_interval: Duration::from_millis(1),
            try_again: self.try_again,
            total_bytes: Arc::default(),
        };
        opening.run(boot)
    }

    /// Returns the partition's segment files in order.
    pub(crate) fn segments(&self, partition: u32) -> Vec<std::path::PathBuf> {
        let directory = self.folder.path().join(format!("partition-{partition}"));
        let mut files: Vec<_> = std::fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                let name = path.file_name().unwrap().to_str().unwrap();
                name.starts_with("000") && path.extension().is_some_and(|end| end == "log")
            })
            .collect();
        files.sort();
        files
    }
}

fn outgoing(key: u64, payload: Bytes) -> OutgoingRecord {
    OutgoingRecord {
        key,
        received_at: Timestamp::EPOCH,
        payload,
    }
}

/// Publishes `records` with one key and returns their common outcome.
pub(crate) async fn publish(
    log: &LocalLog,
    key: u64,
    records: &[Bytes],
) -> Result<(), PublishError> {
    let outgoing = records.iter().map(|payload| outgoing(key, payload.clone()));
    let outcomes = log.publisher().publish(outgoing.collect()).await;
    assert_eq!(outcomes.len(), records.len());
    let first = outcomes.first().cloned().unwrap_or(Ok(()));
    assert!(outcomes.iter().all(|outcome| *outcome == first));
    first
}

/// Commits progress in the first partition.
async fn commit(log: &LocalLog, next: u64, pending: Option<(u64, u64)>) {
    let source = log.source();
    let committed = source.commit(PartitionId(0), progress(next, pending));
    committed.await.unwrap();
}

/// Returns the progress and the ranges to replay with which the next partition is assigned.
async fn assigned(source: &LocalSource) -> (Progress, Vec<OffsetRange>) {
    let SourceEvent::Assigned {
        progress, replay, ..
    } = source.changed().await.unwrap()
    else {
        panic!("the local log revokes nothing");
    };
    (progress.expect("the local log forgets nothing"), replay)
}

/// Returns the offset with which a segment's file is named.
fn first_offset(segment: &Path) -> u64 {
    let name = segment.file_stem().and_then(|name| name.to_str());
    name.unwrap().parse().unwrap()
}

/// Returns a record of at least `length` bytes, different for each `number`.
pub(crate) fn record(number: u64, length: usize) -> Bytes {
    let mut text = format!("{number}:");
    while text.len() < length {
        text.push_str("lorem ipsum ");
    }
    Bytes::from(text)
}

/// Reads everything from `from` on.
pub(crate) async fn read_from(
    log: &LocalLog,
    partition: u32,
    from: u64,
) -> Result<Vec<LogRecord>, LogError> {
    let mut found: Vec<LogRecord> = Vec::new();
    loop {
        let next = found.last().map_or(Offset(from), |last| last.offset.next());
        let request = ReadRequest {
            from: next,
            until: None,
            max_bytes: 20_000,
            wait: Duration::ZERO,
        };
        let records = log.reader().read(PartitionId(partition), request).await?;
        if records.is_empty() {
            return Ok(found);
        }
        found.extend(records);
    }
}

/// Asserts that `found` equals `expected`, with offsets starting at `first`.
#[track_caller]
pub(crate) fn assert_records(found: &[LogRecord], first: u64, expected: &[Bytes]) {
    assert_eq!(found.len(), expected.len(), "number of records");
    for ((at, record), expected) in (first..).zip(found).zip(expected) {
        assert_eq!(record.offset, Offset(at));
        assert_eq!(record.payload, expected, "at {at}");
    }
}
