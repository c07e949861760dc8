//! Error paths that a real broker cannot be made to take, on librdkafka's mock broker.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use etappe_core::time::Timestamp;
use etappe_testkit::clock::ManualClock;
use prometheus::Registry;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::*;

type Mock = MockCluster<'static, DefaultProducerContext>;

fn publisher() -> (Mock, KafkaPublisher) {
    publisher_within(Duration::from_secs(5))
}

/// Creates a publisher that gives records up after `delivery_timeout`.
fn publisher_within(delivery_timeout: Duration) -> (Mock, KafkaPublisher) {
    let mock = MockCluster::new(1).unwrap();
    let config = KafkaConfig {
        brokers: mock.bootstrap_servers(),
        delivery_timeout,
        properties: BTreeMap::from([(
            "topic.metadata.refresh.interval.ms".to_owned(),
            "200".to_owned(),
        )]),
        ..KafkaConfig::default()
    };
    mock.create_topic(&config.topic, 4, 1).unwrap();
    let cluster =
        KafkaCluster::new(config, Arc::new(ManualClock::default()), &Registry::new()).unwrap();
    let publisher = cluster.publisher().unwrap();
    (mock, publisher)
}

async fn publish(publisher: &KafkaPublisher) -> Result<(), PublishError> {
    let record = OutgoingRecord {
        key: 1,
        received_at: Timestamp::EPOCH,
        payload: Bytes::from_static(b"text"),
    };
    let mut outcomes = publisher.publish(vec![record]).await;
    outcomes.pop().expect("there is one outcome for one record")
}

#[tokio::test]
async fn a_transient_failure_is_retried_until_delivery() {
    let (mock, publisher) = publisher();
    let errors = [
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR__TRANSPORT,
    ];
    mock.request_errors(RDKafkaApiKey::Produce, &errors);
    assert_eq!(publish(&publisher).await, Ok(()));
    assert_eq!(publisher.problem(), None);
}

#[tokio::test]
async fn a_missing_permission_is_reported_until_it_is_granted() {
    let (mock, publisher) = publisher();
    let refused = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED];
    mock.request_errors(RDKafkaApiKey::Produce, &refused);
    let Err(PublishError::Unavailable { reason, .. }) = publish(&publisher).await else {
        panic!("it is refused");
    };
    assert!(reason.contains("authorization"), "{reason}");
    tokio::time::timeout(Duration::from_secs(1), publisher.trouble())
        .await
        .expect("whoever watches is told");
    let allowed = async {
        while publish(&publisher).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), allowed)
        .await
        .expect("the permission is noticed");
    assert_eq!(publisher.problem(), None);
}

#[tokio::test]
async fn a_producer_that_has_failed_for_good_is_replaced() {
    let (mock, publisher) = publisher();
    assert_eq!(publish(&publisher).await, Ok(()));
    let before = Arc::downgrade(&publisher.client());
    let desynchronised = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER];
    mock.request_errors(RDKafkaApiKey::Produce, &desynchronised);
    let failed = publish(&publisher).await;
    assert!(
        matches!(failed, Err(PublishError::Unavailable { .. })),
        "{failed:?}"
    );
    assert_eq!(publish(&publisher).await, Ok(()));
    publisher.close().await;
    assert!(before.upgrade().is_none(), "the old client is gone");
}

#[tokio::test]
async fn a_producer_that_delivers_nothing_to_a_reachable_broker_is_replaced() {
    let (mock, publisher) = publisher_within(Duration::from_secs(2));
    assert_eq!(publish(&publisher).await, Ok(()));
    let before = Arc::downgrade(&publisher.client());
    let short = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS; 1_000];
    mock.request_errors(RDKafkaApiKey::Produce, &short);
    for attempt in 1..=3 {
        let failed = publish(&publisher).await;
        assert!(failed.is_err(), "attempt {attempt}");
        let client = Arc::downgrade(&publisher.client());
        assert!(client.ptr_eq(&before), "not replaced after {attempt}");
    }
    mock.clear_request_errors(RDKafkaApiKey::Produce);
    assert_eq!(publish(&publisher).await, Ok(()));
    let client = Arc::downgrade(&publisher.client());
    assert!(!client.ptr_eq(&before), "another one delivers");
    publisher.close().await;
    assert!(before.upgrade().is_none(), "the old client is gone");
}
