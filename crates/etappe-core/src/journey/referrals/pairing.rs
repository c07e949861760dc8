//! Which invitations converted.
//!
//! An invitation contains nothing by which the invited person could be recognised. So each
//! inviter's invitations are paired with the people whom the inviter referred, in order of time:
//! each conversion takes the earliest free invitation that was sent before it, at most 30 days
//! earlier. No invitation converts twice, and no conversion counts for two invitations.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::query::TimeRange;
use crate::time::Timestamp;

use super::{Invitation, Referral, contains};

/// How long after an invitation a conversion can be attributed to it, both ends included.
const ATTRIBUTION_WINDOW: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Returns how many of the invitations sent in the range converted. `invitations` must be in order
/// of time.
pub(super) fn converted(
    invitations: &[Invitation],
    referrals: &[Referral],
    range: TimeRange,
) -> u64 {
    let mut open: HashMap<u64, VecDeque<Timestamp>> = HashMap::new();
    for invitation in invitations {
        open.entry(invitation.inviter)
            .or_default()
            .push_back(invitation.sent);
    }
    let mut conversions: Vec<(Timestamp, u64)> = referrals
        .iter()
        .filter_map(|referral| Some((referral.first.converted?, referral.link.inviter)))
        .collect();
    conversions.sort_unstable();
    let mut count = 0;
    for (at, inviter) in conversions {
        let taken = open.get_mut(&inviter).and_then(|sent| take_for(sent, at));
        if taken.is_some_and(|sent| contains(range, sent)) {
            count += 1;
        }
    }
    count
}

/// Takes the earliest invitation to which a conversion at `at` can be attributed. Conversions come
/// in order of time, so an invitation that is too old now is too old for all later ones.
fn take_for(sent: &mut VecDeque<Timestamp>, at: Timestamp) -> Option<Timestamp> {
    while sent
        .front()
        .is_some_and(|first| first.saturating_add(ATTRIBUTION_WINDOW) < at)
    {
        sent.pop_front();
    }
    if *sent.front()? > at {
        return None;
    }
    sent.pop_front()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journey::referrals::{FirstMilestones, ReferralLink};

    const DAY: i64 = 86_400_000;

    fn check(invitations: &[i64], conversions: &[i64], expected: u64) {
        let invitations: Vec<Invitation> = invitations
            .iter()
            .map(|day| Invitation {
                inviter: 1,
                sent: Timestamp::from_millis(day * DAY),
            })
            .collect();
        let referrals: Vec<Referral> = (2..)
            .zip(conversions)
            .map(|(actor, day)| Referral {
                link: ReferralLink {
                    actor,
                    inviter: 1,
                    inviter_id: String::new(),
                },
                first: FirstMilestones {
                    converted: Some(Timestamp::from_millis(day * DAY)),
                    ..FirstMilestones::default()
                },
                inviter_activated: None,
            })
            .collect();
        let range = TimeRange {
            from: Timestamp::from_millis(0),
            to: Timestamp::from_millis(100 * DAY),
        };
        assert_eq!(converted(&invitations, &referrals, range), expected);
    }

    #[test]
    fn each_invitation_and_each_conversion_counts_once() {
        check(&[1, 2, 3], &[4], 1);
        check(&[1], &[2, 3], 1);
        check(&[1, 2], &[3, 4], 2);
        check(&[5], &[4], 0);
    }

    #[test]
    fn the_window_ends_after_thirty_days() {
        check(&[1], &[31], 1);
        check(&[1], &[32], 0);
        check(&[1, 5], &[32], 1);
    }

    #[test]
    fn invitations_before_the_range_claim_their_own_conversions() {
        check(&[-1, 1], &[2], 0);
        check(&[-1, 1], &[2, 3], 1);
    }
}
