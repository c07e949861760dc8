//! One look at what arrived lately, shared by all streams of a site.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use etappe_core::id::SiteId;
use etappe_core::kpi::{ActorEvent, ActorEventStage};
use etappe_core::ports::{Clock, JourneyStore};
use etappe_core::query::{Bots, ViewParameter, ViewQuery};
use etappe_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::error::InsightsError;
use crate::query_limit::store_error;
use crate::questions::actor::{EventAnswer, event_of};
use crate::state::{InsightsParts, InsightsState};

/// How long a look is good for.
pub(super) const LOOK_LASTS: Duration = Duration::from_secs(2);
/// How far back it goes.
const BACK: Duration = Duration::from_secs(5 * 60);

/// An event that arrived.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LiveEvent {
    /// Whose event it is; null without an id.
    #[schema(example = "user-17")]
    actor: Option<String>,
    /// When it arrived.
    #[schema(value_type = String, format = DateTime)]
    received_at: Timestamp,
    /// `track`, `page` or `screen`.
    #[schema(example = "page")]
    kind: String,
    /// The path of the page.
    #[schema(example = "/pricing")]
    page_path: Option<String>,
    /// The channel that brought the person.
    #[schema(example = "Organic Search")]
    channel: Option<String>,
    /// The device.
    #[schema(example = "phone")]
    device: Option<String>,
    /// The country.
    #[schema(example = "NL")]
    country: Option<String>,
    /// The bot that sent it; null for people.
    #[schema(example = "crawler")]
    bot: Option<String>,
    /// The event, as in `GET …/actors/{id}`. Properties over 8 KiB are left out.
    #[serde(flatten)]
    event: EventAnswer,
}

/// The position of an event in the log: partition and offset.
pub(super) type Place = (u32, u64);

/// What arrived lately.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) people: u64,
    /// The latest events as JSON, newest first.
    pub(super) events: Vec<(Place, String)>,
}

/// The last look, and a lock that lets only one stream take the next.
#[derive(Debug, Default)]
pub(crate) struct SharedLook(tokio::sync::Mutex<Option<(Instant, Arc<Look>)>>);

impl SharedLook {
    /// Returns the last look if it is still good, otherwise a new one.
    pub(super) async fn latest<S: JourneyStore, C: Clock>(
        &self,
        state: &InsightsState<S, C>,
        site: &SiteId,
    ) -> Result<Arc<Look>, InsightsError> {
        let mut last = self.0.lock().await;
        if let Some((at, look)) = &*last
            && at.elapsed() < LOOK_LASTS
        {
            return Ok(Arc::clone(look));
        }
        let since = state.now().as_millis() - i64::try_from(BACK.as_millis()).unwrap_or(i64::MAX);
        let since = Timestamp::from_millis(since);
        let look = state.run(site, look(state.parts(), site, since)).await?;
        let look = Arc::new(look);
        *last = Some((Instant::now(), Arc::clone(&look)));
        Ok(look)
    }
}

#[derive(Deserialize)]
struct PeopleRow {
    people: u64,
}

/// A row of the view `live_events`.
#[derive(Deserialize)]
struct EventRow {
    message_id: String,
    actor: String,
    event_name: String,
    event_kind: String,
    reached_milestone: String,
    happened_at: i64,
    arrived_at: i64,
    page_path: String,
    by_channel: String,
    by_device: String,
    from_country: String,
    sent_by: String,
    short_properties: String,
    partition: u32,
    offset: u64,
    stages: Vec<StageRow>,
}

#[derive(Deserialize)]
struct StageRow {
    model: String,
    version: String,
    stage: String,
    rule: String,
}

async fn look<S: JourneyStore, C: Clock>(
    parts: &InsightsParts<S, C>,
    site: &SiteId,
    since: Timestamp,
) -> Result<Look, InsightsError> {
    let query = |view, bots| ViewQuery {
        view,
        site: site.clone(),
        parameters: vec![
            ("bots", ViewParameter::Bots(bots)),
            ("since", ViewParameter::Instant(since)),
        ],
    };
    let people = query("live_people", Bots::Exclude);
    let events = query("live_events", Bots::Include);
    let (people, events) = tokio::try_join!(
        parts.store.view_rows::<PeopleRow>(&people),
        parts.store.view_rows::<EventRow>(&events),
    )
    .map_err(store_error)?;
    let mut events: Vec<EventRow> = events;
    events.sort_by_key(|row| std::cmp::Reverse((row.arrived_at, row.partition, row.offset)));
    Ok(Look {
        people: people.first().map_or(0, |row| row.people),
        events: events.into_iter().filter_map(EventRow::written).collect(),
    })
}

impl EventRow {
    /// Returns the event as JSON, with its place.
    fn written(self) -> Option<(Place, String)> {
        let place = (self.partition, self.offset);
        let written = serde_json::to_string(&LiveEvent::from(self));
        let written = written.inspect_err(|error| {
            tracing::error!(%error, "a live event could not be written as json");
        });
        Some((place, written.ok()?))
    }
}

impl From<EventRow> for LiveEvent {
    fn from(row: EventRow) -> Self {
        let known = |text: String| Some(text).filter(|text| !text.is_empty());
        let stages: BTreeMap<String, ActorEventStage> = row
            .stages
            .into_iter()
            .map(|decided| {
                let stage = ActorEventStage {
                    model: decided.model.clone(),
                    stage: known(decided.stage),
                    rule: known(decided.rule),
                    version: decided.version,
                };
                (decided.model, stage)
            })
            .collect();
        Self {
            actor: known(row.actor),
            received_at: Timestamp::from_millis(row.arrived_at),
            kind: row.event_kind,
            page_path: known(row.page_path),
            channel: known(row.by_channel),
            device: known(row.by_device),
            country: known(row.from_country),
            bot: known(row.sent_by),
            event: event_of(ActorEvent {
                message_id: row.message_id,
                event: row.event_name,
                at: Timestamp::from_millis(row.happened_at),
                milestone: row.reached_milestone.parse().ok(),
                stages: stages.into_values().collect(),
                properties: row.short_properties,
            }),
        }
    }
}
