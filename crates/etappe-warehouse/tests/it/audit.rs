//! Which positions of a log are stored.

use std::collections::BTreeSet;

use etappe_core::id::PartitionId;
use etappe_core::ports::RowSink;
use etappe_core::time::Timestamp;
use etappe_core::watermark::{CollectorMark, CollectorState};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::engine::TestWarehouse;
use crate::fixture::{TOPIC, TestEvent, batch, mark_batch};
use crate::random::{START, seed};

fn event(partition: u32, offset: u64) -> TestEvent {
    TestEvent {
        partition,
        offset,
        message_id: format!("m{partition}-{offset}"),
        duplicate: offset.is_multiple_of(7),
        ..TestEvent::of("u1", 0, None)
    }
}

/// A partition, its ranges and its surplus.
type Found = (u32, Vec<(u64, u64)>, u64);

async fn ranges(test: &TestWarehouse, topic: &str) -> Vec<Found> {
    let all = test.warehouse.offset_ranges(topic).await.unwrap();
    all.into_iter()
        .map(|stored| {
            let ranges = stored.ranges.iter();
            let ranges = ranges.map(|range| (range.first.0, range.last.0));
            (stored.partition.0, ranges.collect(), stored.surplus)
        })
        .collect()
}

/// Returns a set's numbers as ranges, by a simple slow method.
fn runs(offsets: &BTreeSet<u64>) -> Vec<(u64, u64)> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for offset in offsets.iter().copied() {
        match runs.last_mut() {
            Some(run) if run.1 + 1 == offset => run.1 = offset,
            _ => runs.push((offset, offset)),
        }
    }
    runs
}

#[tokio::test]
async fn holes_and_surplus_rows_are_found() {
    let test = TestWarehouse::new().await;
    assert_eq!(ranges(&test, TOPIC).await, []);
    let mut random = StdRng::seed_from_u64(seed());
    let mut expected: Vec<BTreeSet<u64>> = vec![BTreeSet::new(); 2];
    for partition in 0..2_u32 {
        let mut events = Vec::new();
        // Around the block boundaries, with some holes, and a few far away.
        for offset in (65_000..66_500).chain(131_000..131_200).chain([900_000]) {
            if random.random_range(0..200) > 0 {
                events.push(event(partition, offset));
                expected[usize::try_from(partition).unwrap()].insert(offset);
            }
        }
        test.warehouse.insert(&batch(&events)).await.unwrap();
    }
    let mark = CollectorMark {
        collector: "c".to_owned(),
        reached: Timestamp::EPOCH,
        written_at: Timestamp::from_millis(START),
        state: CollectorState::Direct,
    };
    let marks = mark_batch(1, 66_500, &[mark.clone(), mark]);
    test.warehouse.insert(&marks).await.unwrap();
    expected[1].extend([66_500, 66_501]);
    let other = TestEvent {
        topic: "another",
        ..event(0, 66_500)
    };
    test.warehouse.insert(&batch(&[other])).await.unwrap();
    let found = ranges(&test, TOPIC).await;
    let expected: Vec<Found> = (0..)
        .zip(&expected)
        .map(|(partition, offsets)| (partition, runs(offsets), 0))
        .collect();
    assert_eq!(found, expected);
    assert_eq!(
        ranges(&test, "another").await,
        [(0, vec![(66_500, 66_500)], 0)]
    );
    let again = "INSERT INTO messages SELECT * FROM messages WHERE topic != 'another' LIMIT 3";
    test.client.query_raw(again).execute().await.unwrap();
    let surplus: u64 = ranges(&test, TOPIC)
        .await
        .iter()
        .map(|stored| stored.2)
        .sum();
    assert_eq!(surplus, 3);
    let stored = test.warehouse.offset_ranges(TOPIC).await.unwrap();
    assert_eq!(stored[1].partition, PartitionId(1));
}
