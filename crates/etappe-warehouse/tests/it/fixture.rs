//! Test events and their conversion to rows.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use etappe_core::channel::Channel;
use etappe_core::event::{Event, EventKind, KeyScope};
use etappe_core::facts::EventFacts;
use etappe_core::id::{Offset, OffsetRange, PartitionId, SiteId, hash64};
use etappe_core::json::JsonObject;
use etappe_core::kpi::{KpiScope, RetentionWeeks};
use etappe_core::milestone::Milestone;
use etappe_core::money::Amount;
use etappe_core::ports::{MessageHash, RowBatch, RowSink, RowSummary};
use etappe_core::query::{Bots, TimeRange};
use etappe_core::rules::{Outcome, OutcomeId, StageDecision, StageHit, VocabularyDecision};
use etappe_core::time::Timestamp;
use etappe_core::watermark::CollectorMark;
use etappe_warehouse::Warehouse;
use etappe_wire::row::{self, RowInput};

pub(crate) const DAY: i64 = 86_400_000;

/// The log that rows come from.
pub(crate) const TOPIC: &str = "etappe.events.v1";

/// The model in the tests.
pub(crate) const MODEL: &str = "aaarrr";
/// Its stages, lowest first.
pub(crate) const STAGES: [&str; 6] = [
    "awareness",
    "acquisition",
    "activation",
    "retention",
    "revenue",
    "referral",
];

/// A message with everything that may affect a figure.
#[derive(Debug, Clone)]
pub(crate) struct TestEvent {
    pub(crate) site: &'static str,
    pub(crate) kind: EventKind,
    pub(crate) scope: KeyScope,
    /// False if amounts do not count, as in a pixel of a site that does not allow it.
    pub(crate) counts_money: bool,
    /// Whether an invalid amount was sent.
    pub(crate) unread: bool,
    pub(crate) name: String,
    pub(crate) milestone: Option<Milestone>,
    pub(crate) message_id: String,
    pub(crate) user: String,
    pub(crate) anonymous: String,
    pub(crate) previous: String,
    pub(crate) account: String,
    pub(crate) at: i64,
    pub(crate) received: i64,
    pub(crate) revenue: Option<i128>,
    pub(crate) currency: String,
    pub(crate) order_id: String,
    pub(crate) code: String,
    pub(crate) inviter: String,
    pub(crate) nps: Option<u8>,
    pub(crate) bot: String,
    pub(crate) properties: String,
    pub(crate) context: String,
    pub(crate) traits: String,
    pub(crate) topic: &'static str,
    pub(crate) partition: u32,
    pub(crate) offset: u64,
    pub(crate) duplicate: bool,
    /// Whether a rule says that the event is not a step; only if it has no milestone.
    pub(crate) is_no_step: bool,
}

impl Default for TestEvent {
    fn default() -> Self {
        Self {
            site: "demo",
            kind: EventKind::Track,
            scope: KeyScope::Server,
            counts_money: true,
            unread: false,
            name: "Event".to_owned(),
            milestone: None,
            message_id: String::new(),
            user: String::new(),
            anonymous: String::new(),
            previous: String::new(),
            account: String::new(),
            at: 0,
            received: 1_730_000_000_000,
            revenue: None,
            currency: String::new(),
            order_id: String::new(),
            code: String::new(),
            inviter: String::new(),
            nps: None,
            bot: String::new(),
            properties: "{}".to_owned(),
            context: "{}".to_owned(),
            traits: "{}".to_owned(),
            topic: TOPIC,
            partition: 0,
            offset: 0,
            duplicate: false,
            is_no_step: false,
        }
    }
}

impl TestEvent {
    /// Makes an event of a user at a time.
    pub(crate) fn of(user: &str, at: i64, milestone: Option<Milestone>) -> Self {
        Self {
            name: milestone
                .map_or("Event", |milestone| milestone.as_str())
                .to_owned(),
            user: user.to_owned(),
            at,
            milestone,
            ..Self::default()
        }
    }

    /// Returns the actor before stitching.
    pub(crate) fn actor(&self) -> &str {
        if self.user.is_empty() {
            &self.anonymous
        } else {
            &self.user
        }
    }

    /// Returns whether it is a page or screen view.
    pub(crate) fn is_view(&self) -> bool {
        matches!(self.kind, EventKind::Page | EventKind::Screen)
    }

    /// Returns the order of the event: its order id, otherwise the message.
    pub(crate) fn order(&self) -> (bool, &str) {
        if self.order_id.is_empty() {
            (true, &self.message_id)
        } else {
            (false, &self.order_id)
        }
    }
}

/// Returns the number of a milestone's stage in the test model, counted from 1; 0 is unmapped.
pub(crate) fn stage_of(milestone: Option<Milestone>) -> usize {
    match milestone {
        Some(Milestone::Impression) => 1,
        Some(Milestone::Visit | Milestone::ContentView) => 2,
        Some(Milestone::Signup | Milestone::Activation) => 3,
        Some(Milestone::Login) => 4,
        Some(Milestone::Purchase | Milestone::Refund) => 5,
        Some(Milestone::InviteSent | Milestone::Share) => 6,
        _ => 0,
    }
}

/// Returns the outcome of a milestone: one decision of the test model and one of another model.
pub(crate) fn outcome_of(milestone: Option<Milestone>) -> Outcome {
    let name = milestone.map_or("", |milestone| milestone.as_str());
    let place = stage_of(milestone);
    let hit = (place > 0).then(|| StageHit {
        stage: STAGES[place - 1].into(),
        ordinal: u8::try_from(place).expect("few stages"),
        rule: format!("rule-{name}").into(),
    });
    Outcome {
        id: OutcomeId(hash64(&format!("outcome {name}"))),
        milestone,
        vocabulary: milestone.map(|_| VocabularyDecision {
            vocabulary: "test".into(),
            version: "v1".into(),
            rule: format!("word-{name}").into(),
        }),
        stages: Box::new([
            StageDecision {
                model: MODEL.into(),
                version: "m1".into(),
                main: hit,
                secondary: Box::new([StageHit {
                    stage: STAGES[0].into(),
                    ordinal: 1,
                    rule: "always".into(),
                }]),
            },
            StageDecision {
                model: "other".into(),
                version: "o1".into(),
                main: None,
                secondary: Box::default(),
            },
        ]),
    }
}

/// Returns the outcome of an event.
fn decided(event: &TestEvent) -> Outcome {
    let outcome = outcome_of(event.milestone);
    if !event.is_no_step {
        return outcome;
    }
    Outcome {
        id: OutcomeId(hash64("outcome no step")),
        vocabulary: Some(VocabularyDecision {
            vocabulary: "test".into(),
            version: "v1".into(),
            rule: "no-step".into(),
        }),
        ..outcome
    }
}

/// Appends the row of an event.
pub(crate) fn encode(event: &TestEvent, out: &mut Vec<u8>) -> RowSummary {
    let some = |text: &'_ str| Some(text.to_owned().into()).filter(|_| !text.is_empty());
    let site = SiteId::try_new(event.site).expect("a good name");
    let message_hash = MessageHash::of(&site, event.scope, &event.message_id);
    let decoded = Event {
        scope: event.scope,
        counts_money: event.counts_money,
        anonymous_id: some(&event.anonymous),
        user_id: some(&event.user),
        previous_id: some(&event.previous),
        group_id: some(&event.account),
        received_at: Timestamp::from_millis(event.received),
        properties: JsonObject::parse(&event.properties).expect("an object"),
        context: JsonObject::parse(&event.context).expect("an object"),
        traits: JsonObject::parse(&event.traits).expect("an object"),
        ..Event::empty(
            Cow::Owned(site),
            event.kind,
            event.name.as_str().into(),
            event.message_id.as_str().into(),
            Timestamp::from_millis(event.at),
        )
    };
    let facts = EventFacts {
        account: event.account.as_str().into(),
        revenue: event.revenue.map(Amount::from_scaled),
        uncounted: event
            .unread
            .then_some(etappe_core::warning::WarningReason::UnreadAmount),
        currency: event.currency.as_str().into(),
        order_id: event.order_id.as_str().into(),
        is_view: event.is_view(),
        referral_code: event.code.as_str().into(),
        inviter_id: event.inviter.as_str().into(),
        nps: event.nps,
        channel: Some(Channel::Email),
        campaign_name: "spring".into(),
        touchpoint: "web".into(),
        country: "NL".into(),
        bot: event.bot.as_str().into(),
        ..EventFacts::default()
    };
    let row = RowInput {
        event: &decoded,
        facts: &facts,
        outcome: &decided(event),
        actor: event.actor(),
        message_hash,
        topic: event.topic,
        partition: PartitionId(event.partition),
        offset: Offset(event.offset),
        duplicate: event.duplicate,
    };
    row::encode(&row, out)
}

/// Makes a batch of events of one partition; their offsets must be ascending.
pub(crate) fn batch(events: &[TestEvent]) -> RowBatch {
    let first = events.first().expect("a batch has events");
    let last = events.last().expect("a batch has events");
    let mut bytes = Vec::new();
    let mut rows = Vec::new();
    let mut outcomes = BTreeMap::new();
    for event in events {
        rows.push(encode(event, &mut bytes));
        let outcome = decided(event);
        outcomes.insert(outcome.id, Arc::new(outcome));
    }
    RowBatch {
        topic: first.topic.into(),
        partition: PartitionId(first.partition),
        range: OffsetRange {
            first: Offset(first.offset),
            last: Offset(last.offset),
        },
        token: format!(
            "{}:{}:{}-{}",
            first.topic, first.partition, first.offset, last.offset
        ),
        rows: rows.into(),
        bytes: Bytes::from(bytes),
        may_be_stored: false,
        outcomes: outcomes.into_values().collect(),
    }
}

/// Gives events their offsets and message ids in order, and returns them.
pub(crate) fn numbered(mut events: Vec<TestEvent>) -> Vec<TestEvent> {
    for (offset, event) in (0..).zip(&mut events) {
        event.offset = offset;
        if event.message_id.is_empty() {
            event.message_id = format!("m{}-{offset}", event.partition);
        }
    }
    events
}

/// Numbers events and stores them in a few batches.
pub(crate) async fn store(warehouse: &Warehouse, events: Vec<TestEvent>) -> Vec<TestEvent> {
    let events = numbered(events);
    let size = events.len().div_ceil(3).max(1);
    for some in events.chunks(size) {
        warehouse.insert(&batch(some)).await.expect("a good batch");
    }
    events
}

/// Returns the range between two instants.
pub(crate) fn range(from: i64, to: i64) -> TimeRange {
    TimeRange {
        from: Timestamp::from_millis(from),
        to: Timestamp::from_millis(to),
    }
}

/// Returns a scope of people in a range, with defaults for everything else.
pub(crate) fn scope(range: TimeRange) -> KpiScope {
    KpiScope {
        site: SiteId::try_new("demo").expect("a good name"),
        range,
        model: MODEL.to_owned(),
        stages: STAGES.map(str::to_owned).to_vec(),
        weeks: weeks_before(range.to),
        bots: Bots::Exclude,
        as_of: range.to,
        currency: "EUR".to_owned(),
        browser_refunds: false,
    }
}

/// Returns the retention weeks before an instant; weeks are whole weeks since the epoch, in UTC.
pub(crate) fn weeks_before(at: Timestamp) -> RetentionWeeks {
    let week = 7 * DAY;
    let end = at.as_millis() / week * week;
    let start = |weeks: i64| Timestamp::from_millis((end - weeks * week).max(0));
    RetentionWeeks {
        week: start(2),
        next_week: start(1),
        end: start(0),
    }
}

/// Returns the largest possible range.
pub(crate) fn all_time() -> TimeRange {
    TimeRange {
        from: Timestamp::EPOCH,
        to: Timestamp::MAX_QUERY,
    }
}

/// Makes a batch that contains only marks.
pub(crate) fn mark_batch(partition: u32, first: u64, marks: &[CollectorMark]) -> RowBatch {
    let partition = PartitionId(partition);
    let mut bytes = Vec::new();
    let mut rows = Vec::new();
    let mut last = Offset(first);
    for (mark, offset) in marks.iter().zip(first..) {
        last = Offset(offset);
        rows.push(row::encode_mark(mark, TOPIC, partition, last, &mut bytes));
    }
    RowBatch {
        topic: TOPIC.into(),
        partition,
        range: OffsetRange {
            first: Offset(first),
            last,
        },
        token: format!("{TOPIC}:{partition}:{first}-{last}"),
        rows: rows.into(),
        bytes: Bytes::from(bytes),
        may_be_stored: false,
        outcomes: Vec::new(),
    }
}

/// Appends marks to a batch.
pub(crate) fn with_marks(batch: RowBatch, marks: &[CollectorMark]) -> RowBatch {
    let tail = mark_batch(batch.partition.0, batch.range.last.0 + 1, marks);
    let range = OffsetRange {
        first: batch.range.first,
        last: tail.range.last,
    };
    RowBatch {
        range,
        token: format!("{TOPIC}:{}:{}-{}", batch.partition, range.first, range.last),
        rows: [&batch.rows[..], &tail.rows[..]].concat().into(),
        bytes: [batch.bytes, tail.bytes].concat().into(),
        ..batch
    }
}

/// Returns the value for `bots` in a view's parameters.
pub(crate) const fn bots_word(bots: Bots) -> &'static str {
    match bots {
        Bots::Exclude => "exclude",
        Bots::Include => "include",
        Bots::Only => "only",
    }
}

/// Returns an instant as a view's parameter.
pub(crate) fn instant(at: Timestamp) -> String {
    at.to_string().trim_end_matches('Z').replace('T', " ")
}
