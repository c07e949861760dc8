//! The tables that an insert reaches, and which rows belong in which table.
//!
//! The views of the migrations route rows; this module repeats their rules to find missing rows
//! after a crash. A test compares the two over random rows.

use etappe_core::milestone::Milestone;
use etappe_core::ports::RowSummary;

/// A table behind the landing table.
#[derive(Debug)]
pub(crate) struct Target {
    /// Its name.
    pub(crate) table: &'static str,
    belongs: fn(&RowSummary) -> bool,
}

impl Target {
    /// Returns whether the row belongs in the table.
    pub(crate) fn takes(&self, row: &RowSummary) -> bool {
        (self.belongs)(row)
    }
}

/// Every table that stores each row's position in the log.
pub(crate) const TARGETS: &[Target] = &[
    Target {
        table: "messages",
        belongs: |row| !row.is_mark(),
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
        belongs: |row| is_counted(row) && is_one_of(row, MONEY),
    },
    Target {
        table: "feedback",
        belongs: |row| is_counted(row) && row.has_feedback,
    },
    Target {
        table: "referral_events",
        belongs: |row| is_counted(row) && (row.has_referral || is_one_of(row, INVITING)),
    },
    Target {
        table: "identities",
        belongs: |row| !row.is_duplicate && !row.is_event && !row.is_mark(),
    },
    Target {
        table: "duplicates",
        belongs: |row| row.is_duplicate,
    },
    Target {
        table: "marks",
        belongs: |row| row.is_mark(),
    },
];

/// The table of ids, whose rows repeat: it stores no positions, and storing a row twice is
/// harmless.
pub(crate) const IDS: Target = Target {
    table: "actor_ids",
    belongs: |row| !row.is_duplicate && row.has_actor && row.has_other_id,
};

const MONEY: &[Milestone] = &[
    Milestone::Purchase,
    Milestone::RepeatPurchase,
    Milestone::ReferredPurchase,
    Milestone::Refund,
    Milestone::OrderCancel,
];
const INVITING: &[Milestone] = &[
    Milestone::InviteSent,
    Milestone::InviteAccepted,
    Milestone::Share,
];

const fn is_counted(row: &RowSummary) -> bool {
    row.is_event && !row.is_duplicate
}

fn is_one_of(row: &RowSummary, milestones: &[Milestone]) -> bool {
    row.milestone
        .is_some_and(|milestone| milestones.contains(&milestone))
}
