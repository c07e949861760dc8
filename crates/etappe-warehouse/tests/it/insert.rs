//! Inserting a batch again changes nothing, however its previous insert ended.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use etappe_core::event::EventKind;
use etappe_core::id::Offset;
use etappe_core::milestone::Milestone;
use etappe_core::ports::{RetryClass, Retryable, RowBatch, RowSink, RowSummaries, RowSummary};
use etappe_core::time::Timestamp;
use etappe_core::watermark::{CollectorMark, CollectorState};
use etappe_warehouse::Warehouse;
use etappe_wire::row::{self, Table};

use crate::engine::{TestEngine, TestWarehouse, data_folder, number};
use crate::fixture::{DAY, TestEvent, batch, mark_batch, numbered};
use crate::random::{journeys, seed};

/// Every table that an insert reaches.
const TARGETS: [&str; 9] = [
    "events",
    "stage_events",
    "money",
    "feedback",
    "messages",
    "duplicates",
    "identities",
    "actor_ids",
    "referral_events",
];

/// A time in the first of two months.
const MARCH: i64 = 1_709_294_400_000;

/// Messages that reach every table, received in two months.
fn messages(first_offset: u64) -> Vec<TestEvent> {
    let march = MARCH;
    let april = march + 40 * DAY;
    let event = |milestone| TestEvent {
        anonymous: "a1".to_owned(),
        received: march,
        ..TestEvent::of("u1", 5, milestone)
    };
    let mut messages = vec![
        event(Some(Milestone::Purchase)),
        TestEvent {
            nps: Some(9),
            ..event(Some(Milestone::InviteSent))
        },
        TestEvent {
            duplicate: true,
            ..event(None)
        },
        TestEvent {
            kind: EventKind::Identify,
            ..event(None)
        },
        TestEvent {
            received: april,
            ..event(Some(Milestone::Refund))
        },
        TestEvent {
            received: april,
            ..event(Some(Milestone::Share))
        },
    ];
    for (message, offset) in messages.iter_mut().zip(first_offset..) {
        message.offset = offset;
        message.message_id = format!("m{offset}");
    }
    messages
}

/// How many rows a batch of [`messages`] adds to each table; `actor_ids` is left out, because its
/// rows merge at any time.
const ADDED: [u64; 8] = [4, 4, 2, 1, 6, 1, 1, 2];

async fn counts(client: &clickhouse::Client) -> Vec<u64> {
    let mut counts = Vec::new();
    for table in TARGETS.iter().filter(|table| **table != "actor_ids") {
        counts.push(number(client, &format!("SELECT count() FROM {table}")).await);
    }
    let ids = number(client, "SELECT count() FROM actor_ids FINAL").await;
    assert!(ids <= 2, "one id in each of two months, not {ids} rows");
    counts
}

fn times(factor: u64) -> Vec<u64> {
    ADDED.iter().map(|added| added * factor).collect()
}

async fn insert(warehouse: &Warehouse, first_offset: u64) {
    warehouse
        .insert(&batch(&messages(first_offset)))
        .await
        .unwrap();
}

/// Inserts a batch as the writer does, but without checking the tables first.
async fn insert_blindly(client: &clickhouse::Client, batch: &RowBatch) {
    send_block(
        client,
        (row::TABLE, &batch.token),
        &batch.bytes,
        batch.rows.len(),
    )
    .await;
}

async fn send_block(
    client: &clickhouse::Client,
    (landing, token): (&str, &str),
    rows: &[u8],
    count: usize,
) {
    let columns = &*row::COLUMNS;
    let statement = format!("INSERT INTO {landing} ({columns}) FORMAT Native");
    let block = row::Block::of(rows, count).unwrap();
    let mut insert = client
        .clone()
        .with_compression(clickhouse::Compression::None)
        .insert_formatted_with(statement)
        .with_setting("insert_deduplication_token", token)
        .with_setting("deduplicate_blocks_in_dependent_materialized_views", "1")
        .with_setting("async_insert", "0");
    for piece in block.into_pieces() {
        insert.send(piece).await.unwrap();
    }
    insert.end().await.unwrap();
}

#[tokio::test]
async fn the_server_drops_a_repeated_token_in_every_table() {
    let test = TestWarehouse::new().await;
    for _ in 0..3 {
        insert_blindly(&test.client, &batch(&messages(0))).await;
        assert_eq!(counts(&test.client).await, times(1));
    }
    insert_blindly(&test.client, &batch(&messages(10))).await;
    insert_blindly(&test.client, &batch(&messages(0))).await;
    assert_eq!(counts(&test.client).await, times(2));
    let mut other = batch(&messages(0));
    other.token = "etappe.events.v1:0:0-6".to_owned();
    insert_blindly(&test.client, &other).await;
    assert_eq!(
        counts(&test.client).await,
        times(3),
        "the token decides, not the rows"
    );
}

#[tokio::test]
async fn without_a_window_a_repeated_token_stores_rows_twice() {
    let test = TestWarehouse::new().await;
    for table in ["messages", "stage_events"] {
        let statement =
            format!("ALTER TABLE {table} MODIFY SETTING non_replicated_deduplication_window = 0");
        test.client.query_raw(&statement).execute().await.unwrap();
    }
    insert_blindly(&test.client, &batch(&messages(0))).await;
    insert_blindly(&test.client, &batch(&messages(0))).await;
    assert_eq!(counts(&test.client).await, [4, 8, 2, 1, 12, 1, 1, 2]);
}

#[tokio::test]
async fn storing_a_batch_again_from_any_process_changes_nothing() {
    let test = TestWarehouse::new().await;
    let other = Warehouse::connect(test.config.clone(), &prometheus::Registry::new()).unwrap();
    for warehouse in [&test.warehouse, &test.warehouse, &other] {
        insert(warehouse, 0).await;
        assert_eq!(counts(&test.client).await, times(1));
    }
    insert(&test.warehouse, 10).await;
    insert(&other, 0).await;
    insert(&other, 10).await;
    insert_blindly(&test.client, &batch(&messages(10))).await;
    assert_eq!(counts(&test.client).await, times(2));
}

/// Messages that were received a day from now.
fn new_messages(first_offset: u64) -> RowBatch {
    batch(&new(messages(first_offset)))
}

/// The same messages, received a day from now.
fn new(mut messages: Vec<TestEvent>) -> Vec<TestEvent> {
    let now = std::time::UNIX_EPOCH.elapsed().expect("it is after 1970");
    for message in &mut messages {
        message.received = i64::try_from(now.as_millis()).expect("a few years") + DAY;
    }
    messages
}

#[tokio::test]
async fn the_writer_expects_in_each_table_the_rows_that_its_view_puts_there() {
    let test = TestWarehouse::new().await;
    let mut events = numbered(journeys(seed(), 2_000));
    for event in &mut events {
        event.anonymous = event.order_id.clone();
    }
    let batch = batch(&events);
    insert_blindly(&test.client, &batch).await;
    let before = counts_of_any(&test.client).await;
    let registry = prometheus::Registry::new();
    let warehouse = Warehouse::connect(test.config.clone(), &registry).unwrap();
    warehouse.insert(&batch).await.unwrap();
    assert_eq!(counts_of_any(&test.client).await, before);
    assert!(before.iter().all(|count| *count > 10), "{before:?}");
    for name in ["restored", "surplus"] {
        let name = format!("etappe_warehouse_{name}_rows_total");
        let families = registry.gather();
        let family = families
            .iter()
            .find(|family| family.name() == name)
            .unwrap();
        assert_eq!(
            family.get_metric()[0].get_counter().get_value(),
            0.0,
            "{name}"
        );
    }
}

async fn counts_of_any(client: &clickhouse::Client) -> Vec<u64> {
    let mut counts = Vec::new();
    for table in TARGETS {
        // Rows of the table of ids repeat until they are merged.
        let once = if table == "actor_ids" { "FINAL" } else { "" };
        counts.push(number(client, &format!("SELECT count() FROM {table} {once}")).await);
    }
    counts
}

/// A writer that counts its queries.
struct QueryCounter {
    warehouse: Warehouse,
    registry: prometheus::Registry,
}

impl QueryCounter {
    fn new(test: &TestWarehouse) -> Self {
        let registry = prometheus::Registry::new();
        let warehouse = Warehouse::connect(test.config.clone(), &registry).unwrap();
        Self {
            warehouse,
            registry,
        }
    }

    fn queries(&self) -> u64 {
        let families = self.registry.gather();
        let durations = families
            .iter()
            .filter(|family| family.name().ends_with("query_duration_seconds"));
        durations
            .flat_map(prometheus::proto::MetricFamily::get_metric)
            .map(|metric| metric.get_histogram().get_sample_count())
            .sum::<u64>()
    }
}

#[tokio::test]
async fn fresh_batches_are_inserted_without_a_query() {
    let test = TestWarehouse::new().await;
    let writer = QueryCounter::new(&test);
    writer.warehouse.insert(&new_messages(0)).await.unwrap();
    let at_first = writer.queries();
    assert!(at_first > 0, "an earlier process may have stored the first");
    writer.warehouse.insert(&new_messages(6)).await.unwrap();
    writer.warehouse.insert(&new_messages(12)).await.unwrap();
    assert_eq!(writer.queries(), at_first);
    writer.warehouse.insert(&new_messages(100)).await.unwrap();
    assert!(
        writer.queries() > at_first,
        "another process may have been at work in the gap"
    );
    assert_eq!(counts(&test.client).await, times(4));
}

/// Makes the server refuse rows whose event is called `refused`.
async fn refuse_some(client: &clickhouse::Client) {
    let shown = "SELECT create_table_query FROM system.tables \
                 WHERE database = currentDatabase() AND name = 'arrivals'";
    let created: String = client.query_raw(shown).fetch_one().await.unwrap();
    let refusing = created.replace(
        ") ENGINE",
        ", CONSTRAINT sane CHECK event != 'refused') ENGINE",
    );
    for statement in ["DROP TABLE arrivals", &refusing] {
        client.query_raw(statement).execute().await.unwrap();
    }
}

#[tokio::test]
async fn the_row_that_the_server_names_is_the_record_to_blame() {
    let test = TestWarehouse::new().await;
    refuse_some(&test.client).await;
    let mut some = new(messages(30));
    some[3].name = "refused".to_owned();
    let error = test.warehouse.insert(&batch(&some)).await.unwrap_err();
    assert_eq!(error.record_to_blame(), Some(Offset(33)), "{error}");
    // The refund is the second row with money, and the fifth of all rows.
    let constraint = "ALTER TABLE money ADD CONSTRAINT sane CHECK milestone != 'refund'";
    test.client.query_raw(constraint).execute().await.unwrap();
    let refund = batch(&new(messages(40)));
    let error = test.warehouse.insert(&refund).await.unwrap_err();
    assert_eq!(error.retry_class(), RetryClass::Permanent, "{error}");
    assert_eq!(error.record_to_blame(), Some(Offset(44)), "{error}");
}

#[tokio::test]
async fn a_batch_refused_by_one_table_leaves_no_rows_in_others() {
    let test = TestWarehouse::new().await;
    test.warehouse.insert(&new_messages(30)).await.unwrap();
    let constraint = "ALTER TABLE money ADD CONSTRAINT sane CHECK milestone != 'refund'";
    test.client.query_raw(constraint).execute().await.unwrap();
    let all = new(messages(36));
    test.warehouse.insert(&batch(&all)).await.unwrap_err();
    assert_eq!(counts(&test.client).await, times(1));
    test.warehouse.insert(&batch(&all[..4])).await.unwrap();
    test.warehouse.insert(&batch(&all[4..5])).await.unwrap_err();
    test.warehouse.insert(&batch(&all[5..])).await.unwrap();
    let mut all_but_one = times(2);
    // A refund has a row in each of these tables.
    for table in ["events", "stage_events", "money", "messages"] {
        let place = TARGETS.iter().position(|target| *target == table);
        all_but_one[place.unwrap()] -= 1;
    }
    assert_eq!(counts(&test.client).await, all_but_one);
}

fn refused_messages(first_offset: u64) -> RowBatch {
    let mut messages = new(messages(first_offset));
    for message in &mut messages {
        message.name = "refused".to_owned();
    }
    batch(&messages)
}

#[tokio::test]
async fn tables_are_checked_once_for_refusals_with_the_same_text() {
    let test = TestWarehouse::new().await;
    refuse_some(&test.client).await;
    let writer = QueryCounter::new(&test);
    writer.warehouse.insert(&new_messages(0)).await.unwrap();
    let before = writer.queries();
    let error = writer.warehouse.insert(&refused_messages(6)).await;
    let error = error.unwrap_err();
    assert_eq!(error.retry_class(), RetryClass::Permanent, "{error}");
    let after = writer.queries();
    assert!(after > before, "the first of its kind");
    writer.warehouse.insert(&new_messages(6)).await.unwrap();
    writer
        .warehouse
        .insert(&refused_messages(12))
        .await
        .unwrap_err();
    writer.warehouse.insert(&new_messages(12)).await.unwrap();
    assert_eq!(writer.queries(), after);
    assert_eq!(counts(&test.client).await, times(3));
}

#[tokio::test]
async fn a_retry_completes_a_partial_insert() {
    let test = TestWarehouse::new().await;
    for statement in [
        "CREATE TABLE breaking (x UInt8) ENGINE = MergeTree ORDER BY x",
        "CREATE MATERIALIZED VIEW breaking_view TO breaking AS \
         SELECT throwIf(message_id = 'm3', 'broken')::UInt8 AS x FROM arrivals",
    ] {
        test.client.query_raw(statement).execute().await.unwrap();
    }
    let error = test
        .warehouse
        .insert(&batch(&messages(0)))
        .await
        .unwrap_err();
    assert_eq!(
        (error.code(), error.retry_class()),
        (Some(395), RetryClass::Permanent)
    );
    let partly = counts(&test.client).await;
    assert!(
        partly
            .iter()
            .zip(times(1))
            .all(|(found, whole)| *found <= whole),
        "{partly:?}"
    );
    test.client
        .query_raw("DROP TABLE breaking_view")
        .execute()
        .await
        .unwrap();
    insert(&test.warehouse, 0).await;
    assert_eq!(counts(&test.client).await, times(1));
}

#[tokio::test]
async fn a_stored_batch_survives_a_kill_of_the_engine() {
    let data = data_folder();
    let mut engine = TestEngine::start(data.path());
    let warehouse = engine.warehouse("etappe");
    warehouse.migrate().await.unwrap();
    insert(&warehouse, 0).await;
    engine.kill();
    let error = warehouse.insert(&batch(&messages(10))).await.unwrap_err();
    assert_eq!(error.retry_class(), RetryClass::Transient, "{error}");
    drop(engine);
    let engine = TestEngine::start(data.path());
    insert_blindly(&engine.client("etappe"), &batch(&messages(0))).await;
    assert_eq!(
        counts(&engine.client("etappe")).await,
        times(1),
        "the token survived"
    );
    let warehouse = engine.warehouse("etappe");
    for offset in [0, 10, 10] {
        insert(&warehouse, offset).await;
    }
    assert_eq!(counts(&engine.client("etappe")).await, times(2));
}

/// Stores a batch, kills the engine, damages its files, and stores the batch again.
async fn damaged(damage: impl Fn(&Path)) -> Vec<u64> {
    let data = data_folder();
    let mut engine = TestEngine::start(data.path());
    let warehouse = engine.warehouse("etappe");
    warehouse.migrate().await.unwrap();
    insert(&warehouse, 0).await;
    for table in TARGETS {
        let stop = format!("SYSTEM STOP MERGES {table}");
        engine
            .client("etappe")
            .query_raw(&stop)
            .execute()
            .await
            .unwrap();
    }
    let folders = table_folders(&engine.client("etappe")).await;
    engine.kill();
    drop(engine);
    for folder in folders {
        damage(&folder);
    }
    let engine = TestEngine::start(data.path());
    let warehouse = engine.warehouse("etappe");
    insert(&warehouse, 0).await;
    insert(&warehouse, 10).await;
    insert(&warehouse, 0).await;
    counts(&engine.client("etappe")).await
}

/// Returns the folders of all tables that an insert reaches.
async fn table_folders(client: &clickhouse::Client) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for table in TARGETS {
        let sql = "SELECT arrayJoin(data_paths) FROM system.tables \
                   WHERE database = currentDatabase() AND name = {table:String}";
        let folder = client
            .query_raw(sql)
            .param("table", table)
            .fetch_one::<String>();
        folders.push(PathBuf::from(folder.await.unwrap()));
    }
    folders
}

fn remove_parts(folder: &Path, which: impl Fn(&str) -> bool) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("20") && which(&name) {
            std::fs::remove_dir_all(entry.path()).unwrap();
        }
    }
}

#[tokio::test]
async fn tokens_that_survive_without_their_parts_lose_no_rows() {
    // A kill between noting the token and placing the part, for one part of each table and for all
    // parts.
    let april = damaged(|folder| remove_parts(folder, |part| part.starts_with("202404"))).await;
    assert_eq!(april, times(2));
    let all = damaged(|folder| remove_parts(folder, |_| true)).await;
    assert_eq!(all, times(2));
}

#[tokio::test]
async fn parts_that_survive_without_their_tokens_are_not_stored_twice() {
    // A power failure: the server never syncs its notes to disk.
    let found = damaged(|folder| {
        for entry in std::fs::read_dir(folder.join("deduplication_logs"))
            .unwrap()
            .flatten()
        {
            std::fs::write(entry.path(), "").unwrap();
        }
    })
    .await;
    assert_eq!(found, times(2));
}

/// Stores some rows of a batch in one table under the batch's token, like an insert that dies
/// half-way.
async fn insert_a_part(
    client: &clickhouse::Client,
    batch: &RowBatch,
    (landing, table): (&str, Table),
    is_stored: impl Fn(&RowSummary) -> bool,
) {
    let (mut bytes, mut count) = (Vec::new(), 0);
    for (summary, encoded) in batch.encoded_rows() {
        if table.takes(summary) && is_stored(summary) {
            row::encode_for(table, encoded, &mut bytes);
            count += 1;
        }
    }
    send_block(client, (landing, &batch.token), &bytes, count).await;
}

#[tokio::test]
async fn a_late_insert_of_a_completed_batch_changes_nothing() {
    let is_march = |row: &RowSummary| row.received_at.as_millis() < MARCH + DAY;
    let test = TestWarehouse::new().await;
    let whole = batch(&messages(0));
    let messages_only = (row::TABLE, Table::Messages);
    insert_a_part(&test.client, &whole, messages_only, |_| true).await;
    insert_a_part(&test.client, &whole, (row::TABLE, Table::Events), is_march).await;
    insert(&test.warehouse, 0).await;
    assert_eq!(counts(&test.client).await, times(1));
    // Its first writer wakes up.
    insert_blindly(&test.client, &whole).await;
    assert_eq!(counts(&test.client).await, times(1));
}

#[tokio::test]
async fn a_late_insert_of_completed_marks_changes_nothing() {
    let test = TestWarehouse::new().await;
    let mark = |written_at| CollectorMark {
        collector: "c".to_owned(),
        reached: Timestamp::from_millis(MARCH),
        written_at: Timestamp::from_millis(written_at),
        state: CollectorState::Direct,
    };
    let batch = mark_batch(0, 0, &[mark(MARCH), mark(MARCH + 40 * DAY)]);
    let marks_only = (row::MARK_TABLE, Table::Marks);
    let is_first = |row: &RowSummary| row.offset == Offset(0);
    insert_a_part(&test.client, &batch, marks_only, is_first).await;
    let marks = async || test.number("SELECT count() FROM marks").await;
    assert_eq!(marks().await, 1);
    test.warehouse.insert(&batch).await.unwrap();
    assert_eq!(marks().await, 2);
    let landing = (row::MARK_TABLE, batch.token.as_str());
    send_block(&test.client, landing, &batch.bytes, batch.rows.len()).await;
    assert_eq!(marks().await, 2);
}

#[tokio::test]
async fn an_aborted_insert_stores_all_rows_or_none() {
    let test = TestWarehouse::new().await;
    let events = numbered(
        (0..200_000)
            .map(|_| TestEvent::of("u1", 5, Some(Milestone::Visit)))
            .collect(),
    );
    let batch = batch(&events);
    for wait in [1, 20, 60, 150, 300] {
        let insert = test.warehouse.insert(&batch);
        let cut = tokio::time::timeout(std::time::Duration::from_millis(wait), insert).await;
        let stored = test.number("SELECT count() FROM events").await;
        assert!(
            stored == 0 || stored == 200_000,
            "{stored} after {wait} ms, {cut:?}"
        );
    }
    test.warehouse.insert(&batch).await.unwrap();
    for table in ["events", "stage_events", "messages"] {
        let sql = format!("SELECT count() FROM {table}");
        assert_eq!(test.number(&sql).await, 200_000, "{table}");
    }
}

#[tokio::test]
async fn a_large_batch_is_one_block() {
    let test = TestWarehouse::new().await;
    let padding = format!(r#"{{"padding":"{}"}}"#, "x".repeat(600));
    let events = numbered(
        (0..500_000)
            .map(|number| TestEvent {
                properties: padding.clone(),
                ..TestEvent::of(&format!("u{number}"), 5, None)
            })
            .collect(),
    );
    let batch = batch(&events);
    assert!(
        batch.bytes.len() > 300_000_000,
        "beyond the server's own limit of a block"
    );
    test.warehouse.insert(&batch).await.unwrap();
    for table in ["events", "stage_events", "messages"] {
        let blocks = format!(
            "SELECT count() FROM system.parts \
             WHERE database = currentDatabase() AND table = '{table}' AND level = 0"
        );
        assert_eq!(test.number(&blocks).await, 1, "{table}");
        assert_eq!(
            test.number(&format!("SELECT count() FROM {table}")).await,
            500_000
        );
    }
}

#[tokio::test]
async fn outcomes_are_stored_once_and_before_their_rows() {
    let test = TestWarehouse::new().await;
    let mut empty = batch(&messages(0));
    empty.rows = RowSummaries::default();
    empty.bytes = Bytes::new();
    test.warehouse.insert(&empty).await.unwrap();
    test.warehouse.insert(&empty).await.unwrap();
    assert_eq!(test.number("SELECT count() FROM events").await, 0);
    assert_eq!(test.number("SELECT count() FROM outcomes FINAL").await, 5);
    let unmapped = "SELECT count() FROM outcome_stages FINAL WHERE is_main AND ordinal = 0";
    // The other model has no stage for any outcome, the test model has none for one of them.
    assert_eq!(test.number(unmapped).await, 6);
    assert_eq!(
        test.number("SELECT count() FROM outcome_stages FINAL WHERE NOT is_main")
            .await,
        5
    );
}
