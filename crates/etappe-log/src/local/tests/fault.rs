//! A failing or full disk: events are refused, nothing acknowledged is lost, and the log recovers
//! by itself.

use etappe_testkit::wait::{PATIENCE, until};

use super::*;

fn is_unavailable(outcome: &Result<(), PublishError>) -> bool {
    matches!(outcome, Err(PublishError::Unavailable { .. }))
}

#[tokio::test]
async fn a_refused_group_leaves_no_trace_and_the_next_one_is_taken() {
    for fault in [
        Fault::Create,
        Fault::ShortWrite(0),
        Fault::ShortWrite(70),
        Fault::ShortWriteStays(70),
        Fault::Sync,
        Fault::SyncStays,
    ] {
        for first_of_all in [true, false] {
            let bench = Bench::new();
            let log = bench.open("boot").unwrap();
            let mut expected = Vec::new();
            if !first_of_all && fault != Fault::Create {
                expected.push(record(1, 100));
                publish(&log, 0, &expected).await.unwrap();
            }
            bench.disk.fail_next(fault);
            let refused = publish(&log, 0, &[record(2, 100)]).await;
            assert!(is_unavailable(&refused), "{fault:?}: {refused:?}");
            assert!(log.publisher().problem().is_some());
            let before = read_from(&log, 0, 0).await.unwrap();
            assert_records(&before, 0, &expected);

            let next = [record(3, 100), record(4, 5)];
            publish(&log, 0, &next).await.unwrap();
            assert_eq!(log.publisher().problem(), None);
            expected.extend(next);
            assert_records(&read_from(&log, 0, 0).await.unwrap(), 0, &expected);
            drop(log);
            let log = bench.open("boot").unwrap();
            assert_records(&read_from(&log, 0, 0).await.unwrap(), 0, &expected);
        }
    }
}

#[tokio::test]
async fn a_segment_is_never_written_again_after_a_failed_sync() {
    let bench = Bench::new();
    let log = bench.open("boot").unwrap();
    publish(&log, 0, &[record(1, 100)]).await.unwrap();
    let old = bench.segments(0).remove(0);
    let before = std::fs::read(&old).unwrap();
    bench.disk.fail_next(Fault::Sync);
    publish(&log, 0, &[record(2, 100)]).await.unwrap_err();
    publish(&log, 0, &[record(3, 100)]).await.unwrap();
    assert_eq!(std::fs::read(&old).unwrap(), before);
    assert_eq!(bench.segments(0).len(), 2);
}

#[tokio::test]
async fn a_record_is_readable_only_once_it_is_synced() {
    let bench = Bench::new();
    let disk = Arc::clone(&bench.disk);
    let log = bench.open("boot").unwrap();
    disk.hold_syncs();
    let mut waiting = tokio::task::JoinSet::new();
    let publisher = log.publisher();
    waiting.spawn(async move {
        let payload = record(1, 10);
        publisher.publish(vec![outgoing(0, payload)]).await
    });
    // The record is in the file while the writer waits for the sync.
    while bench.segments(0).is_empty() || bench.segments(0)[0].metadata().unwrap().len() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(read_from(&log, 0, 0).await.unwrap().len(), 0);
    assert!(waiting.try_join_next().is_none());
    disk.release_syncs();
    assert_eq!(waiting.join_all().await, [vec![Ok(())]]);
    assert_eq!(read_from(&log, 0, 0).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_full_queue_refuses_and_empties_again() {
    let mut bench = Bench::new();
    bench.config.queue_bytes = 1 << 16;
    let disk = Arc::clone(&bench.disk);
    let log = bench.open("boot").unwrap();
    disk.hold_syncs();
    let publisher = log.publisher();
    let mut waiting = tokio::task::JoinSet::new();
    let mut refused = 0;
    for number in 0..100 {
        let publisher = publisher.clone();
        let payload = record(number, 1_000);
        waiting.spawn(async move {
            let records = vec![outgoing(0, payload)];
            publisher.publish(records).await.remove(0)
        });
        tokio::task::yield_now().await;
    }
    while let Some(Ok(outcome)) = waiting.try_join_next() {
        assert!(is_unavailable(&outcome));
        refused += 1;
    }
    assert!((30..50).contains(&refused), "{refused} of 100 were refused");
    disk.release_syncs();
    let outcomes = waiting.join_all().await;
    assert!(outcomes.iter().all(Result::is_ok));
    publish(&log, 0, &[record(4711, 1_000)]).await.unwrap();
    assert_eq!(read_from(&log, 0, 0).await.unwrap().len(), 101 - refused);
}

#[tokio::test]
async fn a_nearly_full_disk_refuses_before_the_engine_has_no_room() {
    let mut bench = Bench::new();
    bench.config.min_free_bytes = 1000;
    bench.try_again = Duration::from_millis(20);
    bench.disk.set_free_bytes(999);
    let log = bench.open("boot").unwrap();
    let refused = publish(&log, 0, &[record(1, 10)]).await;
    let Err(PublishError::Unavailable { reason, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert!(reason.contains("999 bytes free"), "{reason}");
    let problem = log.publisher().problem();
    assert!(problem.is_some_and(|it| it.contains("min_free_bytes")));
    bench.disk.set_free_bytes(1000);
    // Nobody sends anything, yet the log finds out that there is room.
    let has_room = async || log.publisher().problem().is_none();
    until("there is room", PATIENCE, has_room).await;
    publish(&log, 0, &[record(1, 10)]).await.unwrap();
}

/// Waits until upkeep moves the start of the log to `start`.
async fn start_reaches(log: &LocalLog, start: u64) {
    let has_moved = async || log.reader().positions()[0].start == Offset(start);
    until("the start of the log moves", PATIENCE, has_moved).await;
}

#[tokio::test]
async fn a_log_at_its_bound_refuses_until_consumed_segments_are_old_enough() {
    let mut bench = Bench::new();
    bench.config.max_bytes = Some(3 << 16);
    let log = bench.open("boot").unwrap();
    let mut count = 0;
    loop {
        match publish(&log, 0, &[record(count, 10_000)]).await {
            Ok(()) => count += 1,
            Err(error) => break assert!(error.to_string().contains("bound of 196608 bytes")),
        }
    }
    let segments = bench.segments(0);
    let second = first_offset(&segments[1]);
    commit(&log, second + 1, None).await;
    bench.clock.advance(Duration::from_secs(3600));
    publish(&log, 0, &[record(count, 10_000)])
        .await
        .unwrap_err();
    assert_eq!(log.reader().positions()[0].start, Offset(0));

    bench.clock.advance(Duration::from_secs(1));
    start_reaches(&log, second).await;
    publish(&log, 0, &[record(count, 10_000)]).await.unwrap();
    assert_eq!(bench.segments(0)[0], segments[1]);
    assert_eq!(
        read_from(&log, 0, second).await.unwrap().len() as u64,
        count + 1 - second
    );
    let expired = read_from(&log, 0, second - 1).await.unwrap_err();
    assert!(matches!(expired, LogError::Expired { start, .. } if start == Offset(second)));
}

/// Returns how many records it took.
async fn fill_four_segments(bench: &Bench, log: &LocalLog) -> u64 {
    let mut end = 0;
    while bench.segments(0).len() < 4 {
        publish(log, 0, &[record(end, 10_000)]).await.unwrap();
        end += 1;
    }
    end
}

#[tokio::test]
async fn segments_that_a_replay_needs_are_kept_until_it_is_done() {
    let bench = Bench::new();
    let log = bench.open("first boot").unwrap();
    let mut end = fill_four_segments(&bench, &log).await;
    for number in 0..end {
        commit(&log, number, Some((number, number))).await;
    }
    drop(log);

    // The machine was off for a day.
    bench.clock.advance(Duration::from_secs(86_400));
    let log = bench.open("second boot").unwrap();
    for _ in 0..20 {
        publish(&log, 0, &[record(end, 10)]).await.unwrap();
        end += 1;
    }
    let (_, replay) = assigned(&log.source()).await;
    assert_eq!(replay.first().map(|range| range.first), Some(Offset(0)));
    assert_eq!(log.reader().positions()[0].start, Offset(0));
    let found = read_from(&log, 0, 0).await.unwrap();
    assert_eq!(found.len() as u64, end);

    commit(&log, end, None).await;
    bench.clock.advance(Duration::from_secs(3601));
    let last = first_offset(&bench.segments(0).pop().unwrap());
    start_reaches(&log, last).await;
}

#[tokio::test]
async fn a_reader_whose_segment_is_deleted_gets_an_error() {
    let bench = Bench::new();
    let log = bench.open("boot").unwrap();
    let end = fill_four_segments(&bench, &log).await;
    let read_one = async |from| {
        let request = ReadRequest {
            from: Offset(from),
            until: None,
            max_bytes: 1,
            wait: Duration::ZERO,
        };
        log.reader().read(PartitionId(0), request).await
    };
    // The reader's position is remembered in the middle of the first segment.
    assert_eq!(read_one(0).await.unwrap().len(), 1);
    commit(&log, end, None).await;
    bench.clock.advance(Duration::from_secs(3601));
    let last = first_offset(&bench.segments(0).pop().unwrap());
    start_reaches(&log, last).await;
    for from in [0, 1, last - 1] {
        let expired = read_one(from).await.unwrap_err();
        assert!(matches!(expired, LogError::Expired { .. }), "{expired}");
    }
    assert_eq!(read_one(last).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn readers_during_deletion_get_the_right_records_or_an_error() {
    let bench = Bench::new();
    let log = bench.open("boot").unwrap();
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let reader = log.reader();
        readers.spawn(async move {
            let mut next = 0;
            let mut seen = 0;
            while next < 1_500 {
                let request = ReadRequest {
                    from: Offset(next),
                    until: None,
                    max_bytes: 10_000,
                    wait: Duration::from_millis(50),
                };
                match reader.read(PartitionId(0), request).await {
                    Ok(records) => {
                        for (at, found) in (next..).zip(&records) {
                            assert_eq!(found.offset, Offset(at));
                            assert_eq!(found.payload, record(at, 3_000));
                        }
                        next += records.len() as u64;
                        seen += records.len();
                    }
                    Err(LogError::Expired { start, .. }) => next = start.0,
                    Err(error) => panic!("{error}"),
                }
            }
            seen
        });
    }
    for first in (0..1_500).step_by(5) {
        let group: Vec<_> = (first..first + 5).map(|n| record(n, 3_000)).collect();
        publish(&log, 0, &group).await.unwrap();
        commit(&log, first + 5, None).await;
        bench.clock.advance(Duration::from_secs(900));
    }
    for seen in readers.join_all().await {
        assert!(seen > 0);
    }
}
