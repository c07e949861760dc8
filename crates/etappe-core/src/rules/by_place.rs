//! Suggests the meaning of a name by what people did right before it.
//!
//! A name says nothing in a language that no vocabulary knows. Where it stands in people's journeys
//! often does: what nearly always follows the start of a checkout belongs to the checkout.

use crate::milestone::Milestone;

/// The least share of the events that must have the same milestone right before them.
const LEAST_SHARE: f64 = 0.6;
/// The fewest events that a suggestion is based on.
const FEWEST: u64 = 10;

/// A possible milestone of a name, by its place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlaceSuggestion {
    /// The likely milestone.
    pub milestone: Milestone,
    /// The milestone right before it.
    pub follows: Milestone,
    /// The share of the events that have it right before them, from 0 to 1.
    pub share: f64,
}

/// Returns the likely meaning of a name, given how many times each milestone, or an event that is not
/// understood, came right before it. `None` if no milestone comes before most of them, or if what
/// follows that one may be anything.
#[must_use]
pub fn suggest_by_place(before: &[(Option<Milestone>, u64)]) -> Option<PlaceSuggestion> {
    let all: u64 = before.iter().map(|(_, count)| count).sum();
    let times = |milestone: Milestone| -> u64 {
        let same = before.iter().filter(|(it, _)| *it == Some(milestone));
        same.map(|(_, count)| count).sum()
    };
    let milestones = before.iter().filter_map(|(milestone, _)| *milestone);
    let follows = milestones.max_by_key(|milestone| times(*milestone))?;
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    let share = times(follows) as f64 / all as f64;
    if all < FEWEST || share < LEAST_SHARE {
        return None;
    }
    Some(PlaceSuggestion {
        milestone: next_step(follows)?,
        follows,
        share,
    })
}

/// Returns the step of a procedure that another step begins or goes on with.
const fn next_step(milestone: Milestone) -> Option<Milestone> {
    match milestone {
        Milestone::AddToCart | Milestone::CartView => Some(Milestone::CartView),
        Milestone::CheckoutStart | Milestone::CheckoutProgress => Some(Milestone::CheckoutProgress),
        Milestone::OnboardingStart => Some(Milestone::OnboardingComplete),
        Milestone::SupportRequest => Some(Milestone::SupportResolved),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suggested(before: &[(Option<Milestone>, u64)]) -> Option<(Milestone, Milestone)> {
        suggest_by_place(before).map(|it| (it.milestone, it.follows))
    }

    #[test]
    fn what_mostly_follows_a_checkout_belongs_to_it() {
        let start = (Some(Milestone::CheckoutStart), 9);
        let visit = (Some(Milestone::Visit), 1);
        let expected = Some((Milestone::CheckoutProgress, Milestone::CheckoutStart));
        assert_eq!(suggested(&[start, visit]), expected);
        assert_eq!(suggested(&[visit, start]), expected);
        let found = suggest_by_place(&[start, visit]).unwrap();
        assert!((found.share - 0.9).abs() < 1e-9);
    }

    #[test]
    fn names_of_one_milestone_count_together() {
        let cart = Some(Milestone::AddToCart);
        let before = [(None, 5), (cart, 4), (cart, 4)];
        assert_eq!(
            suggested(&before),
            Some((Milestone::CartView, Milestone::AddToCart))
        );
    }

    #[test]
    fn nothing_is_suggested_from_few_mixed_or_open_places() {
        let start = Some(Milestone::CheckoutStart);
        assert_eq!(suggested(&[]), None);
        assert_eq!(suggested(&[(None, 100)]), None);
        assert_eq!(suggested(&[(start, 9)]), None, "too few");
        assert_eq!(suggested(&[(start, 59), (None, 41)]), None, "mixed");
        let bought = (Some(Milestone::Purchase), 100);
        assert_eq!(suggested(&[bought]), None, "anything may follow");
    }
}
