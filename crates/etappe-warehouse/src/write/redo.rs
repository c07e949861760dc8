//! Completes a batch that may already be stored, wholly or in part.
//!
//! Invariant: afterwards each table has every row of the batch exactly once.
//!
//! The deduplication token alone does not guarantee that. ClickHouse records a token before it
//! publishes the part, and syncs neither to disk. A kill between the two leaves a token without
//! rows: the next insert under this token is taken for a repetition, and its rows are lost. After a
//! power failure either may survive without the other. So each table is asked which rows of the
//! batch it has. If no table has any, the batch is inserted under its token. Then each table gets
//! the rows that it lacks. [`plan`] decides the steps; this module carries them out.
//!
//! Traps:
//! - A row may only be stored under tokens of the fixed sequence of [`plan::token`], each after the
//!   previous attempt was answered. Any other token could store a row that a late insert of the
//!   first writer stores too.
//! - An insert that still runs on the server may store the missing rows after they were found
//!   missing. So running inserts are checked before each repair.
//! - A query may reach another replica than the insert did. So replicas are synchronised before
//!   each check.
//! - `actor_ids` stores no positions, so its rows cannot be checked. Storing them again is harmless.

mod plan;

use std::collections::{HashMap, HashSet};

use clickhouse::Row;
use etappe_core::id::Offset;
use etappe_core::ports::{RowBatch, RowSummary};
use etappe_core::time::Timestamp;
use etappe_wire::row::{self, Table};
use serde::Deserialize;

use self::plan::{Missing, RepairPlan, Step};
use crate::error::WarehouseError;
use crate::metrics::to_u64;
use crate::native::Block;
use crate::query::Query;
use crate::warehouse::Warehouse;

/// Selects the rows of a batch. The receive times let the server skip all other parts.
const OF_BATCH: &str = "topic = {topic:String} AND partition = {partition:UInt32}
  AND offset BETWEEN {first:UInt64} AND {last:UInt64}
  AND received_at BETWEEN {earliest:DateTime64(3, 'UTC')} AND {latest:DateTime64(3, 'UTC')}";

/// Inserts of the batch, or of its missing rows, that are still running on the server.
const RUNNING: &str = "
SELECT count() FROM system.processes
WHERE Settings['insert_deduplication_token'] = {token:String}
  OR startsWith(Settings['insert_deduplication_token'], concat({token:String}, ':'))";

#[derive(Row, Deserialize)]
struct StoredRow {
    target: String,
    stored: u64,
}

/// Returns every table that stores each row's position in the log.
pub(super) fn targets() -> impl Iterator<Item = Table> {
    let all = Table::ALL.into_iter();
    all.filter(|table| *table != Table::ActorIds)
}

/// A batch and the receive times of its rows.
struct BatchRows<'a> {
    batch: &'a RowBatch,
    earliest: Timestamp,
    latest: Timestamp,
}

impl Warehouse {
    /// Stores every row of a batch that some table lacks.
    pub(crate) async fn redo(&self, batch: &RowBatch) -> Result<(), WarehouseError> {
        let batch_rows = BatchRows::of(batch);
        let expected = batch_rows.expected();
        let mut plan = RepairPlan::default();
        loop {
            let missing = self.find_missing(&batch_rows).await?;
            match plan.next(&missing, expected) {
                Step::Done => return Ok(()),
                Step::InsertWhole => self.insert_fresh(batch).await?,
                Step::CheckRunning if self.has_running(&batch_rows).await? => {
                    return batch_rows.incomplete(&missing);
                }
                Step::CheckRunning => plan.confirm_nothing_running(),
                Step::Store { attempt } => {
                    self.store_missing(&batch_rows, &missing, attempt).await?
                }
                Step::GiveUp => return batch_rows.incomplete(&missing),
            }
        }
    }

    /// Returns whether no table has any row of a batch.
    pub(crate) async fn is_untouched(&self, batch: &RowBatch) -> Result<bool, WarehouseError> {
        self.sync_targets().await?;
        let batch_rows = BatchRows::of(batch);
        let is_reached = |table: &Table| batch.rows.iter().any(|row| table.takes(row));
        let reached: Vec<Table> = targets().filter(is_reached).collect();
        let counts = self.count_stored(&batch_rows, &reached).await?;
        Ok(counts.values().all(|stored| *stored == 0))
    }

    /// Waits until this replica has all inserts of the others, because the queries may go to
    /// another replica than the insert did.
    async fn sync_targets(&self) -> Result<(), WarehouseError> {
        for table in targets() {
            self.sync_replica(table.name()).await?;
        }
        Ok(())
    }

    /// Waits until this replica has all rows of a table that other replicas have; returns at once if
    /// tables are not replicated.
    pub(crate) async fn sync_replica(&self, table: &str) -> Result<(), WarehouseError> {
        if !self.config().replicated {
            return Ok(());
        }
        let statement = format!("SYSTEM SYNC REPLICA {table} LIGHTWEIGHT");
        let sync = self.client().query_raw(&statement).execute();
        let limit = self.config().query_timeout;
        self.within(limit, "wait for the other replicas", sync)
            .await
    }

    /// Returns the tables that lack rows of the batch, and which rows.
    async fn find_missing(
        &self,
        batch_rows: &BatchRows<'_>,
    ) -> Result<Vec<Missing>, WarehouseError> {
        // Another replica may have stored rows since the last check.
        self.sync_targets().await?;
        let all: Vec<Table> = targets().collect();
        let counts = self.count_stored(batch_rows, &all).await?;
        let mut all = Vec::new();
        for table in targets() {
            let mut offsets = batch_rows.offsets_of(table);
            let expected = offsets.len();
            let stored = counts.get(table.name()).copied().unwrap_or_default();
            if stored > expected {
                self.report_surplus(batch_rows, table, stored - expected);
            }
            if stored > 0 && stored != expected {
                let stored = self.read_stored(batch_rows, table).await?;
                offsets.retain(|offset| !stored.contains(&offset.0));
            } else if stored == expected {
                offsets.clear();
            }
            if !offsets.is_empty() {
                all.push(Missing {
                    table,
                    offsets,
                    is_partial: stored > 0,
                });
            }
        }
        Ok(all)
    }

    /// Reports that a table has more rows than the batch, which cannot be repaired here.
    fn report_surplus(&self, batch_rows: &BatchRows<'_>, table: Table, surplus: usize) {
        self.metrics().surplus_rows.inc_by(to_u64(surplus));
        let token = &batch_rows.batch.token;
        let table = table.name();
        tracing::error!(
            table,
            token,
            surplus,
            "rows of a batch are stored more than once"
        );
    }

    /// Returns how many rows of the batch each of some tables has.
    async fn count_stored(
        &self,
        batch_rows: &BatchRows<'_>,
        tables: &[Table],
    ) -> Result<HashMap<String, usize>, WarehouseError> {
        let counts: Vec<String> = tables
            .iter()
            .map(|table| {
                let table = table.name();
                format!(
                    "SELECT '{table}' AS target, count() AS stored FROM {table} WHERE {OF_BATCH}"
                )
            })
            .collect();
        let sql = counts.join(" UNION ALL ");
        let rows = batch_rows
            .query(self, "stored_count", &sql)
            .rows::<StoredRow>()
            .await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                (
                    row.target,
                    usize::try_from(row.stored).unwrap_or(usize::MAX),
                )
            })
            .collect())
    }

    async fn read_stored(
        &self,
        batch_rows: &BatchRows<'_>,
        table: Table,
    ) -> Result<HashSet<u64>, WarehouseError> {
        let sql = format!("SELECT offset FROM {} WHERE {OF_BATCH}", table.name());
        let mut stored = HashSet::new();
        let query = batch_rows.query(self, "stored_offsets", &sql);
        let collect = |mut block: Block| {
            stored.extend(block.numbers("offset")?.iter());
            Ok(())
        };
        query.blocks(collect).await?;
        Ok(stored)
    }

    /// Returns whether inserts of the batch are running, which may store the missing rows.
    async fn has_running(&self, batch_rows: &BatchRows<'_>) -> Result<bool, WarehouseError> {
        let running = self
            .query("running_inserts", RUNNING)
            .text("token", &batch_rows.batch.token)
            .row::<u64>()
            .await?;
        Ok(running > 0)
    }

    /// Gives each table the rows that it lacks, and the table of ids every row that it may lack.
    async fn store_missing(
        &self,
        batch_rows: &BatchRows<'_>,
        missing: &[Missing],
        attempt: u32,
    ) -> Result<(), WarehouseError> {
        for missing in missing {
            // Both are sorted by offset.
            let is_missing = |row: &RowSummary| missing.offsets.binary_search(&row.offset).is_ok();
            let rows = batch_rows.rows_that(is_missing);
            let token = plan::token(&batch_rows.batch.token, missing.table.name(), attempt);
            self.store_rows(batch_rows, missing.table, &token, &rows)
                .await?;
            self.metrics().restored_rows.inc_by(to_u64(rows.len()));
        }
        let ids = batch_rows.rows_that(|row| Table::ActorIds.takes(row));
        if ids.is_empty() {
            return Ok(());
        }
        // Rows of this table may repeat, so it never uses the batch's own token, which the server
        // may have noted without the rows.
        let table = Table::ActorIds;
        let token = plan::token(&batch_rows.batch.token, table.name(), attempt + 1);
        self.store_rows(batch_rows, table, &token, &ids).await
    }

    async fn store_rows(
        &self,
        batch_rows: &BatchRows<'_>,
        table: Table,
        token: &str,
        rows: &[&[u8]],
    ) -> Result<(), WarehouseError> {
        tracing::warn!(
            table = table.name(),
            token,
            rows = rows.len(),
            "storing rows that a crash had lost"
        );
        let mut bytes = Vec::with_capacity(rows.iter().map(|row| row.len()).sum());
        for row in rows {
            row::encode_for(table, row, &mut bytes);
        }
        self.insert_under(batch_rows.batch, token, (&bytes, rows.len()))
            .await
    }
}

impl<'a> BatchRows<'a> {
    fn of(batch: &'a RowBatch) -> Self {
        let times = || batch.rows.iter().map(|row| row.received_at);
        let (earliest, latest) = times()
            .min()
            .zip(times().max())
            .unwrap_or((Timestamp::EPOCH, Timestamp::EPOCH));
        Self {
            batch,
            earliest,
            latest,
        }
    }

    /// Returns how many rows of the batch all tables must have in total.
    fn expected(&self) -> usize {
        let rows = &self.batch.rows;
        let count = |table: Table| rows.iter().filter(|row| table.takes(row)).count();
        targets().map(count).sum()
    }

    /// Returns the offsets of the rows that belong in a table, in order.
    fn offsets_of(&self, table: Table) -> Vec<Offset> {
        let rows = self.batch.rows.iter().filter(|row| table.takes(row));
        rows.map(|row| row.offset).collect()
    }

    /// Returns the bytes of each wanted row.
    fn rows_that(&self, is_wanted: impl Fn(&RowSummary) -> bool) -> Vec<&'a [u8]> {
        let rows = self.batch.encoded_rows();
        rows.filter_map(|(row, bytes)| is_wanted(row).then_some(bytes))
            .collect()
    }

    fn query(&self, warehouse: &Warehouse, name: &'static str, sql: &str) -> Query {
        warehouse
            .query(name, sql)
            .text("topic", &self.batch.topic)
            .number("partition", self.batch.partition.0.into())
            .number("first", self.batch.range.first.0)
            .number("last", self.batch.range.last.0)
            .instant("earliest", self.earliest)
            .instant("latest", self.latest)
    }

    fn incomplete(&self, missing: &[Missing]) -> Result<(), WarehouseError> {
        missing.first().map_or(Ok(()), |missing| {
            Err(WarehouseError::Incomplete {
                token: self.batch.token.clone(),
                table: missing.table.name(),
                missing: missing.offsets.len(),
            })
        })
    }
}
