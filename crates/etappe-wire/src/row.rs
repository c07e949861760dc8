//! The row that is stored for a message: ClickHouse's RowBinary, written by hand.
//!
//! A row goes into the landing table `arrivals`, whose views distribute it. [`COLUMNS`] names the
//! columns in the order in which [`encode`] and [`encode_mark`] write them. Numbers are
//! little-endian. Text is its length as LEB128, then its bytes. A nullable value is preceded by a
//! byte that is 1 for null. Text passes through unchanged, including NUL bytes. A [`Block`] is how
//! rows are sent.
//!
//! Invariants: both functions write all columns in the same order. The [`RowSummary`] that they
//! return agrees with the row, because rows are never read again; `etappe-testkit` has a reader of
//! its own to check that.
//!
//! Trap: the columns that name the tables ([`Table`]) must stay the last ones, because
//! [`mark_duplicate`] and [`encode_for`] change them in place.

use etappe_core::channel::Channel;
use etappe_core::event::{Event, EventKind, KeyScope};
use etappe_core::facts::EventFacts;
use etappe_core::id::{ActorHash, Offset, PartitionId, hash64};
use etappe_core::ports::{MessageHash, RowSummary};
use etappe_core::rules::Outcome;
use etappe_core::watermark::CollectorMark;

mod block;
mod layout;
mod table;
#[cfg(test)]
mod tests;

pub use block::Block;
pub use layout::COLUMNS;
pub use table::{Table, encode_for};

/// The table that rows are inserted into.
pub const TABLE: &str = "arrivals";

/// The table for batches that contain only marks: it has the same columns but costs the server
/// less.
pub const MARK_TABLE: &str = "mark_arrivals";

/// The input of a row.
#[derive(Debug, Clone, Copy)]
pub struct RowInput<'a> {
    /// The message.
    pub event: &'a Event<'a>,
    /// The facts of the message.
    pub facts: &'a EventFacts<'a>,
    /// The outcome of the rules for the message.
    pub outcome: &'a Outcome,
    /// The resolved id of the actor; empty if there is none.
    pub actor: &'a str,
    /// The message's identity.
    pub message_hash: MessageHash,
    /// The topic that the message is in.
    pub topic: &'a str,
    /// The partition that the message is in.
    pub partition: PartitionId,
    /// The message's offset in its partition.
    pub offset: Offset,
    /// Whether an earlier message of the partition has the same identity.
    pub duplicate: bool,
}

/// Appends the row for `row` to `out` and returns its summary.
pub fn encode(row: &RowInput<'_>, out: &mut Vec<u8>) -> RowSummary {
    let start = out.len();
    out.reserve(reservation(row));
    put_meaning(row, out);
    put_people(row, out);
    put_u64(out, row.message_hash.0);
    put_i64(out, row.event.occurred_at.as_millis());
    put_i64(out, row.event.received_at.as_millis());
    put_facts(row.facts, out);
    put_circumstances(row.facts, out);
    put_text(out, row.facts.channel.map_or("", Channel::as_str));
    put_text(out, row.event.properties.as_text());
    put_text(out, row.event.context.as_text());
    put_text(out, row.event.traits.as_text());
    put_text(out, row.topic);
    out.extend_from_slice(&row.partition.0.to_le_bytes());
    put_u64(out, row.offset.0);
    let tables = table::tables_of(row);
    out.extend_from_slice(&table::columns(tables));
    RowSummary {
        size: out.len() - start,
        offset: row.offset,
        received_at: row.event.received_at,
        message: Some(row.message_hash),
        tables,
    }
}

/// Appends the row of a collector's mark and returns its summary.
///
/// It uses the columns of a message: `message_id` for the collector, `occurred_at` for the time
/// reached, `received_at` for the time of writing and `event` for the state; the view behind the
/// landing table gives them their own names.
pub fn encode_mark(
    mark: &CollectorMark,
    topic: &str,
    partition: PartitionId,
    offset: Offset,
    out: &mut Vec<u8>,
) -> RowSummary {
    let start = out.len();
    put_text(out, ""); // site
    out.push(MARK);
    out.push(scope_number(KeyScope::Server));
    out.push(AMOUNT_ABSENT);
    out.push(0); // is_view
    put_text(out, mark.state.as_str());
    put_text(out, ""); // milestone
    put_u64(out, 0); // outcome_id
    put_text(out, ""); // actor
    put_u64(out, 0);
    put_empty_texts(out, 4); // anonymous_id, user_id, previous_id, account
    put_u64(out, 0);
    put_text(out, &mark.collector);
    put_u64(out, 0); // message_hash
    put_i64(out, mark.reached.as_millis());
    put_i64(out, mark.written_at.as_millis());
    put_nullable::<16>(out, None); // revenue
    put_empty_texts(out, 2); // currency, order_id
    put_u64(out, 0);
    put_empty_texts(out, 2); // referral_code, inviter_id
    put_u64(out, 0);
    out.extend_from_slice(&[1, 1, 1]); // nps, rating and sentiment: null
    put_empty_texts(out, 17); // touchpoint … traits
    put_text(out, topic);
    out.extend_from_slice(&partition.0.to_le_bytes());
    put_u64(out, offset.0);
    let tables = Table::Marks as u16;
    out.extend_from_slice(&table::columns(tables));
    RowSummary {
        size: out.len() - start,
        offset,
        received_at: mark.written_at,
        message: None,
        tables,
    }
}

/// Marks a row as a duplicate. `row` is exactly what one call of [`encode`] appended, and `summary`
/// what it returned.
///
/// Whether a message is a duplicate is known only after a database query, long after its row could
/// be encoded.
///
/// # Panics
/// When `row` is empty, which no encoded row is.
pub fn mark_duplicate(row: &mut [u8], summary: &mut RowSummary) {
    summary.tables = table::OF_DUPLICATE;
    *row.last_chunk_mut().expect("a row has columns") = table::columns(summary.tables);
}

/// Returns the approximate size of the row in bytes, so that the buffer grows only once for it.
fn reservation(row: &RowInput<'_>) -> usize {
    row.event.properties.as_text().len()
        + row.event.context.as_text().len()
        + row.event.traits.as_text().len()
        + row.topic.len()
        + 768
}

fn put_meaning(row: &RowInput<'_>, out: &mut Vec<u8>) {
    put_text(out, row.event.site.as_str());
    out.push(kind_number(row.event.kind));
    out.push(scope_number(row.event.scope));
    out.push(amount_state(row));
    out.push(u8::from(row.facts.is_view));
    put_text(out, &row.event.name);
    put_text(out, row.outcome.milestone.map_or("", |m| m.as_str()));
    put_u64(out, row.outcome.id.0);
}

fn put_people(row: &RowInput<'_>, out: &mut Vec<u8>) {
    let event = row.event;
    put_text(out, row.actor);
    put_u64(out, actor_hash(row.actor));
    put_text(out, event.anonymous_id.as_deref().unwrap_or_default());
    put_text(out, event.user_id.as_deref().unwrap_or_default());
    put_text(out, event.previous_id.as_deref().unwrap_or_default());
    put_text(out, &row.facts.account);
    put_u64(out, actor_hash(&row.facts.account));
    put_text(out, &event.message_id);
}

fn put_facts(facts: &EventFacts<'_>, out: &mut Vec<u8>) {
    put_nullable(
        out,
        facts.revenue.map(|amount| amount.as_scaled().to_le_bytes()),
    );
    put_text(out, &facts.currency);
    put_text(out, &facts.order_id);
    put_u64(out, order_hash(&facts.order_id));
    put_text(out, &facts.referral_code);
    put_text(out, &facts.inviter_id);
    put_u64(out, actor_hash(&facts.inviter_id));
    put_nullable(out, facts.nps.map(u8::to_le_bytes));
    put_nullable(out, facts.rating.map(f64::to_le_bytes));
    put_nullable(out, facts.sentiment.map(f64::to_le_bytes));
}

fn put_circumstances(facts: &EventFacts<'_>, out: &mut Vec<u8>) {
    for text in [
        &facts.touchpoint,
        &facts.touchpoint_kind,
        &facts.persona,
        &facts.campaign_source,
        &facts.campaign_medium,
        &facts.campaign_name,
        &facts.page_path,
        &facts.page_url,
        &facts.referrer,
        &facts.locale,
        &facts.device,
        &facts.country,
        &facts.bot,
    ] {
        put_text(out, text);
    }
}

/// Returns the value of a `_hash` column for an id: zero if the id is absent.
fn actor_hash(id: &str) -> u64 {
    if id.is_empty() {
        ActorHash::NOBODY.0
    } else {
        ActorHash::of(id).0
    }
}

fn order_hash(id: &str) -> u64 {
    if id.is_empty() { 0 } else { hash64(id) }
}

/// Returns the kind's number in the table's enumeration.
const fn kind_number(kind: EventKind) -> u8 {
    match kind {
        EventKind::Track => 1,
        EventKind::Page => 2,
        EventKind::Screen => 3,
        EventKind::Identify => 4,
        EventKind::Group => 5,
        EventKind::Alias => 6,
    }
}

/// The number for an absent amount in the table's enumeration of amount states.
const AMOUNT_ABSENT: u8 = 0;

/// Returns the number of the amount's state in the table's enumeration: absent, read, unread, or
/// withheld because amounts sent with such a key do not count.
const fn amount_state(row: &RowInput<'_>) -> u8 {
    if !row.event.counts_money {
        3
    } else if row.facts.revenue.is_some() {
        1
    } else if row.facts.uncounted.is_some() {
        2
    } else {
        AMOUNT_ABSENT
    }
}

/// The number of a collector's mark in the table's enumeration of kinds.
const MARK: u8 = 7;

/// Returns the scope's number in the table's enumeration.
const fn scope_number(scope: KeyScope) -> u8 {
    match scope {
        KeyScope::Browser => 1,
        KeyScope::Server => 2,
        KeyScope::Pixel => 3,
    }
}

fn put_u64(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_le_bytes());
}

fn put_i64(out: &mut Vec<u8>, number: i64) {
    out.extend_from_slice(&number.to_le_bytes());
}

fn put_nullable<const N: usize>(out: &mut Vec<u8>, value: Option<[u8; N]>) {
    match value {
        Some(bytes) => {
            out.push(0);
            out.extend_from_slice(&bytes);
        }
        None => out.push(1),
    }
}

fn put_empty_texts(out: &mut Vec<u8>, count: usize) {
    out.resize(out.len() + count, 0);
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_length(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

/// Appends a number as LEB128.
fn put_length(out: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        let [low, ..] = length.to_le_bytes();
        out.push(low | 0x80);
        length >>= 7;
    }
    let [low, ..] = length.to_le_bytes();
    out.push(low);
}
