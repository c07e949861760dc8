//! Names of events without a meaning or a stage, from `unmapped_names`.

use clickhouse::Row;
use etappe_core::event::EventKind;
use etappe_core::time::Timestamp;
use etappe_core::unmapped::{UnmappedName, UnmappedNames, UnmappedQuery, WhyUnmapped};
use serde::Deserialize;

use crate::error::WarehouseError;
use crate::warehouse::Warehouse;

const NAMES: &str = "
SELECT name, kind, why, milestone, events, people,
    toUnixTimestamp64Milli(first_seen) AS first_seen_at,
    toUnixTimestamp64Milli(last_seen) AS last_seen_at,
    count() OVER () AS all_names,
    sum(events) OVER () AS all_events
FROM unmapped_names(site = {site:String}, model = {model:String}, bots = {bots:String},
    from = {from:DateTime64(3, 'UTC')}, to = {to:DateTime64(3, 'UTC')})
WHERE {kind:String} IN ('', kind)
ORDER BY events DESC, name, kind, milestone
LIMIT {limit:UInt64}";

#[derive(Row, Deserialize)]
struct NameRow {
    name: String,
    kind: String,
    why: String,
    milestone: String,
    events: u64,
    people: u64,
    first_seen_at: i64,
    last_seen_at: i64,
    all_names: u64,
    all_events: u64,
}

impl Warehouse {
    pub(crate) async fn read_unmapped_names(
        &self,
        query: &UnmappedQuery,
    ) -> Result<UnmappedNames, WarehouseError> {
        let rows = self
            .site_query(&query.site, "unmapped_names", NAMES)
            .range(query.range)
            .bots(query.bots)
            .text("model", query.model.as_deref().unwrap_or_default())
            .text("kind", query.kind.map_or("", EventKind::as_str))
            .number("limit", u64::try_from(query.limit).unwrap_or(u64::MAX))
            .rows::<NameRow>()
            .await?;
        // Every row contains the totals; without rows they are zero.
        let (all_names, all_events) = rows
            .first()
            .map_or((0, 0), |row| (row.all_names, row.all_events));
        Ok(UnmappedNames {
            names: rows
                .into_iter()
                .map(unmapped_name)
                .collect::<Result<_, _>>()?,
            all_names,
            all_events,
        })
    }
}

fn unmapped_name(row: NameRow) -> Result<UnmappedName, WarehouseError> {
    let kinds = [EventKind::Track, EventKind::Page, EventKind::Screen];
    let kind = kinds.into_iter().find(|kind| kind.as_str() == row.kind);
    let why = WhyUnmapped::ALL
        .into_iter()
        .find(|why| why.as_str() == row.why);
    let (Some(kind), Some(why)) = (kind, why) else {
        return Err(WarehouseError::UnexpectedAnswer(format!(
            "`unmapped_names` has a name of kind `{}` that is `{}`",
            row.kind, row.why
        )));
    };
    Ok(UnmappedName {
        name: row.name,
        kind,
        why,
        milestone: row.milestone.parse().ok(),
        events: row.events,
        people: row.people,
        first_seen: Timestamp::from_millis(row.first_seen_at),
        last_seen: Timestamp::from_millis(row.last_seen_at),
    })
}
