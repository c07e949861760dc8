//! `POST …/actors`: the people behind a figure of a funnel.
//!
//! The funnel is matched again, so that the list has as many people as the figure says. Those who got
//! as far as they did last come first. The few thousand with the smallest hashes are a random sample,
//! which tells what people did last.

mod place;
mod row;
mod smallest;

use std::cmp::Reverse;
use std::ops::ControlFlow;

use etappe_core::funnel::{Attempt, FunnelMatcher, Standing};
use etappe_core::ports::{Clock, JourneyStore};
use etappe_core::query::{Hit, Unit, ViewParameter, ViewQuery};
use etappe_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::csv::CsvTable;
use crate::error::InsightsError;
use crate::field::{Fields, Problems};
use crate::parameter::Parameter;
use crate::query_limit::store_error;
use crate::question::{Answer, Body, Frame, Method, Question, RequestInfo};
use crate::questions::funnel::Funnel;
use crate::questions::funnel::body::FunnelBody;
use crate::questions::funnel::tally::values_at;
use crate::questions::person;
use crate::state::InsightsParts;
use place::{PersonThere, Place, cursor, placed, take_cursor};
use row::{Row, RowFields};
use smallest::Smallest;

/// How many people are on a page by default, and at most.
const PAGE_PEOPLE: usize = 50;
const MOST_PEOPLE: usize = 1_000;
/// The most people whose last event is looked up.
const SAMPLE: usize = 10_000;

/// The question for the people behind a figure.
pub(crate) struct People {
    funnel: Funnel,
    /// The index of the step.
    step: usize,
    state: State,
    /// The row of the breakdown; everybody if absent.
    row: Option<Row>,
    /// The place of the last person of the page before.
    after: Option<Place>,
    limit: usize,
}

/// How a person stands at the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Reached,
    Dropped,
    Open,
    Stopped,
}

/// A funnel question, and which of its figures to open.
#[derive(ToSchema)]
#[expect(dead_code, reason = "this describes what is read by hand")]
pub(crate) struct PeopleBody {
    #[serde(flatten)]
    funnel: FunnelBody,
    /// The step, counted from 1.
    #[schema(example = 2)]
    step: usize,
    /// `reached`: those in the step's `count`; `dropped`: those in its `drop_off`; `open`: those in
    /// its `open`, who are among the dropped; `stopped`: the dropped who are not open.
    #[schema(example = "dropped")]
    state: String,
    /// Only with `breakdown`: the people of one row, by the `value` of that row in the funnel's
    /// answer. Default: everybody.
    #[schema(example = json!(["Email"]))]
    value: Option<Vec<Option<String>>>,
    /// Only with `breakdown`: the people of all rows but these. With the `value` of every listed
    /// row these are the people of the row `other`.
    #[schema(example = json!([["Email"], [null]]))]
    other_than: Option<Vec<Vec<Option<String>>>>,
    /// People on a page. Default: 50; at most 1,000.
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// The people behind a figure.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PeopleAnswer {
    /// How many there are in all; equals the figure.
    total: u64,
    /// The people of this page. Whoever got as far as they did last comes first.
    people: Vec<PersonThere>,
    /// What they did last: the five most frequent last events.
    last_events: Vec<LastEvent>,
    /// How many of the sample had another last event.
    other_last_events: u64,
    /// How many people `last_events` were counted among: all, or a random 10,000 of them.
    sample: usize,
    /// The `cursor` of the next page; null on the last one.
    next: Option<String>,
}

/// An event that people had as their last.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LastEvent {
    /// The event's name.
    #[schema(example = "Cart Viewed")]
    event: String,
    /// The event's milestone; null if it was not understood.
    #[schema(example = "cart_view")]
    milestone: Option<String>,
    /// How many of the sample had it as their last event.
    count: u64,
}

/// A row of the view `last_events`.
#[derive(Deserialize)]
struct LastEventRow {
    last_event: String,
    last_milestone: String,
    actors: u64,
    all_actors: u64,
}

impl Question for People {
    type Answer = PeopleAnswer;

    const METHOD: Method = Method::Post;
    const PATH: &'static str = "actors";
    const SUMMARY: &'static str = "Lists the people behind a figure of a funnel.";
    const DESCRIPTION: &'static str = "The body is that of the funnel, with the step and the state, and the row of its breakdown if only that is wanted. The list has as many people as the figure says, in pages. With `Accept: text/csv` the page is a table.";
    const PARAMETERS: &'static [&'static [Parameter]] = &[];

    fn body() -> Option<Body> {
        let example = json!({
            "model": "aaarrr", "from": "2024-03-01", "to": "2024-04-01", "window": "30d",
            "step": 3, "state": "dropped"
        });
        let row = json!({
            "model": "aaarrr", "from": "2024-03-01", "to": "2024-04-01", "window": "30d",
            "breakdown": {"by": ["channel"]}, "value": ["Email"], "step": 3, "state": "dropped"
        });
        let examples = vec![
            ("dropped", "Who stopped before the third stage", example),
            ("row", "The same of those who came by e-mail", row),
        ];
        Some(Body::of::<PeopleBody>(examples))
    }

    fn read(
        fields: &mut Fields,
        request: &RequestInfo<'_>,
        problems: &mut Problems,
    ) -> Option<Self> {
        let step = take_required(fields.take_number("step", problems), "step", problems);
        let states = [
            ("reached", State::Reached),
            ("dropped", State::Dropped),
            ("open", State::Open),
            ("stopped", State::Stopped),
        ];
        let state = fields.take_choice("state", &states, problems);
        let state = take_required(state, "state", problems);
        let limit = fields.take_number("limit", problems);
        if limit.is_some_and(|limit| limit > MOST_PEOPLE) {
            problems.push("limit", format!("must be at most {MOST_PEOPLE}"));
        }
        let after = take_cursor(fields, problems);
        let row = RowFields::take(fields, problems);
        let funnel = Funnel::read_fields(fields, request, problems)?;
        let (step, state) = (step? - 1, state?);
        if funnel.unit != Unit::Actor {
            problems.push("unit", "must be `actor`: this lists people");
        }
        check_step(&funnel, step, state, problems);
        let row = row.read(funnel.breakdown.as_ref(), problems);
        Some(Self {
            funnel,
            step,
            state,
            row,
            after,
            limit: limit.unwrap_or(PAGE_PEOPLE),
        })
    }

    fn frame(&self) -> Frame {
        self.funnel.frame()
    }

    async fn answer<S: JourneyStore, C: Clock>(
        &self,
        parts: &InsightsParts<S, C>,
    ) -> Result<PeopleAnswer, InsightsError> {
        let found = self.find(parts).await?;
        let (page, goes_on) = found.page.finish(self.limit);
        let (sample, _) = found.sample.finish(SAMPLE);
        let next = page.last().filter(|_| goes_on).map(cursor);
        let sampled = sample.len();
        let hashes = page.iter().map(|(_, actor)| *actor).collect();
        let (people, last) = tokio::try_join!(
            person::list(parts, &self.funnel.site, self.funnel.bots, hashes),
            last_events(parts, &self.funnel, sample),
        )?;
        Ok(PeopleAnswer {
            total: found.total,
            people: placed(people, &page),
            last_events: last.most_frequent,
            other_last_events: last.others,
            sample: sampled,
            next,
        })
    }
}

/// The people found, while matching.
struct Found {
    total: u64,
    page: Smallest<Place>,
    sample: Smallest<u64>,
}

impl Found {
    fn add(&mut self, place: Place, after: Option<Place>) {
        self.total += 1;
        self.sample.offer(place.1);
        if after.is_none_or(|after| place > after) {
            self.page.offer(place);
        }
    }
}

impl People {
    async fn find<S: JourneyStore, C: Clock>(
        &self,
        parts: &InsightsParts<S, C>,
    ) -> Result<Found, InsightsError> {
        let funnel = &self.funnel;
        let mut matcher = FunnelMatcher::try_new(&funnel.spec)
            .map_err(|problems| InsightsError::of_spec(&problems))?;
        let mut found = Found {
            total: 0,
            // One more shows that another page follows.
            page: Smallest::new(self.limit + 1),
            sample: Smallest::new(SAMPLE),
        };
        let (mut units, mut hits_seen) = (0, 0);
        let visit = |actor: u64, hits: &[Hit]| {
            units += 1;
            hits_seen += hits.len() as u64;
            match matcher.best(hits, funnel.span.range) {
                Err(error) => return ControlFlow::Break(InsightsError::SearchTooLarge(error)),
                Ok(Some(attempt)) => {
                    let standing = attempt.standing(&funnel.spec, self.step, funnel.as_of);
                    if self.state.covers(standing) && self.is_in_row(attempt, hits) {
                        let at = self.since(attempt);
                        found.add((Reverse(at), actor), self.after);
                    }
                }
                Ok(None) => {}
            }
            ControlFlow::Continue(())
        };
        let candidates = funnel.candidates();
        let matching = parts.store.candidates(&candidates, visit);
        let outcome = matching.await.map_err(store_error)?;
        parts.metrics.record_matching(units, hits_seen);
        outcome.break_value().map_or(Ok(found), Err)
    }
}

impl People {
    /// Returns when the attempt reached the step, or the last gate that it did reach.
    fn since(&self, attempt: &Attempt) -> Timestamp {
        let reached = attempt.steps.get(self.step).copied().flatten();
        let gates = self.funnel.spec.steps.iter().zip(&attempt.steps);
        let before = gates.take(self.step).filter(|(step, _)| step.gate);
        let before = before.filter_map(|(_, reach)| *reach).next_back();
        reached.or(before).map_or(attempt.entry, |reach| reach.at)
    }

    fn is_in_row(&self, attempt: &Attempt, hits: &[Hit]) -> bool {
        let breakdown = self.funnel.breakdown.as_ref();
        let Some((row, breakdown)) = self.row.as_ref().zip(breakdown) else {
            return true;
        };
        let size = breakdown.dimensions.len();
        row.covers(&values_at(attempt, breakdown.step, hits, size))
    }
}

impl State {
    fn covers(self, standing: Standing) -> bool {
        match self {
            Self::Reached => standing == Standing::Reached,
            Self::Dropped => matches!(standing, Standing::Stopped { .. }),
            Self::Open => standing == Standing::Stopped { is_open: true },
            Self::Stopped => standing == Standing::Stopped { is_open: false },
        }
    }
}

/// What people did last.
#[derive(Default)]
struct LastEvents {
    most_frequent: Vec<LastEvent>,
    others: u64,
}

async fn last_events<S: JourneyStore, C: Clock>(
    parts: &InsightsParts<S, C>,
    funnel: &Funnel,
    people: Vec<u64>,
) -> Result<LastEvents, InsightsError> {
    if people.is_empty() {
        return Ok(LastEvents::default());
    }
    let query = ViewQuery {
        view: "last_events",
        site: funnel.site.clone(),
        parameters: vec![
            ("bots", ViewParameter::Bots(funnel.bots)),
            ("people", ViewParameter::Actors(people)),
        ],
    };
    let rows = parts.store.view_rows::<LastEventRow>(&query).await;
    let rows = rows.map_err(store_error)?;
    // Every row has the number of all.
    let all = rows.first().map_or(0, |row| row.all_actors);
    let listed: u64 = rows.iter().map(|row| row.actors).sum();
    Ok(LastEvents {
        most_frequent: rows.into_iter().map(LastEvent::from).collect(),
        others: all.saturating_sub(listed),
    })
}

fn take_required<T>(value: Option<T>, name: &str, problems: &mut Problems) -> Option<T> {
    if value.is_none() && !problems.mentions(name) {
        problems.push(name, "is required");
    }
    value
}

fn check_step(funnel: &Funnel, step: usize, state: State, problems: &mut Problems) {
    let steps = &funnel.spec.steps;
    match steps.get(step) {
        None => {
            let detail = format!("must be between 1 and {}", steps.len());
            problems.push("step", detail);
        }
        Some(found) if matches!(state, State::Dropped | State::Stopped) && !found.gate => {
            let detail = "nobody drops off at a step that not everybody passes: ask for `reached`";
            problems.push("state", detail);
        }
        Some(_) => {}
    }
}

impl From<LastEventRow> for LastEvent {
    fn from(row: LastEventRow) -> Self {
        Self {
            event: row.last_event,
            milestone: Some(row.last_milestone).filter(|milestone| !milestone.is_empty()),
            count: row.actors,
        }
    }
}

impl Answer for PeopleAnswer {
    const HAS_TABLE: bool = true;

    fn table(&self) -> Option<CsvTable> {
        let mut table = CsvTable::new(person::COLUMNS.into_iter().chain(["at"]));
        for there in &self.people {
            person::push(&mut table, &there.person);
            table.push_text(&there.at.to_string());
            table.end_row();
        }
        Some(table)
    }
}
