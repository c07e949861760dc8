//! What a store need not count, because it is known already.

use super::{PeopleFigures, SalesFigures, ScoreCounts};
use crate::kpi::ReferralFigures;

/// Those figures of a range that are known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KnownFigures {
    /// The figures of people.
    pub people: Option<PeopleFigures>,
    /// The figures of sales.
    pub sales: Option<SalesFigures>,
    /// The answers to "would you recommend us".
    pub nps_scores: Option<ScoreCounts>,
    /// The referral figures, but for the active actors and the customers.
    pub referrals: Option<ReferralFigures>,
}

impl KnownFigures {
    /// Adds what `others` know and these do not.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        Self {
            people: self.people.or(others.people),
            sales: self.sales.or(others.sales),
            nps_scores: self.nps_scores.or(others.nps_scores),
            referrals: self.referrals.or(others.referrals),
        }
    }

    /// Returns whether there is nothing left to count.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.people.is_some()
            && self.sales.is_some()
            && self.nps_scores.is_some()
            && self.referrals.is_some()
    }

    /// Returns the whole referral figures, if everything that they need is known.
    #[must_use]
    pub fn into_referrals(self) -> Option<ReferralFigures> {
        Some(ReferralFigures {
            active_actors: self.people?.range.visitors,
            customers: self.sales?.customers,
            ..self.referrals?
        })
    }
}
