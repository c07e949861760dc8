//! A broker that stood still for so long that its cluster took it for gone. For a moment it answers
//! with topics and without brokers.

use std::time::Duration;

use bytes::Bytes;
use etappe_core::ports::{EventPublisher as _, RecordSource as _, SourceEvent};
use etappe_log::kafka::{KafkaConfig, KafkaPublisher, KafkaSource, KafkaTable};
use etappe_testkit::kafka::KafkaNode;
use etappe_testkit::wait::{PATIENCE, until};
use tokio::task::JoinSet;

use crate::kafka_support::{P0, Place, read, request};
use crate::support::{in_time, record};

/// Longer than `broker.session.timeout.ms` of the node.
const FENCED_AFTER: Duration = Duration::from_secs(4);
/// Not every client asks in that moment, so there are many of them and several such moments.
const PUBLISHERS: usize = 12;
const TIMES: u64 = 3;

async fn publish(publisher: &KafkaPublisher, text: &str) {
    // Not `until`: the future of an async closure cannot be spawned.
    let accepted = async {
        while publisher.publish(vec![record(0, text)]).await[0].is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    in_time("a broker that takes the record", accepted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_find_a_broker_that_was_fenced() {
    let node = KafkaNode::start().await.unwrap();
    let topic = node.topic("events", 1).await.unwrap();
    let place = Place::configured(&node, |config| KafkaConfig {
        topic,
        partitions: 1,
        delivery_timeout: Duration::from_secs(2),
        ..config
    });
    let rows = node.topic("rows", 1).await.unwrap();
    let table = KafkaTable::open(&place.cluster, &rows).await.unwrap();
    let publisher = || place.cluster.publisher().unwrap();
    let publishers: Vec<KafkaPublisher> =
        std::iter::repeat_with(publisher).take(PUBLISHERS).collect();
    let lookout = place.cluster.lookout().unwrap();
    let source = place.joined().await;
    let at_least = PUBLISHERS * (1 + usize::try_from(TIMES).unwrap());
    let mut reading = JoinSet::new();
    reading.spawn(async move { read_at_least(&source, at_least).await });
    for publisher in &publishers {
        publish(publisher, "before").await;
    }
    for time in 0..TIMES {
        node.pause();
        let mut waiting = JoinSet::new();
        for publisher in &publishers {
            let publisher = publisher.clone();
            waiting.spawn(async move { publish(&publisher, "meanwhile").await });
        }
        tokio::time::sleep(FENCED_AFTER).await;
        node.resume();
        waiting.join_all().await;
        println!("time {time}: all records are published");
        let name = format!("row {time}");
        let value = Bytes::from_static(b"there");
        until("the row is written", PATIENCE, async || {
            table.put(&name, Some(value.clone())).await.is_ok()
        })
        .await;
        println!("time {time}: the row is written");
        let mut shown = table.rows();
        let shown = shown.wait_for(|rows| rows.contains_key(&name));
        in_time("the row", shown).await.unwrap();
        let answers = async || lookout.look().await.is_ok();
        until("the lookout gets an answer", PATIENCE, answers).await;
        println!("time {time}: the lookout got an answer");
    }
    in_time("all records", reading.join_all()).await;
}

/// Reads until so many records were read. The group may take the partition away and give it back.
async fn read_at_least(source: &KafkaSource, count: usize) {
    let follow = async {
        loop {
            if let SourceEvent::Revoked { partition } = source.changed().await.unwrap() {
                source.release(partition).await;
            }
        }
    };
    let read_on = async {
        let mut next = 0;
        while next < u64::try_from(count).unwrap() {
            match read(source, P0, request(next)).await {
                Ok(found) => next = found.last().map_or(next, |(offset, _)| offset + 1),
                // The member may have lost the partition meanwhile.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    };
    tokio::select! {
        () = follow => {}
        () = read_on => {}
    }
}
