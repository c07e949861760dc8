//! Tables on a real Kafka.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use etappe_core::ports::{RetryClass, Retryable};
use etappe_log::kafka::{KafkaConfig, KafkaTable};
use etappe_testkit::kafka::KafkaNode;
use etappe_testkit::wait::{PATIENCE, until};

use crate::kafka_support::{Place, cluster};
use crate::support::in_time;

const COMPACTED: [(&str, &str); 4] = [
    ("cleanup.policy", "compact"),
    ("segment.ms", "200"),
    ("min.cleanable.dirty.ratio", "0.01"),
    ("delete.retention.ms", "0"),
];

async fn open(place: &Place<'_>, topic: &str) -> KafkaTable {
    KafkaTable::open(&place.cluster, topic).await.unwrap()
}

async fn current(table: &KafkaTable) {
    let mut rows = table.rows();
    let becomes_current = async {
        while !table.is_current() {
            rows.changed().await.unwrap();
        }
    };
    in_time("the table to be read", becomes_current).await;
}

async fn wait_for(table: &KafkaTable, expected: &[(&str, &str)]) {
    let expected: BTreeMap<String, Bytes> = expected
        .iter()
        .map(|(key, value)| ((*key).to_owned(), Bytes::copy_from_slice(value.as_bytes())))
        .collect();
    let mut rows = table.rows();
    let seen = rows.wait_for(|rows| **rows == expected);
    in_time(&format!("{expected:?}"), seen).await.unwrap();
}

/// Writes a row, again where a slow machine did not write it within the timeout.
async fn put(table: &KafkaTable, key: &str, value: Option<&str>) {
    let value = value.map(|value| Bytes::copy_from_slice(value.as_bytes()));
    until("the row is written", PATIENCE, async || {
        let written = table.put(key, value.clone()).await;
        if let Err(error) = &written {
            assert_eq!(error.retry_class(), RetryClass::Transient, "{error}");
        }
        written.is_ok()
    })
    .await;
}

#[tokio::test]
async fn a_change_is_seen_by_all_who_follow() {
    let node = KafkaNode::shared().await;
    let place = Place::configured(node, |config| config);
    let topic = node.topic_with("sites", 1, &COMPACTED).await.unwrap();
    let (first, second) = (open(&place, &topic).await, open(&place, &topic).await);
    current(&first).await;
    current(&second).await;
    assert!(first.rows().borrow().is_empty());
    put(&first, "demo", Some("1")).await;
    put(&second, "shop", Some("2")).await;
    wait_for(&first, &[("demo", "1"), ("shop", "2")]).await;
    wait_for(&second, &[("demo", "1"), ("shop", "2")]).await;
    put(&second, "demo", Some("")).await;
    put(&first, "shop", None).await;
    put(&first, "never there", None).await;
    wait_for(&second, &[("demo", "")]).await;
}

#[tokio::test]
async fn compaction_leaves_the_table_as_it_is() {
    let node = KafkaNode::shared().await;
    let place = Place::configured(node, |config| config);
    let topic = node.topic_with("sites", 1, &COMPACTED).await.unwrap();
    let table = open(&place, &topic).await;
    put(&table, "kept", Some("for good")).await;
    put(&table, "gone", Some("soon")).await;
    put(&table, "gone", None).await;
    for number in 0..50 {
        put(&table, "changed", Some(&number.to_string())).await;
    }
    until("the topic is compacted", PATIENCE, async || {
        // A segment is closed only by a write after its time limit.
        tokio::time::sleep(Duration::from_millis(300)).await;
        put(&table, "changed", Some("last")).await;
        let left = node.read(&topic, 0).await.unwrap();
        left.len() < 20 && left.iter().all(|it| it.key.as_deref() != Some(b"gone"))
    })
    .await;
    let expected = [("changed", "last"), ("kept", "for good")];
    wait_for(&table, &expected).await;
    let fresh = open(&place, &topic).await;
    current(&fresh).await;
    wait_for(&fresh, &expected).await;
}

#[tokio::test]
async fn rows_stay_while_the_broker_is_away_and_follow_when_it_is_back() {
    let node = KafkaNode::start().await.unwrap();
    let place = Place::configured(&node, |config| KafkaConfig {
        delivery_timeout: Duration::from_secs(4),
        ..config
    });
    let topic = node.topic_with("sites", 1, &COMPACTED).await.unwrap();
    let (table, other) = (open(&place, &topic).await, open(&place, &topic).await);
    put(&table, "demo", Some("1")).await;
    wait_for(&other, &[("demo", "1")]).await;
    node.kill().unwrap();
    let error = table.put("demo", None).await.unwrap_err();
    assert_eq!(error.retry_class(), RetryClass::Transient, "{error}");
    assert!(other.is_current());
    wait_for(&other, &[("demo", "1")]).await;
    let late = open(&place, &topic).await;
    assert!(!late.is_current());
    node.start_again().await.unwrap();
    put(&table, "shop", Some("2")).await;
    // Whether the failed write came through after all is not guaranteed.
    let has_both = |rows: &etappe_log::kafka::TableRows| rows.contains_key("shop");
    for table in [&table, &other, &late] {
        current(table).await;
        let mut rows = table.rows();
        let seen = rows.wait_for(has_both);
        in_time("both rows", seen).await.unwrap();
    }
    assert_eq!(*table.rows().borrow(), *late.rows().borrow());
}

#[tokio::test]
async fn without_brokers_a_table_opens_empty() {
    let cluster = cluster(KafkaConfig {
        brokers: "127.0.0.1:9".to_owned(),
        ..KafkaConfig::default()
    });
    let table = KafkaTable::open(&cluster, "sites").await.unwrap();
    assert!(!table.is_current());
    assert!(table.rows().borrow().is_empty());
}
