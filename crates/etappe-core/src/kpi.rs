//! The counts and sums behind the KPIs, as a store returns them.
//!
//! Figures are raw: rates, intervals and advice are computed elsewhere, so that every rate can show
//! the counts behind it.

use crate::id::SiteId;
use crate::milestone::Milestone;
use crate::money::Amount;
use crate::query::{Bots, TimeRange};
use crate::time::Timestamp;

/// The scope of the figures.
#[derive(Debug, Clone, PartialEq)]
pub struct KpiScope {
    /// The site.
    pub site: SiteId,
    /// The range of time.
    pub range: TimeRange,
    /// The journey model's id.
    pub model: String,
    /// The stage ids of the model, lowest first.
    pub stages: Vec<String>,
    /// The weeks for retention.
    pub weeks: RetentionWeeks,
    /// How events of bots are treated.
    pub bots: Bots,
    /// The watermark; time after it has not elapsed yet.
    pub as_of: Timestamp,
    /// The site's currency, used for amounts without one.
    pub currency: String,
    /// Whether refunds reported by a browser or a pixel count like those reported by a server.
    pub browser_refunds: bool,
}

/// The last calendar week whose following week has ended, in the requested time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionWeeks {
    /// The start of the week; actors active in it are expected back.
    pub week: Timestamp,
    /// The start of the following week.
    pub next_week: Timestamp,
    /// The end of the following week.
    pub end: Timestamp,
}

/// The figures behind the KPI cards; counts are of distinct actors unless they say otherwise.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KpiFigures {
    /// Actors with an event in the range.
    pub visitors: u64,
    /// Actors whose first signup is in the range.
    pub signups: u64,
    /// Of `signups`, those who activated or whose 14 days have elapsed at the watermark.
    pub activation_eligible: u64,
    /// Of `activation_eligible`, those who activated within 14 days of their signup.
    pub activated: u64,
    /// Actors with an order in the range.
    pub customers: u64,
    /// Actors with two or more orders in the range.
    pub repeat_customers: u64,
    /// Orders in the range whose customer is known.
    pub customer_orders: u64,
    /// Orders in the range, including those without a known customer.
    pub orders: u64,
    /// Refunds and cancellations in the range that returned money.
    pub refunds: u64,
    /// Refunds and cancellations in the range that do not count: the order is unknown, is already
    /// fully refunded or is in another currency, or the sender is not allowed to report refunds.
    pub refunds_left_out: u64,
    /// Orders that are known only from page views, and that do not count because the site sends
    /// order events.
    pub order_pages_left_out: u64,
    /// Sums per currency, by currency code.
    pub money: Vec<MoneyFigures>,
    /// Customers who first bought in the range.
    pub new_customers: u64,
    /// The referral figures of the same range.
    pub referrals: ReferralFigures,
    /// Actors active in week 0 of the last weekly cohort that has elapsed.
    pub retention_cohort: u64,
    /// Of `retention_cohort`, those active in week 1.
    pub retention_returned: u64,
    /// Answers to "would you recommend us", by score 0–10.
    pub nps_scores: [u64; 11],
    /// Events in the range.
    pub events: u64,
    /// Of `events`, those that no rule of the model maps to a stage.
    pub unmapped_events: u64,
}

/// Sums of money in one currency.
#[derive(Debug, Clone, PartialEq)]
pub struct MoneyFigures {
    /// ISO 4217 code.
    pub currency: String,
    /// Orders in the range that carry an amount in this currency.
    pub orders: u64,
    /// Customers among these.
    pub customers: u64,
    /// Order amounts minus the refunds and cancellations in the range.
    pub revenue: Amount,
    /// Order amounts in the range, without subtracting refunds.
    pub gross: Amount,
    /// Revenue to date of the customers who first bought in the range.
    pub lifetime_revenue: Amount,
}

/// Stock, moves and dwell times per stage.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StageFigures {
    /// One entry per stage of the model, in its order.
    pub stages: Vec<StageFigure>,
    /// Moves between stages in the range.
    pub transitions: Vec<TransitionFigure>,
    /// Events in the range.
    pub events: u64,
    /// Of `events`, those in no stage.
    pub unmapped: u64,
}

/// One stage's figures.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StageFigure {
    /// The stage's id.
    pub stage: String,
    /// Actors in this stage at the end of the range.
    pub stock: u64,
    /// Moves into the stage in the range, including first entries into the journey.
    pub entered: u64,
    /// Moves out of the stage in the range.
    pub left: u64,
    /// Median length of ended stays, in seconds; `None` if there are none.
    pub dwell_p50_s: Option<f64>,
    /// 90th percentile of the length of ended stays, in seconds; `None` if there are none.
    pub dwell_p90_s: Option<f64>,
    /// Stays that have not ended; the percentiles exclude them.
    pub open: u64,
}

/// The kind of a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransitionKind {
    /// To the next stage.
    Progress,
    /// Up by more than one stage.
    Skip,
    /// To an earlier stage not held before.
    Regress,
    /// To a stage held before.
    Revisit,
}

impl TransitionKind {
    /// Returns the name used in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Progress => "progress",
            Self::Skip => "skip",
            Self::Regress => "regress",
            Self::Revisit => "revisit",
        }
    }
}

/// The number of moves between two stages.
#[derive(Debug, Clone, PartialEq)]
pub struct TransitionFigure {
    /// The stage left; `None` for an actor's first stage.
    pub from: Option<String>,
    /// The stage entered.
    pub to: String,
    /// The kind of move; `None` for an actor's first stage.
    pub kind: Option<TransitionKind>,
    /// The number of moves.
    pub count: u64,
}

/// Figures about referrals.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReferralFigures {
    /// Invitations sent in the range.
    pub invitations: u64,
    /// Actors who sent an invitation.
    pub inviters: u64,
    /// Invitations that converted within the attribution window of 30 days.
    pub converted: u64,
    /// Actors with an event in the range.
    pub active_actors: u64,
    /// Customers in the range.
    pub customers: u64,
    /// Referred actors who signed up or bought in the range.
    pub referred: u64,
    /// Referred actors activated in the range.
    pub referred_activated: u64,
    /// Median time from the inviter's activation to the invitee's activation, in seconds.
    pub viral_cycle_p50_s: Option<f64>,
    /// Actors per generation of the referral tree; generation 1 was invited by someone who was not
    /// invited.
    pub generations: Vec<(u32, u64)>,
    /// The actors who referred most: id and number of referred actors.
    pub advocates: Vec<(String, u64)>,
}

/// A query for one page of an actor's events.
#[derive(Debug, Clone, PartialEq)]
pub struct ActorPageQuery {
    /// The site.
    pub site: SiteId,
    /// Any of the actor's ids.
    pub id: String,
    /// Only events after this position; `None` starts at the first one.
    pub after: Option<ActorCursor>,
    /// The most events to return.
    pub limit: usize,
    /// The most bytes that the [texts](ActorEvent::text_bytes) of the events may have together.
    pub bytes: usize,
}

/// A position in an actor's events, which are ordered by time, partition and offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ActorCursor {
    /// When the event happened.
    pub at: Timestamp,
    /// The event's partition.
    pub partition: u32,
    /// The event's offset.
    pub offset: u64,
}

/// A page of an actor's events.
#[derive(Debug, Clone, PartialEq)]
pub struct ActorPage {
    /// The actor's id.
    pub actor: String,
    /// All ids that are known for the actor.
    pub ids: Vec<String>,
    /// The current stage in each model: model, stage, since when.
    pub stages: Vec<(String, String, Timestamp)>,
    /// The events, in order of time, then arrival.
    pub events: Vec<ActorEvent>,
    /// Where the next page starts; `None` on the last one.
    pub next: Option<ActorCursor>,
}

/// One event of an actor.
#[derive(Debug, Clone, PartialEq)]
pub struct ActorEvent {
    /// The message's id.
    pub message_id: String,
    /// The event's name.
    pub event: String,
    /// When it happened.
    pub at: Timestamp,
    /// The event's milestone, if any.
    pub milestone: Option<Milestone>,
    /// The event's stage in each model that maps it.
    pub stages: Vec<ActorEventStage>,
    /// The event's properties, as the text of a JSON object.
    pub properties: String,
}

impl ActorEvent {
    /// Returns the bytes that an event with these texts takes of a page's byte limit: the texts
    /// whose length its sender determines.
    #[must_use]
    pub const fn text_bytes(message_id: &str, event: &str, properties: &str) -> usize {
        message_id.len() + event.len() + properties.len()
    }
}

/// The rule that put an event in a stage.
#[derive(Debug, Clone, PartialEq)]
pub struct ActorEventStage {
    /// The model's id.
    pub model: String,
    /// The stage's id; `None` if no rule of the model matches the event.
    pub stage: Option<String>,
    /// The id of the rule that decided.
    pub rule: Option<String>,
    /// The model's version.
    pub version: String,
}
