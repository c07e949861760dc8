//! Topics on a real Kafka: created, checked, and the errors when they differ.

use std::time::Duration;

use etappe_core::ports::{RetryClass, Retryable};
use etappe_log::LogError;
use etappe_log::kafka::KafkaConfig;
use etappe_testkit::kafka::KafkaNode;

use crate::kafka_support::cluster;

fn config(node: &KafkaNode) -> KafkaConfig {
    KafkaConfig {
        brokers: node.brokers(),
        topic: node.unique_name("events"),
        dead_letter_topic: node.unique_name("dead"),
        sites_topic: node.unique_name("sites"),
        ..KafkaConfig::default()
    }
}

async fn ensure(config: &KafkaConfig) -> Result<(), LogError> {
    cluster(config.clone()).ensure_topics().await
}

/// Checks that the topics differ from the configuration, and that each of `parts` occurs in the
/// error.
async fn assert_mismatch(config: &KafkaConfig, parts: &[&str]) {
    let error = ensure(config).await.expect_err("the topics differ");
    assert_eq!(error.retry_class(), RetryClass::Fatal);
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}

#[tokio::test]
async fn topics_are_made_once_and_then_found_as_they_should_be() {
    let node = KafkaNode::shared().await;
    let config = config(node);
    ensure(&config).await.unwrap();
    ensure(&config).await.unwrap();
    assert_eq!(node.offsets(&config.topic, 3).await.unwrap(), (0, 0));
    assert_eq!(node.offsets(&config.sites_topic, 0).await.unwrap(), (0, 0));
}

#[tokio::test]
async fn two_processes_may_make_the_topics_at_the_same_time() {
    let node = KafkaNode::shared().await;
    let config = config(node);
    let (one, other) = tokio::join!(ensure(&config), ensure(&config));
    one.unwrap();
    other.unwrap();
}

#[tokio::test]
async fn each_difference_is_named_with_what_changes_it() {
    let node = KafkaNode::shared().await;
    let made = config(node);
    ensure(&made).await.unwrap();
    let change = |change: &dyn Fn(&mut KafkaConfig)| {
        let mut changed = made.clone();
        change(&mut changed);
        changed
    };
    let changed = change(&|config| config.partitions = 6);
    assert_mismatch(
        &changed,
        &[
            "it has 4 partitions, expected 6",
            "set `kafka.partitions` to 4",
        ],
    )
    .await;
    let changed = change(&|config| config.retention = Duration::from_secs(3600));
    assert_mismatch(
        &changed,
        &[
            "`retention.ms` is 604800000, expected 3600000",
            "change `kafka.retention`, or run kafka-configs.sh",
            "--add-config retention.ms=3600000",
        ],
    )
    .await;
    let changed = change(&|config| config.max_record_bytes = 4 << 20);
    assert_mismatch(
        &changed,
        &[
            "`max.message.bytes` is 1114112",
            "change `kafka.max_record_bytes`",
        ],
    )
    .await;
    let changed = change(&|config| config.replication_factor = Some(3));
    assert_mismatch(
        &changed,
        &["kept by 1 brokers, expected 3", "kafka.replication_factor"],
    )
    .await;
    let changed = change(&|config| config.sites_topic.clone_from(&made.dead_letter_topic));
    let changed = KafkaConfig {
        dead_letter_topic: node.unique_name("dead"),
        ..changed
    };
    assert_mismatch(&changed, &["`cleanup.policy` is delete, expected compact"]).await;
}

#[tokio::test]
async fn more_replicas_than_brokers_are_waited_for() {
    let node = KafkaNode::shared().await;
    let config = KafkaConfig {
        replication_factor: Some(3),
        ..config(node)
    };
    let error = ensure(&config).await.unwrap_err();
    assert_eq!(error.retry_class(), RetryClass::Transient, "{error}");
    let text = error.to_string();
    assert!(text.contains("cannot create topic"), "{text}");
    assert!(text.contains("replication factor"), "{text}");
}

#[tokio::test]
async fn unreachable_brokers_are_a_transient_error() {
    let config = KafkaConfig {
        brokers: "127.0.0.1:9".to_owned(),
        ..KafkaConfig::default()
    };
    let error = ensure(&config).await.unwrap_err();
    assert_eq!(error.retry_class(), RetryClass::Transient, "{error}");
}
