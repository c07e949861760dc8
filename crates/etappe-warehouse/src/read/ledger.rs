//! Implements the port that reads the stored events for the journey index.

use std::fmt::Write;
use std::ops::ControlFlow;
use std::time::Duration;

use bytes::Bytes;
use clickhouse::Row;
use etappe_core::id::{Offset, PartitionId};
use etappe_core::ledger::{
    LEDGER_DIMENSIONS, LedgerPositions, LedgerRow, LedgerTail, OutcomeStage,
};
use etappe_core::ports::JourneyLedger;
use etappe_core::time::Timestamp;
use serde::Deserialize;

use crate::error::WarehouseError;
use crate::native::{self, Block, Texts};
use crate::query::Query;
use crate::read::candidate::dimension_column;
use crate::warehouse::Warehouse;

/// Reading a large history takes a while; a statement that does not end must end some time.
const HISTORY_LIMIT: Duration = Duration::from_secs(6 * 3600);

/// The columns, in the types that are cheap to read; those of the dimensions are added.
const COLUMNS: &str = "CAST(site, 'String') AS site_name, actor_hash, \
    toUnixTimestamp64Milli(occurred_at) AS at, CAST(event, 'String') AS name, \
    CAST(milestone, 'String') AS meaning, outcome_id, CAST(bot != '', 'UInt64') AS is_bot, \
    toUInt64(partition) AS log_partition, offset";
/// The order of the table's key.
const ORDER: &str = "ORDER BY site, actor_hash, occurred_at, partition, offset";

/// Selects the rows before positions: all of another log, and a part of this one.
const BEFORE: &str = "(topic != {topic:String} OR offset < transform(partition, \
    {partitions:Array(UInt32)}, {offsets:Array(UInt64)}, toUInt64(0)))";

#[derive(Row, Deserialize)]
struct OutcomeStageRow {
    id: u64,
    model: String,
    stage: String,
    ordinal: u8,
}

impl JourneyLedger for Warehouse {
    type Error = WarehouseError;

    async fn history(
        &self,
        until: &LedgerPositions,
        mut visit: impl FnMut(LedgerRow<'_>) -> ControlFlow<()> + Send,
    ) -> Result<(), WarehouseError> {
        let sql = format!("SELECT {} FROM events WHERE {BEFORE} {ORDER}", columns());
        let query = self.query("journey_history", &sql).taking(HISTORY_LIMIT);
        let mut stream = before(query, until)
            .setting("optimize_read_in_order", "1")
            .stream()?;
        let mut pending = bytes::BytesMut::new();
        while let Some(piece) = stream.next().await? {
            pending.extend_from_slice(&piece);
            while let Some(block) = native::take_block(&mut pending)? {
                if visit_rows(block, &mut visit)?.is_break() {
                    return Ok(());
                }
            }
            // The visitor may work for long, and other tasks wait for this thread.
            tokio::task::yield_now().await;
        }
        native::expect_end(&pending)
    }

    async fn tail(
        &self,
        tail: &LedgerTail,
        mut visit: impl FnMut(LedgerRow<'_>) + Send,
    ) -> Result<(), WarehouseError> {
        if tail.ranges.is_empty() {
            return Ok(());
        }
        let ranges: Vec<String> = tail
            .ranges
            .iter()
            .map(|(partition, from, until)| {
                format!("(partition = {partition} AND offset >= {from} AND offset < {until})")
            })
            .collect();
        let ranges = ranges.join(" OR ");
        let sql = format!(
            "SELECT {columns} FROM events \
             WHERE topic = {{topic:String}} AND ({ranges}) {ORDER} LIMIT {limit}",
            columns = columns(),
            limit = tail.limit
        );
        let query = self.query("journey_tail", &sql).text("topic", &tail.topic);
        let visit_block = |block: Block| {
            let mut go_on = |row: LedgerRow<'_>| {
                visit(row);
                ControlFlow::Continue(())
            };
            visit_rows(block, &mut go_on).map(drop)
        };
        query.blocks(visit_block).await
    }

    async fn count(&self, until: &LedgerPositions) -> Result<u64, WarehouseError> {
        let sql = format!("SELECT count() FROM events WHERE {BEFORE}");
        before(self.query("journey_count", &sql), until).row().await
    }

    async fn outcome_stages(&self, outcomes: &[u64]) -> Result<Vec<OutcomeStage>, WarehouseError> {
        const STAGES: &str = "SELECT DISTINCT id, model, stage, ordinal FROM outcome_stages \
            WHERE is_main AND ordinal > 0 AND id IN {outcomes:Array(UInt64)}";
        let query = self.query("journey_outcomes", STAGES);
        let rows = query
            .numbers("outcomes", outcomes)
            .rows::<OutcomeStageRow>();
        let stage = |row: OutcomeStageRow| OutcomeStage {
            outcome: row.id,
            model: row.model,
            stage: row.stage,
            ordinal: row.ordinal,
        };
        Ok(rows.await?.into_iter().map(stage).collect())
    }
}

/// Returns the columns of the dimensions, in their order.
fn dimension_columns() -> impl Iterator<Item = &'static str> {
    let columns = LEDGER_DIMENSIONS.iter().map(dimension_column);
    columns.map(|column| column.expect("properties are no dimension of the ledger"))
}

/// Returns what a column of a dimension is called in the answer.
fn text_name(column: &str) -> String {
    format!("text_{column}")
}

/// Returns the columns to select.
fn columns() -> String {
    let mut columns = COLUMNS.to_owned();
    for column in dimension_columns() {
        let name = text_name(column);
        write!(columns, ", CAST({column}, 'String') AS {name}").expect("a string takes all text");
    }
    columns
}

/// Sets the parameters of [`BEFORE`].
fn before(query: Query, until: &LedgerPositions) -> Query {
    let partitions: Vec<u32> = until.next.keys().map(|partition| partition.0).collect();
    let offsets: Vec<u64> = until.next.values().map(|next| next.0).collect();
    query
        .text("topic", &until.topic)
        .numbers("partitions", &partitions)
        .numbers("offsets", &offsets)
}

fn visit_rows(
    mut block: Block,
    visit: &mut impl FnMut(LedgerRow<'_>) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, WarehouseError> {
    let mut sites = block.texts("site_name")?;
    let actors = block.numbers("actor_hash")?;
    let times = block.numbers("at")?;
    let mut events = block.texts("name")?;
    let mut milestones = block.texts("meaning")?;
    let outcomes = block.numbers("outcome_id")?;
    let bots = block.numbers("is_bot")?;
    let partitions = block.numbers("log_partition")?;
    let offsets = block.numbers("offset")?;
    let mut values = Vec::with_capacity(LEDGER_DIMENSIONS.len());
    for column in dimension_columns() {
        values.push(block.texts(&text_name(column))?);
    }
    let numbers = actors.iter().zip(times.iter()).zip(outcomes.iter());
    let places = bots.iter().zip(partitions.iter()).zip(offsets.iter());
    for (((actor, at), outcome), ((bot, partition), offset)) in numbers.zip(places) {
        let (site, event, milestone) = (sites.next(), events.next(), milestones.next());
        let texts: [Bytes; LEDGER_DIMENSIONS.len()] =
            std::array::from_fn(|place| values.get_mut(place).map(Texts::next).unwrap_or_default());
        let row = LedgerRow {
            site: text(&site)?,
            actor,
            at: Timestamp::from_millis(at.cast_signed()),
            event: text(&event)?,
            milestone: text(&milestone)?,
            outcome,
            is_bot: bot != 0,
            values: texts_of(&texts)?,
            partition: PartitionId(u32::try_from(partition).unwrap_or(u32::MAX)),
            offset: Offset(offset),
        };
        if visit(row).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

fn text(bytes: &Bytes) -> Result<&str, WarehouseError> {
    std::str::from_utf8(bytes)
        .map_err(|_| WarehouseError::UnexpectedAnswer("a name is not UTF-8".to_owned()))
}

fn texts_of<const N: usize>(texts: &[Bytes; N]) -> Result<[&str; N], WarehouseError> {
    let mut read = [""; N];
    for (to, from) in read.iter_mut().zip(texts) {
        *to = text(from)?;
    }
    Ok(read)
}
