//! A funnel question as the OpenAPI document describes it.

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
    /// One to 32 steps of your own, in order.
    steps: Option<Vec<StepBody>>,
    /// The first instant or date at which an attempt may begin. Default: 30 days before `to`.
    #[schema(example = "2024-03-01")]
    from: Option<String>,
    /// The first instant or date at which an attempt may no longer begin. Default: the end of
    /// today.
    #[schema(example = "2024-04-01")]
    to: Option<String>,
    /// The zone that dates are in. Default: the site's.
    #[schema(example = "Europe/Amsterdam")]
    timezone: Option<String>,
    /// The most time from the first step to the last, inclusive. Default: unlimited.
    #[schema(value_type = Option<String>, example = "30d")]
    window: Option<String>,
    /// `ordered` (default): other events in between are ignored; `strict`: steps must be adjacent
    /// in the unit's events; `unordered`: step k is reached when the unit matches its k-th distinct
    /// step.
    order: Option<OrderWord>,
    /// `best` (default): the deepest attempt, then the earliest completion, then the latest entry;
    /// `first_entry`: the one that began first.
    attempt: Option<AttemptWord>,
    /// How events of equal time are ordered. `default`: the order that gets deepest;
    /// `strictly_later`: each step must be later than the one before.
    ties: Option<TiesWord>,
    /// Only with `model`. `allow` (default): the first event of a stage or of a later one passes
    /// it; `forbid`: only events of the stage itself count.
    skips: Option<SkipsWord>,
    /// Events that void an attempt.
    exclude: Option<Vec<ExclusionBody>>,
    /// Counts per value of properties at one step.
    breakdown: Option<BreakdownBody>,
    /// Counts per period in which attempts begin.
    trend: Option<PeriodWord>,
    /// The counted unit. Default: `actor`.
    unit: Option<UnitWord>,
    /// Whether events of bots are included. Default: `exclude`.
    bots: Option<BotsWord>,
}

/// A step: a selector, and how soon and how late after the previous step it may occur.
#[derive(ToSchema)]
#[expect(dead_code, reason = "this describes what is read by hand")]
pub(crate) struct StepBody {
    #[serde(flatten)]
    selector: SelectorBody,
    /// The least time after the previous step, inclusive.
    #[schema(value_type = Option<String>, example = "10m")]
    min_gap: Option<String>,
    /// The most time after the previous step, inclusive.
    #[schema(value_type = Option<String>, example = "1d")]
    max_gap: Option<String>,
}

/// A selector of events that void an attempt if they lie strictly between two steps.
#[derive(ToSchema)]
#[expect(dead_code, reason = "this describes what is read by hand")]
pub(crate) struct ExclusionBody {
    #[serde(flatten)]
    selector: SelectorBody,
    /// The number of the step after which an event voids the attempt, counted from 1.
    #[schema(example = 1)]
    after_step: u32,
    /// The number of the step before which an event voids the attempt.
    #[schema(example = 2)]
    before_step: u32,
    /// Whether a unit whose attempts are all void still counts at step 1. Default: true.
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
    /// The number of the step whose event supplies the values. Default: 1.
    #[schema(example = 1)]
    step: Option<u32>,
    /// How many values are listed, the largest first; the others are summed. Default: 20, at most
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

/// `day`, `week` (starts on Monday) or `month`.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "this describes what is read by hand")]
pub(crate) enum PeriodWord {
    Day,
    Week,
    Month,
}

/// `actor` (people), `account` (companies) or `session` (visits; one ends after 30 minutes without
/// an event).
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
