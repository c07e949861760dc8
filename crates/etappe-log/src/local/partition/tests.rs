//! Reading from segments that are deleted during the read.

use std::sync::atomic::AtomicU64;

use bytes::Bytes;

use super::*;
use crate::local::append::Appender;
use crate::local::config::LocalLogConfig;
use crate::local::tests::FaultyDisk;

/// Creates a partition of four segments.
fn filled(directory: &Path) -> Arc<PartitionLog> {
    let opened = PartitionLog::open(directory, PartitionId(0)).unwrap();
    let config = LocalLogConfig {
        segment_bytes: 1 << 16,
        min_free_bytes: 0,
        codec: crate::local::Codec::None,
        ..LocalLogConfig::default()
    };
    let mut appender = Appender::new(
        Arc::new(FaultyDisk::default()),
        Arc::new(config),
        Arc::clone(&opened.log),
        opened.active,
        Arc::<AtomicU64>::default(),
    );
    while opened.log.size().0 < 4 {
        let record = Bytes::from(vec![b'x'; 20_000]);
        let group = std::iter::once(&record);
        appender.append(group, Timestamp::EPOCH).unwrap();
    }
    opened.log
}

#[test]
fn a_reader_within_a_deleted_segment_stops_at_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let log = filled(folder.path());
    let bases: Vec<_> = log.segments.read().iter().map(|s| s.base).collect();
    let mut place = log.locate(Offset(0)).unwrap().unwrap();
    for removed in log.remove_before(bases[2]) {
        std::fs::remove_file(&removed.path).unwrap();
    }
    while place.base < place.segment.end(log.end()) {
        place.load().unwrap();
    }
    assert_eq!(place.base, bases[1]);
    let next = log.open_at_or_after(place.base);
    assert!(matches!(next, Err(LogError::Expired { start, .. }) if start == bases[2]));
}

#[test]
fn a_segment_deleted_before_it_could_be_opened_is_gone_and_not_broken() {
    let folder = tempfile::tempdir().unwrap();
    let log = filled(folder.path());
    let first = Arc::clone(&log.segments.read()[0]);
    let second = log.segments.read()[1].base;
    std::fs::remove_file(&first.path).unwrap();
    let broken = log.cursor_at(Arc::clone(&first), 0, first.base);
    assert!(matches!(broken, Err(LogError::Read { .. })));
    log.remove_before(second);
    let gone = log.cursor_at(first, 0, Offset(0));
    assert!(matches!(gone, Err(LogError::Expired { .. })));
}
