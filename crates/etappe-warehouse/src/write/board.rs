//! The board, a small table through which processes share how far the figures reach.
//!
//! Every post is a row. The newest row of a partition counts; merges remove the others. So no
//! reader depends on a merge, and the table holds about one row per partition.

use clickhouse::Row;
use etappe_core::id::{Offset, PartitionId};
use etappe_core::ports::WatermarkBoard;
use etappe_core::time::Timestamp;
use etappe_core::watermark::PartitionReach;
use serde::{Deserialize, Serialize};

use crate::error::WarehouseError;
use crate::warehouse::Warehouse;

/// Of several logs, the one with the latest post counts: the installation moved to it.
const LOAD: &str = "
SELECT
    partition,
    argMax(watermarks.partitions, posted_at) AS of_all,
    toUnixTimestamp64Milli(argMax(watermarks.reached, posted_at)) AS reached_at,
    argMax(watermarks.settled, posted_at) AS settled_before
FROM watermarks
WHERE topic = (SELECT argMax(topic, posted_at) FROM watermarks)
GROUP BY partition
ORDER BY partition";

#[derive(Row, Serialize)]
struct PostRow<'a> {
    topic: &'a str,
    partition: u32,
    partitions: u32,
    reached: i64,
    settled: u64,
}

#[derive(Row, Deserialize)]
struct ReachRow {
    partition: u32,
    of_all: u32,
    reached_at: i64,
    settled_before: u64,
}

impl WatermarkBoard for Warehouse {
    type Error = WarehouseError;

    async fn post(&self, topic: &str, reaches: &[PartitionReach]) -> Result<(), WarehouseError> {
        if reaches.is_empty() {
            return Ok(());
        }
        let client = self
            .client()
            .clone()
            .with_setting("async_insert", "0")
            .with_setting("insert_deduplicate", "0");
        let insert = async {
            let mut rows = client.insert::<PostRow<'_>>("watermarks").await?;
            for reach in reaches {
                let row = PostRow {
                    topic,
                    partition: reach.partition.0,
                    partitions: reach.partitions,
                    reached: reach.reached.as_millis(),
                    settled: reach.settled.0,
                };
                rows.write(&row).await?;
            }
            rows.end().await
        };
        self.within(self.config().query_timeout, "post the watermark", insert)
            .await
    }

    async fn load(&self) -> Result<Vec<PartitionReach>, WarehouseError> {
        let rows = self.query("watermarks", LOAD).rows::<ReachRow>().await?;
        let reach = |row: ReachRow| PartitionReach {
            partition: PartitionId(row.partition),
            partitions: row.of_all,
            reached: Timestamp::from_millis(row.reached_at),
            settled: Offset(row.settled_before),
        };
        Ok(rows.into_iter().map(reach).collect())
    }
}
