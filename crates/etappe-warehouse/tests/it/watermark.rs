//! The board, and the marks of collectors.

use etappe_core::id::{Offset, PartitionId};
use etappe_core::ports::{MessageIndex, RowSink, WatermarkBoard};
use etappe_core::time::Timestamp;
use etappe_core::watermark::{CollectorMark, CollectorState, PartitionReach};

use crate::engine::TestWarehouse;
use crate::fixture::{TOPIC, TestEvent, batch, mark_batch, numbered, with_marks};
use crate::random::START;

fn reach(partition: u32, partitions: u32, millis: i64) -> PartitionReach {
    PartitionReach {
        partition: PartitionId(partition),
        partitions,
        reached: Timestamp::from_millis(millis),
        settled: Offset(millis.unsigned_abs()),
    }
}

fn mark(collector: &str, reached: i64, written_at: i64, state: CollectorState) -> CollectorMark {
    CollectorMark {
        collector: collector.to_owned(),
        reached: Timestamp::from_millis(START + reached),
        written_at: Timestamp::from_millis(START + written_at),
        state,
    }
}

#[tokio::test]
async fn the_board_returns_the_last_post_of_each_partition_of_the_latest_log() {
    let test = TestWarehouse::new().await;
    let board = &test.warehouse;
    assert_eq!(board.load().await.unwrap(), []);
    board
        .post("old", &[reach(0, 2, 900), reach(1, 2, 950)])
        .await
        .unwrap();
    board.post("old", &[reach(1, 2, 800)]).await.unwrap();
    assert_eq!(
        board.load().await.unwrap(),
        [reach(0, 2, 900), reach(1, 2, 800)]
    );
    board.post("new", &[]).await.unwrap();
    board.post("new", &[reach(3, 4, 1_000)]).await.unwrap();
    assert_eq!(board.load().await.unwrap(), [reach(3, 4, 1_000)]);
    for _ in 0..20 {
        board.post("new", &[reach(3, 4, 1_000)]).await.unwrap();
    }
    test.client
        .query_raw("OPTIMIZE TABLE watermarks FINAL")
        .execute()
        .await
        .unwrap();
    assert_eq!(test.number("SELECT count() FROM watermarks").await, 3);
    assert_eq!(board.load().await.unwrap(), [reach(3, 4, 1_000)]);
}

#[tokio::test]
async fn the_last_mark_of_each_collector_before_an_offset_is_returned() {
    let test = TestWarehouse::new().await;
    let marks = [
        mark("a", 10, 100, CollectorState::Direct),
        mark("b", 20, 200, CollectorState::Spooling),
        mark("a", 30, 300, CollectorState::Retired),
        mark("b", 40, 400, CollectorState::Direct),
    ];
    test.warehouse
        .insert(&mark_batch(2, 10, &marks))
        .await
        .unwrap();
    let known = async |topic: &'static str, partition, below| {
        let found = test
            .warehouse
            .marks(topic, PartitionId(partition), Offset(below))
            .await;
        found.unwrap()
    };
    assert_eq!(
        known(TOPIC, 2, 99).await,
        [marks[2].clone(), marks[3].clone()]
    );
    assert_eq!(
        known(TOPIC, 2, 13).await,
        [marks[2].clone(), marks[1].clone()]
    );
    assert_eq!(known(TOPIC, 2, 10).await, []);
    assert_eq!(known(TOPIC, 1, 99).await, []);
    assert_eq!(known("another", 2, 99).await, []);
}

#[tokio::test]
async fn marks_are_stored_once_and_only_in_their_own_table() {
    let test = TestWarehouse::new().await;
    let events = numbered((0..5).map(|at| TestEvent::of("u1", at, None)).collect());
    let marks = [mark("a", 1, 2, CollectorState::Direct)];
    let both = with_marks(batch(&events), &marks);
    let alone = mark_batch(0, 6, &marks);
    // Breaks the landing table of ordinary batches for a batch of marks only, and the reverse.
    let nowhere = "CREATE TABLE nowhere (site String) ENGINE = Null";
    test.client.query_raw(nowhere).execute().await.unwrap();
    for (table, forbidden) in [("arrivals", 6), ("mark_arrivals", 5)] {
        let guard = format!(
            "CREATE MATERIALIZED VIEW {table}_guard TO nowhere AS SELECT throwIf(offset = {forbidden}, \
             'the wrong way')::String AS site FROM {table}"
        );
        test.client.query_raw(&guard).execute().await.unwrap();
    }
    let other =
        etappe_warehouse::Warehouse::connect(test.config.clone(), &prometheus::Registry::new())
            .unwrap();
    for warehouse in [&test.warehouse, &test.warehouse, &other] {
        warehouse.insert(&both).await.unwrap();
        warehouse.insert(&alone).await.unwrap();
        for (table, rows) in [
            ("marks", 2),
            ("messages", 5),
            ("events", 5),
            ("stage_events", 5),
            ("identities", 0),
            ("duplicates", 0),
            ("money", 0),
            ("feedback", 0),
            ("referral_events", 0),
        ] {
            let sql = format!("SELECT count() FROM {table}");
            assert_eq!(test.number(&sql).await, rows, "{table}");
        }
    }
    test.client
        .query_raw("ALTER TABLE marks DELETE WHERE offset = 5 SETTINGS mutations_sync = 1")
        .execute()
        .await
        .unwrap();
    other.insert(&both).await.unwrap();
    assert_eq!(
        test.number("SELECT count() FROM marks").await,
        2,
        "restored"
    );
}
