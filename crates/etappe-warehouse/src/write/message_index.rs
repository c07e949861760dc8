//! Answers what is stored of a partition: which messages, up to which offset, and the last marks of
//! its collectors.
//!
//! Invariant: a message of another topic counts as stored before everything in this one, regardless
//! of partition and offset. Offsets of different logs cannot be compared, and an installation that
//! moves to another log sends old messages again.
//!
//! Traps:
//! - That no other topic has messages is cached for a minute; see [`NO_OTHER_LOGS_TTL`].
//! - [`MessageIndex::marks`] starts an assignment: it also clears this process's write history of
//!   the partition, because another process may have stored batches since.

use std::collections::HashMap;
use std::time::Duration;

use clickhouse::Row;
use etappe_core::id::{Offset, PartitionId};
use etappe_core::ports::{MessageHash, MessageIndex};
use etappe_core::time::Timestamp;
use etappe_core::watermark::{CollectorMark, CollectorState};
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::time::Instant;

use crate::error::WarehouseError;
use crate::native::Block;
use crate::query::Query;
use crate::warehouse::Warehouse;

/// The most hashes in one look-up.
const HASHES_PER_QUERY: usize = 10_000;

/// How far below the highest stored offset holes are searched for: more than two full batches.
const TAIL_OFFSETS: u64 = 1_000_000;

/// How long it is cached that no other topic has messages. While another log is still being read,
/// duplicates of its messages may go unnoticed for this long.
const NO_OTHER_LOGS_TTL: Duration = Duration::from_secs(60);

const SEEN_BEFORE: &str = "
SELECT DISTINCT message_hash FROM messages
WHERE message_hash IN {hashes:Array(UInt64)}
  AND topic = {topic:String} AND partition = {partition:UInt32} AND offset < {below:UInt64}";

/// The same, including other topics. It takes the server four times as long, because the partition
/// does not narrow the search.
const SEEN_ANYWHERE: &str = "
SELECT DISTINCT message_hash FROM messages
WHERE message_hash IN {hashes:Array(UInt64)}
  AND (topic != {topic:String} OR (partition = {partition:UInt32} AND offset < {below:UInt64}))";

const HAS_OTHER_TOPICS: &str = "
SELECT count() FROM (SELECT 1 FROM messages WHERE topic != {topic:String} LIMIT 1)";

/// The messages of one partition of the topic.
const OWN_MESSAGES: &str = "topic = {topic:String} AND partition = {partition:UInt32}
  AND received_at >= {since:DateTime64(3, 'UTC')}";

/// The messages of other topics.
const OTHER_MESSAGES: &str =
    "topic != {topic:String} AND received_at >= {since:DateTime64(3, 'UTC')}";

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
            .partition_query("stored_highest", HIGHEST, topic, partition)
            .row::<HighestRow>()
            .await?;
        if highest.number == 0 {
            return Ok(None);
        }
        let from = highest.offset.saturating_sub(TAIL_OFFSETS);
        let run = self
            .partition_query("stored_run", FIRST_RUN, topic, partition)
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
        // Called once at the start of each assignment, before anything is stored. Another process
        // may have owned the partition since this one last stored a batch.
        self.history().forget(topic, partition);
        let rows = self
            .partition_query("marks", MARKS, topic, partition)
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
            let found = self
                .partition_query("seen_before", statement, topic, partition)
                .number("below", below.0)
                .numbers("hashes", &numbers)
                .rows::<u64>()
                .await?;
            seen.extend(found.into_iter().map(MessageHash));
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
        for (messages, latest) in [
            (OWN_MESSAGES, "offset"),
            (OTHER_MESSAGES, "received_at, partition, offset"),
        ] {
            let query = |name, sql: &str| {
                self.partition_query(name, sql, topic, partition)
                    .instant("since", since)
            };
            let count = format!("SELECT count() FROM messages WHERE {messages}");
            let count = query("recent_count", &count).row::<u64>().await?;
            if left == 0 || count == 0 {
                continue;
            }
            let mut sql = format!("SELECT message_hash FROM messages WHERE {messages}");
            let mut first = None;
            if count > left {
                first = Some(first_of_latest(&query, messages, latest, left).await?);
                sql.push_str(if latest == "offset" {
                    " AND offset >= {first_offset:UInt64}"
                } else {
                    " AND (received_at, partition, offset) >= ({first_at:DateTime64(3, 'UTC')}, \
                     {first_partition:UInt32}, {first_offset:UInt64})"
                });
            }
            let mut hashes = query("recent", &sql);
            if let Some(first) = first {
                hashes = hashes
                    .instant("first_at", Timestamp::from_millis(first.at))
                    .number("first_partition", first.partition.into())
                    .number("first_offset", first.offset);
            }
            let visit_block = |mut block: Block| {
                let hashes = block.numbers("message_hash")?;
                hashes.iter().for_each(|hash| visit(MessageHash(hash)));
                Ok(())
            };
            hashes.blocks(visit_block).await?;
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
        let found = self
            .partition_query("other_topics", HAS_OTHER_TOPICS, topic, partition)
            .row::<u64>()
            .await?;
        self.other_topics().record(topic, found > 0);
        Ok(found > 0)
    }

    /// Starts a query about a partition of a topic.
    fn partition_query(
        &self,
        name: &'static str,
        sql: &str,
        topic: &str,
        partition: PartitionId,
    ) -> Query {
        self.query(name, sql)
            .text("topic", topic)
            .number("partition", partition.0.into())
    }
}

/// Caches, per topic, whether other topics have messages.
#[derive(Debug, Default)]
pub(crate) struct OtherTopics(Mutex<HashMap<String, OtherLogs>>);

#[derive(Debug, Clone, Copy)]
enum OtherLogs {
    Exist,
    /// There were none at this time.
    NoneAt(Instant),
}

impl OtherTopics {
    fn known(&self, topic: &str) -> Option<bool> {
        match self.0.lock().get(topic)? {
            OtherLogs::Exist => Some(true),
            OtherLogs::NoneAt(at) => (at.elapsed() < NO_OTHER_LOGS_TTL).then_some(false),
        }
    }

    fn record(&self, topic: &str, exist: bool) {
        let others = if exist {
            OtherLogs::Exist
        } else {
            OtherLogs::NoneAt(Instant::now())
        };
        self.0.lock().insert(topic.to_owned(), others);
    }
}

/// Returns the position of the first of the latest `number` messages, in the order of `latest`.
async fn first_of_latest(
    query: &impl Fn(&'static str, &str) -> Query,
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
    query("recent_first", &sql)
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
