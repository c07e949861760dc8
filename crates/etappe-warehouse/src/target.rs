//! The tables that an insert reaches, and which rows belong in which table.
//!
//! The views of the migrations route rows; this module repeats their rules to find missing rows
//! after a crash. A test compares the two over random rows.

use etappe_wire::row::RowSummary;

/// A table behind the landing table.
#[derive(Debug)]
pub(crate) struct Target {
    /// Its name.
    pub(crate) table: &'static str,
    belongs: fn(&RowSummary<'_>) -> bool,
}

impl Target {
    /// Returns whether the row belongs in the table.
    pub(crate) fn takes(&self, row: &RowSummary<'_>) -> bool {
        (self.belongs)(row)
    }
}

/// Every table that stores each row's position in the log.
pub(crate) const TARGETS: &[Target] = &[
    Target {
        table: "messages",
        belongs: |row| !row.is_mark,
    },
    Target {
        table: "events",
        belongs: is_counted,
    },
    Target {
        table: "stage_events",
        belongs: is_counted,
    },
    Target {
        table: "money",
        belongs: |row| is_counted(row) && MONEY.contains(&row.milestone),
    },
    Target {
        table: "feedback",
        belongs: |row| is_counted(row) && row.has_feedback,
    },
    Target {
        table: "referral_events",
        belongs: |row| is_counted(row) && (row.has_referral || INVITING.contains(&row.milestone)),
    },
    Target {
        table: "identities",
        belongs: |row| !row.is_duplicate && !row.is_event && !row.is_mark,
    },
    Target {
        table: "duplicates",
        belongs: |row| row.is_duplicate,
    },
    Target {
        table: "marks",
        belongs: |row| row.is_mark,
    },
];

/// The table of ids, whose rows repeat: it stores no positions, and storing a row twice is
/// harmless.
pub(crate) const IDS: Target = Target {
    table: "actor_ids",
    belongs: |row| !row.is_duplicate && row.has_actor && row.has_other_id,
};

const MONEY: &[&str] = &[
    "purchase",
    "repeat_purchase",
    "referred_purchase",
    "refund",
    "order_cancel",
];
const INVITING: &[&str] = &["invite_sent", "invite_accepted", "share"];

const fn is_counted(row: &RowSummary<'_>) -> bool {
    row.is_event && !row.is_duplicate
}
