//! `GET …/unmapped`: names of events without a meaning, and suggested meanings.

use std::sync::Arc;

use crate::csv::CsvTable;
use crate::error::InsightsError;
use crate::field::{Fields, Problems};
use crate::language::Language;
use crate::parameter::{Parameter, SPAN, Values, WHO};
use crate::query_limit::store_error;
use crate::question::{Answer, Frame, Method, Question, RequestInfo};
use crate::state::InsightsParts;
use chrono_tz::Tz;
use etappe_core::event::EventKind;
use etappe_core::meaning::Meanings;
use etappe_core::ports::{Clock, JourneyStore};
use etappe_core::rules::{Doubt, RuleSet};
use etappe_core::time::Timestamp;
use etappe_core::unmapped::{UnmappedName, UnmappedQuery};
use serde::Serialize;
use utoipa::ToSchema;

/// How many names are listed by default.
const DEFAULT_NAMES: usize = 100;
/// The most names that are listed.
const MAX_NAMES: usize = 1_000;

/// The values of `kind`.
const KINDS: [(&str, EventKind); 3] = [
    ("track", EventKind::Track),
    ("page", EventKind::Page),
    ("screen", EventKind::Screen),
];

/// Names without a meaning or a stage.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UnmappedAnswer {
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
    /// Why the closest rule did not match, in the language of `Accept-Language`.
    #[schema(example = "the vocabulary does not know `garden`")]
    why: String,
    /// The vocabulary of the closest rule.
    #[schema(example = "generic-en")]
    vocabulary: String,
    /// That rule's id.
    #[schema(example = "subscribe")]
    rule: String,
}

/// The parameters besides the range and who counts.
const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "model",
        description: "A journey model: also list names that are understood but have no stage in it. Default: none.",
        example: "aaarrr",
        values: Values::Text,
    },
    Parameter {
        name: "kind",
        description: "The kind of event. Default: all.",
        example: "track",
        values: Values::Words(&["track", "page", "screen"]),
    },
    Parameter {
        name: "limit",
        description: "How many names are listed. Default: 100.",
        example: "100",
        values: Values::Count { most: MAX_NAMES },
    },
];

/// The question for names without a meaning.
pub(crate) struct Unmapped {
    query: UnmappedQuery,
    zone: Tz,
    as_of: Timestamp,
    language: Language,
}

impl Question for Unmapped {
    type Answer = UnmappedAnswer;

    const METHOD: Method = Method::Get;
    const PATH: &'static str = "unmapped";
    const SUMMARY: &'static str = "Lists event names without a meaning.";
    const DESCRIPTION: &'static str = "The names of events that no vocabulary understands, most frequent first, with suggested meanings. With a `model`, also names that are understood but have no stage in it. With `Accept: text/csv` they come as a table.";
    const PARAMETERS: &'static [&'static [Parameter]] = &[SPAN, PARAMETERS, WHO];

    fn read(
        fields: &mut Fields,
        request: &RequestInfo<'_>,
        problems: &mut Problems,
    ) -> Option<Self> {
        let access = request.access;
        let span = fields.take_span(&access.settings.timezone, request.now, problems);
        let model = fields.take_model(request.catalog, problems);
        let kind = fields.take_choice("kind", &KINDS, problems);
        let bots = fields.take_bots(problems);
        let limit = fields.take_limit(DEFAULT_NAMES, MAX_NAMES, problems);
        fields.take_actor_unit(problems);
        let span = span?;
        Some(Self {
            query: UnmappedQuery {
                site: access.site.clone(),
                range: span.range,
                bots,
                kind,
                model: model.map(|model| model.id.clone()),
                limit,
            },
            zone: span.zone,
            as_of: request.as_of,
            language: access.language,
        })
    }

    fn frame(&self) -> Frame {
        Frame::of_actors(self.zone.name().to_owned(), self.as_of).with_range(self.query.range)
    }

    async fn answer<S: JourneyStore, C: Clock>(
        &self,
        parts: &InsightsParts<S, C>,
    ) -> Result<UnmappedAnswer, InsightsError> {
        let found = parts.store.unmapped_names(&self.query).await;
        let found = found.map_err(store_error)?;
        let directory = Arc::clone(&parts.sites.borrow());
        let site = directory.site(self.query.site.as_str());
        let own = site.map_or_else(Meanings::new, |site| site.meanings.clone());
        let names = advise(&parts.rules, &own, found.names, self.language).await;
        let listed: u64 = names.iter().map(|name| name.events).sum();
        Ok(UnmappedAnswer {
            model: self.query.model.clone(),
            events: found.all_events,
            names_more: found.all_names.saturating_sub(names.len() as u64),
            events_more: found.all_events.saturating_sub(listed),
            names,
        })
    }
}

/// Adds what the site and the rules in use say about each name now.
async fn advise(
    rules: &RuleSet,
    own: &Meanings,
    names: Vec<UnmappedName>,
    language: Language,
) -> Vec<UnmappedNameAnswer> {
    let mut advised = Vec::with_capacity(names.len());
    for name in names {
        advised.push(UnmappedNameAnswer::new(rules, own, name, language));
        // Comparing a name with all rules is slow, and there may be many names.
        tokio::task::yield_now().await;
    }
    advised
}

/// Returns whether the site or the rules in use say what events of this name mean.
pub(crate) fn is_understood(rules: &RuleSet, own: &Meanings, found: &UnmappedName) -> bool {
    let is_said = found.kind == EventKind::Track && own.contains_key(&found.name);
    found.milestone.is_some() || is_said || rules.understands(&found.name, found.kind)
}

impl UnmappedNameAnswer {
    fn new(rules: &RuleSet, own: &Meanings, found: UnmappedName, language: Language) -> Self {
        let understood_now = is_understood(rules, own, &found);
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
                why: why(language, &suggestion.doubt),
                vocabulary: suggestion.vocabulary.to_string(),
                rule: suggestion.rule.to_string(),
            }),
        }
    }
}

/// Returns in words why a near rule did not apply.
fn why(language: Language, doubt: &Doubt) -> String {
    let quoted = |words: &[String]| {
        let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
        words.join(", ")
    };
    match (language, doubt) {
        (Language::En, doubt) => doubt.to_string(),
        (Language::Nl, Doubt::UnknownWords { words }) => {
            format!("de woordenlijst kent {} niet", quoted(words))
        }
        (Language::Nl, Doubt::UndoingWords { words }) => {
            format!("{} kan het tegendeel betekenen", quoted(words))
        }
        (Language::Nl, Doubt::NoAction) => "de naam zegt niet dat het is afgerond".to_owned(),
    }
}

impl Answer for UnmappedAnswer {
    const HAS_TABLE: bool = true;

    /// One row per entry of `names`.
    fn table(&self) -> Option<CsvTable> {
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
        Some(table)
    }
}
