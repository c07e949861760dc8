//! `GET …/actors/{id}`: the events of one person, in pages.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use etappe_core::kpi::{ActorCursor, ActorEvent, ActorPage, ActorPageQuery};
use etappe_core::ports::{Clock, JourneyStore};
use etappe_core::time::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::config::MAX_PAGE_EVENTS;
use crate::error::InsightsError;
use crate::exact_json::show_object;
use crate::field::{Fields, Problems};
use crate::parameter::{Parameter, Values};
use crate::query_limit::store_error;
use crate::question::{Answer, Frame, Method, Question, RequestInfo};
use crate::questions::person::{self, Called};
use crate::state::InsightsParts;

/// The most bytes of properties, names and message ids on a page. A single larger event still gets
/// a page.
const MAX_BYTES: usize = 1 << 20;

/// A page of an actor's events.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ActorAnswer {
    /// The actor's id.
    #[schema(example = "user-17")]
    actor: String,
    /// The name that the person was last identified with.
    #[schema(example = "Sanne de Wit")]
    name: Option<String>,
    /// The e-mail address, all but its first letter and its host hidden.
    #[schema(example = "s…@example.com")]
    email_hint: Option<String>,
    /// All known ids of the actor.
    ids: Vec<String>,
    /// The current stage in each model.
    stages: BTreeMap<String, CurrentStage>,
    /// Events, ordered by time, then by arrival.
    events: Vec<EventAnswer>,
    /// The `cursor` of the next page; null on the last one.
    next: Option<String>,
}

/// The stage that an actor is in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CurrentStage {
    /// The stage's id.
    stage: String,
    /// When the actor entered the stage.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
}

/// One event.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventAnswer {
    /// The message's id.
    message_id: String,
    /// The event's name.
    #[schema(example = "Order Completed")]
    event: String,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
    /// The event's milestone; null if no vocabulary has a rule for it.
    #[schema(example = "purchase")]
    milestone: Option<&'static str>,
    /// In each model, the event's stage and the rule that decided.
    stages: BTreeMap<String, EventStageAnswer>,
    /// The event's properties as stored. A number that neither 64 bits nor floating point can hold
    /// becomes a string of the same digits. Null if the properties are not a JSON object.
    #[schema(value_type = Option<Object>)]
    properties: Option<Box<RawValue>>,
}

/// Why an event is in a stage.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventStageAnswer {
    /// The stage's id; null if the model has no rule for the event.
    stage: Option<String>,
    /// The id of the rule that decided.
    rule: Option<String>,
    /// The version of the model that decided.
    version: String,
}

/// The question for the events of one person.
pub(crate) struct Actor {
    query: ActorPageQuery,
    timezone: String,
    as_of: Timestamp,
}

impl Question for Actor {
    type Answer = ActorAnswer;

    const METHOD: Method = Method::Get;
    const PATH: &'static str = "actors/{id}";
    const SUMMARY: &'static str = "Returns the events of one person.";
    const DESCRIPTION: &'static str = "`id` is any of the actor's ids, percent-encoded. No event appears on two pages. A page has at most 1 MiB of properties, names and message ids; it ends early at that size.";
    const PARAMETERS: &'static [&'static [Parameter]] = &[&[
        Parameter {
            name: "cursor",
            description: "`next` of the page before.",
            example: "",
            values: Values::Text,
        },
        Parameter {
            name: "limit",
            description: "Events on a page. Default: 100.",
            example: "",
            values: Values::Count {
                most: MAX_PAGE_EVENTS,
            },
        },
    ]];
    const HAS_RANGE: bool = false;

    fn read(
        fields: &mut Fields,
        request: &RequestInfo<'_>,
        problems: &mut Problems,
    ) -> Option<Self> {
        let access = request.access;
        let text = fields.take_text("cursor", problems);
        let after = text.as_deref().and_then(parse_cursor);
        if text.is_some() && after.is_none() {
            problems.push("cursor", "is not a `next` cursor of an earlier page");
        }
        let limit = fields.take_limit(request.page_events, MAX_PAGE_EVENTS, problems);
        Some(Self {
            query: ActorPageQuery {
                site: access.site.clone(),
                id: access.path.get("id").cloned().unwrap_or_default(),
                after,
                limit,
                bytes: MAX_BYTES,
            },
            timezone: access.settings.timezone.clone(),
            as_of: request.as_of,
        })
    }

    fn frame(&self) -> Frame {
        Frame::of_actors(self.timezone.clone(), self.as_of)
    }

    async fn answer<S: JourneyStore, C: Clock>(
        &self,
        parts: &InsightsParts<S, C>,
    ) -> Result<ActorAnswer, InsightsError> {
        let page = parts.store.actor_page(&self.query).await;
        let page = page.map_err(store_error)?;
        let unknown = || InsightsError::UnknownActor(self.query.id.clone());
        let page = page.ok_or_else(unknown)?;
        let called = person::called(parts, &self.query.site, &page.actor).await?;
        Ok(ActorAnswer::new(page, called))
    }
}

impl Answer for ActorAnswer {}

impl ActorAnswer {
    fn new(page: ActorPage, called: Called) -> Self {
        let stages = page.stages.into_iter();
        Self {
            actor: page.actor,
            name: called.name,
            email_hint: called.email_hint,
            ids: page.ids,
            stages: stages
                .map(|(model, stage, since)| (model, CurrentStage { stage, since }))
                .collect(),
            events: page.events.into_iter().map(event_of).collect(),
            next: page.next.map(write_cursor),
        }
    }
}

/// Writes an event as it is answered.
pub(crate) fn event_of(event: ActorEvent) -> EventAnswer {
    let stages = event.stages.into_iter().map(|stage| {
        let answer = EventStageAnswer {
            stage: stage.stage,
            rule: stage.rule,
            version: stage.version,
        };
        (stage.model, answer)
    });
    EventAnswer {
        message_id: event.message_id,
        event: event.event,
        timestamp: event.at,
        milestone: event.milestone.map(|milestone| milestone.as_str()),
        stages: stages.collect(),
        properties: show_object(&event.properties),
    }
}

/// Encodes a position so that it can stand in a URL.
fn write_cursor(cursor: ActorCursor) -> String {
    let mut bytes = Vec::with_capacity(20);
    bytes.extend_from_slice(&cursor.at.as_millis().to_be_bytes());
    bytes.extend_from_slice(&cursor.partition.to_be_bytes());
    bytes.extend_from_slice(&cursor.offset.to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn parse_cursor(text: &str) -> Option<ActorCursor> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (at, rest) = bytes.split_first_chunk::<8>()?;
    let (partition, rest) = rest.split_first_chunk::<4>()?;
    let offset: [u8; 8] = rest.try_into().ok()?;
    Some(ActorCursor {
        at: Timestamp::from_millis(i64::from_be_bytes(*at)),
        partition: u32::from_be_bytes(*partition),
        offset: u64::from_be_bytes(offset),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_round_trip_through_a_url() {
        let cursor = ActorCursor {
            at: Timestamp::from_millis(1_709_294_400_123),
            partition: 3,
            offset: u64::MAX,
        };
        let text = write_cursor(cursor);
        assert!(
            text.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        );
        assert_eq!(parse_cursor(&text), Some(cursor));
        for broken in ["", "AA", "!!", text.get(1..).unwrap(), &format!("{text}AA")] {
            assert_eq!(parse_cursor(broken), None, "{broken}");
        }
    }
}
