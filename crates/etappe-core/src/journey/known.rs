//! What a store need not count, because it is known already.

use super::{PeopleFigures, SalesFigures};
use crate::kpi::ReferralFigures;

/// Those figures of a range that are known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KnownFigures {
    /// The figures of people.
    pub people: Option<PeopleFigures>,
    /// The figures of sales.
    pub sales: Option<SalesFigures>,
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
            referrals: self.referrals.or(others.referrals),
        }
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
