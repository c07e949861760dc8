//! The spool on a real Kafka that is killed, frozen, or unreachable.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use etappe_core::ports::{Clock, EventPublisher};
use etappe_core::time::Timestamp;
use etappe_core::watermark::CollectorMark;
use etappe_log::kafka::{KafkaCluster, KafkaConfig};
use etappe_log::spool::{SpoolConfig, SpoolingPublisher};
use etappe_testkit::kafka::KafkaNode;
use etappe_testkit::wait::{PATIENCE, until};
use prometheus::Registry;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::kafka_publisher::{kafka_config, texts};
use crate::support::{in_time, record};

const PARTITIONS: u32 = 4;
const SENDERS: u64 = 8;

/// A clock that never returns the same time twice.
#[derive(Debug, Default)]
struct Ticks(AtomicI64);

impl Clock for Ticks {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.fetch_add(1, Ordering::SeqCst))
    }
}

fn encode_mark(mark: &CollectorMark) -> Bytes {
    let reached = mark.reached.as_millis();
    Bytes::from(format!(
        "mark {} {:?} {reached}",
        mark.collector, mark.state
    ))
}

/// Returns the configuration of a publisher that gives up records, and spools them, early.
fn impatient(node: &KafkaNode, topic: &str) -> KafkaConfig {
    KafkaConfig {
        delivery_timeout: Duration::from_secs(5),
        ..kafka_config(node, topic)
    }
}

async fn open(directory: &Path, config: KafkaConfig, registry: &Registry) -> SpoolingPublisher {
    let clock = Arc::new(Ticks::default());
    let cluster =
        KafkaCluster::new(config, Arc::clone(&clock) as Arc<dyn Clock>, registry).unwrap();
    let spool = SpoolConfig {
        directory: directory.to_owned(),
        min_free_bytes: 0,
        ..SpoolConfig::default()
    };
    let kafka = cluster.publisher().unwrap();
    SpoolingPublisher::open(spool, kafka, clock, encode_mark, "boot", registry)
        .await
        .unwrap()
}

async fn spool_is_used(publisher: &SpoolingPublisher) {
    let is_used = async || publisher.is_spooling();
    until("the spool is used", PATIENCE, is_used).await;
}

/// Waits until the spool is empty and records go to Kafka.
async fn spool_is_left(publisher: &SpoolingPublisher) {
    let is_left = async || !publisher.is_spooling();
    until("Kafka takes records", PATIENCE, is_left).await;
}

/// Clients that send one message after another and count the acknowledged ones.
struct Senders {
    acknowledged: Arc<Vec<AtomicU64>>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Senders {
    fn start(publisher: &SpoolingPublisher) -> Self {
        let nothing = Arc::new((0..SENDERS).map(|_| AtomicU64::new(0)).collect());
        Self::go_on(publisher, nothing)
    }

    /// Starts senders that continue after the messages already acknowledged.
    fn go_on(publisher: &SpoolingPublisher, acknowledged: Arc<Vec<AtomicU64>>) -> Self {
        let senders = Self {
            acknowledged,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        for sender in 0..SENDERS {
            let (publisher, stop) = (publisher.clone(), senders.stop.clone());
            let counts = Arc::clone(&senders.acknowledged);
            senders.tasks.spawn(async move {
                let count = &counts[usize::try_from(sender).unwrap()];
                while !stop.is_cancelled() {
                    let number = count.load(Ordering::SeqCst);
                    let record = record(sender, format!("{sender} {number}"));
                    if publisher.publish(vec![record]).await == [Ok(())] {
                        count.fetch_add(1, Ordering::SeqCst);
                    }
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            });
        }
        senders
    }

    fn total(&self) -> u64 {
        self.acknowledged
            .iter()
            .map(|it| it.load(Ordering::SeqCst))
            .sum()
    }

    /// Waits until some more messages are acknowledged.
    async fn go_on_a_while(&self) {
        let enough = self.total() + 5 * SENDERS;
        until("messages are acknowledged", PATIENCE, async || {
            self.total() >= enough
        })
        .await;
    }

    async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Checks that every acknowledged message is there and that the first copies are in order.
    async fn check(&self, node: &KafkaNode, topic: &str) {
        let mut found: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        let mut seen = HashSet::new();
        for partition in 0..PARTITIONS {
            let all = texts(node, topic, partition).await;
            for text in all.iter().filter(|text| !text.starts_with("mark")) {
                let (sender, number) = text.split_once(' ').unwrap();
                if seen.insert(text.clone()) {
                    let numbers = found.entry(sender.parse().unwrap()).or_default();
                    numbers.push(number.parse().unwrap());
                }
            }
            let last = all.last().unwrap();
            assert!(
                last.contains("Retired"),
                "partition {partition} ends with {last}"
            );
        }
        for sender in 0..SENDERS {
            let numbers = &found[&sender];
            let is_in_order = numbers.iter().copied().eq(0..numbers.len() as u64);
            assert!(is_in_order, "sender {sender}: {numbers:?}");
            let acknowledged =
                self.acknowledged[usize::try_from(sender).unwrap()].load(Ordering::SeqCst);
            assert!(
                numbers.len() as u64 >= acknowledged,
                "sender {sender} lost messages"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_killed_again_and_again_costs_nothing() {
    let node = KafkaNode::start().await.unwrap();
    let topic = node.topic("killed", PARTITIONS).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::new();
    let publisher = open(directory.path(), impatient(&node, &topic), &registry).await;
    spool_is_left(&publisher).await;
    let senders = Senders::start(&publisher);
    for _ in 0..3 {
        senders.go_on_a_while().await;
        node.kill().unwrap();
        spool_is_used(&publisher).await;
        senders.go_on_a_while().await;
        assert!(publisher.outage().is_some_and(|it| it.contains("Kafka")));
        assert_eq!(publisher.problem(), None);
        node.start_again().await.unwrap();
        spool_is_left(&publisher).await;
    }
    senders.stop().await;
    publisher.close().await;
    senders.check(&node, &topic).await;
    let shown = registry.gather();
    let value = |name: &str| {
        let family = shown.iter().find(|it| it.name() == name).unwrap();
        family.get_metric()[0].get_counter().get_value()
    };
    let spooled = value("etappe_log_spooled_records_total");
    assert!(spooled > 0.0);
    assert!((value("etappe_log_drained_records_total") - spooled).abs() < 0.5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_freezes_costs_one_timeout_and_nothing_else() {
    let node = KafkaNode::start().await.unwrap();
    let topic = node.topic("frozen", PARTITIONS).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let config = KafkaConfig {
        delivery_timeout: Duration::from_secs(2),
        ..kafka_config(&node, &topic)
    };
    let publisher = open(directory.path(), config.clone(), &Registry::new()).await;
    spool_is_left(&publisher).await;
    let senders = Senders::start(&publisher);
    senders.go_on_a_while().await;
    node.pause();
    spool_is_used(&publisher).await;
    senders.go_on_a_while().await;
    senders.stop().await;
    // The broker stays frozen, so closing cannot wait for it.
    in_time("the publisher to close", publisher.close()).await;
    drop(publisher);
    let publisher = open(directory.path(), config, &Registry::new()).await;
    let senders = Senders::go_on(&publisher, senders.acknowledged);
    senders.go_on_a_while().await;
    node.resume();
    spool_is_left(&publisher).await;
    senders.stop().await;
    publisher.close().await;
    senders.check(&node, &topic).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_taken_from_the_start_while_kafka_is_away_and_survive_restarts() {
    let node = KafkaNode::start().await.unwrap();
    let topic = node.topic("away", PARTITIONS).await.unwrap();
    node.stop().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let config = impatient(&node, &topic);
    let mut collectors = HashSet::new();
    for start in 0..3 {
        let publisher = open(directory.path(), config.clone(), &Registry::new()).await;
        collectors.insert(publisher.collector().to_owned());
        for number in 0..10 {
            assert!(publisher.is_spooling(), "nobody waits for Kafka");
            let record = record(1, format!("{}", start * 10 + number));
            assert_eq!(publisher.publish(vec![record]).await, [Ok(())]);
        }
        // Kafka stays away, so closing cannot wait for it.
        in_time("the publisher to close", publisher.close()).await;
    }
    assert_eq!(collectors.len(), 1, "a collector keeps its id");
    node.start_again().await.unwrap();
    let publisher = open(directory.path(), config, &Registry::new()).await;
    spool_is_left(&publisher).await;
    assert_eq!(publisher.publish(vec![record(1, "30")]).await, [Ok(())]);
    publisher.close().await;
    let mut found = texts(&node, &topic, 1).await;
    found.retain(|text| !text.starts_with("mark"));
    let mut seen = HashSet::new();
    found.retain(|text| seen.insert(text.clone()));
    let expected: Vec<String> = (0..=30).map(|number| number.to_string()).collect();
    assert_eq!(found, expected);
}
