//! One actor's story, page by page.

use std::collections::HashMap;

use clickhouse::Row;
use etappe_core::id::{ActorHash, hash64};
use etappe_core::kpi::{ActorCursor, ActorEvent, ActorEventStage, ActorPage, ActorPageQuery};
use etappe_core::time::Timestamp;
use serde::Deserialize;

use crate::error::WarehouseError;
use crate::warehouse::Warehouse;

/// How many ids of an actor are named.
const MAX_IDS: u64 = 1_000;

/// Whose id it is, if it is not an actor's own: the actor that a server last named it with; if none did, a
/// browser; then a pixel.
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

/// An alias that anybody can send joins no id that is a user's own.
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

/// The page after a position. The server skips what lies before it by its primary key.
const EVENTS: &str = "
SELECT
    message_id,
    toString(event) AS event,
    toUnixTimestamp64Milli(occurred_at) AS at,
    toString(milestone) AS milestone,
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

/// How many events are read beyond a page: one that follows, and those that share a place.
const BEYOND_PAGE: u64 = 8;

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
struct OwnerRow {
    actor: String,
}

#[derive(Row, Deserialize)]
struct NumberRow {
    number: u64,
}

#[derive(Row, Deserialize)]
struct IdRow {
    id: String,
}

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
        let (other_ids, stages, mut rows) = tokio::try_join!(
            self.read_ids(query, &actor),
            self.read_actor_stages(query, &actor),
            self.read_actor_events(query, &actor),
        )?;
        let next = cut_page(&mut rows, query.limit);
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

    /// Returns the actor whom an id belongs to: another actor that it was seen with, else itself if
    /// anything is known of it.
    async fn find_actor(&self, query: &ActorPageQuery) -> Result<Option<String>, WarehouseError> {
        if query.id.is_empty() {
            return Ok(None);
        }
        let own = self
            .ask_actor("actor_exists", OWN_EVENTS, query, &query.id)
            .row::<NumberRow>()
            .await?;
        if own.number > 0 {
            return Ok(Some(query.id.clone()));
        }
        let owners = self
            .ask_about(&query.site, "actor_owner", OWNER)
            .number("id_hash", hash64(&query.id))
            .text("id", &query.id)
            .rows::<OwnerRow>()
            .await?;
        Ok(owners.into_iter().next().map(|owner| owner.actor))
    }

    fn ask_actor(
        &self,
        name: &'static str,
        sql: &str,
        query: &ActorPageQuery,
        actor: &str,
    ) -> crate::query::Question {
        self.ask_about(&query.site, name, sql)
            .text("actor", actor)
            .number("actor_hash", ActorHash::of(actor).0)
    }

    async fn read_ids(
        &self,
        query: &ActorPageQuery,
        actor: &str,
    ) -> Result<Vec<String>, WarehouseError> {
        let rows = self
            .ask_actor("actor_ids", IDS, query, actor)
            .number("limit", MAX_IDS)
            .rows::<IdRow>()
            .await?;
        Ok(rows.into_iter().map(|row| row.id).collect())
    }

    async fn read_actor_stages(
        &self,
        query: &ActorPageQuery,
        actor: &str,
    ) -> Result<Vec<(String, String, Timestamp)>, WarehouseError> {
        let rows = self
            .ask_actor("actor_stages", STAGES, query, actor)
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

    /// Reads a little more than the page holds, to know whether there is another page.
    async fn read_actor_events(
        &self,
        query: &ActorPageQuery,
        actor: &str,
    ) -> Result<Vec<EventRow>, WarehouseError> {
        let start = (Timestamp::from_millis(i64::MIN), -1, 0);
        let (at, partition, offset) = query.after.map_or(start, |cursor| {
            (cursor.at, i64::from(cursor.partition), cursor.offset)
        });
        let limit = u64::try_from(query.limit)
            .unwrap_or(u64::MAX)
            .saturating_add(BEYOND_PAGE);
        self.ask_actor("actor_events", EVENTS, query, actor)
            .instant("after_at", at)
            .text("after_partition", &partition.to_string())
            .number("after_offset", offset)
            .number("limit", limit)
            .rows::<EventRow>()
            .await
    }

    /// Adds to events what was decided about them.
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
                .ask("outcomes", OUTCOMES)
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
            })
            .collect())
    }
}

/// Drops the row past the page and returns the position that the next page starts after.
fn cut_page(rows: &mut Vec<EventRow>, limit: usize) -> Option<ActorCursor> {
    let place = |row: &EventRow| (row.at, row.partition, row.offset);
    let mut end = limit;
    // Events of two logs may share a place, and then they share the page.
    while let (Some(last), Some(next)) = (rows.get(end.wrapping_sub(1)), rows.get(end)) {
        if place(last) != place(next) {
            break;
        }
        end += 1;
    }
    if rows.len() <= end {
        return None;
    }
    rows.truncate(end);
    rows.last().map(|row| ActorCursor {
        at: Timestamp::from_millis(row.at),
        partition: row.partition,
        offset: row.offset,
    })
}
