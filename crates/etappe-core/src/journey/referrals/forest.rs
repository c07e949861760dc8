//! The graph of referrals: everyone was referred by at most one other person.
//!
//! Such a graph is a forest except for loops (a referred b, b referred a). Links on a loop do not
//! count; a person whose inviter is on a loop counts as referred by someone uninvited.

use std::collections::HashMap;

use super::Referral;

/// Referrals without loops, by the referred person.
#[derive(Debug)]
pub(super) struct Forest {
    generations: HashMap<u64, u32>,
}

/// The state of a person during a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// Not visited yet.
    New,
    /// Visited by the walk with this number.
    Walked(usize),
}

impl Forest {
    /// Returns for each referral whether its link is on a loop, in linear time.
    pub(super) fn links_on_loops(referrals: &[Referral]) -> Vec<bool> {
        let index = index_of(referrals);
        let next = |at: usize| {
            referrals
                .get(at)
                .and_then(|r| index.get(&r.link.inviter).copied())
        };
        let mut marks = vec![Mark::New; referrals.len()];
        let mut on_loop = vec![false; referrals.len()];
        for start in 0..referrals.len() {
            let mut at = Some(start);
            while let Some(here) = at.filter(|here| marks.get(*here) == Some(&Mark::New)) {
                set(&mut marks, here, Mark::Walked(start));
                at = next(here);
            }
            // The walk met its own path: the people from here round to here form a loop.
            let Some(meeting) = at.filter(|here| marks.get(*here) == Some(&Mark::Walked(start)))
            else {
                continue;
            };
            let mut here = meeting;
            loop {
                set(&mut on_loop, here, true);
                match next(here) {
                    Some(further) if further != meeting => here = further,
                    _ => break,
                }
            }
        }
        on_loop
    }

    /// Numbers the generations of referrals that have no loops.
    pub(super) fn new(referrals: &[Referral]) -> Self {
        let index = index_of(referrals);
        let mut generations: HashMap<u64, u32> = HashMap::with_capacity(referrals.len());
        let mut path = Vec::new();
        for referral in referrals {
            let mut here = referral;
            // Walk up to a person whose generation is known, or whose inviter is uninvited.
            let above = loop {
                if let Some(known) = generations.get(&here.link.actor) {
                    break *known;
                }
                path.push(here.link.actor);
                match index
                    .get(&here.link.inviter)
                    .and_then(|at| referrals.get(*at))
                {
                    Some(further) if path.len() <= referrals.len() => here = further,
                    _ => break 0,
                }
            };
            for (distance, actor) in (1_u32..).zip(path.drain(..).rev()) {
                generations.insert(actor, above.saturating_add(distance));
            }
        }
        Self { generations }
    }

    /// Returns a referred person's generation; an uninvited person referred generation 1.
    pub(super) fn generation(&self, actor: u64) -> u32 {
        self.generations.get(&actor).copied().unwrap_or(1)
    }
}

fn index_of(referrals: &[Referral]) -> HashMap<u64, usize> {
    referrals
        .iter()
        .enumerate()
        .map(|(at, referral)| (referral.link.actor, at))
        .collect()
}

fn set<T>(values: &mut [T], at: usize, value: T) {
    if let Some(slot) = values.get_mut(at) {
        *slot = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journey::referrals::{FirstMilestones, ReferralLink};

    fn referrals(links: &[(u64, u64)]) -> Vec<Referral> {
        links
            .iter()
            .map(|(actor, inviter)| Referral {
                link: ReferralLink {
                    actor: *actor,
                    inviter: *inviter,
                    inviter_id: inviter.to_string(),
                },
                first: FirstMilestones::default(),
                inviter_activated: None,
            })
            .collect()
    }

    #[test]
    fn links_on_a_loop_are_distinguished_from_those_below_it() {
        // 3 → 2 → 1 → 3 is a loop, 4 hangs below it, 6 → 5 is separate.
        let all = referrals(&[(4, 3), (3, 2), (2, 1), (1, 3), (6, 5)]);
        assert_eq!(
            Forest::links_on_loops(&all),
            [false, true, true, true, false]
        );
    }

    #[test]
    fn generations_count_from_an_uninvited_person() {
        let all = referrals(&[(13, 12), (12, 11), (11, 10), (21, 10)]);
        let forest = Forest::new(&all);
        let found: Vec<u32> = all
            .iter()
            .map(|r| forest.generation(r.link.actor))
            .collect();
        assert_eq!(found, [3, 2, 1, 1]);
    }

    #[test]
    fn a_long_chain_does_not_recurse() {
        let links: Vec<(u64, u64)> = (1..200_000).map(|n| (n, n - 1)).collect();
        let all = referrals(&links);
        assert!(Forest::links_on_loops(&all).iter().all(|on_loop| !on_loop));
        assert_eq!(Forest::new(&all).generation(199_999), 199_999);
    }
}
