//! The events that the matchers are fed with: per unit, in order.
//!
//! The server reads `events` in the order of its primary key, keeps what may match and streams
//! unit, time and a bit per condition. Conditions on properties are only narrowed down there: the
//! text of the rows that are left comes along, and the same reading of JSON that the classifier
//! uses decides here. Hits are grouped while they arrive; one unit is in memory at a time.

mod grouping;
mod plan;
mod property;

use etappe_core::query::{CandidateQuery, Hit};
use etappe_core::time::Timestamp;

use self::grouping::Grouping;
use self::plan::Plan;
use crate::error::WarehouseError;
use crate::native::{self, Block};
use crate::query::Question;
use crate::warehouse::Warehouse;

/// Memory after which the server sorts on disk, where the order of the table does not do.
const MAX_SORT_BYTES: &str = "536870912";

impl Warehouse {
    /// Streams hits and calls `visit` for each unit that has one.
    pub(crate) async fn stream_candidates(
        &self,
        query: &CandidateQuery,
        mut visit: impl FnMut(u64, &[Hit]) + Send,
    ) -> Result<(), WarehouseError> {
        if query.conditions.len() > 64 {
            return Err(WarehouseError::TooManyConditions(query.conditions.len()));
        }
        let plan = Plan::of(query);
        let mut grouping = Grouping::new(query, self.config().max_unit_bytes);
        let mut stream = self.ask_candidates(query, &plan).stream()?;
        let mut pending = bytes::BytesMut::new();
        while let Some(piece) = stream.next().await? {
            pending.extend_from_slice(&piece);
            while let Some(block) = native::take_block(&mut pending)? {
                push_block(block, &plan, &mut grouping, &mut visit)?;
            }
        }
        native::expect_end(&pending)?;
        grouping.finish(&mut visit);
        Ok(())
    }

    fn ask_candidates(&self, query: &CandidateQuery, plan: &Plan) -> Question {
        let mut question = self
            .ask("candidates", plan.sql())
            .text("site", query.site.as_str())
            .bots(query.bots)
            .instant("from", query.from)
            .setting("optimize_read_in_order", "1")
            .setting("max_bytes_before_external_sort", MAX_SORT_BYTES);
        if let Some(until) = query.until {
            question = question.instant("until", until);
        }
        for (number, value) in plan.parameters().iter().enumerate() {
            question = question.text(&format!("c{number}"), value);
        }
        question
    }
}

fn push_block(
    mut block: Block,
    plan: &Plan,
    grouping: &mut Grouping,
    visit: &mut (impl FnMut(u64, &[Hit]) + Send),
) -> Result<(), WarehouseError> {
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
        grouping.push(
            unit,
            Hit {
                at,
                conditions,
                dimensions,
            },
            visit,
        )?;
    }
    Ok(())
}
