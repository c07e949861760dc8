//! The counts and sums behind the KPIs, as a store returns them.
//!
//! Figures are raw: rates, intervals and advice are made of them elsewhere, so that every rate can
//! show the counts behind it.

use crate::id::SiteId;
use crate::milestone::Milestone;
use crate::money::Amount;
use crate::query::{Bots, TimeRange};
use crate::time::Timestamp;

/// What the figures are about.
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
    /// The weeks that retention is about.
    pub weeks: RetentionWeeks,
    /// Whether bots are looked at.
    pub bots: Bots,
    /// The watermark: nothing after it has elapsed.
    pub as_of: Timestamp,
    /// The site's currency, for amounts that came without one.
    pub currency: String,
    /// Whether refunds that a browser or a pixel reports count as those of a server do.
    pub browser_refunds: bool,
}

/// The last calendar week whose following week has ended, as instants of the time zone asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionWeeks {
    /// Where the week begins; whoever is active in it is expected back.
    pub week: Timestamp,
    /// Where the following week begins.
    pub next_week: Timestamp,
    /// Where the following week ends.
    pub end: Timestamp,
}

/// The figures behind the KPI cards; counts are of distinct actors unless they say otherwise.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KpiFigures {
    /// Actors with an event in the range.
    pub visitors: u64,
    /// Actors whose first signup is in the range.
    pub signups: u64,
    /// Of `signups`, those whose 14 days have elapsed at the watermark or who activated.
    pub activation_eligible: u64,
    /// Of `activation_eligible`, those who activated within 14 days of their signup.
    pub activated: u64,
    /// Actors with an order in the range.
    pub customers: u64,
    /// Actors with two or more orders in the range.
    pub repeat_customers: u64,
    /// Orders in the range whose customer is known.
    pub customer_orders: u64,
    /// Orders in the range, also those of nobody.
    pub orders: u64,
    /// Refunds and cancellations in the range that brought money back.
    pub refunds: u64,
    /// Refunds and cancellations in the range that brought nothing back: of an unknown order, of
    /// one that has nothing left, in another currency, or from somebody who may not say so.
    pub refunds_left_out: u64,
    /// Orders that only views of pages tell of, and that do not count because the site sends order
    /// events.
    pub order_pages_left_out: u64,
    /// Sums per currency, by currency code.
    pub money: Vec<MoneyFigures>,
    /// Customers who first bought in the range.
    pub new_customers: u64,
    /// Referred actors who signed up or bought in the range.
    pub referred_actors: u64,
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
    /// Order amounts less what refunds and cancellations in the range brought back.
    pub revenue: Amount,
    /// Order amounts in the range, refunds not subtracted.
    pub gross: Amount,
    /// Revenue to date of the customers who first bought in the range.
    pub lifetime_revenue: Amount,
}

/// Stock, moves and dwell per stage.
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
    /// Actors whose current stage it is at the end of the range.
    pub stock: u64,
    /// Moves into it in the range, first entries into the journey included.
    pub entered: u64,
    /// Moves out of it in the range.
    pub left: u64,
    /// Ended stays: median length in seconds, if there is one.
    pub dwell_p50_s: Option<f64>,
    /// Ended stays: 90th percentile in seconds, if there is one.
    pub dwell_p90_s: Option<f64>,
    /// Stays that have not ended; they are in no percentile.
    pub open: u64,
}

/// The kind of a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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

/// A number of moves between two stages.
#[derive(Debug, Clone, PartialEq)]
pub struct TransitionFigure {
    /// The stage left; `None` for an actor's first stage.
    pub from: Option<String>,
    /// The stage entered.
    pub to: String,
    /// The kind of move; `None` for an actor's first stage.
    pub kind: Option<TransitionKind>,
    /// How often.
    pub count: u64,
}

/// Who brought whom.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReferralFigures {
    /// Invitations sent in the range.
    pub invitations: u64,
    /// Actors who sent one.
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
    /// Median of invitee's activation less inviter's activation, in seconds.
    pub viral_cycle_p50_s: Option<f64>,
    /// Actors per generation of the tree; generation 1 was invited by somebody uninvited.
    pub generations: Vec<(u32, u64)>,
    /// Who referred most: the actor's id and the number of actors they referred.
    pub advocates: Vec<(String, u64)>,
}

/// One page of an actor's events.
#[derive(Debug, Clone, PartialEq)]
pub struct ActorPageQuery {
    /// The site.
    pub site: SiteId,
    /// Any of the actor's ids.
    pub id: String,
    /// Events after this position; from the first one without it.
    pub after: Option<ActorCursor>,
    /// How many events at most.
    pub limit: usize,
    /// How many bytes the [texts](ActorEvent::text_bytes) of the events may have together.
    pub bytes: usize,
}

/// A position in an actor's events, which are ordered by time, partition and offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ActorCursor {
    /// When the event happened.
    pub at: Timestamp,
    /// Its partition.
    pub partition: u32,
    /// Its offset.
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

/// One event in an actor's story.
#[derive(Debug, Clone, PartialEq)]
pub struct ActorEvent {
    /// The message's id.
    pub message_id: String,
    /// The event's name.
    pub event: String,
    /// When it happened.
    pub at: Timestamp,
    /// What it means.
    pub milestone: Option<Milestone>,
    /// Its stage in each model that maps it.
    pub stages: Vec<ActorEventStage>,
    /// Its properties, as the text of a JSON object.
    pub properties: String,
}

impl ActorEvent {
    /// Returns how many bytes of a page's bound an event with these texts takes: whatever its sender
    /// decides the length of.
    #[must_use]
    pub const fn text_bytes(message_id: &str, event: &str, properties: &str) -> usize {
        message_id.len() + event.len() + properties.len()
    }
}

/// Which rule put an event in a stage.
#[derive(Debug, Clone, PartialEq)]
pub struct ActorEventStage {
    /// The model's id.
    pub model: String,
    /// The stage's id; `None` if the model has no rule for the event.
    pub stage: Option<String>,
    /// The deciding rule's id.
    pub rule: Option<String>,
    /// The model's version.
    pub version: String,
}
