//! Which messages are stored already.

use std::collections::BTreeSet;

use etappe_core::id::{Offset, PartitionId, SiteId};
use etappe_core::ports::{MessageHash, MessageIndex, RowSink};
use etappe_core::time::Timestamp;

use crate::engine::TestWarehouse;
use crate::fixture::{DAY, TOPIC, TestEvent, batch, numbered};
use crate::random::START;

fn hash(message_id: &str) -> MessageHash {
    MessageHash::of(&SiteId::try_new("demo").unwrap(), message_id)
}

/// 3,000 messages, a minute apart, with gaps in their offsets.
fn messages() -> Vec<TestEvent> {
    let events = (0..3_000)
        .map(|number| TestEvent {
            received: START + number * 60_000,
            ..TestEvent::of("u1", 0, None)
        })
        .collect();
    let mut events = numbered(events);
    for event in &mut events {
        event.offset *= 3;
        event.message_id = format!("m{}", event.offset);
    }
    events
}

async fn recent(test: &TestWarehouse, since: i64, limit: u64) -> BTreeSet<MessageHash> {
    let mut found = BTreeSet::new();
    let since = Timestamp::from_millis(since);
    test.warehouse
        .recent(TOPIC, PartitionId(0), since, limit, |hash| {
            assert!(found.insert(hash))
        })
        .await
        .unwrap();
    found
}

#[tokio::test]
async fn only_lower_offsets_of_the_same_partition_were_seen_before() {
    let test = TestWarehouse::new().await;
    test.warehouse.insert(&batch(&messages())).await.unwrap();
    let asked: Vec<MessageHash> = ["m0", "m300", "m303", "m306", "no such"]
        .iter()
        .map(|id| hash(id))
        .collect();
    let seen = |partition, below| {
        let (warehouse, asked) = (&test.warehouse, &asked);
        async move {
            let found = warehouse
                .seen_before(TOPIC, PartitionId(partition), Offset(below), asked)
                .await;
            found.unwrap().into_iter().collect::<BTreeSet<_>>()
        }
    };
    assert_eq!(
        seen(0, 303).await,
        BTreeSet::from([hash("m0"), hash("m300")])
    );
    assert_eq!(
        seen(0, 304).await,
        BTreeSet::from([hash("m0"), hash("m300"), hash("m303")])
    );
    assert_eq!(seen(0, 0).await, BTreeSet::new());
    assert_eq!(seen(1, 9_000).await, BTreeSet::new());
    let many: Vec<MessageHash> = (0..25_000)
        .map(|number| hash(&format!("m{number}")))
        .collect();
    let found = test
        .warehouse
        .seen_before(TOPIC, PartitionId(0), Offset(u64::MAX), &many)
        .await
        .unwrap();
    assert_eq!(found.len(), 3_000);
    assert!(
        test.warehouse
            .seen_before(TOPIC, PartitionId(0), Offset(9), &[])
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn recent_messages_are_bounded_by_age_and_number() {
    let test = TestWarehouse::new().await;
    test.warehouse.insert(&batch(&messages())).await.unwrap();
    let latest = |count: u64| {
        (3_000 - count..3_000)
            .map(|n| hash(&format!("m{}", n * 3)))
            .collect()
    };
    assert_eq!(recent(&test, 0, 10_000).await, latest(3_000));
    assert_eq!(recent(&test, 0, 17).await, latest(17));
    assert_eq!(
        recent(&test, START + DAY, 10_000).await,
        latest(3_000 - 1_440)
    );
    assert_eq!(recent(&test, START + DAY, 5).await, latest(5));
    assert_eq!(recent(&test, 0, 0).await, latest(0));
    assert_eq!(recent(&test, START + 10 * DAY, 10).await, latest(0));
}
