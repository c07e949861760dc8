//! Which messages are stored: point look-ups by hash, and a scan to fill a filter at the start.

use clickhouse::Row;
use etappe_core::id::{Offset, PartitionId};
use etappe_core::ports::{MessageHash, MessageIndex};
use etappe_core::time::Timestamp;
use serde::Deserialize;

use crate::error::WarehouseError;
use crate::native;
use crate::query::Stream;
use crate::warehouse::Warehouse;

/// How many hashes go into one look-up.
const HASHES_PER_QUERY: usize = 10_000;

const SEEN_BEFORE: &str = "
SELECT DISTINCT message_hash FROM messages
WHERE partition = {partition:UInt32}
  AND message_hash IN {hashes:Array(UInt64)}
  AND offset < {below:UInt64}";

/// The number of messages received since, and the offset of the last one that fits the limit.
const RECENT_COUNT: &str = "
SELECT count() AS messages FROM messages
WHERE partition = {partition:UInt32} AND received_at >= {since:DateTime64(3, 'UTC')}";

const RECENT_FIRST_OFFSET: &str = "
SELECT offset FROM messages
WHERE partition = {partition:UInt32} AND received_at >= {since:DateTime64(3, 'UTC')}
ORDER BY offset DESC
LIMIT 1 OFFSET {skipped:UInt64}";

const RECENT: &str = "
SELECT message_hash FROM messages
WHERE partition = {partition:UInt32}
  AND received_at >= {since:DateTime64(3, 'UTC')}
  AND offset >= {first:UInt64}";

#[derive(Row, Deserialize)]
struct HashRow {
    message_hash: u64,
}

#[derive(Row, Deserialize)]
struct CountRow {
    messages: u64,
}

#[derive(Row, Deserialize)]
struct OffsetRow {
    offset: u64,
}

impl MessageIndex for Warehouse {
    type Error = WarehouseError;

    async fn seen_before(
        &self,
        partition: PartitionId,
        below: Offset,
        hashes: &[MessageHash],
    ) -> Result<Vec<MessageHash>, WarehouseError> {
        let mut seen = Vec::new();
        for some in hashes.chunks(HASHES_PER_QUERY) {
            let numbers: Vec<u64> = some.iter().map(|hash| hash.0).collect();
            let rows = self
                .ask("seen_before", SEEN_BEFORE)
                .number("partition", partition.0.into())
                .number("below", below.0)
                .numbers("hashes", &numbers)
                .rows::<HashRow>()
                .await?;
            seen.extend(rows.into_iter().map(|row| MessageHash(row.message_hash)));
        }
        Ok(seen)
    }

    async fn recent(
        &self,
        partition: PartitionId,
        since: Timestamp,
        limit: u64,
        mut visit: impl FnMut(MessageHash) + Send,
    ) -> Result<(), WarehouseError> {
        let Some(first) = self.first_recent_offset(partition, since, limit).await? else {
            return Ok(());
        };
        let stream = self
            .ask("recent", RECENT)
            .number("partition", partition.0.into())
            .instant("since", since)
            .number("first", first.0)
            .stream()?;
        visit_hashes(stream, &mut visit).await
    }
}

impl Warehouse {
    /// Returns the offset from which on at most `limit` messages were received at `since` or
    /// later, or `None` if there are none.
    async fn first_recent_offset(
        &self,
        partition: PartitionId,
        since: Timestamp,
        limit: u64,
    ) -> Result<Option<Offset>, WarehouseError> {
        let count = self
            .ask("recent_count", RECENT_COUNT)
            .number("partition", partition.0.into())
            .instant("since", since)
            .row::<CountRow>()
            .await?;
        if count.messages == 0 || limit == 0 {
            return Ok(None);
        }
        if count.messages <= limit {
            return Ok(Some(Offset(0)));
        }
        let row = self
            .ask("recent_first_offset", RECENT_FIRST_OFFSET)
            .number("partition", partition.0.into())
            .instant("since", since)
            .number("skipped", limit - 1)
            .row::<OffsetRow>()
            .await?;
        Ok(Some(Offset(row.offset)))
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
