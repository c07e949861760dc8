//! A funnel question as the API's description shows it.

use utoipa::ToSchema;

use crate::selector::SelectorBody;

/// A funnel question: either `model` or `steps`.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "this describes what is read by hand, so that every problem can be named"
)]
pub(crate) struct FunnelBody {
    /// A journey model, whose stages are the steps.
    #[schema(example = "aaarrr")]
    model: Option<String>,
    /// One to 32 steps of your own, first one first.
    steps: Option<Vec<StepBody>>,
    /// The first instant or date at which an attempt may begin. Default: 30 days before `to`.
    #[schema(example = "2024-03-01")]
    from: Option<String>,
    /// The first instant or date at which it may not. Default: the end of the present day.
    #[schema(example = "2024-04-01")]
    to: Option<String>,
    /// The zone that dates are in. Default: the site's.
    #[schema(example = "Europe/Amsterdam")]
    timezone: Option<String>,
    /// The most time from the first step to the last, inclusive. Default: unlimited.
    #[schema(value_type = Option<String>, example = "30d")]
    window: Option<String>,
    /// `ordered` (default): other events in between are ignored; `strict`: steps are neighbours in
    /// the unit's events; `unordered`: step k is reached at the k-th new step.
    order: Option<OrderWord>,
    /// `best` (default): the deepest attempt, then the earliest completion, then the latest entry;
    /// `first_entry`: the one that began first.
    attempt: Option<AttemptWord>,
    /// `default`: events of equal time are in whatever order gets deepest; `strictly_later`: each
    /// step must be later than the one before.
    ties: Option<TiesWord>,
    /// With `model`. `allow` (default): a stage is passed at the first event of it or a later one;
    /// `forbid`: only events of the stage itself count.
    skips: Option<SkipsWord>,
    /// Events that void an attempt.
    exclude: Option<Vec<ExclusionBody>>,
    /// Counts per value of properties at one step.
    breakdown: Option<BreakdownBody>,
    /// Counts per period in which attempts begin.
    trend: Option<PeriodWord>,
    /// What is counted. Default: `actor`.
    unit: Option<UnitWord>,
    /// Whether events of bots are looked at. Default: `exclude`.
    bots: Option<BotsWord>,
}

/// A step: a selector, and how long after the step before it may come.
#[derive(ToSchema)]
#[expect(dead_code, reason = "this describes what is read by hand")]
pub(crate) struct StepBody {
    #[serde(flatten)]
    selector: SelectorBody,
    /// The least time after the step before, inclusive.
    #[schema(value_type = Option<String>, example = "10m")]
    min_gap: Option<String>,
    /// The most time after the step before, inclusive.
    #[schema(value_type = Option<String>, example = "1d")]
    max_gap: Option<String>,
}

/// A selector of events that void an attempt when they lie strictly between two steps.
#[derive(ToSchema)]
#[expect(dead_code, reason = "this describes what is read by hand")]
pub(crate) struct ExclusionBody {
    #[serde(flatten)]
    selector: SelectorBody,
    /// The number of the step after which it voids, counted from 1.
    #[schema(example = 1)]
    after_step: u32,
    /// The number of the step before which it voids.
    #[schema(example = 2)]
    before_step: u32,
    /// Whether a unit with void attempts only still counts at step 1. Default: true.
    keep_entrant: Option<bool>,
}

/// What to break the counts down by.
#[derive(ToSchema)]
#[expect(dead_code, reason = "this describes what is read by hand")]
pub(crate) struct BreakdownBody {
    /// One to four of: `channel`, `campaign`, `persona`, `touchpoint`, `device`, `country`, or a
    /// property such as `properties.browser`.
    #[schema(example = json!(["properties.browser", "channel"]))]
    by: Vec<String>,
    /// The number of the step whose event has the values. Default: 1.
    #[schema(example = 1)]
    step: Option<u32>,
    /// How many values are listed, the largest first; the others are added up. Default: 20, at most
    /// 1,000.
    #[schema(example = 20)]
    limit: Option<u32>,
}

/// `ordered`, `strict` or `unordered`.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "this describes what is read by hand")]
pub(crate) enum OrderWord {
    Ordered,
    Strict,
    Unordered,
}

/// `best` or `first_entry`.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "this describes what is read by hand")]
pub(crate) enum AttemptWord {
    Best,
    FirstEntry,
}

/// `default` or `strictly_later`.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "this describes what is read by hand")]
pub(crate) enum TiesWord {
    Default,
    StrictlyLater,
}

/// `allow` or `forbid`.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "this describes what is read by hand")]
pub(crate) enum SkipsWord {
    Allow,
    Forbid,
}

/// `day`, `week` (from Monday on) or `month`.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "this describes what is read by hand")]
pub(crate) enum PeriodWord {
    Day,
    Week,
    Month,
}

/// `actor` (people), `account` (companies) or `session` (visits, ended by 30 minutes of silence).
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "this describes what is read by hand")]
pub(crate) enum UnitWord {
    Actor,
    Account,
    Session,
}

/// `exclude`, `include` or `only`.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "this describes what is read by hand")]
pub(crate) enum BotsWord {
    Exclude,
    Include,
    Only,
}
