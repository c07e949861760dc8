//! `GET …/unmapped`: names of events without a meaning, and suggested meanings.

use axum::extract::{Query, State};
use axum::response::Response;
use etappe_core::event::EventKind;
use etappe_core::ports::{Clock, JourneyStore};
use etappe_core::query::Bots;
use etappe_core::rules::RuleSet;
use etappe_core::time::Timestamp;
use etappe_core::unmapped::{UnmappedName, UnmappedQuery};
use http::HeaderMap;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::access::Access;
use crate::catalog::ModelCatalog;
use crate::csv::CsvTable;
use crate::error::InsightsError;
use crate::field::{Problems, did_you_mean, one_of};
use crate::parameter::Parameters;
use crate::query_limit::store_error;
use crate::response::{Problem, Table, answer_table};
use crate::span::Span;
use crate::state::InsightsState;

/// How many names are listed by default.
const DEFAULT_NAMES: usize = 100;
/// The most names that are listed.
const MOST_NAMES: usize = 1_000;

/// The values of `kind`.
const KINDS: [EventKind; 3] = [EventKind::Track, EventKind::Page, EventKind::Screen];

/// Names without a meaning or a stage.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UnmappedAnswer {
    /// The unit of `people`.
    #[schema(example = "actor")]
    unit: &'static str,
    /// The zone that dates are in.
    timezone: &'static str,
    /// The watermark.
    #[schema(value_type = String, format = DateTime)]
    as_of: Timestamp,
    /// The first instant of the range.
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    /// The first instant after it.
    #[schema(value_type = String, format = DateTime)]
    to: Timestamp,
    /// The model whose stages were checked; null if the question named none.
    #[schema(example = "aaarrr")]
    model: Option<String>,
    /// Events of all these names, including those beyond the limit.
    events: u64,
    /// The names, most frequent first. A name with several kinds or milestones has an entry for
    /// each.
    names: Vec<UnmappedNameAnswer>,
    /// How many entries are beyond the limit.
    names_more: u64,
    /// The events of those entries.
    events_more: u64,
}

/// A name without a meaning or a stage.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UnmappedNameAnswer {
    /// The events' name; for pages it is `page`, for screens `screen`.
    #[schema(example = "Garden newsletter joined")]
    name: String,
    /// `track`, `page` or `screen`.
    #[schema(example = "track")]
    kind: &'static str,
    /// `not_understood`: no vocabulary had a rule for the events. `no_stage`: they have a
    /// milestone, but the model had no stage for it.
    #[schema(example = "not_understood")]
    why: &'static str,
    /// The events' milestone; null if they were not understood.
    #[schema(example = "subscribe")]
    milestone: Option<&'static str>,
    /// How many events there are.
    events: u64,
    /// How many people sent such events.
    people: u64,
    /// The time of the first such event in the range.
    #[schema(value_type = String, format = DateTime)]
    first_seen: Timestamp,
    /// The time of the last such event in the range.
    #[schema(value_type = String, format = DateTime)]
    last_seen: Timestamp,
    /// Whether the rules in use understand this name regardless of its properties. If so, events
    /// that were not understood are older than these rules.
    understood_now: bool,
    /// A suggested meaning, based on the words of a name that is not understood; null if no rule is
    /// close.
    suggestion: Option<SuggestionAnswer>,
}

/// A suggested meaning of a name.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SuggestionAnswer {
    /// The likely milestone.
    #[schema(example = "subscribe")]
    milestone: &'static str,
    /// Why the closest rule did not match.
    #[schema(example = "the vocabulary does not know `garden`")]
    why: String,
    /// The vocabulary of the closest rule.
    #[schema(example = "generic-en")]
    vocabulary: String,
    /// That rule's id.
    #[schema(example = "subscribe")]
    rule: String,
}

/// The parameters of the question.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(
    dead_code,
    reason = "this describes what is read by hand, so that every problem can be named"
)]
pub(crate) struct UnmappedParameters {
    /// The first instant (RFC 3339) or date of the range. Default: 30 days before `to`.
    #[param(example = "2024-03-01")]
    from: Option<String>,
    /// The first instant or date after the range. Default: the end of today.
    #[param(example = "2024-04-01")]
    to: Option<String>,
    /// The zone that dates are in, by its IANA name. Default: the site's.
    #[param(example = "Europe/Amsterdam")]
    timezone: Option<String>,
    /// A journey model: also list names that are understood but have no stage in it. Default: none.
    #[param(example = "aaarrr")]
    model: Option<String>,
    /// `track`, `page` or `screen`: the kind of event. Default: all.
    #[param(example = "track")]
    kind: Option<String>,
    /// `exclude` (default), `include` or `only`: whether events of bots are included.
    #[param(example = "exclude")]
    bots: Option<String>,
    /// How many names are listed, 1 to 1000. Default: 100.
    #[param(example = 100)]
    limit: Option<u32>,
    /// The counted unit; only `actor` is supported.
    #[param(example = "actor")]
    unit: Option<String>,
}

/// A valid question.
#[derive(Debug)]
struct UnmappedQuestion {
    span: Span,
    model: Option<String>,
    kind: Option<EventKind>,
    bots: Bots,
    limit: usize,
}

/// Lists event names without a meaning.
///
/// The names of events that no vocabulary understands, most frequent first, with suggested
/// meanings. With a `model`, also names that are understood but have no stage in it. With `Accept:
/// text/csv` they come as a table.
#[utoipa::path(
    get,
    path = "/v1/sites/{site}/unmapped",
    tag = "questions",
    params(("site" = String, Path, description = "The site's name.", example = "demo"), UnmappedParameters),
    responses(
        (status = 200, description = "The names.", content((UnmappedAnswer = "application/json"), (String = "text/csv"))),
        (status = 401, description = "No token, or an unknown one.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token reads another site.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The question is invalid.", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "The store failed.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many questions, or the store is unavailable; try again.", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "The answer took too long.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("read_token" = [])),
)]
pub(crate) async fn list_unmapped<S: JourneyStore, C: Clock>(
    State(state): State<InsightsState<S, C>>,
    access: Access,
    headers: HeaderMap,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Response, InsightsError> {
    let (now, as_of) = (state.now(), state.as_of());
    let question = UnmappedQuestion::parse(pairs, &access, &state.parts().catalog, now)?;
    let query = question.query(&access);
    let answer = state
        .run(&access.site, async {
            let store = &state.parts().store;
            let found = store.unmapped_names(&query).await.map_err(store_error)?;
            let names = advise(&state.parts().rules, found.names).await;
            let listed: u64 = names.iter().map(|name| name.events).sum();
            Ok(UnmappedAnswer {
                unit: "actor",
                timezone: question.span.zone.name(),
                as_of,
                from: query.range.from,
                to: query.range.to,
                model: query.model.clone(),
                events: found.all_events,
                names_more: found.all_names.saturating_sub(names.len() as u64),
                events_more: found.all_events.saturating_sub(listed),
                names,
            })
        })
        .await?;
    Ok(answer_table(&headers, &answer))
}

/// Adds what the rules in use say about each name.
async fn advise(rules: &RuleSet, names: Vec<UnmappedName>) -> Vec<UnmappedNameAnswer> {
    let mut advised = Vec::with_capacity(names.len());
    for name in names {
        advised.push(UnmappedNameAnswer::new(rules, name));
        // Comparing a name with all rules is slow, and there may be many names.
        tokio::task::yield_now().await;
    }
    advised
}

impl UnmappedQuestion {
    fn parse(
        pairs: Vec<(String, String)>,
        access: &Access,
        catalog: &ModelCatalog,
        now: Timestamp,
    ) -> Result<Self, InsightsError> {
        let mut problems = Problems::default();
        let mut parameters = Parameters::new(pairs);
        let span = parameters.take_span(&access.settings.timezone, now, &mut problems);
        let model = parameters.take("model", &mut problems);
        if let Some(id) = &model
            && catalog.find(id).is_none()
        {
            problems.push("model", catalog.unknown(id));
        }
        let kind = take_kind(&mut parameters, &mut problems);
        let bots = parameters.take_bots(&mut problems);
        let limit = parameters.take_limit(DEFAULT_NAMES, MOST_NAMES, &mut problems);
        parameters.take_actor_unit(&mut problems);
        parameters.finish(&mut problems);
        problems.into_result()?;
        let Some(span) = span else {
            // If there is no problem, it was parsed.
            return Err(InsightsError::InvalidQuestion(Vec::new()));
        };
        Ok(Self {
            span,
            model,
            kind,
            bots,
            limit,
        })
    }

    fn query(&self, access: &Access) -> UnmappedQuery {
        UnmappedQuery {
            site: access.site.clone(),
            range: self.span.range,
            bots: self.bots,
            kind: self.kind,
            model: self.model.clone(),
            limit: self.limit,
        }
    }
}

fn take_kind(parameters: &mut Parameters, problems: &mut Problems) -> Option<EventKind> {
    let word = parameters.take("kind", problems)?;
    let kind = KINDS.into_iter().find(|kind| kind.as_str() == word);
    if kind.is_none() {
        let words = || KINDS.iter().map(|kind| kind.as_str());
        let near = did_you_mean(&word, words());
        problems.push("kind", format!("{}{near}", one_of(words())));
    }
    kind
}

impl UnmappedNameAnswer {
    fn new(rules: &RuleSet, found: UnmappedName) -> Self {
        let understood_now =
            found.milestone.is_some() || rules.understands(&found.name, found.kind);
        let suggestion = match found.kind {
            EventKind::Track if !understood_now => rules.suggest(&found.name),
            _ => None,
        };
        Self {
            name: found.name,
            kind: found.kind.as_str(),
            why: found.why.as_str(),
            milestone: found.milestone.map(|milestone| milestone.as_str()),
            events: found.events,
            people: found.people,
            first_seen: found.first_seen,
            last_seen: found.last_seen,
            understood_now,
            suggestion: suggestion.map(|suggestion| SuggestionAnswer {
                milestone: suggestion.milestone.as_str(),
                why: suggestion.why,
                vocabulary: suggestion.vocabulary.to_string(),
                rule: suggestion.rule.to_string(),
            }),
        }
    }
}

impl Table for UnmappedAnswer {
    /// One row per entry of `names`.
    fn to_csv(&self) -> String {
        let mut table = CsvTable::new([
            "name",
            "kind",
            "why",
            "milestone",
            "events",
            "people",
            "first_seen",
            "last_seen",
            "understood_now",
            "suggestion",
            "suggestion_why",
        ]);
        for name in &self.names {
            let suggestion = name.suggestion.as_ref();
            table.push_text(&name.name);
            table.push_text(name.kind);
            table.push_text(name.why);
            table.push_text(name.milestone.unwrap_or_default());
            table.push_number(Some(name.events));
            table.push_number(Some(name.people));
            table.push_text(&name.first_seen.to_string());
            table.push_text(&name.last_seen.to_string());
            table.push_number(Some(name.understood_now));
            table.push_text(suggestion.map_or("", |it| it.milestone));
            table.push_text(suggestion.map_or("", |it| it.why.as_str()));
            table.end_row();
        }
        table.into_text()
    }
}
