//! The referral figures of a range.

use std::collections::{BTreeMap, HashMap};

use super::forest::Forest;
use super::{Referral, Referrals, contains, pairing};
use crate::kpi::ReferralFigures;
use crate::query::TimeRange;

/// How many advocates are listed.
const MAX_ADVOCATES: usize = 100;

impl Referrals {
    /// Returns the figures of a range, but for the active actors and the customers. `ordered` says
    /// whether a person ordered in the range.
    #[must_use]
    pub fn figures(&self, range: TimeRange, ordered: impl Fn(u64) -> bool) -> ReferralFigures {
        let sent_in_range = self.invitations.iter();
        let sent_in_range = sent_in_range.filter(|it| contains(range, it.sent));
        let inviters: Vec<u64> = sent_in_range.map(|it| it.inviter).collect();
        let invitations = to_u64(inviters.len());
        let referrals = self.referrals.iter();
        let counted: Vec<&Referral> = referrals
            .clone()
            .filter(|it| it.signed_up_in(range) || ordered(it.link.actor))
            .collect();
        let activated: Vec<&Referral> = referrals.filter(|it| it.activated_in(range)).collect();
        ReferralFigures {
            invitations,
            inviters: known_people(inviters),
            converted: pairing::converted(&self.invitations, &self.referrals, range),
            active_actors: 0,
            customers: 0,
            referred: to_u64(counted.len()),
            referred_activated: to_u64(activated.len()),
            viral_cycle_p50_s: viral_cycle(&activated),
            generations: generations(&self.referrals, &counted),
            advocates: advocates(&counted),
        }
    }
}

fn known_people(mut people: Vec<u64>) -> u64 {
    people.sort_unstable();
    people.dedup();
    to_u64(people.iter().filter(|person| **person != 0).count())
}

/// Returns the median time from the inviter's activation to the invitee's, in seconds.
fn viral_cycle(activated: &[&Referral]) -> Option<f64> {
    let cycle = |referral: &&Referral| {
        let (own, theirs) = (referral.first.activated?, referral.inviter_activated?);
        Some(own.millis_since(theirs))
    };
    let mut cycles: Vec<i64> = activated.iter().filter_map(cycle).collect();
    cycles.sort_unstable();
    let upper = *cycles.get(cycles.len() / 2)?;
    let lower = *cycles.get((cycles.len() - 1) / 2)?;
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds of years fit into 53 bits"
    )]
    let seconds = |millis: i64| millis as f64 / 1000.0;
    Some(f64::midpoint(seconds(lower), seconds(upper)))
}

fn generations(referrals: &[Referral], counted: &[&Referral]) -> Vec<(u32, u64)> {
    let forest = Forest::new(referrals);
    let mut sizes: BTreeMap<u32, u64> = BTreeMap::new();
    for referral in counted {
        *sizes
            .entry(forest.generation(referral.link.actor))
            .or_default() += 1;
    }
    sizes.into_iter().collect()
}

/// Returns the actors who referred the most; ties are ordered by id.
fn advocates(counted: &[&Referral]) -> Vec<(String, u64)> {
    let mut referred: HashMap<u64, (&str, u64)> = HashMap::new();
    for link in counted.iter().map(|referral| &referral.link) {
        let known = referred.entry(link.inviter);
        known.or_insert((&link.inviter_id, 0)).1 += 1;
    }
    let mut advocates: Vec<(&str, u64)> = referred.into_values().collect();
    advocates.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    advocates.truncate(MAX_ADVOCATES);
    let owned = |(id, count): (&str, u64)| (id.to_owned(), count);
    advocates.into_iter().map(owned).collect()
}

fn to_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
