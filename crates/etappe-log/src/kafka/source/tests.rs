//! A stuck client, on librdkafka's mock brokers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use etappe_testkit::clock::ManualClock;
use prometheus::Registry;
use rdkafka::mocking::MockCluster;

use super::*;
use crate::kafka::config::KafkaConfig;

/// How long one step of the group may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until all four partitions were assigned, or were revoked and released.
async fn four(source: &KafkaSource, are_ours: bool) -> BTreeMap<PartitionId, Option<Progress>> {
    let mut seen = BTreeMap::new();
    while seen.len() < 4 {
        let changed = tokio::time::timeout(PATIENCE, source.changed());
        match changed.await.expect("in time").expect("no fault") {
            SourceEvent::Assigned {
                partition,
                progress,
                ..
            } => {
                assert!(are_ours, "{partition} came");
                seen.insert(partition, progress);
            }
            SourceEvent::Revoked { partition } => {
                assert!(!are_ours, "{partition} went");
                source.release(partition).await;
                seen.insert(partition, None);
            }
        }
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_client_is_replaced_and_its_progress_is_found_again() {
    let mock = MockCluster::new(1).unwrap();
    let config = KafkaConfig {
        brokers: mock.bootstrap_servers(),
        ..KafkaConfig::default()
    };
    mock.create_topic(&config.topic, 4, 1).unwrap();
    let cluster =
        KafkaCluster::new(config, Arc::new(ManualClock::default()), &Registry::new()).unwrap();
    let source = cluster.source().unwrap();
    let ours = four(&source, true).await;
    let all: BTreeSet<_> = (0..4).map(PartitionId).collect();
    assert_eq!(ours.into_keys().collect::<BTreeSet<_>>(), all);
    let progress = |number: u32| Progress {
        next: Offset(u64::from(number) + 1),
        pending: None,
    };
    for number in 0..4 {
        let partition = PartitionId(number);
        source.commit(partition, progress(number)).await.unwrap();
    }

    let stuck = Sign::Read(PartitionId(2));
    while source.inner.watchdog.stands_still().is_none() {
        source.inner.watchdog.note(stuck);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    four(&source, false).await;
    let partition = PartitionId(1);
    let late = source.commit(partition, progress(7)).await;
    assert!(
        matches!(late, Err(LogError::NotAssigned { .. })),
        "{late:?}"
    );
    let again = four(&source, true).await;
    for number in 0..4 {
        let found = again[&PartitionId(number)];
        assert_eq!(found, Some(progress(number)), "partition {number}");
    }
    source.commit(partition, progress(8)).await.unwrap();
    source.close().await;
}
