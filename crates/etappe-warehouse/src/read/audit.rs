//! Which positions of a log are stored: the basis of an audit.
//!
//! Offsets are counted in blocks, so that a hundred million of them need no sorting; only blocks
//! with holes are examined offset by offset.

use std::collections::BTreeMap;

use clickhouse::Row;
use etappe_core::audit::StoredOffsets;
use etappe_core::id::{Offset, OffsetRange, PartitionId};
use serde::Deserialize;

use crate::error::WarehouseError;
use crate::warehouse::Warehouse;

/// How many blocks with holes one query examines.
const BLOCKS_PER_QUERY: usize = 64;

/// Blocks of 65,536 offsets: the number of rows, of distinct offsets, the first and the last.
const BLOCKS: &str = "
SELECT
    partition,
    intDiv(offset, 65536) AS block,
    count() AS rows,
    toUInt64(groupBitmap(toUInt32(offset % 65536))) AS offsets,
    min(offset) AS first,
    max(offset) AS last
FROM (
    SELECT partition, offset FROM messages WHERE topic = {topic:String}
    UNION ALL
    SELECT partition, offset FROM marks WHERE topic = {topic:String}
)
GROUP BY partition, block
ORDER BY partition, block";

/// The runs of offsets without a hole in some blocks of a partition.
const RUNS: &str = "
SELECT min(offset) AS first, max(offset) AS last FROM (
    SELECT
        block,
        offset,
        offset - row_number() OVER (PARTITION BY block ORDER BY offset) AS run
    FROM (
        SELECT DISTINCT intDiv(offset, 65536) AS block, offset FROM (
            SELECT offset FROM messages
            WHERE topic = {topic:String} AND partition = {partition:UInt32}
              AND intDiv(offset, 65536) IN {blocks:Array(UInt64)}
            UNION ALL
            SELECT offset FROM marks
            WHERE topic = {topic:String} AND partition = {partition:UInt32}
              AND intDiv(offset, 65536) IN {blocks:Array(UInt64)}
        )
    )
)
GROUP BY block, run
ORDER BY first";

#[derive(Row, Deserialize)]
struct BlockRow {
    partition: u32,
    block: u64,
    rows: u64,
    offsets: u64,
    first: u64,
    last: u64,
}

#[derive(Row, Deserialize)]
struct RunRow {
    first: u64,
    last: u64,
}

impl Warehouse {
    /// Returns the stored offsets of a log, by partition. An offset between two ranges is in
    /// neither `messages` nor `marks`: it is a dead letter, an offset that the log never used, or a
    /// loss.
    ///
    /// # Errors
    /// If the query fails.
    pub async fn offset_ranges(&self, topic: &str) -> Result<Vec<StoredOffsets>, WarehouseError> {
        let blocks = self
            .query("offset_blocks", BLOCKS)
            .text("topic", topic)
            .rows::<BlockRow>()
            .await?;
        let mut partitions: BTreeMap<u32, Vec<BlockRow>> = BTreeMap::new();
        for block in blocks {
            partitions.entry(block.partition).or_default().push(block);
        }
        let mut all = Vec::with_capacity(partitions.len());
        for (partition, blocks) in partitions {
            let partition = PartitionId(partition);
            let surplus = blocks.iter().map(|block| block.rows - block.offsets).sum();
            let ranges = self.runs_of(topic, partition, &blocks).await?;
            all.push(StoredOffsets {
                partition,
                ranges,
                surplus,
            });
        }
        Ok(all)
    }

    async fn runs_of(
        &self,
        topic: &str,
        partition: PartitionId,
        blocks: &[BlockRow],
    ) -> Result<Vec<OffsetRange>, WarehouseError> {
        let is_whole = |block: &&BlockRow| block.last - block.first + 1 == block.offsets;
        let mut runs: Vec<(u64, u64)> = blocks
            .iter()
            .filter(is_whole)
            .map(|block| (block.first, block.last))
            .collect();
        let holed: Vec<u64> = blocks
            .iter()
            .filter(|block| !is_whole(block))
            .map(|block| block.block)
            .collect();
        for some in holed.chunks(BLOCKS_PER_QUERY) {
            let found = self
                .query("offset_runs", RUNS)
                .text("topic", topic)
                .number("partition", partition.0.into())
                .numbers("blocks", some)
                .rows::<RunRow>()
                .await?;
            runs.extend(found.into_iter().map(|run| (run.first, run.last)));
        }
        runs.sort_unstable();
        Ok(join_runs(&runs))
    }
}

/// Joins ascending runs that are adjacent.
fn join_runs(runs: &[(u64, u64)]) -> Vec<OffsetRange> {
    let mut joined: Vec<OffsetRange> = Vec::new();
    for (first, last) in runs
        .iter()
        .map(|(first, last)| (Offset(*first), Offset(*last)))
    {
        match joined.last_mut() {
            Some(before) if before.last.next() == first => before.last = last,
            _ => joined.push(OffsetRange { first, last }),
        }
    }
    joined
}
