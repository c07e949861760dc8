//! `GET …/actors/{id}`: the events of one person, in pages.

use std::collections::BTreeMap;

use axum::extract::{Query, State};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use etappe_core::kpi::{ActorCursor, ActorEvent, ActorPage, ActorPageQuery};
use etappe_core::ports::{Clock, JourneyStore};
use etappe_core::time::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::access::Access;
use crate::error::InsightsError;
use crate::exact_json::show_object;
use crate::field::Problems;
use crate::parameter::Parameters;
use crate::query_limit::store_error;
use crate::response::{Problem, answer};
use crate::state::InsightsState;

/// The most events on a page.
pub(crate) const MOST_EVENTS: usize = 1_000;
/// The most bytes of properties, names and message ids on a page. A single larger event still gets
/// a page.
const MOST_BYTES: usize = 1 << 20;

/// A page of an actor's events.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ActorAnswer {
    /// The counted unit.
    #[schema(example = "actor")]
    unit: &'static str,
    /// The site's time zone.
    timezone: String,
    /// The watermark.
    #[schema(value_type = String, format = DateTime)]
    as_of: Timestamp,
    /// The actor's id.
    #[schema(example = "user-17")]
    actor: String,
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

/// Returns the events of one person.
///
/// `id` is any of the actor's ids, percent-encoded. No event appears on two pages. A page has at
/// most 1 MiB of properties, names and message ids; it ends early at that size.
#[utoipa::path(
    get,
    path = "/v1/sites/{site}/actors/{id}",
    tag = "questions",
    params(
        ("site" = String, Path, description = "The site's name.", example = "demo"),
        ("id" = String, Path, description = "Any of the actor's ids, percent-encoded.", example = "user-17"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before."),
        ("limit" = Option<u32>, Query, description = "Events on a page, 1 to 1000. Default: 100."),
    ),
    responses(
        (status = 200, description = "A page of the actor's events.", body = ActorAnswer),
        (status = 400, description = "The id is not valid UTF-8.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No token, or an unknown one.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token reads another site.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Nobody has this id.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The question is invalid.", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "The store failed.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many questions, or the store is unavailable; try again.", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "The answer took too long.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("read_token" = [])),
)]
pub(crate) async fn show_actor<S: JourneyStore, C: Clock>(
    State(state): State<InsightsState<S, C>>,
    access: Access,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Response, InsightsError> {
    let default_limit = state.parts().config.page_events;
    let (after, limit) = parse(pairs, default_limit)?;
    let id = access.path.get("id").cloned().unwrap_or_default();
    let query = ActorPageQuery {
        site: access.site.clone(),
        id: id.clone(),
        after,
        limit,
        bytes: MOST_BYTES,
    };
    let page = state
        .run(&access.site, async {
            state
                .parts()
                .store
                .actor_page(&query)
                .await
                .map_err(store_error)
        })
        .await?
        .ok_or(InsightsError::UnknownActor(id))?;
    Ok(answer(&ActorAnswer::new(
        page,
        access.settings.timezone,
        state.as_of(),
    )))
}

fn parse(
    pairs: Vec<(String, String)>,
    default_limit: usize,
) -> Result<(Option<ActorCursor>, usize), InsightsError> {
    let mut problems = Problems::default();
    let mut parameters = Parameters::new(pairs);
    let text = parameters.take("cursor", &mut problems);
    let cursor = text.as_deref().and_then(parse_cursor);
    if text.is_some() && cursor.is_none() {
        problems.push("cursor", "is not a `next` cursor of an earlier page");
    }
    let limit = parameters.take_limit(default_limit, MOST_EVENTS, &mut problems);
    parameters.finish(&mut problems);
    problems.into_result()?;
    Ok((cursor, limit))
}

impl ActorAnswer {
    fn new(page: ActorPage, timezone: String, as_of: Timestamp) -> Self {
        let stages = page.stages.into_iter();
        Self {
            unit: "actor",
            timezone,
            as_of,
            actor: page.actor,
            ids: page.ids,
            stages: stages
                .map(|(model, stage, since)| (model, CurrentStage { stage, since }))
                .collect(),
            events: page.events.into_iter().map(event_of).collect(),
            next: page.next.map(write_cursor),
        }
    }
}

fn event_of(event: ActorEvent) -> EventAnswer {
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
    fn cursors_survive_an_address() {
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
