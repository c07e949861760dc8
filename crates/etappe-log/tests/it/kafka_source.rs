//! Consuming from a real Kafka: reading, rereading, and storing progress.

use std::pin::pin;
use std::time::Duration;

use etappe_core::id::{Offset, PartitionId};
use etappe_core::ports::{ReadRequest, RecordSource, RetryClass, Retryable};
use etappe_log::LogError;
use etappe_log::kafka::KafkaConfig;
use etappe_testkit::kafka::KafkaNode;
use etappe_testkit::offsets::progress;

use crate::kafka_support::{
    P0, Place, assigned, assigned_all, numbered, read, read_some, request, until,
};
use crate::support::in_time;

#[tokio::test]
async fn a_range_about_to_be_stored_is_given_to_the_next_owner() {
    let place = Place::on(KafkaNode::shared().await, 1).await;
    let first = place.source();
    assert_eq!(assigned(&first, P0).await, None, "nothing is remembered");
    let expected = progress(0, Some((0, 2)));
    first.commit(P0, expected).await.unwrap();
    let told = place.committed(0).await;
    assert_eq!(told, Some((0, "etappe/1 pending=0-2".to_owned())));
    first.close().await;

    let second = place.source();
    assert_eq!(assigned(&second, P0).await, Some(expected));
    second.commit(P0, progress(3, None)).await.unwrap();
    assert_eq!(place.committed(0).await, Some((3, "etappe/1".to_owned())));
    second.close().await;
    let third = place.source();
    assert_eq!(assigned(&third, P0).await, Some(progress(3, None)));
}

#[tokio::test]
async fn records_come_in_order_and_as_often_as_they_are_asked_for() {
    let place = Place::on(KafkaNode::shared().await, 2).await;
    let texts = numbered(0..1_000);
    place.produce(1, &texts).await;
    let source = place.source();
    assigned_all(&source, 2).await;
    let p1 = PartitionId(1);
    let all = read_some(&source, p1, 0, 1_000).await;
    for (expected, (offset, text)) in (0..).zip(&all) {
        assert_eq!(
            (*offset, text.as_str()),
            (expected, &*texts[offset_index(expected)])
        );
    }
    // Read ranges again up to their exact end, then continue where reading was.
    for (first, last) in [(10, 19), (500, 500), (0, 999), (998, 999)] {
        let mut next = first;
        while next <= last {
            let records = read(&source, p1, until(next, last)).await.unwrap();
            assert!(!records.is_empty());
            for (offset, text) in records {
                assert_eq!((offset, text.as_str()), (next, &*texts[offset_index(next)]));
                next += 1;
            }
        }
        assert_eq!(next, last + 1);
    }
    let small = ReadRequest {
        max_bytes: 25,
        ..request(100)
    };
    let found = read(&source, p1, small).await.unwrap();
    assert_eq!(found.len(), 2, "{found:?}");
    let tiny = ReadRequest {
        max_bytes: 1,
        ..request(102)
    };
    assert_eq!(read(&source, p1, tiny).await.unwrap().len(), 1);
    assert_eq!(read_some(&source, p1, 103, 5).await[0].0, 103);
    assert_eq!(read(&source, p1, until(5, 4)).await.unwrap(), []);
    let nobodys = source.read(PartitionId(7), request(0)).await.unwrap_err();
    assert!(matches!(nobodys, LogError::NotAssigned { .. }));
    assert_eq!(nobodys.retry_class(), RetryClass::Transient);
    assert_eq!(source.partitions().await.unwrap(), 2);
}

fn offset_index(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}

#[tokio::test]
async fn at_the_end_a_read_waits_and_is_woken() {
    let place = Place::on(KafkaNode::shared().await, 1).await;
    let source = place.joined().await;
    assert_eq!(read(&source, P0, request(0)).await.unwrap(), []);
    let endless = ReadRequest {
        wait: Duration::MAX,
        ..request(0)
    };
    let mut waiting = pin!(read(&source, P0, endless));
    let early = tokio::time::timeout(Duration::from_millis(300), &mut waiting).await;
    assert!(early.is_err(), "{early:?}");
    place.produce(0, &["a"]).await;
    let found = in_time("the read to be woken", waiting).await;
    assert_eq!(found.unwrap(), [(0, "a".to_owned())]);
}

#[tokio::test]
async fn a_dropped_read_loses_nothing() {
    let place = Place::on(KafkaNode::shared().await, 1).await;
    let texts = numbered(0..5_000);
    place.produce(0, &texts).await;
    let source = place.joined().await;
    let mut next = 0;
    let mut patience = Duration::ZERO;
    while next < 5_000 {
        let asked = ReadRequest {
            max_bytes: 3_000,
            ..request(next)
        };
        patience += Duration::from_micros(20);
        if let Ok(found) = tokio::time::timeout(patience, read(&source, P0, asked)).await {
            for (offset, text) in found.unwrap() {
                assert_eq!((offset, text.as_str()), (next, &*texts[offset_index(next)]));
                next += 1;
            }
        }
    }
}

#[tokio::test]
async fn deleted_records_are_counted_and_passed_over() {
    let place = Place::on(KafkaNode::shared().await, 1).await;
    let texts = numbered(0..20);
    place.produce(0, &texts).await;
    let source = place.joined().await;
    source.commit(P0, progress(5, None)).await.unwrap();
    source.close().await;
    let topic = &place.config.topic;
    place.node.delete_before(topic, 0, 12).await.unwrap();

    let source = place.source();
    assert_eq!(assigned(&source, P0).await, Some(progress(5, None)));
    let found = read_some(&source, P0, 5, 8).await;
    assert_eq!(found.first().map(|(offset, _)| *offset), Some(12));
    let lost = "etappe_log_kafka_expired_records_total";
    assert_eq!(place.metric(lost), 7.0);
    // A range of which nothing is left is read as empty, and counted once.
    assert_eq!(read(&source, P0, until(6, 9)).await.unwrap(), []);
    place.node.delete_before(topic, 0, 20).await.unwrap();
    assert_eq!(read(&source, P0, request(15)).await.unwrap(), []);
    assert_eq!(place.metric(lost), 12.0);
    place.produce(0, &["after"]).await;
    let found = read_some(&source, P0, 15, 1).await;
    assert_eq!(found, [(20, "after".to_owned())]);
    assert_eq!(place.metric(lost), 12.0);
}

#[tokio::test]
async fn a_log_that_ends_too_early_is_an_error_instead_of_an_end() {
    let place = Place::on(KafkaNode::shared().await, 1).await;
    place.produce(0, &["a", "b"]).await;
    let source = place.joined().await;
    for asked in [request(5), until(1, 2), until(0, 7)] {
        let mut next = asked.from.0;
        let error = loop {
            let asked = ReadRequest {
                from: Offset(next),
                ..asked
            };
            match read(&source, P0, asked).await {
                Ok(found) => next = found.last().unwrap().0 + 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(error, LogError::TooShort { .. }), "{error}");
        assert_eq!(error.retry_class(), RetryClass::Transient);
    }
}

#[tokio::test]
async fn the_largest_record_is_read_whole() {
    let place = Place::on(KafkaNode::shared().await, 1).await;
    let large = "x".repeat(1_000_000);
    place.produce(0, &["a", &large, "b"]).await;
    let source = place.joined().await;
    let found = read_some(&source, P0, 0, 3).await;
    assert_eq!(found[1].1.len(), 1_000_000);
    assert_eq!(found[2], (2, "b".to_owned()));
}

#[tokio::test]
async fn metadata_of_another_program_is_not_a_range() {
    let place = Place::on(KafkaNode::shared().await, 1).await;
    place.produce(0, &["a", "b", "c"]).await;
    for (text, offset) in [("moved by hand", 1), ("etappe/1 pending=0-2", 2)] {
        let KafkaConfig { group, topic, .. } = &place.config;
        let moved = place.node.commit(group, topic, 0, (offset, text));
        moved.await.unwrap();
        let source = place.source();
        assert_eq!(assigned(&source, P0).await, Some(progress(offset, None)));
        source.close().await;
    }
}

#[tokio::test]
async fn an_offset_without_a_record_is_skipped() {
    let place = Place::on(KafkaNode::shared().await, 1).await;
    let (node, topic) = (place.node, &place.config.topic);
    let write = |values: &[&str]| {
        let values = values.iter().map(|it| (*it).to_owned()).collect();
        node.produce_in_transaction(topic, 0, values)
    };
    write(&["a", "b"]).await.unwrap();
    let source = place.joined().await;
    read_some(&source, P0, 0, 2).await;
    // Offset 2 is the end marker of the transaction.
    for asked in [request(2), until(2, 2)] {
        let found = in_time("the end of the read", read(&source, P0, asked)).await;
        assert_eq!(found.unwrap(), []);
    }
    write(&["c"]).await.unwrap();
    let found = read_some(&source, P0, 2, 1).await;
    assert_eq!(found, [(3, "c".to_owned())]);
    assert_eq!(read(&source, P0, until(2, 2)).await.unwrap(), []);
    assert_eq!(place.metric("etappe_log_kafka_expired_records_total"), 0.0);
}
