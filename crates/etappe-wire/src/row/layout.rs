//! The columns of a row: their names, how a row encodes their values, and their types in a block.

use std::sync::LazyLock;

/// How a value is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Its length as LEB128, then its bytes.
    Text,
    /// So many bytes.
    Fixed(usize),
    /// A byte that is 1 for null; otherwise 0, and then so many bytes.
    Nullable(usize),
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    pub(super) name: &'static str,
    /// The type in a block. Where the table has an enumeration or a dictionary, the server converts
    /// the plain type to it.
    pub(super) kind: &'static str,
    pub(super) encoding: Encoding,
}

const fn text(name: &'static str) -> Column {
    column(name, "String", Encoding::Text)
}

const fn hash(name: &'static str) -> Column {
    column(name, "UInt64", Encoding::Fixed(8))
}

const fn time(name: &'static str) -> Column {
    column(name, "DateTime64(3, 'UTC')", Encoding::Fixed(8))
}

const fn enumeration(name: &'static str) -> Column {
    column(name, "Int8", Encoding::Fixed(1))
}

const fn flag(name: &'static str) -> Column {
    column(name, "Bool", Encoding::Fixed(1))
}

const fn column(name: &'static str, kind: &'static str, encoding: Encoding) -> Column {
    Column {
        name,
        kind,
        encoding,
    }
}

/// The columns, in the order in which a row has them.
pub(super) const LAYOUT: &[Column] = &[
    text("site"),
    enumeration("kind"),
    enumeration("scope"),
    enumeration("amount_state"),
    flag("is_view"),
    text("event"),
    text("milestone"),
    hash("outcome_id"),
    text("actor"),
    hash("actor_hash"),
    text("anonymous_id"),
    text("user_id"),
    text("previous_id"),
    text("account"),
    hash("account_hash"),
    text("message_id"),
    hash("message_hash"),
    time("occurred_at"),
    time("received_at"),
    column(
        "revenue",
        "Nullable(Decimal(38, 4))",
        Encoding::Nullable(16),
    ),
    text("currency"),
    text("order_id"),
    hash("order_hash"),
    text("referral_code"),
    text("inviter_id"),
    hash("inviter_hash"),
    column("nps", "Nullable(UInt8)", Encoding::Nullable(1)),
    column("rating", "Nullable(Float64)", Encoding::Nullable(8)),
    column("sentiment", "Nullable(Float64)", Encoding::Nullable(8)),
    text("touchpoint"),
    text("touchpoint_kind"),
    text("persona"),
    text("campaign_source"),
    text("campaign_medium"),
    text("campaign_name"),
    text("page_path"),
    text("page_url"),
    text("referrer"),
    text("locale"),
    text("device"),
    text("country"),
    text("bot"),
    text("channel"),
    text("properties"),
    text("context"),
    text("traits"),
    text("topic"),
    column("partition", "UInt32", Encoding::Fixed(4)),
    hash("offset"),
    flag("to_messages"),
    flag("to_events"),
    flag("to_stage_events"),
    flag("to_money"),
    flag("to_feedback"),
    flag("to_referral_events"),
    flag("to_identities"),
    flag("to_duplicates"),
    flag("to_marks"),
    flag("to_actor_ids"),
];

/// The names of a row's columns, in the order in which they are written, separated by commas.
pub static COLUMNS: LazyLock<String> = LazyLock::new(|| {
    let names: Vec<&str> = LAYOUT.iter().map(|column| column.name).collect();
    names.join(", ")
});
