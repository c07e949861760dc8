//! Which messages are already stored.

use std::collections::BTreeSet;

use etappe_core::event::KeyScope;
use etappe_core::id::{Offset, PartitionId, SiteId};
use etappe_core::ports::{MessageHash, MessageIndex, RowSink};
use etappe_core::time::Timestamp;
use etappe_core::watermark::{CollectorMark, CollectorState};

use crate::engine::TestWarehouse;
use crate::fixture::{DAY, TOPIC, TestEvent, batch, mark_batch, numbered};
use crate::random::START;

fn hash(message_id: &str) -> MessageHash {
    MessageHash::of(
        &SiteId::try_new("demo").unwrap(),
        KeyScope::Server,
        message_id,
    )
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

/// Messages of another log, at the same partitions and offsets as [`messages`].
fn older_messages() -> Vec<TestEvent> {
    let mut events = messages();
    for event in &mut events {
        event.topic = "local";
        event.message_id = format!("old{}", event.offset);
        event.received -= DAY;
    }
    events
}

#[tokio::test]
async fn records_of_another_log_count_as_stored_before() {
    let test = TestWarehouse::new().await;
    test.warehouse
        .insert(&batch(&older_messages()))
        .await
        .unwrap();
    test.warehouse.insert(&batch(&messages())).await.unwrap();
    let asked: Vec<MessageHash> = ["m0", "m303", "old0", "old303", "no such"]
        .iter()
        .map(|id| hash(id))
        .collect();
    let seen = async |topic: &'static str, partition, below| {
        let found = test
            .warehouse
            .seen_before(topic, PartitionId(partition), Offset(below), &asked)
            .await;
        found.unwrap().into_iter().collect::<BTreeSet<_>>()
    };
    let old = [hash("old0"), hash("old303")];
    let new = [hash("m0"), hash("m303")];
    assert_eq!(seen(TOPIC, 0, 0).await, BTreeSet::from(old));
    assert_eq!(seen(TOPIC, 3, 0).await, BTreeSet::from(old));
    assert_eq!(
        seen(TOPIC, 0, 1).await,
        BTreeSet::from([old[0], old[1], new[0]])
    );
    assert_eq!(seen("local", 7, 0).await, BTreeSet::from(new));

    let all: BTreeSet<MessageHash> = older_messages()
        .iter()
        .chain(&messages())
        .map(|event| hash(&event.message_id))
        .collect();
    assert_eq!(recent(&test, 0, 10_000).await, all);
    let latest: BTreeSet<MessageHash> = (2_983..3_000)
        .map(|number| hash(&format!("old{}", number * 3)))
        .chain((0..3_000).map(|number| hash(&format!("m{}", number * 3))))
        .collect();
    assert_eq!(recent(&test, 0, 3_017).await, latest);
    assert_eq!(recent(&test, 0, 2_000).await.len(), 2_000);
}

#[tokio::test]
async fn rows_of_another_log_are_not_taken_for_rows_of_a_batch() {
    let test = TestWarehouse::new().await;
    let old = older_messages();
    let mut new = messages();
    for (event, old) in new.iter_mut().zip(&old) {
        event.received = old.received;
    }
    test.warehouse.insert(&batch(&old)).await.unwrap();
    for _ in 0..2 {
        test.warehouse.insert(&batch(&new)).await.unwrap();
        for table in ["messages", "events", "stage_events"] {
            let count = format!("SELECT count() FROM {table}");
            assert_eq!(test.number(&count).await, 6_000, "{table}");
        }
    }
}

/// Stores messages in one batch per range, from its first offset up to its end.
async fn store_ranges(test: &TestWarehouse, ranges: &[(u64, u64)]) {
    for (first, end) in ranges.iter().copied() {
        let events: Vec<TestEvent> = (first..end)
            .map(|offset| TestEvent {
                offset,
                message_id: format!("m{offset}"),
                ..TestEvent::of("u1", 0, None)
            })
            .collect();
        test.warehouse.insert(&batch(&events)).await.unwrap();
    }
}

#[tokio::test]
async fn the_stored_range_ends_at_the_first_hole_in_the_last_batches() {
    let test = TestWarehouse::new().await;
    let until = async |topic: &'static str| {
        let found = test.warehouse.stored_until(topic, PartitionId(0)).await;
        found.unwrap().map(|offset| offset.0)
    };
    assert_eq!(until(TOPIC).await, None);
    store_ranges(&test, &[(0, 100), (100, 250)]).await;
    assert_eq!(until(TOPIC).await, Some(250));
    assert_eq!(until("another").await, None);
    store_ranges(&test, &[(251, 300)]).await;
    assert_eq!(until(TOPIC).await, Some(250), "a hole at 250");
    let mark = CollectorMark {
        collector: "c".to_owned(),
        reached: Timestamp::EPOCH,
        written_at: Timestamp::from_millis(START),
        state: CollectorState::Direct,
    };
    test.warehouse
        .insert(&mark_batch(0, 250, &[mark]))
        .await
        .unwrap();
    assert_eq!(until(TOPIC).await, Some(300), "a mark fills it");
    store_ranges(&test, &[(2_000_000, 2_000_010)]).await;
    assert_eq!(
        until(TOPIC).await,
        Some(1_000_009),
        "more than two batches back everything was done long ago"
    );
}

#[tokio::test]
async fn a_partly_stored_first_batch_is_read_again_from_its_start() {
    let test = TestWarehouse::new().await;
    store_ranges(&test, &[(50, 100)]).await;
    let found = test.warehouse.stored_until(TOPIC, PartitionId(0)).await;
    assert_eq!(found.unwrap(), Some(Offset(0)));
}
