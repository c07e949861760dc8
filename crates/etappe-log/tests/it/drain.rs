//! Moving a local log to a real Kafka.

use std::time::Duration;

use etappe_core::id::PartitionId;
use etappe_core::ports::{EventPublisher, RecordSource};
use etappe_core::time::Timestamp;
use etappe_log::LogError;
use etappe_log::kafka::KafkaConfig;
use etappe_log::local::LocalLogConfig;
use etappe_testkit::kafka::KafkaNode;
use etappe_testkit::offsets::progress;

use crate::kafka_publisher::{kafka_config, publisher_of, texts};
use crate::support::{self, record};

fn key_of(payload: &[u8]) -> Option<(u64, Timestamp)> {
    let text = std::str::from_utf8(payload).ok()?;
    let (key, _) = text.split_once('-')?;
    Some((key.parse().ok()?, Timestamp::EPOCH))
}

#[tokio::test]
async fn a_local_log_moves_to_kafka_from_where_its_consumer_stopped() {
    let node = KafkaNode::start().await.unwrap();
    let topic = node.topic("moved", 4).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let log = support::open(directory.path(), "boot").unwrap();
    let records = (0..600).map(|number| record(number % 6, format!("{}-{number}", number % 6)));
    let outcomes = log.publisher().publish(records.collect()).await;
    assert!(outcomes.iter().all(Result::is_ok));
    let broken = log.publisher().publish(vec![record(1, "unreadable")]).await;
    assert_eq!(broken, [Ok(())]);
    let source = log.source();
    // Ten records of partition 0 are done, and ten more may already be stored.
    let before = progress(10, Some((10, 19)));
    source.commit(PartitionId(0), before).await.unwrap();
    let kafka = publisher_of(KafkaConfig {
        delivery_timeout: Duration::from_secs(1),
        ..kafka_config(&node, &topic)
    });
    node.kill().unwrap();
    let mut reports = Vec::new();
    let moving = log.drain_into(&kafka, key_of, |progress| reports.push(progress));
    let restarting = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        node.start_again().await.unwrap();
    };
    let (moved, ()) = tokio::join!(moving, restarting);
    assert_eq!(moved.unwrap(), 591);
    assert_eq!(reports.last().map(|it| (it.moved, it.left)), Some((591, 0)));
    let again = log.drain_into(&kafka, key_of, |_| {}).await.unwrap();
    assert_eq!(again, 0, "everything was passed");
    log.close().await.unwrap();
    let mut all = Vec::new();
    for partition in 0..4_u64 {
        let mut seen = std::collections::HashSet::new();
        let mut found = texts(&node, &topic, u32::try_from(partition).unwrap()).await;
        found.retain(|text| seen.insert(text.clone()));
        for key in (0..6_u64).filter(|key| key % 4 == partition) {
            let of_key = found.iter().filter(|it| it.starts_with(&format!("{key}-")));
            let numbers: Vec<u64> = of_key
                .map(|text| text.split_once('-').unwrap().1.parse().unwrap())
                .collect();
            assert!(numbers.is_sorted(), "key {key}: {numbers:?}");
        }
        all.extend(found);
    }
    assert_eq!(all.len(), 591);
    assert!(all.contains(&"unreadable".to_owned()));
}

#[tokio::test]
async fn a_record_that_the_topic_does_not_take_stops_the_move_and_is_named() {
    let node = KafkaNode::shared().await;
    let topic = node.topic("narrow", 4).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let config = LocalLogConfig {
        partitions: 1,
        ..support::config(directory.path())
    };
    let log = support::open_with(config, "boot").unwrap();
    let records = vec![record(0, "0-small"), record(0, "x".repeat(2000))];
    assert!(
        log.publisher()
            .publish(records)
            .await
            .iter()
            .all(Result::is_ok)
    );
    let kafka = publisher_of(KafkaConfig {
        max_record_bytes: 1024,
        ..kafka_config(node, &topic)
    });
    let error = log.drain_into(&kafka, key_of, |_| {}).await.unwrap_err();
    assert!(
        matches!(
            error,
            LogError::TooLargeToMove {
                size: 2000,
                limit: 1024,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(texts(node, &topic, 0).await, ["0-small"]);
}
