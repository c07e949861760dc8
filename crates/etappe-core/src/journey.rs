//! Figures that follow from people's journeys, one person after another.
//!
//! These are the definitions of `docs/tables.md` as plain functions of a person's events. Stores that
//! have every person's events in order use them; the database has the same definitions as views.

mod known;
mod people_tally;
mod referrals;
mod sales;
mod scores;
mod stage_tally;

pub use known::KnownFigures;
pub use people_tally::{EventTraits, PeopleFigures, PeopleTally, PeriodFigures};
pub use referrals::{
    FirstMilestones, Invitation, Referral, ReferralKind, ReferralLink, ReferralRow, Referrals,
    invitations, referral_links,
};
pub use sales::{AmountState, SaleKind, SaleRow, Sales, SalesFigures, SalesTerms};
pub use scores::{ScoreCounts, ScoreRow, Scores};
pub use stage_tally::{HeldStage, StageTally};
