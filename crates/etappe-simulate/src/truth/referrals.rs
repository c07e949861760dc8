//! Who brought whom.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Value, json};

use super::{Range, Span, Truth, percentile, share};
use crate::act::Act;
use crate::calendar::DAY;

/// How long after an invitation it can still bring somebody.
const ATTRIBUTION: i64 = 30 * DAY;

/// The referral figures of a range.
#[derive(Debug, Default)]
pub(super) struct Referrals {
    pub(super) invitations: u64,
    pub(super) inviters: u64,
    pub(super) converted: u64,
    pub(super) active: u64,
    pub(super) customers: u64,
    pub(super) referred: u64,
    pub(super) activated: u64,
    /// From the inviter's activation to the invitee's, in ascending order.
    cycles: Vec<i64>,
    generations: BTreeMap<u32, u64>,
    /// Inviters with the number of those whom they brought, the best first.
    advocates: Vec<(String, u64)>,
}

impl Referrals {
    /// Returns invitations per active person × share of invitations that converted.
    pub(super) fn k_factor(&self) -> Value {
        if self.active == 0 || self.invitations == 0 {
            return Value::Null;
        }
        let per_person = super::as_f64(self.invitations) / super::as_f64(self.active);
        json!(per_person * (super::as_f64(self.converted) / super::as_f64(self.invitations)))
    }

    pub(super) fn k_observed(&self) -> Value {
        share(self.activated, self.active)
    }

    pub(super) fn per_customer(&self) -> Value {
        share(self.referred, self.customers)
    }

    pub(super) fn cycle(&self) -> Value {
        percentile(&self.cycles, 0.5)
    }
}

impl Truth {
    /// Returns the answer to `GET …/referrals`.
    #[must_use]
    pub fn referrals(&self, range: Range) -> Value {
        let counts = self.referral_counts(range.span());
        let generations = counts.generations.iter();
        let advocates = counts.advocates.iter().take(100);
        json!({
            "invitations": counts.invitations,
            "inviters": counts.inviters,
            "converted": counts.converted,
            "active_actors": counts.active,
            "customers": counts.customers,
            "referred": counts.referred,
            "referred_activated": counts.activated,
            "k_factor": counts.k_factor(),
            "k_observed": counts.k_observed(),
            "referrals_per_customer": counts.per_customer(),
            "viral_cycle_time_s": { "p50": counts.cycle() },
            "generations": generations
                .map(|(generation, actors)| json!({ "generation": generation, "actors": actors }))
                .collect::<Vec<_>>(),
            "advocates": advocates
                .map(|(actor, referred)| json!({ "actor": actor, "referred": referred }))
                .collect::<Vec<_>>(),
        })
    }

    pub(super) fn referral_counts(&self, span: Span) -> Referrals {
        let inviter_of = self.inviters();
        let mut counts = Referrals {
            active: self.active(span).len() as u64,
            customers: self.money(span).customers,
            converted: self.converted(&inviter_of, span),
            ..Referrals::default()
        };
        let mut senders = BTreeSet::new();
        for it in self.all().filter(|it| span.contains(it.at)) {
            if it.act == Act::Invited {
                counts.invitations += 1;
                senders.insert(it.person);
            }
        }
        counts.inviters = senders.len() as u64;
        let mut brought: BTreeMap<usize, u64> = BTreeMap::new();
        let activated_at = |person| self.first(person, |act| act == Act::AccountActivated);
        for (person, inviter) in &inviter_of {
            if self.signed_up_or_bought(*person, span) {
                counts.referred += 1;
                *brought.entry(*inviter).or_default() += 1;
                let generation = generation(&inviter_of, *person);
                *counts.generations.entry(generation).or_default() += 1;
            }
            if let Some(at) = activated_at(*person).filter(|at| span.contains(*at)) {
                counts.activated += 1;
                counts
                    .cycles
                    .extend(activated_at(*inviter).map(|theirs| at - theirs));
            }
        }
        counts.cycles.sort_unstable();
        let advocates = brought.into_iter();
        counts.advocates = advocates
            .map(|(inviter, brought)| (self.ids[inviter].clone(), brought))
            .collect();
        counts
            .advocates
            .sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        counts
    }

    /// Returns whether a person's first signup, or an order of theirs, is in the range.
    fn signed_up_or_bought(&self, person: usize, span: Span) -> bool {
        let signed_up = self.first(person, |act| act == Act::SignedUp);
        let mut journey = self.journeys[person].iter();
        signed_up.is_some_and(|at| span.contains(at))
            || journey.any(|it| matches!(it.act, Act::Ordered { .. }) && span.contains(it.at))
    }

    /// Returns the inviter of each referred person: the owner of the first code that they came or
    /// bought with, other than their own. Nobody owns a code that was never given away. Those who
    /// brought each other in a circle were brought by nobody.
    fn inviters(&self) -> BTreeMap<usize, usize> {
        let gives = |act| matches!(act, Act::Invited | Act::Shared(_));
        let owners: BTreeSet<usize> = self
            .all()
            .filter(|it| gives(it.act) && it.code_of == Some(it.person))
            .map(|it| it.person)
            .collect();
        let mut inviter_of = BTreeMap::new();
        for (person, journey) in self.journeys.iter().enumerate() {
            let mut codes = journey
                .iter()
                .filter(|it| !gives(it.act))
                .filter_map(|it| it.code_of);
            let inviter = codes.find(|owner| *owner != person && owners.contains(owner));
            inviter_of.extend(inviter.map(|inviter| (person, inviter)));
        }
        let in_circles: Vec<usize> = inviter_of
            .keys()
            .copied()
            .filter(|person| is_in_circle(&inviter_of, *person))
            .collect();
        for person in in_circles {
            inviter_of.remove(&person);
        }
        inviter_of
    }

    /// Counts the invitations of the range that brought somebody. Everybody who was brought takes
    /// the earliest free invitation of their inviter from the 30 days before they signed up or
    /// bought.
    fn converted(&self, inviter_of: &BTreeMap<usize, usize>, span: Span) -> u64 {
        let mut free: BTreeMap<usize, VecDeque<i64>> = BTreeMap::new();
        for it in self.all().filter(|it| it.act == Act::Invited) {
            // Those after the range are not known to it.
            if it.at < span.to {
                free.entry(it.person).or_default().push_back(it.at);
            }
        }
        let converts = |act| matches!(act, Act::SignedUp | Act::Ordered { .. });
        let mut conversions: Vec<(i64, usize)> = inviter_of
            .iter()
            .filter_map(|(person, inviter)| Some((self.first(*person, converts)?, *inviter)))
            .collect();
        conversions.sort_unstable();
        let mut converted = 0;
        for (at, inviter) in conversions {
            let Some(sent) = free.get_mut(&inviter) else {
                continue;
            };
            let place = sent
                .iter()
                .position(|sent| *sent <= at && at <= *sent + ATTRIBUTION);
            let taken = place.and_then(|place| sent.remove(place));
            converted += u64::from(taken.is_some_and(|sent| span.contains(sent)));
        }
        converted
    }
}

/// Returns whether a person comes back to themselves by going from inviter to inviter.
fn is_in_circle(inviter_of: &BTreeMap<usize, usize>, person: usize) -> bool {
    let mut above = inviter_of.get(&person);
    for _ in 0..inviter_of.len() {
        match above {
            Some(inviter) if *inviter == person => return true,
            Some(inviter) => above = inviter_of.get(inviter),
            None => return false,
        }
    }
    false
}

/// Returns how many inviters are above a person.
fn generation(inviter_of: &BTreeMap<usize, usize>, person: usize) -> u32 {
    let mut generation = 0;
    let mut above = inviter_of.get(&person);
    while let Some(inviter) = above {
        generation += 1;
        above = inviter_of.get(inviter);
    }
    generation
}
