//! Every value written into a row is read back from the table.

use etappe_core::event::{EventKind, KeyScope};
use etappe_core::id::{ActorHash, hash64};
use etappe_core::money::Amount;
use etappe_core::ports::RowSink;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde::Deserialize;

use crate::engine::TestWarehouse;
use crate::fixture::{TestEvent, batch};

#[derive(Debug, PartialEq, clickhouse::Row, Deserialize)]
struct Stored {
    offset: u64,
    name: String,
    message_id: String,
    user_id: String,
    anonymous_id: String,
    actor: String,
    actor_hash: u64,
    account_hash: u64,
    at: i64,
    received: i64,
    revenue: Option<String>,
    order_id: String,
    order_hash: u64,
    inviter_hash: u64,
    nps: Option<u8>,
    bot: String,
    kind: String,
    properties: String,
    partition: u32,
    hashes_agree: bool,
}

const STORED: &str = "
SELECT offset, toString(event) AS name, message_id, user_id, anonymous_id, actor, actor_hash,
    account_hash, toUnixTimestamp64Milli(occurred_at) AS at,
    toUnixTimestamp64Milli(received_at) AS received,
    toString(revenue) AS revenue, order_id, order_hash,
    inviter_hash, nps, toString(bot) AS bot, toString(kind) AS kind, properties, partition,
    (actor = '' OR actor_hash = xxh3(actor))
        AND message_hash = xxh3(concat(site, '\\0', toString(scope), '\\0', message_id))
        AND (order_id = '' OR order_hash = xxh3(order_id)) AS hashes_agree
FROM events
WHERE partition = {partition:UInt32}
ORDER BY offset";

/// Text of every kind: quotes, backslashes, NUL bytes, other scripts, empty text.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "[a-z0-9]{1,8}",
        ".{0,40}",
        proptest::collection::vec(any::<char>(), 0..20)
            .prop_map(|chars| chars.into_iter().collect()),
        Just("\u{0}".to_owned()),
        Just("x".repeat(20_000)),
    ]
}

fn event() -> impl Strategy<Value = TestEvent> {
    let people = (text(), text(), text(), text());
    let money = (
        proptest::option::of(-(10_i128.pow(38) - 1)..10_i128.pow(38)),
        text(),
        proptest::option::of(0_u8..=10),
    );
    let rest = (text(), text(), 0_i64..4_102_444_800_000, 0_u8..9, text());
    (people, money, rest).prop_map(
        |(
            (user, anonymous, account, inviter),
            (revenue, order_id, nps),
            (name, bot, at, kind, note),
        )| {
            TestEvent {
                user,
                anonymous,
                account,
                inviter,
                revenue,
                order_id,
                nps,
                name,
                bot,
                at,
                kind: [EventKind::Track, EventKind::Page, EventKind::Screen][usize::from(kind % 3)],
                scope: KeyScope::ALL[usize::from(kind / 3)],
                properties: serde_json::json!({ "note": note }).to_string(),
                ..TestEvent::default()
            }
        },
    )
}

fn hash_of(id: &str) -> u64 {
    if id.is_empty() {
        0
    } else {
        ActorHash::of(id).0
    }
}

fn as_stored(event: &TestEvent) -> Stored {
    Stored {
        offset: event.offset,
        name: event.name.clone(),
        message_id: event.message_id.clone(),
        user_id: event.user.clone(),
        anonymous_id: event.anonymous.clone(),
        actor: event.actor().to_owned(),
        actor_hash: hash_of(event.actor()),
        account_hash: hash_of(&event.account),
        at: event.at,
        received: event.received,
        revenue: event
            .revenue
            .map(|amount| Amount::from_scaled(amount).to_string()),
        order_id: event.order_id.clone(),
        order_hash: if event.order_id.is_empty() {
            0
        } else {
            hash64(&event.order_id)
        },
        inviter_hash: hash_of(&event.inviter),
        nps: event.nps,
        bot: event.bot.clone(),
        kind: event.kind.as_str().to_owned(),
        properties: event.properties.clone(),
        partition: event.partition,
        hashes_agree: true,
    }
}

#[tokio::test]
async fn the_engine_reads_back_the_written_rows() {
    let test = TestWarehouse::new().await;
    let mut runner = TestRunner::new(Config::with_cases(1));
    for partition in 0..20 {
        let strategy = proptest::collection::vec(event(), 1..60);
        let tree = strategy.new_tree(&mut runner).expect("events can be made");
        let mut events = proptest::strategy::ValueTree::current(&tree);
        for (event, offset) in events.iter_mut().zip(u64::from(partition) << 40..) {
            event.partition = partition;
            event.offset = offset;
            event.message_id = format!("\u{0}é{offset}");
        }
        test.warehouse.insert(&batch(&events)).await.unwrap();
        let stored = test
            .client
            .query_raw(STORED)
            .param("partition", partition)
            .fetch_all::<Stored>()
            .await
            .unwrap();
        let expected: Vec<Stored> = events.iter().map(as_stored).collect();
        assert_eq!(stored, expected);
    }
}
