//! Which messages are stored: look-ups by hash, a scan that fills a filter at start-up, and the
//! progress of a partition and its collectors.
//!
//! Rows of another topic count as earlier than everything in this one, regardless of partition and
//! offset.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clickhouse::Row;
use etappe_core::id::{Offset, PartitionId};
use etappe_core::ports::{MessageHash, MessageIndex};
use etappe_core::time::Timestamp;
use etappe_core::watermark::{CollectorMark, CollectorState};
use serde::Deserialize;
use tokio::time::Instant;

use crate::error::WarehouseError;
use crate::native;
use crate::query::{Question, Stream};
use crate::warehouse::Warehouse;

/// How many hashes one look-up contains.
const HASHES_PER_QUERY: usize = 10_000;

/// How far below the highest stored offset to search for holes: more than two full batches.
const TAIL_OFFSETS: u64 = 1_000_000;

/// How long to cache that no other log exists. If another log is still being drained while this one
/// is already read, its rows may go unnoticed for this long.
const NO_OTHERS: Duration = Duration::from_secs(60);

const SEEN_BEFORE: &str = "
SELECT DISTINCT message_hash FROM messages
WHERE message_hash IN {hashes:Array(UInt64)}
  AND topic = {topic:String} AND partition = {partition:UInt32} AND offset < {below:UInt64}";

/// The same, including other logs. Four times the work, because the partition cannot narrow the
/// search.
const SEEN_ANYWHERE: &str = "
SELECT DISTINCT message_hash FROM messages
WHERE message_hash IN {hashes:Array(UInt64)}
  AND (topic != {topic:String} OR (partition = {partition:UInt32} AND offset < {below:UInt64}))";

const ANY_OTHER: &str = "
SELECT count() AS messages FROM (SELECT 1 FROM messages WHERE topic != {topic:String} LIMIT 1)";

/// The messages of one partition of the topic.
const OWN: &str = "topic = {topic:String} AND partition = {partition:UInt32}
  AND received_at >= {since:DateTime64(3, 'UTC')}";

/// The messages of other topics.
const OTHERS: &str = "topic != {topic:String} AND received_at >= {since:DateTime64(3, 'UTC')}";

/// The highest stored offset.
const HIGHEST: &str = "
SELECT count() AS number, max(offset) AS offset FROM (
    SELECT offset FROM messages WHERE topic = {topic:String} AND partition = {partition:UInt32}
    UNION ALL
    SELECT offset FROM marks WHERE topic = {topic:String} AND partition = {partition:UInt32}
)";

/// The lowest offset from `from` on, and the end of the first run without a hole.
const FIRST_RUN: &str = "
WITH stored AS (
    SELECT offset FROM messages
    WHERE topic = {topic:String} AND partition = {partition:UInt32} AND offset >= {from:UInt64}
    UNION ALL
    SELECT offset FROM marks
    WHERE topic = {topic:String} AND partition = {partition:UInt32} AND offset >= {from:UInt64}
)
SELECT
    min(offset) AS lowest,
    minIf(offset + 1, (offset + 1) NOT IN (SELECT offset FROM stored)) AS run_end
FROM stored";

const MARKS: &str = "
SELECT
    toString(collector) AS name,
    toUnixTimestamp64Milli(argMax(marks.reached, offset)) AS reached_at,
    toUnixTimestamp64Milli(argMax(marks.written_at, offset)) AS written,
    toString(argMax(marks.state, offset)) AS last_state
FROM marks
WHERE topic = {topic:String} AND partition = {partition:UInt32} AND offset < {below:UInt64}
GROUP BY name
ORDER BY name";

#[derive(Row, Deserialize)]
struct HashRow {
    message_hash: u64,
}

#[derive(Row, Deserialize)]
struct CountRow {
    messages: u64,
}

#[derive(Row, Deserialize)]
struct PlaceRow {
    at: i64,
    partition: u32,
    offset: u64,
}

#[derive(Row, Deserialize)]
struct HighestRow {
    number: u64,
    offset: u64,
}

#[derive(Row, Deserialize)]
struct RunRow {
    lowest: u64,
    run_end: u64,
}

#[derive(Row, Deserialize)]
struct MarkRow {
    name: String,
    reached_at: i64,
    written: i64,
    last_state: String,
}

impl MessageIndex for Warehouse {
    type Error = WarehouseError;

    /// A batch is inserted only after the previous one is done, so every record before a stored row
    /// is stored or a dead letter. The exception is the last batches, which a crash may have left
    /// partly stored. So only the last million offsets are searched for holes, and the first hole
    /// ends the contiguous range. A dead letter leaves a hole too; some stored records are then
    /// read again, which costs time but changes nothing.
    async fn stored_until(
        &self,
        topic: &str,
        partition: PartitionId,
    ) -> Result<Option<Offset>, WarehouseError> {
        let highest = self
            .ask_of("stored_highest", HIGHEST, topic, partition)
            .row::<HighestRow>()
            .await?;
        if highest.number == 0 {
            return Ok(None);
        }
        let from = highest.offset.saturating_sub(TAIL_OFFSETS);
        let run = self
            .ask_of("stored_run", FIRST_RUN, topic, partition)
            .number("from", from)
            .row::<RunRow>()
            .await?;
        let next = if run.lowest > from { from } else { run.run_end };
        Ok(Some(Offset(next)))
    }

    async fn marks(
        &self,
        topic: &str,
        partition: PartitionId,
        below: Offset,
    ) -> Result<Vec<CollectorMark>, WarehouseError> {
        // Queried once at the start of each assignment, before anything is stored. Another process
        // may have owned the partition since this one last stored something.
        self.history().forget(topic, partition);
        let rows = self
            .ask_of("marks", MARKS, topic, partition)
            .number("below", below.0)
            .rows::<MarkRow>()
            .await?;
        rows.into_iter().map(MarkRow::into_mark).collect()
    }

    async fn seen_before(
        &self,
        topic: &str,
        partition: PartitionId,
        below: Offset,
        hashes: &[MessageHash],
    ) -> Result<Vec<MessageHash>, WarehouseError> {
        let statement = if self.has_other_topics(topic, partition).await? {
            SEEN_ANYWHERE
        } else {
            SEEN_BEFORE
        };
        let mut seen = Vec::new();
        for some in hashes.chunks(HASHES_PER_QUERY) {
            let numbers: Vec<u64> = some.iter().map(|hash| hash.0).collect();
            let rows = self
                .ask_of("seen_before", statement, topic, partition)
                .number("below", below.0)
                .numbers("hashes", &numbers)
                .rows::<HashRow>()
                .await?;
            seen.extend(rows.into_iter().map(|row| MessageHash(row.message_hash)));
        }
        Ok(seen)
    }

    /// The partition's own messages come first; the latest ones of other topics fill the rest of
    /// the limit.
    async fn recent(
        &self,
        topic: &str,
        partition: PartitionId,
        since: Timestamp,
        limit: u64,
        mut visit: impl FnMut(MessageHash) + Send,
    ) -> Result<(), WarehouseError> {
        let mut left = limit;
        for (messages, latest) in [(OWN, "offset"), (OTHERS, "received_at, partition, offset")] {
            let ask = |name, sql: &str| {
                self.ask_of(name, sql, topic, partition)
                    .instant("since", since)
            };
            let count = format!("SELECT count() AS messages FROM messages WHERE {messages}");
            let count = ask("recent_count", &count)
                .row::<CountRow>()
                .await?
                .messages;
            if left == 0 || count == 0 {
                continue;
            }
            let mut sql = format!("SELECT message_hash FROM messages WHERE {messages}");
            let mut first = None;
            if count > left {
                first = Some(first_of_latest(&ask, messages, latest, left).await?);
                sql.push_str(if latest == "offset" {
                    " AND offset >= {first_offset:UInt64}"
                } else {
                    " AND (received_at, partition, offset) >= ({first_at:DateTime64(3, 'UTC')}, \
                     {first_partition:UInt32}, {first_offset:UInt64})"
                });
            }
            let mut question = ask("recent", &sql);
            if let Some(first) = first {
                question = question
                    .instant("first_at", Timestamp::from_millis(first.at))
                    .number("first_partition", first.partition.into())
                    .number("first_offset", first.offset);
            }
            visit_hashes(question.stream()?, &mut visit).await?;
            left -= count.min(left);
        }
        Ok(())
    }
}

impl Warehouse {
    /// Returns whether messages of logs other than `topic` are stored.
    async fn has_other_topics(
        &self,
        topic: &str,
        partition: PartitionId,
    ) -> Result<bool, WarehouseError> {
        if let Some(known) = self.other_topics().known(topic) {
            return Ok(known);
        }
        let row = self
            .ask_of("other_topics", ANY_OTHER, topic, partition)
            .row::<CountRow>()
            .await?;
        self.other_topics().learn(topic, row.messages > 0);
        Ok(row.messages > 0)
    }

    /// Starts a query about a partition of a topic.
    fn ask_of(
        &self,
        name: &'static str,
        sql: &str,
        topic: &str,
        partition: PartitionId,
    ) -> Question {
        self.ask(name, sql)
            .text("topic", topic)
            .number("partition", partition.0.into())
    }
}

/// Whether logs other than the queried topics are known to exist.
#[derive(Debug, Default)]
pub(crate) struct OtherTopics(Mutex<HashMap<String, Others>>);

#[derive(Debug, Clone, Copy)]
enum Others {
    Some,
    NoneAt(Instant),
}

impl OtherTopics {
    fn known(&self, topic: &str) -> Option<bool> {
        match self.lock().get(topic)? {
            Others::Some => Some(true),
            Others::NoneAt(at) => (at.elapsed() < NO_OTHERS).then_some(false),
        }
    }

    fn learn(&self, topic: &str, there_are: bool) {
        let others = if there_are {
            Others::Some
        } else {
            Others::NoneAt(Instant::now())
        };
        self.lock().insert(topic.to_owned(), others);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Others>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the position of the first of the latest `number` messages, in the order of `latest`.
async fn first_of_latest(
    ask: &impl Fn(&'static str, &str) -> Question,
    messages: &str,
    latest: &str,
    number: u64,
) -> Result<PlaceRow, WarehouseError> {
    let descending: Vec<String> = latest
        .split(", ")
        .map(|column| format!("{column} DESC"))
        .collect();
    let sql = format!(
        "SELECT toUnixTimestamp64Milli(received_at) AS at, partition, offset FROM messages \
         WHERE {messages} ORDER BY {} LIMIT 1 OFFSET {{skipped:UInt64}}",
        descending.join(", ")
    );
    ask("recent_first", &sql)
        .number("skipped", number.saturating_sub(1))
        .row()
        .await
}

impl MarkRow {
    fn into_mark(self) -> Result<CollectorMark, WarehouseError> {
        let state = CollectorState::parse(&self.last_state).ok_or_else(|| {
            WarehouseError::UnexpectedAnswer(format!(
                "collector `{}` has the unknown state `{}`",
                self.name, self.last_state
            ))
        })?;
        Ok(CollectorMark {
            collector: self.name,
            reached: Timestamp::from_millis(self.reached_at),
            written_at: Timestamp::from_millis(self.written),
            state,
        })
    }
}

async fn visit_hashes(
    mut stream: Stream,
    visit: &mut (impl FnMut(MessageHash) + Send),
) -> Result<(), WarehouseError> {
    let mut pending = bytes::BytesMut::new();
    while let Some(piece) = stream.next().await? {
        pending.extend_from_slice(&piece);
        while let Some(mut block) = native::take_block(&mut pending)? {
            for hash in block.numbers("message_hash")?.iter() {
                visit(MessageHash(hash));
            }
        }
    }
    native::expect_end(&pending)
}
