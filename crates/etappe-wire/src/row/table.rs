//! Which tables take a row.
//!
//! This is decided once, when the row is encoded. The row carries the answer in one column per
//! table, which the views behind the landing table read; its summary carries it to the code that
//! completes a batch after a crash. So both always agree.

use etappe_core::milestone::Milestone;
use etappe_core::ports::RowSummary;

use super::RowInput;

/// A table behind the landing table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u16)]
pub enum Table {
    /// Every message, including duplicates.
    Messages = 1,
    /// Events with all their columns.
    Events = 1 << 1,
    /// Events, narrow.
    StageEvents = 1 << 2,
    /// Purchases, refunds and cancellations.
    Money = 1 << 3,
    /// Scores, ratings and sentiment.
    Feedback = 1 << 4,
    /// Invitations, referral codes and inviters.
    ReferralEvents = 1 << 5,
    /// Messages that only identify someone.
    Identities = 1 << 6,
    /// Messages that a client sent again.
    Duplicates = 1 << 7,
    /// Collectors' marks.
    Marks = 1 << 8,
    /// The actors of ids. Its rows repeat and have no positions in the log.
    ActorIds = 1 << 9,
}

/// The milestones of the table `money`.
const MONEY: &[Milestone] = &[
    Milestone::Purchase,
    Milestone::RepeatPurchase,
    Milestone::ReferredPurchase,
    Milestone::Refund,
    Milestone::OrderCancel,
];

/// The milestones by which somebody invites or is invited.
const INVITING: &[Milestone] = &[
    Milestone::InviteSent,
    Milestone::InviteAccepted,
    Milestone::Share,
];

impl Table {
    /// All tables, in the order of a row's columns.
    pub const ALL: [Self; 10] = [
        Self::Messages,
        Self::Events,
        Self::StageEvents,
        Self::Money,
        Self::Feedback,
        Self::ReferralEvents,
        Self::Identities,
        Self::Duplicates,
        Self::Marks,
        Self::ActorIds,
    ];

    /// Returns its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::Events => "events",
            Self::StageEvents => "stage_events",
            Self::Money => "money",
            Self::Feedback => "feedback",
            Self::ReferralEvents => "referral_events",
            Self::Identities => "identities",
            Self::Duplicates => "duplicates",
            Self::Marks => "marks",
            Self::ActorIds => "actor_ids",
        }
    }

    /// Returns whether it takes the row.
    #[must_use]
    pub const fn takes(self, row: &RowSummary) -> bool {
        row.tables & self as u16 != 0
    }
}

/// The tables of a duplicate.
pub(super) const OF_DUPLICATE: u16 = Table::Messages as u16 | Table::Duplicates as u16;

/// Returns the tables of a message.
pub(super) fn tables_of(row: &RowInput<'_>) -> u16 {
    if row.duplicate {
        return OF_DUPLICATE;
    }
    let RowInput { event, facts, .. } = row;
    let is_event = event.kind.is_event();
    let milestone = row.outcome.milestone;
    let is_one_of = |all: &[Milestone]| milestone.is_some_and(|one| all.contains(&one));
    let has_feedback = facts.nps.is_some() || facts.rating.is_some() || facts.sentiment.is_some();
    let has_referral = !facts.referral_code.is_empty() || !facts.inviter_id.is_empty();
    let ids = [&event.anonymous_id, &event.user_id, &event.previous_id];
    let mut ids = ids.into_iter().flatten();
    let has_other_id = ids.any(|id| !id.is_empty() && *id != row.actor);
    [
        (Table::Messages, true),
        (Table::Events, is_event),
        (Table::StageEvents, is_event),
        (Table::Money, is_event && is_one_of(MONEY)),
        (Table::Feedback, is_event && has_feedback),
        (
            Table::ReferralEvents,
            is_event && (has_referral || is_one_of(INVITING)),
        ),
        (Table::Identities, !is_event),
        (Table::ActorIds, !row.actor.is_empty() && has_other_id),
    ]
    .into_iter()
    .filter(|(_, takes)| *takes)
    .fold(0, |tables, (table, _)| tables | table as u16)
}

/// Returns the last columns of a row that these tables take.
pub(super) fn columns(tables: u16) -> [u8; Table::ALL.len()] {
    Table::ALL.map(|table| u8::from(tables & table as u16 != 0))
}

/// Appends an encoded row, but for one table only. If the bytes are not a row, those appended are not
/// one either, and the server refuses them.
pub fn encode_for(table: Table, row: &[u8], out: &mut Vec<u8>) {
    let head = row.split_last_chunk::<{ Table::ALL.len() }>();
    out.extend_from_slice(head.map_or(row, |(head, _)| head));
    out.extend_from_slice(&columns(table as u16));
}
