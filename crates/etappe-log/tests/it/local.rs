//! Publishing, reading, and storing progress.

use std::sync::Arc;
use std::time::Duration;

use etappe_core::id::{Offset, PartitionId};
use etappe_core::ports::{EventPublisher, PublishError, ReadRequest, RecordSource};
use etappe_log::LogError;
use etappe_log::local::{Codec, LocalLog, LocalLogConfig};
use etappe_testkit::clock::ManualClock;
use etappe_testkit::offsets::{progress, range};

use crate::support::{assigned, config, open, open_with, publish, read_all, record, request};

const NOT_YET: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn published_records_are_read_in_order_also_after_reopening() {
    for codec in [Codec::None, Codec::Lz4] {
        let folder = tempfile::tempdir().unwrap();
        let config = LocalLogConfig {
            codec,
            ..config(folder.path())
        };
        let log = open_with(config.clone(), "boot").unwrap();
        let outcomes = publish(&log.publisher(), 4, &["a", "", "ccc"]).await;
        assert_eq!(outcomes, [Ok(()), Ok(()), Ok(())]);
        assert_eq!(publish(&log.publisher(), 3, &["odd"]).await, [Ok(())]);
        log.close().await.unwrap();

        let log = open_with(config, "boot").unwrap();
        assert_eq!(publish(&log.publisher(), 2, &["d"]).await, [Ok(())]);
        let even = [(0, "a"), (1, ""), (2, "ccc"), (3, "d")];
        let expected: Vec<_> = even.map(|(at, text)| (at, text.to_owned())).into();
        assert_eq!(read_all(&log.reader(), 0, 0).await, expected);
        assert_eq!(read_all(&log.reader(), 0, 2).await, expected[2..]);
        assert_eq!(read_all(&log.reader(), 1, 0).await, [(0, "odd".to_owned())]);
    }
}

#[tokio::test]
async fn a_read_keeps_to_its_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), "boot").unwrap();
    let reader = log.reader();
    publish(&log.publisher(), 0, &["aaaa", "bbbb", "cccc"]).await;
    publish(&log.publisher(), 0, &["dddd", "eeee"]).await;
    let count = async |from: u64, until: Option<u64>, max_bytes: usize| {
        let request = ReadRequest {
            until: until.map(Offset),
            max_bytes,
            ..request(from)
        };
        let records = reader.read(PartitionId(0), request).await.unwrap();
        let offsets: Vec<_> = records.iter().map(|record| record.offset.0).collect();
        offsets
    };
    assert_eq!(count(0, None, 8).await, [0, 1]);
    assert_eq!(count(2, None, 9).await, [2, 3]);
    assert_eq!(count(1, None, 0).await, [1], "at least one record");
    assert_eq!(count(1, Some(3), 100).await, [1, 2, 3]);
    assert_eq!(count(4, Some(9), 100).await, [4]);
    assert_eq!(count(5, None, 100).await, [0; 0]);
    assert_eq!(count(3, Some(2), 100).await, [0; 0]);
    let unknown = reader.read(PartitionId(2), request(0)).await;
    assert!(matches!(unknown, Err(LogError::UnknownPartition { .. })));
}

#[tokio::test]
async fn a_reader_waits_for_the_first_record() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), "boot").unwrap();
    let reader = log.reader();
    let waiting = |wait| ReadRequest { wait, ..request(0) };
    let nothing = reader.read(PartitionId(0), waiting(NOT_YET)).await.unwrap();
    assert!(nothing.is_empty());
    let publisher = log.publisher();
    let (records, outcomes) = tokio::join!(
        reader.read(PartitionId(0), waiting(LONG)),
        publish(&publisher, 0, &["late"])
    );
    assert_eq!(outcomes, [Ok(())]);
    assert_eq!(&records.unwrap()[0].payload[..], b"late");
    let forever = reader.read(PartitionId(0), waiting(Duration::MAX)).await;
    assert_eq!(forever.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_a_key_keep_their_order_among_concurrent_publishers() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), "boot").unwrap();
    let mut publishers = tokio::task::JoinSet::new();
    for key in 0..8 {
        let publisher = log.publisher();
        publishers.spawn(async move {
            for call in 0..20 {
                let records = (0..5).map(|n| record(key, format!("{key}:{}", call * 5 + n)));
                let outcomes = publisher.publish(records.collect()).await;
                assert!(outcomes.iter().all(Result::is_ok));
            }
        });
    }
    publishers.join_all().await;
    let mut next = [0; 8];
    for partition in 0..2 {
        for (_, text) in read_all(&log.reader(), partition, 0).await {
            let (key, number) = text.split_once(':').unwrap();
            let key: usize = key.parse().unwrap();
            assert_eq!(key % 2, partition as usize);
            assert_eq!(number.parse::<u32>().unwrap(), next[key]);
            next[key] += 1;
        }
    }
    assert_eq!(next, [100; 8]);
}

#[tokio::test]
async fn a_record_too_large_is_refused_alone() {
    let folder = tempfile::tempdir().unwrap();
    let config = LocalLogConfig {
        max_record_bytes: 10,
        ..config(folder.path())
    };
    let log = open_with(config, "boot").unwrap();
    let outcomes = publish(&log.publisher(), 0, &["before", "much too large", "after"]).await;
    let refused = Err(PublishError::TooLarge {
        size: 14,
        limit: 10,
    });
    assert_eq!(outcomes, [Ok(()), refused, Ok(())]);
    assert_eq!(read_all(&log.reader(), 0, 0).await.len(), 2);
}

/// Publishes four records and announces them in three ranges; the last one stays pending.
async fn pass_three_of_four(log: &LocalLog) {
    publish(&log.publisher(), 0, &["a", "b", "c", "d"]).await;
    for step in [
        progress(0, Some((0, 1))),
        progress(2, Some((2, 2))),
        progress(3, Some((3, 3))),
    ] {
        let committed = log.source().commit(PartitionId(0), step).await;
        committed.unwrap();
    }
}

#[tokio::test]
async fn progress_survives_and_a_killed_process_redoes_only_the_pending_range() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), "boot").unwrap();
    let source = log.source();
    assert_eq!(assigned(&source, 0).await, (progress(0, None), vec![]));
    assert_eq!(assigned(&source, 1).await, (progress(0, None), vec![]));
    pass_three_of_four(&log).await;
    drop((source, log));

    let log = open(folder.path(), "boot").unwrap();
    let found = assigned(&log.source(), 0).await;
    assert_eq!(found, (progress(3, Some((3, 3))), vec![]));
    let positions = log.reader().positions()[0];
    assert_eq!((positions.committed, positions.end), (Offset(3), Offset(4)));
}

#[tokio::test]
async fn after_an_unclean_boot_the_same_ranges_are_replayed_until_something_is_committed() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), "first boot").unwrap();
    pass_three_of_four(&log).await;
    drop(log);

    // The second opening stands for a process that was killed before it had replayed anything.
    for boot in ["second boot", "second boot", "third boot"] {
        let log = open(folder.path(), boot).unwrap();
        let (at, replay) = assigned(&log.source(), 0).await;
        assert_eq!(at, progress(3, Some((3, 3))), "{boot}");
        assert_eq!(replay, [range(0, 2)], "{boot}");
        assert_eq!(assigned(&log.source(), 1).await.1, [], "{boot}");
        assert_eq!(read_all(&log.reader(), 0, 0).await.len(), 4);
    }

    let log = open(folder.path(), "third boot").unwrap();
    let unchanged = progress(3, Some((3, 3)));
    let commit = log.source().commit(PartitionId(0), unchanged).await;
    commit.unwrap();
    drop(log);
    let log = open(folder.path(), "third boot").unwrap();
    assert_eq!(assigned(&log.source(), 0).await, (unchanged, vec![]));
    log.close().await.unwrap();
    let log = open(folder.path(), "fourth boot").unwrap();
    let after_clean_end = assigned(&log.source(), 0).await;
    assert_eq!(after_clean_end, (unchanged, vec![]));
}

#[tokio::test]
async fn impossible_progress_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), "boot").unwrap();
    let source = log.source();
    publish(&log.publisher(), 0, &["a", "b", "c"]).await;
    source
        .commit(PartitionId(0), progress(1, None))
        .await
        .unwrap();
    for (impossible, why) in [
        (progress(0, None), "goes back"),
        (progress(4, None), "past the end"),
        (progress(1, Some((1, 3))), "pending past the end"),
        (progress(1, Some((2, 2))), "pending elsewhere"),
    ] {
        let outcome = source.commit(PartitionId(0), impossible).await;
        let refused = matches!(outcome, Err(LogError::InvalidProgress { .. }));
        assert!(refused, "{why}: {outcome:?}");
    }
    source
        .commit(PartitionId(0), progress(1, Some((1, 2))))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_closed_log_takes_and_commits_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), "boot").unwrap();
    let (publisher, source) = (log.publisher(), log.source());
    publish(&publisher, 0, &["a"]).await;
    log.close().await.unwrap();
    let outcomes = publish(&publisher, 0, &["b"]).await;
    assert!(matches!(
        outcomes[..],
        [Err(PublishError::Unavailable { .. })]
    ));
    let commit = source.commit(PartitionId(0), progress(1, None)).await;
    assert!(matches!(commit, Err(LogError::Closed)));
    let log = open(folder.path(), "boot").unwrap();
    assert_eq!(read_all(&log.reader(), 0, 0).await, [(0, "a".to_owned())]);
}

#[tokio::test]
async fn the_names_of_two_logs_in_one_folder_differ() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let clock = Arc::new(ManualClock::default());
    let registry = prometheus::Registry::new();
    let open = || LocalLog::open(config(&path), clock.clone(), "boot", &registry).unwrap();
    let first = open().source().topic().to_owned();
    assert_eq!(open().source().topic(), first);
    std::fs::remove_dir_all(&path).unwrap();
    clock.advance(Duration::from_secs(1));
    assert_ne!(open().source().topic(), first);
}

#[tokio::test]
async fn every_hop_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let config = LocalLogConfig {
        max_record_bytes: 10,
        ..config(folder.path())
    };
    let registry = prometheus::Registry::new();
    let clock = Arc::new(ManualClock::default());
    let log = LocalLog::open(config, clock, "boot", &registry).unwrap();
    publish(&log.publisher(), 0, &["aaa", "bb", "much too large"]).await;
    log.source()
        .commit(PartitionId(0), progress(1, None))
        .await
        .unwrap();
    let value = |name: &str| {
        let families = registry.gather();
        let family = families.iter().find(|family| family.name() == name);
        let values = family.expect(name).get_metric().iter();
        let values = values.map(|m| m.get_counter().get_value() + m.get_gauge().get_value());
        values.sum::<f64>()
    };
    for (name, expected) in [
        ("etappe_log_appended_records_total", 2.0),
        ("etappe_log_appended_bytes_total", 5.0),
        ("etappe_log_frames_total", 1.0),
        ("etappe_log_lag_records", 1.0),
        ("etappe_log_queue_bytes", 0.0),
        ("etappe_log_refused_records_total", 1.0),
        ("etappe_log_writable", 2.0),
    ] {
        assert!((value(name) - expected).abs() < 0.1, "{name}");
    }
    assert!(value("etappe_log_written_bytes_total") > 44.0);
}
