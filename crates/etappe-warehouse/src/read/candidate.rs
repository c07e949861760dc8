//! The matchers' input: events per unit, in order.
//!
//! The server reads `events` in primary-key order, keeps those that may match, and streams unit,
//! time and a bit per condition. On the server, conditions on properties only narrow down the rows.
//! The text of the remaining rows is streamed too, and the JSON reader that the classifier uses
//! decides here. Hits are grouped as they arrive, so only one unit is in memory at a time.

mod plan;
mod property;
mod statement;

use std::ops::ControlFlow;

use bytes::{Bytes, BytesMut};
use etappe_core::query::{self, CandidateQuery, Hit, HitGroups};
use etappe_core::time::Timestamp;

use self::plan::Plan;
pub(super) use self::plan::dimension_column;
use crate::error::WarehouseError;
use crate::native::{self, Block};
use crate::query::{Query, Stream};
use crate::warehouse::Warehouse;

/// Above this memory use the server sorts on disk, if it cannot use the table's order.
const MAX_SORT_BYTES: &str = "536870912";

/// Why no further rows are taken.
#[derive(Debug)]
pub(super) enum Stopped<B> {
    /// The visitor broke with this value.
    ByVisitor(B),
    /// Reading failed.
    ByError(WarehouseError),
}

impl<B> From<WarehouseError> for Stopped<B> {
    fn from(error: WarehouseError) -> Self {
        Self::ByError(error)
    }
}

impl<B> From<query::Stopped<B>> for Stopped<B> {
    fn from(stopped: query::Stopped<B>) -> Self {
        match stopped {
            query::Stopped::ByVisitor(value) => Self::ByVisitor(value),
            query::Stopped::UnitTooLarge { unit, limit } => {
                Self::ByError(WarehouseError::UnitTooLarge { unit, limit })
            }
        }
    }
}

impl Warehouse {
    /// Streams hits and calls `visit` for each unit that has any. When that breaks, both streams are
    /// dropped, which ends the queries.
    pub(super) async fn stream_candidates<B>(
        &self,
        query: &CandidateQuery,
        mut visit: impl FnMut(u64, &[Hit]) -> ControlFlow<B> + Send,
    ) -> Result<(), Stopped<B>> {
        if query.conditions.len() > 64 {
            return Err(WarehouseError::TooManyConditions(query.conditions.len()).into());
        }
        let plan = Plan::of(query);
        // Two halves of the units, so that the server merges each on its own core.
        let mut low = Half::new(
            self.candidate_query(query, &plan, (1, u64::MAX / 2)),
            query,
            self,
        )?;
        let mut high = Half::new(
            self.candidate_query(query, &plan, (u64::MAX / 2 + 1, u64::MAX)),
            query,
            self,
        )?;
        while low.is_open || high.is_open {
            tokio::select! {
                piece = low.stream.next(), if low.is_open => low.take(piece?, &plan, &mut visit)?,
                piece = high.stream.next(), if high.is_open => high.take(piece?, &plan, &mut visit)?,
            }
            // Matching a piece is slow, and the next one may already have arrived. Without this
            // yield a query with many pieces would block a thread for all other tasks.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    fn candidate_query(&self, query: &CandidateQuery, plan: &Plan, units: (u64, u64)) -> Query {
        let statement = plan.statement();
        let mut prepared = self
            .site_query(&query.site, "candidates", &statement.sql)
            .bots(query.bots)
            .instant("from", query.from)
            .number("low", units.0)
            .number("high", units.1)
            .setting("optimize_read_in_order", "1")
            .setting("max_bytes_before_external_sort", MAX_SORT_BYTES);
        if let Some(until) = query.until {
            prepared = prepared.instant("until", until);
        }
        for (number, value) in statement.parameters.iter().enumerate() {
            prepared = prepared.text(&format!("c{number}"), value);
        }
        prepared
    }
}

/// The answer for one half of the units.
struct Half {
    stream: Stream,
    pending: BytesMut,
    groups: HitGroups,
    is_open: bool,
}

impl Half {
    fn new(
        prepared: Query,
        query: &CandidateQuery,
        warehouse: &Warehouse,
    ) -> Result<Self, WarehouseError> {
        Ok(Self {
            stream: prepared.stream()?,
            pending: BytesMut::new(),
            groups: HitGroups::new(query, warehouse.config().max_unit_bytes),
            is_open: true,
        })
    }

    /// Takes the next piece of the answer; `None` ends it.
    fn take<B>(
        &mut self,
        piece: Option<Bytes>,
        plan: &Plan,
        visit: &mut impl FnMut(u64, &[Hit]) -> ControlFlow<B>,
    ) -> Result<(), Stopped<B>> {
        let Some(piece) = piece else {
            self.is_open = false;
            native::expect_end(&self.pending)?;
            return Ok(self.groups.finish(visit)?);
        };
        self.pending.extend_from_slice(&piece);
        while let Some(block) = native::take_block(&mut self.pending)? {
            push_block(block, plan, &mut self.groups, visit)?;
        }
        Ok(())
    }
}

fn push_block<B>(
    mut block: Block,
    plan: &Plan,
    groups: &mut HitGroups,
    visit: &mut impl FnMut(u64, &[Hit]) -> ControlFlow<B>,
) -> Result<(), Stopped<B>> {
    let units = block.numbers("unit")?;
    let times = block.numbers("at")?;
    let bits = block.numbers("bits")?;
    let mut columns = Vec::new();
    for name in plan.text_columns() {
        columns.push(block.texts(&format!("text_{name}"))?);
    }
    let mut texts = Vec::with_capacity(columns.len());
    for ((unit, at), bits) in units.iter().zip(times.iter()).zip(bits.iter()) {
        texts.clear();
        texts.extend(columns.iter_mut().map(native::Texts::next));
        let (conditions, dimensions) = plan.decide(bits, &texts);
        let at = Timestamp::from_millis(at.cast_signed());
        groups.push(
            unit,
            Hit {
                at,
                conditions,
                dimensions: dimensions.into(),
            },
            visit,
        )?;
    }
    Ok(())
}
