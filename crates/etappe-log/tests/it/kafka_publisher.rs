//! Publishing to a real Kafka.

use std::time::Duration;

use etappe_core::ports::{EventPublisher, OutgoingRecord, PublishError};
use etappe_log::kafka::{
    KafkaConfig, KafkaPublisher, KafkaSecurity, SaslMechanism, Secret, SecurityProtocol,
};
use etappe_testkit::kafka::{KafkaNode, SASL_PASSWORD, SASL_USER};
use etappe_testkit::wait::{PATIENCE, until};

use crate::kafka_support::cluster;
use crate::support::record;

/// Returns a configuration that gives a healthy broker on a slow machine all the time it needs.
pub(crate) fn kafka_config(node: &KafkaNode, topic: &str) -> KafkaConfig {
    KafkaConfig {
        brokers: node.brokers(),
        topic: topic.to_owned(),
        delivery_timeout: PATIENCE,
        ..KafkaConfig::default()
    }
}

/// Publishes records until all of them are delivered. Some may be delivered more than once.
async fn published(publisher: &KafkaPublisher, records: impl Fn() -> Vec<OutgoingRecord>) {
    until("the records are published", PATIENCE, async || {
        publisher.publish(records()).await.iter().all(Result::is_ok)
    })
    .await;
}

pub(crate) fn publisher_of(config: KafkaConfig) -> KafkaPublisher {
    cluster(config).publisher().unwrap()
}

/// Reads a partition's records as texts.
pub(crate) async fn texts(node: &KafkaNode, topic: &str, partition: u32) -> Vec<String> {
    let records = node.read(topic, partition).await.unwrap();
    records
        .into_iter()
        .map(|record| String::from_utf8(record.value.unwrap()).unwrap())
        .collect()
}

#[tokio::test]
async fn records_stand_in_the_partition_of_their_key_in_their_order() {
    let node = KafkaNode::shared().await;
    let topic = node.topic("published", 4).await.unwrap();
    let publisher = publisher_of(kafka_config(node, &topic));
    let records: Vec<OutgoingRecord> = (0..1000)
        .map(|number| record(number % 7, format!("{}-{number}", number % 7)))
        .collect();
    let outcomes = publisher.publish(records).await;
    assert_eq!(outcomes.len(), 1000);
    assert!(outcomes.iter().all(Result::is_ok));
    publisher.close().await;
    for partition in 0..4 {
        let expected: Vec<String> = (0_u64..1000)
            .filter(|number| number % 7 % 4 == u64::from(partition))
            .map(|number| format!("{}-{number}", number % 7))
            .collect();
        assert_eq!(texts(node, &topic, partition).await, expected);
    }
    let first = node.read(&topic, 0).await.unwrap().swap_remove(0);
    assert_eq!(first.key, None, "records have no key on Kafka");
}

#[tokio::test]
async fn a_record_that_is_too_large_is_refused_alone() {
    let node = KafkaNode::shared().await;
    let topic = node.topic("large", 4).await.unwrap();
    let config = KafkaConfig {
        max_record_bytes: 1024,
        ..kafka_config(node, &topic)
    };
    let publisher = publisher_of(config);
    let records = vec![
        record(0, "before"),
        record(0, "x".repeat(1025)),
        record(0, "after"),
    ];
    let outcomes = publisher.publish(records).await;
    let refused = PublishError::TooLarge {
        size: 1025,
        limit: 1024,
    };
    assert_eq!(outcomes, [Ok(()), Err(refused), Ok(())]);
    assert_eq!(texts(node, &topic, 0).await, ["before", "after"]);
}

#[tokio::test]
async fn a_topic_that_takes_less_than_it_should_makes_records_unavailable() {
    let node = KafkaNode::shared().await;
    let settings = [("max.message.bytes", "2000")];
    let topic = node.topic_with("tight", 4, &settings).await.unwrap();
    let publisher = publisher_of(kafka_config(node, &topic));
    // Text that does not compress.
    let noise: String = (0_u32..2_000)
        .map(|number| number.wrapping_mul(2_654_435_761).to_string())
        .collect();
    let outcomes = publisher.publish(vec![record(0, noise)]).await;
    let [Err(PublishError::Unavailable { reason, .. })] = &outcomes[..] else {
        panic!("{outcomes:?}");
    };
    assert!(reason.contains("size too large"), "{reason}");
    let outcomes = publisher.publish(vec![record(0, "short")]).await;
    assert_eq!(outcomes, [Ok(())]);
}

#[tokio::test]
async fn brokers_that_are_away_make_records_unavailable_in_time() {
    let config = KafkaConfig {
        // Nothing listens there.
        brokers: "127.0.0.1:9".to_owned(),
        delivery_timeout: Duration::from_millis(600),
        ..KafkaConfig::default()
    };
    let publisher = publisher_of(config);
    let outcomes = publisher.publish(vec![record(0, "lost")]).await;
    assert!(
        matches!(outcomes[..], [Err(PublishError::Unavailable { .. })]),
        "{outcomes:?}"
    );
    let problem = publisher.problem().expect("it says what is wrong");
    assert!(problem.contains("no Kafka broker"), "{problem}");
}

#[tokio::test]
async fn records_beyond_the_queue_are_refused_and_the_rest_is_delivered() {
    let node = KafkaNode::start().await.unwrap();
    let topic = node.topic("full", 4).await.unwrap();
    let config = KafkaConfig {
        queue_bytes: 1 << 20,
        max_record_bytes: 64 << 10,
        ..kafka_config(&node, &topic)
    };
    let publisher = publisher_of(config);
    assert_eq!(publisher.publish(vec![record(1, "0")]).await, [Ok(())]);
    node.pause();
    let many = |from: usize| (from..from + 4000).map(|number| record(1, number.to_string()));
    let publishing = publisher.publish(many(1).collect());
    let resuming = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        node.resume();
    };
    let (outcomes, ()) = tokio::join!(publishing, resuming);
    let taken = outcomes
        .iter()
        .take_while(|outcome| outcome.is_ok())
        .count();
    assert!((1..4000).contains(&taken), "{taken} were taken");
    assert!(outcomes[taken..].iter().all(|outcome| matches!(
        outcome,
        Err(PublishError::Unavailable { reason, .. }) if reason.contains("more is coming in")
    )));
    let expected: Vec<String> = (0..=taken).map(|number| number.to_string()).collect();
    assert_eq!(texts(&node, &topic, 1).await, expected);
}

#[tokio::test]
async fn records_given_up_while_the_broker_is_frozen_can_be_published_again_in_order() {
    let node = KafkaNode::start().await.unwrap();
    let topic = node.topic("frozen", 4).await.unwrap();
    let config = KafkaConfig {
        delivery_timeout: Duration::from_millis(1500),
        ..kafka_config(&node, &topic)
    };
    let publisher = publisher_of(config);
    let batch = |from: u64| {
        (from..from + 50)
            .map(|number| record(3, number.to_string()))
            .collect()
    };
    // The timeout is short, so a slow machine may give up records at any time.
    published(&publisher, || batch(0)).await;
    node.pause();
    let outcomes = publisher.publish(batch(50)).await;
    assert!(outcomes.iter().all(Result::is_err), "{outcomes:?}");
    node.resume();
    published(&publisher, || batch(50)).await;
    published(&publisher, || batch(100)).await;
    let mut seen = std::collections::HashSet::new();
    let mut firsts = texts(&node, &topic, 3).await;
    firsts.retain(|text| seen.insert(text.clone()));
    let expected: Vec<String> = (0..150).map(|number| number.to_string()).collect();
    assert_eq!(firsts, expected, "the first copies are in order");
}

#[tokio::test]
async fn a_login_is_proven_to_the_broker() {
    let node = KafkaNode::shared().await;
    let topic = node.topic("login", 4).await.unwrap();
    let config = |password: &str| KafkaConfig {
        brokers: node.sasl_brokers(),
        security: KafkaSecurity {
            protocol: SecurityProtocol::SaslPlaintext,
            mechanism: SaslMechanism::Plain,
            username: Some(SASL_USER.to_owned()),
            password: Some(Secret::new(password)),
            ..KafkaSecurity::default()
        },
        ..kafka_config(node, &topic)
    };
    let publisher = publisher_of(config(SASL_PASSWORD));
    assert_eq!(publisher.publish(vec![record(0, "known")]).await, [Ok(())]);
    let stranger = publisher_of(KafkaConfig {
        delivery_timeout: Duration::from_secs(2),
        ..config("wrong")
    });
    until("the broker refuses the password", PATIENCE, async || {
        let outcomes = stranger.publish(vec![record(0, "unknown")]).await;
        assert!(
            matches!(outcomes[..], [Err(PublishError::Unavailable { .. })]),
            "{outcomes:?}"
        );
        let problem = stranger.problem().expect("it says what is wrong");
        problem.to_lowercase().contains("authentication")
    })
    .await;
    assert_eq!(texts(node, &topic, 0).await, ["known"]);
}
