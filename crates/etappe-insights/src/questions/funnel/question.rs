//! Parses a funnel question from JSON and validates all of it.

use chrono::Weekday;
use std::time::Duration;

use etappe_core::funnel::{AttemptChoice, FunnelSpec, Order, Passing, SpecProblem, Ties};
use etappe_core::id::SiteId;
use etappe_core::query::{Bots, CandidateQuery, Condition, Dimension, Unit, completion_end};
use etappe_core::time::Timestamp;

use crate::calendar::Period;
use crate::catalog::Model;
use crate::field::{Fields, Problems};
use crate::question::RequestInfo;
use crate::questions::funnel::steps::{StepName, model_steps, take_exclusions, take_steps};
use crate::span::Span;

/// The most dimensions that a breakdown may combine.
const MOST_DIMENSIONS: usize = 4;

/// How many values of a breakdown are listed by default.
const DEFAULT_VALUES: usize = 20;
/// The most values of a breakdown that can be listed.
const MOST_VALUES: usize = 1_000;

/// A valid funnel question.
#[derive(Debug)]
pub(crate) struct Funnel {
    pub(crate) site: SiteId,
    pub(crate) unit: Unit,
    pub(crate) bots: Bots,
    pub(crate) span: Span,
    pub(crate) as_of: Timestamp,
    pub(crate) model: Option<String>,
    pub(crate) steps: Vec<StepName>,
    pub(crate) spec: FunnelSpec,
    /// The conditions of the steps, then those of the exclusions.
    pub(crate) conditions: Vec<Condition>,
    pub(crate) breakdown: Option<Breakdown>,
    pub(crate) trend: Option<Period>,
}

/// What to break down by.
#[derive(Debug)]
pub(crate) struct Breakdown {
    pub(crate) dimensions: Vec<Dimension>,
    /// The dimensions as the question spells them.
    pub(crate) names: Vec<String>,
    /// The step whose event supplies the values, counted from 0.
    pub(crate) step: usize,
    /// How many values are listed; the others are summed.
    pub(crate) limit: usize,
}

impl Funnel {
    /// Reads a question; `None` only if there is a problem.
    pub(crate) fn read_fields(
        fields: &mut Fields,
        request: &RequestInfo<'_>,
        problems: &mut Problems,
    ) -> Option<Self> {
        let (access, catalog) = (request.access, request.catalog);
        let span = fields.take_span(&access.settings.timezone, request.now, problems);
        let model = fields.take_model(catalog, problems);
        let steps = take_steps(fields, model, catalog, problems);
        let (exclusions, conditions) =
            take_exclusions(fields, steps.conditions.len(), catalog, problems);
        let skips = [("allow", Passing::LaterHit), ("forbid", Passing::OwnHit)];
        let skips = fields.take_choice("skips", &skips, problems);
        if skips.is_some() && model.is_none() {
            problems.push("skips", "requires `model`");
        }
        let default_passing = if model.is_some() {
            Passing::LaterHit
        } else {
            Passing::OwnHit
        };
        let spec = FunnelSpec {
            window: fields.take_duration("window", problems),
            order: take_order(fields, problems),
            passing: skips.unwrap_or(default_passing),
            attempt: take_attempt(fields, problems),
            ties: take_ties(fields, problems),
            exclusions,
            steps: steps.steps,
        };
        push_spec_problems(&spec, problems);
        let breakdown = take_breakdown(fields, spec.steps.len(), problems);
        let trend = [
            ("day", Period::Day),
            ("week", Period::Week(Weekday::Mon)),
            ("month", Period::Month),
        ];
        let trend = fields.take_choice("trend", &trend, problems);
        let unit = take_unit(fields, problems);
        let bots = fields.take_bots(problems);
        let question = Self {
            site: access.site.clone(),
            unit,
            bots,
            span: span?,
            as_of: request.as_of,
            model: model.map(|model| model.id.clone()),
            steps: steps.names,
            spec,
            conditions: [steps.conditions, conditions].concat(),
            breakdown,
            trend,
        };
        if request.shared().is_some() {
            question.check_shared(problems);
        }
        Some(question)
    }

    /// Checks that the question singles nobody out, as one about properties can.
    fn check_shared(&self, problems: &mut Problems) {
        if self.model.is_none() {
            problems.push("steps", "a share link shows funnels of a `model` only");
        }
        if !self.spec.exclusions.is_empty() {
            problems.push("exclude", "a share link shows funnels without exclusions");
        }
        let dimensions = self.breakdown.iter().flat_map(|it| &it.dimensions);
        for (index, dimension) in dimensions.enumerate() {
            if matches!(dimension, Dimension::Property(_)) {
                problems.push(
                    format!("breakdown.by[{index}]"),
                    "a share link shows no properties: name channel, campaign, persona, touchpoint, device or country",
                );
            }
        }
    }

    /// Returns the query for the events that the matcher needs.
    pub(crate) fn candidates(&self) -> CandidateQuery {
        CandidateQuery {
            site: self.site.clone(),
            unit: self.unit,
            bots: self.bots,
            from: self.span.range.from,
            until: completion_end(self.span.range, self.spec.window),
            conditions: self.conditions.clone(),
            include_others: self.spec.order == Order::Strict,
            dimensions: self
                .breakdown
                .as_ref()
                .map_or_else(Vec::new, |breakdown| breakdown.dimensions.clone()),
        }
    }
}

/// Makes a question about all gates of a model, with a window.
pub(crate) fn model_question(model: &Model, window: Duration) -> (FunnelSpec, Vec<Condition>) {
    let steps = model_steps(model);
    let spec = FunnelSpec {
        window: Some(window),
        passing: Passing::LaterHit,
        ..FunnelSpec::ordered(steps.steps)
    };
    (spec, steps.conditions)
}

fn take_order(fields: &mut Fields, problems: &mut Problems) -> Order {
    let orders = [
        ("ordered", Order::Ordered),
        ("strict", Order::Strict),
        ("unordered", Order::Unordered),
    ];
    fields
        .take_choice("order", &orders, problems)
        .unwrap_or_default()
}

fn take_attempt(fields: &mut Fields, problems: &mut Problems) -> AttemptChoice {
    let attempts = [
        ("best", AttemptChoice::Best),
        ("first_entry", AttemptChoice::FirstEntry),
    ];
    fields
        .take_choice("attempt", &attempts, problems)
        .unwrap_or_default()
}

fn take_ties(fields: &mut Fields, problems: &mut Problems) -> Ties {
    let ties = [
        ("default", Ties::StepOrder),
        ("strictly_later", Ties::StrictlyLater),
    ];
    fields
        .take_choice("ties", &ties, problems)
        .unwrap_or_default()
}

fn take_unit(fields: &mut Fields, problems: &mut Problems) -> Unit {
    let units = [
        ("actor", Unit::Actor),
        ("session", Unit::Session),
        ("account", Unit::Account),
    ];
    fields
        .take_choice("unit", &units, problems)
        .unwrap_or_default()
}

fn take_breakdown(
    fields: &mut Fields,
    step_count: usize,
    problems: &mut Problems,
) -> Option<Breakdown> {
    let value = fields.take("breakdown")?;
    let mut fields = Fields::of(value, "breakdown", problems)?;
    let list = fields.take_list("by", problems);
    if list.is_none() && !problems.mentions("breakdown.by") {
        problems.push("breakdown.by", "is missing: name the dimensions");
    }
    let list = list.unwrap_or_default();
    if list.len() > MOST_DIMENSIONS {
        problems.push(
            "breakdown.by",
            format!("has more than {MOST_DIMENSIONS} entries"),
        );
    }
    let (mut dimensions, mut names) = (Vec::new(), Vec::new());
    for (index, value) in list.iter().enumerate() {
        match value.as_str() {
            Some(name) if !name.is_empty() => {
                dimensions.push(dimension(name));
                names.push(name.to_owned());
            }
            Some(_) | None => problems.push(
                format!("breakdown.by[{index}]"),
                "must be the name of a property, or channel, campaign, persona, touchpoint, device or country",
            ),
        }
    }
    if dimensions.is_empty() && !problems.mentions("breakdown.by") {
        problems.push("breakdown.by", "must not be empty");
    }
    let step = fields.take_number("step", problems).unwrap_or(1);
    if step > step_count && step_count > 0 {
        problems.push(
            "breakdown.step",
            format!("the funnel has {step_count} steps"),
        );
    }
    let limit = fields
        .take_number("limit", problems)
        .unwrap_or(DEFAULT_VALUES);
    if limit > MOST_VALUES {
        let detail = format!("at most {MOST_VALUES} values can be listed");
        problems.push("breakdown.limit", detail);
    }
    fields.finish(problems);
    Some(Breakdown {
        dimensions,
        names,
        step: step - 1,
        limit,
    })
}

/// The dimensions that are not properties.
pub(crate) const DIMENSIONS: [(&str, Dimension); 6] = [
    ("channel", Dimension::Channel),
    ("campaign", Dimension::Campaign),
    ("persona", Dimension::Persona),
    ("touchpoint", Dimension::Touchpoint),
    ("device", Dimension::Device),
    ("country", Dimension::Country),
];

fn dimension(name: &str) -> Dimension {
    let known = DIMENSIONS.into_iter().find(|(known, _)| *known == name);
    known.map_or_else(|| Dimension::Property(name.to_owned()), |(_, known)| known)
}

/// Records what is wrong with the funnel as a whole, under the field names of the question.
fn push_spec_problems(spec: &FunnelSpec, problems: &mut Problems) {
    if spec.steps.is_empty() {
        return;
    }
    for problem in spec.problems() {
        let field = match problem {
            SpecProblem::TooManySteps(_) | SpecProblem::TooManyConditions => "steps".to_owned(),
            // Missing steps were already reported.
            SpecProblem::NoGate => continue,
            SpecProblem::OrderWithLaterHit => "order".to_owned(),
            SpecProblem::TiesWithLaterHit => "ties".to_owned(),
            SpecProblem::GapWithoutOrder(step)
            | SpecProblem::GapWithoutStepBefore(step)
            | SpecProblem::EmptyGap(step) => format!("steps[{step}]"),
            SpecProblem::ExclusionBackwards(index) | SpecProblem::ExclusionOutside(index) => {
                format!("exclude[{index}]")
            }
        };
        if !problems.mentions_within(&field) {
            problems.push(field, problem.to_string());
        }
    }
}
