//! Dead letters on a real Kafka.

use std::time::Duration;

use bytes::Bytes;
use etappe_core::id::{Offset, PartitionId};
use etappe_core::ports::{DeadLetter, DeadLetters, RetryClass, Retryable, StoredDeadLetter};
use etappe_log::kafka::KafkaConfig;
use etappe_testkit::kafka::KafkaNode;

use crate::kafka_support::Place;

fn letter(partition: u32, offset: u64, payload: &[u8], reason: &str) -> DeadLetter {
    DeadLetter {
        partition: PartitionId(partition),
        offset: Offset(offset),
        payload: Bytes::copy_from_slice(payload),
        reason: reason.to_owned(),
    }
}

async fn place(node: &KafkaNode) -> Place<'_> {
    let dead_letter_topic = node.topic("dead-letters", 1).await.unwrap();
    Place::configured(node, |config| KafkaConfig {
        dead_letter_topic,
        ..config
    })
}

#[tokio::test]
async fn letters_are_kept_once_with_their_bytes() {
    let place = place(KafkaNode::shared().await).await;
    let keeper = place.cluster.dead_letters().unwrap();
    assert_eq!(keeper.read_all().await.unwrap(), []);
    let long = "é".repeat(3_000);
    let all = [
        letter(0, 7, b"\xff\x00 not text", "not JSON"),
        letter(1, 7, b"", "empty"),
        letter(0, 8, b"{}", &long),
    ];
    keeper.store(&all[..2]).await.unwrap();
    place.clock.advance(Duration::from_secs(5));
    // The reason of the first burial stays.
    let again = letter(0, 7, b"\xff\x00 not text", "another reason");
    keeper.store(&[again, all[2].clone()]).await.unwrap();

    let kept = place.cluster.dead_letters().unwrap().read_all().await;
    let kept = kept.unwrap();
    let topics: Vec<&str> = kept.iter().map(|it| it.topic.as_str()).collect();
    assert_eq!(topics, [&*place.config.topic; 3]);
    let letters: Vec<&DeadLetter> = kept.iter().map(|it| &it.letter).collect();
    let shortened = letter(0, 8, b"{}", &"é".repeat(2_000));
    assert_eq!(letters, [&all[0], &all[1], &shortened]);
    let later = kept[2].buried_at.as_millis() - kept[0].buried_at.as_millis();
    assert_eq!(later, 5_000);
    assert!(kept.iter().all(|it| it.replayed_at.is_none()));
}

#[tokio::test]
async fn a_letter_remembers_when_it_was_sent_again() {
    let place = place(KafkaNode::shared().await).await;
    let keeper = place.cluster.dead_letters().unwrap();
    let all = [letter(0, 1, b"a", "x"), letter(0, 2, b"b", "y")];
    keeper.store(&all).await.unwrap();
    let kept: Vec<StoredDeadLetter> = keeper.read_all().await.unwrap();
    keeper.mark_replayed(&kept[1]).await.unwrap();
    place.clock.advance(Duration::from_secs(60));
    keeper.mark_replayed(&kept[1]).await.unwrap();
    // Burying it again does not clear that it was replayed.
    keeper.store(&all).await.unwrap();
    let unknown = StoredDeadLetter {
        letter: letter(3, 3, b"c", "z"),
        ..kept[0].clone()
    };
    keeper.mark_replayed(&unknown).await.unwrap();
    let mut found = Vec::new();
    let visited = keeper.visit(|letter| found.push(letter));
    visited.await.unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(found[0], kept[0]);
    let replayed_at = found[1].replayed_at.unwrap();
    let after = replayed_at.as_millis() - kept[1].buried_at.as_millis();
    assert_eq!(after, 60_000);
}

#[tokio::test]
async fn many_letters_are_read_to_the_last() {
    let place = place(KafkaNode::shared().await).await;
    let keeper = place.cluster.dead_letters().unwrap();
    let payload = vec![b'x'; 700];
    let all: Vec<DeadLetter> = (0..3_000)
        .map(|offset| letter(0, offset, &payload, "because"))
        .collect();
    keeper.store(&all).await.unwrap();
    let mut next = 0;
    let visited = keeper.visit(|letter| {
        assert_eq!(letter.letter.offset, Offset(next));
        next += 1;
    });
    visited.await.unwrap();
    assert_eq!(next, 3_000);
}

#[tokio::test]
async fn without_brokers_a_letter_is_not_kept_and_may_be_tried_again() {
    let config = KafkaConfig {
        brokers: "127.0.0.1:9".to_owned(),
        delivery_timeout: Duration::from_millis(600),
        ..KafkaConfig::default()
    };
    let keeper = crate::kafka_support::cluster(config)
        .dead_letters()
        .unwrap();
    let error = keeper.store(&[letter(0, 1, b"a", "x")]).await.unwrap_err();
    assert_eq!(error.retry_class(), RetryClass::Transient, "{error}");
    let error = keeper.read_all().await.unwrap_err();
    assert_eq!(error.retry_class(), RetryClass::Transient, "{error}");
}
