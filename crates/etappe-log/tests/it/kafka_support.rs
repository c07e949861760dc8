//! Helpers for the tests that consume from Kafka: a topic and a group for each test, and short ways
//! to follow a source.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use etappe_core::id::{Offset, PartitionId};
use etappe_core::ports::{Progress, ReadRequest, RecordSource, SourceEvent};
use etappe_log::LogError;
use etappe_log::kafka::{KafkaCluster, KafkaConfig, KafkaSource};
use etappe_testkit::clock::ManualClock;
use etappe_testkit::kafka::KafkaNode;
use prometheus::Registry;

use crate::support::in_time;

pub(crate) const P0: PartitionId = PartitionId(0);

/// The topic and the group of one test.
pub(crate) struct Place<'a> {
    pub(crate) node: &'a KafkaNode,
    pub(crate) config: KafkaConfig,
    pub(crate) cluster: KafkaCluster,
    pub(crate) clock: ManualClock,
    pub(crate) registry: Registry,
}

impl<'a> Place<'a> {
    pub(crate) async fn on(node: &'a KafkaNode, partitions: u32) -> Self {
        Self::with(node, partitions, &[]).await
    }

    pub(crate) async fn with(
        node: &'a KafkaNode,
        partitions: u32,
        settings: &[(&str, &str)],
    ) -> Self {
        let topic = node.topic_with("events", partitions, settings).await;
        let topic = topic.unwrap();
        Self::configured(node, |config| KafkaConfig {
            topic,
            partitions,
            ..config
        })
    }

    /// Creates a place whose topics the test creates itself, or does not need.
    pub(crate) fn configured(
        node: &'a KafkaNode,
        change: impl FnOnce(KafkaConfig) -> KafkaConfig,
    ) -> Self {
        let config = change(KafkaConfig {
            brokers: node.brokers(),
            group: node.unique_name("group"),
            session_timeout: Duration::from_secs(6),
            ..KafkaConfig::default()
        });
        let registry = Registry::new();
        let clock = ManualClock::default();
        let shown = Arc::new(clock.clone());
        Self {
            node,
            cluster: KafkaCluster::new(config.clone(), shown, &registry).unwrap(),
            config,
            clock,
            registry,
        }
    }

    pub(crate) fn source(&self) -> KafkaSource {
        self.cluster.source().unwrap()
    }

    /// Joins the group of a topic with one partition, of which nobody else is a member.
    pub(crate) async fn joined(&self) -> KafkaSource {
        let source = self.source();
        assigned(&source, P0).await;
        source
    }

    pub(crate) async fn produce(&self, partition: u32, values: &[impl AsRef<[u8]>]) {
        let topic = &self.config.topic;
        self.node.produce(topic, partition, values).await.unwrap();
    }

    pub(crate) async fn committed(&self, partition: u32) -> Option<(u64, String)> {
        let KafkaConfig { group, topic, .. } = &self.config;
        self.node.committed(group, topic, partition).await.unwrap()
    }

    /// Returns the sum of a metric over all its labels.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == name);
        let metrics = family.map_or(&[][..], |family| family.get_metric());
        let value = |metric: &prometheus::proto::Metric| {
            metric.get_counter().get_value() + metric.get_gauge().get_value()
        };
        metrics.iter().map(value).sum()
    }
}

/// Creates a cluster without a node behind it.
pub(crate) fn cluster(config: KafkaConfig) -> KafkaCluster {
    let clock = Arc::new(ManualClock::default());
    KafkaCluster::new(config, clock, &Registry::new()).unwrap()
}

/// Waits for the next event of a source.
pub(crate) async fn change(source: &KafkaSource) -> SourceEvent {
    in_time("a change", source.changed()).await.unwrap()
}

/// Waits for the next event, which must be an assignment of `partition`.
pub(crate) async fn assigned(source: &KafkaSource, partition: PartitionId) -> Option<Progress> {
    match change(source).await {
        SourceEvent::Assigned {
            partition: found,
            progress,
            replay,
        } => {
            assert_eq!((found, replay), (partition, Vec::new()));
            progress
        }
        SourceEvent::Revoked { partition } => panic!("{partition} was revoked"),
    }
}

/// Waits for `count` assignments.
pub(crate) async fn assigned_all(
    source: &KafkaSource,
    count: usize,
) -> BTreeMap<PartitionId, Option<Progress>> {
    let mut all = BTreeMap::new();
    while all.len() < count {
        match change(source).await {
            SourceEvent::Assigned {
                partition,
                progress,
                ..
            } => all.insert(partition, progress),
            SourceEvent::Revoked { partition } => panic!("{partition} was revoked"),
        };
    }
    all
}

pub(crate) fn request(from: u64) -> ReadRequest {
    ReadRequest {
        from: Offset(from),
        until: None,
        max_bytes: 1 << 20,
        wait: Duration::from_millis(200),
    }
}

pub(crate) fn until(from: u64, until: u64) -> ReadRequest {
    ReadRequest {
        until: Some(Offset(until)),
        ..request(from)
    }
}

/// Reads once. The answer may hold fewer records than there are.
pub(crate) async fn read(
    source: &KafkaSource,
    partition: PartitionId,
    request: ReadRequest,
) -> Result<Vec<(u64, String)>, LogError> {
    let records = source.read(partition, request).await?;
    let text = |payload: &[u8]| String::from_utf8(payload.to_vec()).unwrap();
    Ok(records
        .iter()
        .map(|record| (record.offset.0, text(&record.payload)))
        .collect())
}

/// Reads until `count` records were returned.
pub(crate) async fn read_some(
    source: &KafkaSource,
    partition: PartitionId,
    from: u64,
    count: usize,
) -> Vec<(u64, String)> {
    let mut found: Vec<(u64, String)> = Vec::new();
    let all = async {
        while found.len() < count {
            let next = found.last().map_or(from, |(offset, _)| offset + 1);
            found.extend(read(source, partition, request(next)).await.unwrap());
        }
    };
    in_time("the records", all).await;
    found
}

pub(crate) fn numbered(range: std::ops::Range<u64>) -> Vec<String> {
    range.map(|number| format!("record {number}")).collect()
}
