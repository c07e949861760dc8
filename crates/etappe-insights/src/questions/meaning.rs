//! `GET …/meaning`: what people do around an event, and what it would change if the event meant something.
//!
//! It is for somebody who is about to say what a name means. Nothing is changed by asking.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use chrono_tz::Tz;
use etappe_core::event::{Event, EventKind, tidy_name};
use etappe_core::id::SiteId;
use etappe_core::meaning::{LONGEST_NAME, Meaning, OwnRule};
use etappe_core::milestone::Milestone;
use etappe_core::ports::{Clock, JourneyStore};
use etappe_core::query::{Bots, TimeRange, ViewParameter, ViewQuery};
use etappe_core::rules::{ActorHistory, RuleClassifier, RuleSet, suggest_by_place};
use etappe_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::InsightsError;
use crate::field::{Fields, Problems};
use crate::parameter::{Parameter, SPAN, Values, WHO};
use crate::query_limit::store_error;
use crate::question::{Answer, Frame, Method, Question, RequestInfo};
use crate::state::InsightsParts;

/// What is around an event, and what a meaning would change.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MeaningAnswer {
    /// The event's name.
    #[schema(example = "Garden newsletter joined")]
    event: String,
    /// How many such events there are in the range. Events that are stored keep what was decided about
    /// them; a meaning counts for those that arrive from then on.
    events: u64,
    /// How many people sent them.
    people: u64,
    /// What these people did right before, at most a day earlier: the five most frequent, counted among
    /// at most 10,000 of them.
    before: Vec<Neighbour>,
    /// What they did right after, in the same way.
    after: Vec<Neighbour>,
    /// What it may mean by what came right before it; null if that says nothing.
    suggestion: Option<PlaceSuggestionAnswer>,
    /// The milestones that the event may be said to mean, with the stages it would be in.
    meanings: Vec<PossibleMeaning>,
}

/// An event right before or after another.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Neighbour {
    /// Its name; for pages it is `page`.
    #[schema(example = "Product Viewed")]
    event: String,
    /// Its milestone; null if it was not understood.
    #[schema(example = "content_view")]
    milestone: Option<String>,
    /// How many times it was the neighbour.
    count: u64,
    /// Of how many people.
    people: u64,
}

/// A meaning suggested by the place in people's journeys.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlaceSuggestionAnswer {
    /// The likely milestone.
    #[schema(example = "checkout_progress")]
    milestone: &'static str,
    /// The milestone that came right before.
    #[schema(example = "checkout_start")]
    follows: &'static str,
    /// How often it did, as a share of the events in `before`.
    #[schema(example = 0.92)]
    share: f64,
}

/// A milestone, and where it leads.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PossibleMeaning {
    /// The milestone.
    #[schema(example = "subscribe")]
    milestone: &'static str,
    /// The stage in each model; null in models that have none for it. Rules of a model with conditions
    /// on properties are not looked at.
    stages: BTreeMap<String, Option<String>>,
}

/// A row of the view `name_neighbours`.
#[derive(Deserialize)]
struct NeighbourRow {
    side: String,
    neighbour: String,
    means: String,
    times: u64,
    people: u64,
}

/// The question about what an event would mean.
pub(crate) struct WhatIf {
    site: SiteId,
    event: String,
    milestone: Option<Milestone>,
    range: TimeRange,
    bots: Bots,
    zone: Tz,
    as_of: Timestamp,
}

/// The parameters besides the range and who counts.
const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "event",
        description: "The event's name; required.",
        example: "Garden newsletter joined",
        values: Values::Text,
    },
    Parameter {
        name: "milestone",
        description: "A milestone that it may mean. Default: every milestone is listed.",
        example: "subscribe",
        values: Values::Text,
    },
];

impl Question for WhatIf {
    type Answer = MeaningAnswer;

    const METHOD: Method = Method::Get;
    const PATH: &'static str = "meaning";
    const SUMMARY: &'static str =
        "Says what people do around an event, and what a meaning would change.";
    const DESCRIPTION: &'static str = "For a name that is not understood: how many events and people there are, what the same people did right before and right after, and the stage that each milestone would lead to in each model. Nothing is changed by asking.";
    const PARAMETERS: &'static [&'static [Parameter]] = &[PARAMETERS, SPAN, WHO];

    fn read(
        fields: &mut Fields,
        request: &RequestInfo<'_>,
        problems: &mut Problems,
    ) -> Option<Self> {
        let access = request.access;
        let event = fields.take_text("event", problems).unwrap_or_default();
        let event = tidy_name(Cow::Owned(event)).into_owned();
        if (event.is_empty() || event.len() > LONGEST_NAME) && !problems.mentions("event") {
            let detail = format!("is required: the name of an event, of 1 to {LONGEST_NAME} bytes");
            problems.push("event", detail);
        }
        let milestone = take_milestone(fields, problems);
        let span = fields.take_span(&access.settings.timezone, request.now, problems);
        let bots = fields.take_bots(problems);
        fields.take_actor_unit(problems);
        let span = span?;
        Some(Self {
            site: access.site.clone(),
            event,
            milestone,
            range: span.range,
            bots,
            zone: span.zone,
            as_of: request.as_of,
        })
    }

    fn frame(&self) -> Frame {
        Frame::of_actors(self.zone.name().to_owned(), self.as_of).with_range(self.range)
    }

    async fn answer<S: JourneyStore, C: Clock>(
        &self,
        parts: &InsightsParts<S, C>,
    ) -> Result<MeaningAnswer, InsightsError> {
        let query = ViewQuery {
            view: "name_neighbours",
            site: self.site.clone(),
            parameters: vec![
                ("bots", ViewParameter::Bots(self.bots)),
                ("name", ViewParameter::Text(self.event.clone())),
                ("from", ViewParameter::Instant(self.range.from)),
                ("to", ViewParameter::Instant(self.range.to)),
            ],
        };
        let rows = parts.store.view_rows::<NeighbourRow>(&query).await;
        let rows = rows.map_err(store_error)?;
        let all = rows.iter().find(|row| row.side.is_empty());
        let all = all.map_or((0, 0), |row| (row.times, row.people));
        let before = neighbours(&rows, "before");
        Ok(MeaningAnswer {
            event: self.event.clone(),
            events: all.0,
            people: all.1,
            suggestion: suggestion(&before),
            before,
            after: neighbours(&rows, "after"),
            meanings: self.meanings(&parts.rules),
        })
    }
}

impl WhatIf {
    fn meanings(&self, rules: &Arc<RuleSet>) -> Vec<PossibleMeaning> {
        let mut classifier = RuleClassifier::new(Arc::clone(rules));
        let event = Event::empty(
            Cow::Borrowed(&self.site),
            EventKind::Track,
            Cow::Borrowed(self.event.as_str()),
            Cow::Borrowed("preview"),
            self.as_of,
        );
        let asked = Milestone::ALL.iter().copied();
        let asked = asked
            .filter(|milestone| self.milestone.is_none_or(|asked| asked == *milestone))
            .filter(|milestone| !milestone.needs_history());
        let possible = asked.map(|milestone| {
            let meaning = Meaning {
                milestone: Some(milestone),
                by: String::new(),
                at: self.as_of,
            };
            let own = OwnRule::new(&self.event, &meaning);
            let outcome = classifier.classify_by(&own, &event, &ActorHistory::default());
            let stages = outcome.stages.iter().map(|decision| {
                let stage = decision.main.as_ref().map(|hit| hit.stage.to_string());
                (decision.model.to_string(), stage)
            });
            PossibleMeaning {
                milestone: milestone.as_str(),
                stages: stages.collect(),
            }
        });
        possible.collect()
    }
}

fn suggestion(before: &[Neighbour]) -> Option<PlaceSuggestionAnswer> {
    let before = before.iter().map(|neighbour| {
        let milestone = neighbour.milestone.as_deref();
        (milestone.and_then(|it| it.parse().ok()), neighbour.count)
    });
    let before: Vec<(Option<Milestone>, u64)> = before.collect();
    suggest_by_place(&before).map(|found| PlaceSuggestionAnswer {
        milestone: found.milestone.as_str(),
        follows: found.follows.as_str(),
        share: found.share,
    })
}

fn neighbours(rows: &[NeighbourRow], side: &str) -> Vec<Neighbour> {
    let rows = rows.iter().filter(|row| row.side == side);
    let mut found: Vec<Neighbour> = rows
        .map(|row| Neighbour {
            event: row.neighbour.clone(),
            milestone: Some(row.means.clone()).filter(|means| !means.is_empty()),
            count: row.times,
            people: row.people,
        })
        .collect();
    found.sort_by(|one, other| (other.count, &one.event).cmp(&(one.count, &other.event)));
    found
}

fn take_milestone(fields: &mut Fields, problems: &mut Problems) -> Option<Milestone> {
    let name = fields.take_text("milestone", problems)?;
    let milestone = name.parse::<Milestone>().ok();
    match milestone {
        Some(milestone) if !milestone.needs_history() => Some(milestone),
        Some(_) => {
            let detail =
                format!("`{name}` follows from what a person did before; no event means it");
            problems.push("milestone", detail);
            None
        }
        None => {
            problems.push("milestone", format!("`{name}` is not a milestone"));
            None
        }
    }
}

impl Answer for MeaningAnswer {}
