//! The graph of referrals: everybody was brought by at most one other.
//!
//! Such a graph is a forest, but for loops (a brought b, b brought a). Links on a loop do not
//! count; who hangs below a loop was brought by somebody uninvited.

use std::collections::HashMap;

use super::Referral;

/// Referrals without loops, by the person brought.
#[derive(Debug)]
pub(super) struct Forest {
    generations: HashMap<u64, u32>,
}

/// How far a walk has come with a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// Not looked at yet.
    New,
    /// On the path of the walk with this number.
    Walked(usize),
}

impl Forest {
    /// Returns for each referral whether its link is on a loop. Takes time in proportion to their
    /// number.
    pub(super) fn links_on_loops(referrals: &[Referral]) -> Vec<bool> {
        let index = index_of(referrals);
        let next = |at: usize| {
            referrals
                .get(at)
                .and_then(|r| index.get(&r.inviter).copied())
        };
        let mut marks = vec![Mark::New; referrals.len()];
        let mut on_loop = vec![false; referrals.len()];
        for start in 0..referrals.len() {
            let mut at = Some(start);
            while let Some(here) = at.filter(|here| marks.get(*here) == Some(&Mark::New)) {
                set(&mut marks, here, Mark::Walked(start));
                at = next(here);
            }
            // The walk met itself: from here round to here is a loop.
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
            // Walk up to somebody whose generation is known, or who was brought by somebody uninvited.
            let above = loop {
                if let Some(known) = generations.get(&here.actor) {
                    break *known;
                }
                path.push(here.actor);
                match index.get(&here.inviter).and_then(|at| referrals.get(*at)) {
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

    /// Returns a referred person's generation; 1 was brought by somebody uninvited.
    pub(super) fn generation(&self, actor: u64) -> u32 {
        self.generations.get(&actor).copied().unwrap_or(1)
    }
}

fn index_of(referrals: &[Referral]) -> HashMap<u64, usize> {
    referrals
        .iter()
        .enumerate()
        .map(|(at, referral)| (referral.actor, at))
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

    fn referrals(links: &[(u64, u64)]) -> Vec<Referral> {
        links
            .iter()
            .map(|(actor, inviter)| Referral {
                actor: *actor,
                inviter: *inviter,
                inviter_id: inviter.to_string(),
                signed_up: None,
                converted: None,
                activated: None,
                inviter_activated: None,
                ordered_in_range: false,
            })
            .collect()
    }

    #[test]
    fn links_on_a_loop_are_told_from_those_below_it() {
        // 3 → 2 → 1 → 3 is a loop, 4 hangs below it, 6 → 5 is apart.
        let all = referrals(&[(4, 3), (3, 2), (2, 1), (1, 3), (6, 5)]);
        assert_eq!(
            Forest::links_on_loops(&all),
            [false, true, true, true, false]
        );
    }

    #[test]
    fn generations_count_from_somebody_uninvited() {
        let all = referrals(&[(13, 12), (12, 11), (11, 10), (21, 10)]);
        let forest = Forest::new(&all);
        let found: Vec<u32> = all.iter().map(|r| forest.generation(r.actor)).collect();
        assert_eq!(found, [3, 2, 1, 1]);
    }

    #[test]
    fn a_long_chain_takes_no_recursion() {
        let links: Vec<(u64, u64)> = (1..200_000).map(|n| (n, n - 1)).collect();
        let all = referrals(&links);
        assert!(Forest::links_on_loops(&all).iter().all(|on_loop| !on_loop));
        assert_eq!(Forest::new(&all).generation(199_999), 199_999);
    }
}
