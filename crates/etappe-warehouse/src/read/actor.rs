//! Reads one actor's events, in pages.

use std::collections::HashMap;

use clickhouse::Row;
use etappe_core::id::{ActorHash, hash64};
use etappe_core::kpi::{ActorCursor, ActorEvent, ActorEventStage, ActorPage, ActorPageQuery};
use etappe_core::time::Timestamp;
use serde::Deserialize;

use crate::error::WarehouseError;
use crate::query::Query;
use crate::warehouse::Warehouse;

/// The most ids listed for an actor.
const MAX_IDS: u64 = 1_000;

/// The owner of an id that is not an actor's own. The actor that a server last named it with wins;
/// otherwise the one that a browser named, then a pixel.
const OWNER: &str = "
SELECT
    argMax(actor, (multiIf(scope = 'server', 2, scope = 'browser', 1, 0), received_at)) AS actor
FROM actor_ids
WHERE site = {site:String} AND id_hash = {id_hash:UInt64} AND id = {id:String}
HAVING count() > 0";

const OWN_EVENTS: &str = "
SELECT count() AS number FROM
(
    SELECT 1 FROM events
    WHERE site = {site:String} AND actor_hash = {actor_hash:UInt64} AND actor = {actor:String}
    LIMIT 1
    UNION ALL
    SELECT 1 FROM identities
    WHERE site = {site:String} AND actor_hash = {actor_hash:UInt64} AND actor = {actor:String}
    LIMIT 1
)";

/// An alias that anybody can send does not join an id that is a user's own.
const IDS: &str = "
WITH
    claimed AS
    (
        SELECT xxh3(previous_id) AS hash FROM identities
        WHERE site = {site:String} AND actor_hash = {actor_hash:UInt64} AND actor = {actor:String}
          AND previous_id != '' AND scope != 'server'
    ),
    users AS
    (
        SELECT user_id FROM events
        WHERE site = {site:String} AND actor_hash IN (SELECT hash FROM claimed) AND user_id != ''
        UNION ALL
        SELECT user_id FROM identities
        WHERE site = {site:String} AND actor_hash IN (SELECT hash FROM claimed) AND user_id != ''
    )
SELECT DISTINCT id FROM
(
    SELECT arrayJoin([anonymous_id, user_id]) AS id FROM events
    WHERE site = {site:String} AND actor_hash = {actor_hash:UInt64} AND actor = {actor:String}
    UNION ALL
    SELECT arrayJoin([
        anonymous_id,
        user_id,
        if(scope != 'server' AND previous_id IN (SELECT user_id FROM users), '', previous_id)
    ]) AS id FROM identities
    WHERE site = {site:String} AND actor_hash = {actor_hash:UInt64} AND actor = {actor:String}
)
WHERE id != '' AND id != {actor:String}
ORDER BY id
LIMIT {limit:UInt64}";

const STAGES: &str = "
SELECT model, current_stage, toUnixTimestamp64Milli(since) AS since
FROM actor_stages(site = {site:String}, actor_hash = {actor_hash:UInt64})";

/// The page after a position. The server skips earlier rows by its primary key.
const EVENTS: &str = "
SELECT
    message_id,
    toString(event) AS event,
    toUnixTimestamp64Milli(occurred_at) AS at,
    toString(milestone) AS milestone,
    properties,
    outcome_id,
    partition,
    offset
FROM events
WHERE site = {site:String}
  AND actor_hash = {actor_hash:UInt64}
  AND actor = {actor:String}
  AND occurred_at >= {after_at:DateTime64(3, 'UTC')}
  AND (occurred_at, partition, offset) > ({after_at:DateTime64(3, 'UTC')}, {after_partition:Int64}, {after_offset:UInt64})
ORDER BY occurred_at, partition, offset, topic
LIMIT {limit:UInt64}";

/// Up to this `LIMIT` the server reads wide columns only after it has found the rows.
const LAZY_READ_SETTING: &str = "query_plan_max_limit_for_lazy_materialization";

/// How many events are requested beyond a page: the one that follows, and events with equal
/// positions.
const EXTRA_EVENTS: u64 = 8;

const OUTCOMES: &str = "
SELECT
    id,
    toString(model) AS model,
    any(toString(outcome_stages.version)) AS version,
    any(toString(outcome_stages.stage)) AS stage,
    any(toString(outcome_stages.rule)) AS rule
FROM outcome_stages
WHERE id IN {ids:Array(UInt64)} AND is_main
GROUP BY id, model
ORDER BY id, model";

#[derive(Row, Deserialize)]
struct StageRow {
    model: String,
    current_stage: String,
    since: i64,
}

#[derive(Row, Deserialize)]
pub(crate) struct EventRow {
    pub(crate) message_id: String,
    pub(crate) event: String,
    pub(crate) at: i64,
    pub(crate) milestone: String,
    pub(crate) properties: String,
    pub(crate) outcome_id: u64,
    pub(crate) partition: u32,
    pub(crate) offset: u64,
}

#[derive(Row, Deserialize)]
struct OutcomeRow {
    id: u64,
    model: String,
    version: String,
    stage: String,
    rule: String,
}

impl Warehouse {
    pub(crate) async fn read_actor_page(
        &self,
        query: &ActorPageQuery,
    ) -> Result<Option<ActorPage>, WarehouseError> {
        let Some(actor) = self.find_actor(query).await? else {
            return Ok(None);
        };
        let (other_ids, stages, (rows, next)) = tokio::try_join!(
            self.read_ids(query, &actor),
            self.read_actor_stages(query, &actor),
            self.read_actor_events(query, &actor),
        )?;
        let events = self.explain_events(rows).await?;
        let mut ids = vec![actor.clone()];
        ids.extend(other_ids);
        Ok(Some(ActorPage {
            actor,
            ids,
            stages,
            events,
            next,
        }))
    }

    /// Returns the actor to whom an id belongs: another actor that it was seen with, otherwise
    /// itself if it has any data.
    async fn find_actor(&self, query: &ActorPageQuery) -> Result<Option<String>, WarehouseError> {
        if query.id.is_empty() {
            return Ok(None);
        }
        let own = self
            .actor_query("actor_exists", OWN_EVENTS, query, &query.id)
            .row::<u64>()
            .await?;
        if own > 0 {
            return Ok(Some(query.id.clone()));
        }
        let owners = self
            .site_query(&query.site, "actor_owner", OWNER)
            .number("id_hash", hash64(&query.id))
            .text("id", &query.id)
            .rows::<String>()
            .await?;
        Ok(owners.into_iter().next())
    }

    fn actor_query(
        &self,
        name: &'static str,
        sql: &str,
        query: &ActorPageQuery,
        actor: &str,
    ) -> Query {
        self.site_query(&query.site, name, sql)
            .text("actor", actor)
            .number("actor_hash", ActorHash::of(actor).0)
    }

    async fn read_ids(
        &self,
        query: &ActorPageQuery,
        actor: &str,
    ) -> Result<Vec<String>, WarehouseError> {
        self.actor_query("actor_ids", IDS, query, actor)
            .number("limit", MAX_IDS)
            .rows()
            .await
    }

    async fn read_actor_stages(
        &self,
        query: &ActorPageQuery,
        actor: &str,
    ) -> Result<Vec<(String, String, Timestamp)>, WarehouseError> {
        let rows = self
            .actor_query("actor_stages", STAGES, query, actor)
            .rows::<StageRow>()
            .await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                (
                    row.model,
                    row.current_stage,
                    Timestamp::from_millis(row.since),
                )
            })
            .collect())
    }

    /// Returns the events of the page, and the position of the next page if there is one.
    async fn read_actor_events(
        &self,
        query: &ActorPageQuery,
        actor: &str,
    ) -> Result<(Vec<EventRow>, Option<ActorCursor>), WarehouseError> {
        let start = (Timestamp::from_millis(i64::MIN), -1, 0);
        let (at, partition, offset) = query.after.map_or(start, |cursor| {
            (cursor.at, i64::from(cursor.partition), cursor.offset)
        });
        let limit = u64::try_from(query.limit)
            .unwrap_or(u64::MAX)
            .saturating_add(EXTRA_EVENTS);
        let mut room = PageRoom::of(query);
        let (rows, goes_on) = self
            .actor_query("actor_events", EVENTS, query, actor)
            .instant("after_at", at)
            .text("after_partition", &partition.to_string())
            .number("after_offset", offset)
            .number("limit", limit)
            // Properties are wide, so the server reads them only for the events of the page.
            .setting(LAZY_READ_SETTING, "10000")
            .rows_while(|row| room.takes(row))
            .await?;
        let next = rows.last().filter(|_| goes_on).map(EventRow::place);
        Ok((rows, next))
    }

    /// Adds the rules' decisions to events.
    pub(crate) async fn explain_events(
        &self,
        rows: Vec<EventRow>,
    ) -> Result<Vec<ActorEvent>, WarehouseError> {
        let mut ids: Vec<u64> = rows.iter().map(|row| row.outcome_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut decisions: HashMap<u64, Vec<ActorEventStage>> = HashMap::new();
        if !ids.is_empty() {
            let outcomes = self
                .query("outcomes", OUTCOMES)
                .numbers("ids", &ids)
                .rows::<OutcomeRow>()
                .await?;
            for outcome in outcomes {
                decisions
                    .entry(outcome.id)
                    .or_default()
                    .push(ActorEventStage {
                        model: outcome.model,
                        stage: Some(outcome.stage).filter(|stage| !stage.is_empty()),
                        rule: Some(outcome.rule).filter(|rule| !rule.is_empty()),
                        version: outcome.version,
                    });
            }
        }
        Ok(rows
            .into_iter()
            .map(|row| ActorEvent {
                stages: decisions.get(&row.outcome_id).cloned().unwrap_or_default(),
                message_id: row.message_id,
                event: row.event,
                at: Timestamp::from_millis(row.at),
                milestone: row.milestone.parse().ok(),
                properties: row.properties,
            })
            .collect())
    }
}

impl EventRow {
    fn place(&self) -> ActorCursor {
        ActorCursor {
            at: Timestamp::from_millis(self.at),
            partition: self.partition,
            offset: self.offset,
        }
    }
}

/// The remaining space on a page.
struct PageRoom {
    events: usize,
    bytes: usize,
    last: Option<ActorCursor>,
}

impl PageRoom {
    const fn of(query: &ActorPageQuery) -> Self {
        Self {
            events: query.limit,
            bytes: query.bytes,
            last: None,
        }
    }

    /// Takes the next event onto the page if there is room for it. The first event always fits. So
    /// do events of two logs with equal positions, because a cursor cannot separate them.
    fn takes(&mut self, row: &EventRow) -> bool {
        let place = row.place();
        let size = ActorEvent::text_bytes(&row.message_id, &row.event, &row.properties);
        let fits = self.events > 0 && size <= self.bytes;
        if !fits && self.last.is_some_and(|last| last != place) {
            return false;
        }
        self.events = self.events.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(size);
        self.last = Some(place);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the offsets on the first page of events with these offsets and property sizes.
    fn page(limit: usize, bytes: usize, events: &[(u64, usize)]) -> Vec<u64> {
        let mut room = PageRoom {
            events: limit,
            bytes,
            last: None,
        };
        let rows = events.iter().map(|(offset, size)| EventRow {
            message_id: String::new(),
            event: String::new(),
            at: 0,
            milestone: String::new(),
            properties: "x".repeat(*size),
            outcome_id: 0,
            partition: 0,
            offset: *offset,
        });
        rows.take_while(|row| room.takes(row))
            .map(|row| row.offset)
            .collect()
    }

    #[test]
    fn a_page_ends_at_its_limit_but_is_never_empty() {
        let events = [(1, 40), (2, 50), (3, 20), (4, 0), (5, 0)];
        assert_eq!(page(10, 1_000, &events), [1, 2, 3, 4, 5]);
        assert_eq!(page(3, 1_000, &events), [1, 2, 3]);
        assert_eq!(page(10, 109, &events), [1, 2]);
        assert_eq!(page(10, 110, &events), [1, 2, 3, 4, 5]);
        assert_eq!(page(10, 1, &events), [1]);
        assert_eq!(page(10, 1, &[(1, 40), (1, 40), (2, 5)]), [1, 1]);
        assert_eq!(page(2, 1_000, &[(1, 4), (2, 4), (2, 4), (3, 0)]), [1, 2, 2]);
    }
}
