//! The relays store what was sent.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use etappe_core::time::Timestamp;
use etappe_testkit::kafka::KafkaNode;
use serde_json::Value;

use super::*;
use crate::load::{LoadPlan, Target, run};
use crate::request_pool::{RequestPool, Shape};
use crate::schedule::Arrival;

/// Sends 20 batches of 10 events each and returns the total size of the bodies in bytes.
async fn send_to(store: impl Store) -> u64 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plan = LoadPlan {
        address: listener.local_addr().unwrap().to_string(),
        write_key: String::new(),
        target: Target::Bare,
        shape: Shape::Batch(10),
        arrival: Arrival::Open { per_second: 100.0 },
        connections: 4,
        duration: Duration::from_millis(200),
        watch: Vec::new(),
        nonce: 1,
        ledger: false,
    };
    let mut server = JoinSet::new();
    server.spawn(serve(listener, store));
    let pool = RequestPool::new(plan.shape, Timestamp::EPOCH, 1).unwrap();
    let report = run(&plan, Arc::new(pool)).await.unwrap();
    assert!(report.is_complete() && report.errors.is_empty(), "{report}");
    report.body_bytes_sent
}

async fn stored_by(body: Body) -> (u64, Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let sent = send_to(FileStore::create(dir.path().to_owned(), body).unwrap()).await;
    let mut files = std::fs::read_dir(dir.path()).unwrap();
    let file = files.next().unwrap().unwrap();
    (sent, std::fs::read(file.path()).unwrap())
}

#[tokio::test]
async fn the_relay_on_kafka_publishes_each_message_as_a_record_to_all_partitions() {
    let node = KafkaNode::shared().await;
    let plan = KafkaPlan {
        brokers: node.brokers(),
        topic: node.unique_name("relay"),
        partitions: 4,
        codec: "lz4".to_owned(),
        linger: 5,
        acks: "all".to_owned(),
    };
    let store = KafkaStore::connect(&plan, Body::Events).await.unwrap();
    send_to(store).await;
    let mut ids = HashSet::new();
    for partition in 0..4 {
        let records = node.read(&plan.topic, partition).await.unwrap();
        assert_eq!(records.len(), 50);
        for record in records {
            let message: Value = serde_json::from_slice(&record.value.unwrap()).unwrap();
            ids.insert(message["messageId"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(ids.len(), 200);
}

#[tokio::test]
async fn the_raw_relay_stores_exactly_the_bytes_that_were_sent() {
    let (sent, stored) = stored_by(Body::Raw).await;
    assert_eq!(stored.len() as u64, sent);
}

#[tokio::test]
async fn the_inflating_relay_stores_the_text() {
    let (_, stored) = stored_by(Body::Inflated).await;
    let text = String::from_utf8(stored).unwrap();
    assert_eq!(text.matches(r#"{"batch":["#).count(), 20);
    assert_eq!(text.matches(r#""messageId":"#).count(), 200);
}

#[tokio::test]
async fn the_relay_of_events_stores_each_message_as_a_record() {
    let (_, stored) = stored_by(Body::Events).await;
    let (mut rest, mut messages) = (&stored[..], 0);
    while let Some((head, tail)) = rest.split_first_chunk::<8>() {
        let [a, b, c, d, checksum @ ..] = *head;
        let (message, after) = tail.split_at(u32::from_le_bytes([a, b, c, d]) as usize);
        assert_eq!(u32::from_le_bytes(checksum), crc32fast::hash(message));
        assert!(message.starts_with(b"{") && message.ends_with(b"}"));
        (rest, messages) = (after, messages + 1);
    }
    assert_eq!(messages, 200);
}

#[test]
fn a_single_message_is_one_record() {
    assert_eq!(
        file::records(b" {\"event\":\"x\"}").map(|bytes| bytes.len()),
        Some(8 + 13)
    );
    assert_eq!(file::records(b"{not json"), None);
}
