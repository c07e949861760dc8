//! The search for the records to blame in a range that was refused. Pure: it says what to try next.
//!
//! A try that stores rows costs the database several times what a refused one does. So of a range
//! that is to blame the larger part is tried first; and when that is stored, the rest is not tried
//! as a whole, since the record to blame must be in it.

use etappe_core::id::{Offset, OffsetRange};

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step<E> {
    /// Try to store this part, then tell [`Search::stored`] or [`Search::refused`].
    Try(OffsetRange),
    /// This record alone was refused.
    Blame(Offset, E),
    /// All is tried.
    Done,
}

/// A search; parts come in the order of their offsets.
#[derive(Debug)]
pub(crate) struct Search<E> {
    at: Position<E>,
    /// Parts of which nothing is known, the next one last.
    rest: Vec<OffsetRange>,
}

#[derive(Debug)]
enum Position<E> {
    /// One of these records is to blame. With the refusal, if they were tried together.
    Suspected(OffsetRange, Option<E>),
    /// A part is tried; with what follows it of a range that is to blame.
    Trying(OffsetRange, Option<OffsetRange>),
    /// Nothing is known of what comes next.
    Between,
}

impl<E> Search<E> {
    /// Begins the search in a range that was refused.
    pub(crate) const fn within(range: OffsetRange, refusal: E) -> Self {
        Self {
            at: Position::Suspected(range, Some(refusal)),
            rest: Vec::new(),
        }
    }

    /// Returns what to do next.
    pub(crate) fn step(&mut self) -> Step<E> {
        match std::mem::replace(&mut self.at, Position::Between) {
            Position::Suspected(range, refusal) => match (range.split(), refusal) {
                (Some((low, high)), _) => self.attempt(low, Some(high)),
                (None, Some(refusal)) => Step::Blame(range.first, refusal),
                (None, None) => self.attempt(range, None),
            },
            Position::Trying(part, after) => self.attempt(part, after),
            Position::Between => match self.rest.pop() {
                Some(part) => self.attempt(part, None),
                None => Step::Done,
            },
        }
    }

    fn attempt(&mut self, part: OffsetRange, after: Option<OffsetRange>) -> Step<E> {
        self.at = Position::Trying(part, after);
        Step::Try(part)
    }

    /// Takes that the part to try is stored.
    pub(crate) fn stored(&mut self) {
        if let Position::Trying(_, after) = self.at {
            self.at = match after {
                Some(after) => Position::Suspected(after, None),
                None => Position::Between,
            };
        }
    }

    /// Takes that the part to try was refused.
    pub(crate) fn refused(&mut self, refusal: E) {
        if let Position::Trying(part, after) = self.at {
            self.rest.extend(after);
            self.at = Position::Suspected(part, Some(refusal));
        }
    }
}

#[cfg(test)]
mod tests {
    use etappe_testkit::draw::each_case;

    use super::*;

    /// What came of a search.
    #[derive(Debug, Default)]
    struct Found {
        stored: Vec<u64>,
        blamed: Vec<u64>,
        stores: u64,
        refusals: u64,
    }

    fn search(first: u64, last: u64, to_blame: &[u64]) -> Found {
        let range = OffsetRange {
            first: Offset(first),
            last: Offset(last),
        };
        let mut search = Search::within(range, "the whole");
        let mut found = Found::default();
        loop {
            match search.step() {
                Step::Try(part) => {
                    let offsets = part.first.0..=part.last.0;
                    if to_blame.iter().any(|at| offsets.contains(at)) {
                        found.refusals += 1;
                        search.refused("a part");
                    } else {
                        found.stores += 1;
                        found.stored.extend(offsets);
                        search.stored();
                    }
                }
                Step::Blame(offset, _) => found.blamed.push(offset.0),
                Step::Done => return found,
            }
        }
    }

    #[test]
    fn whatever_is_to_blame_is_found_and_all_else_is_stored_once_in_order() {
        each_case(2_000, |draw| {
            let first = draw.below(1_000);
            let last = first + draw.below(300);
            let rarity = 1 + draw.below(100);
            let to_blame: Vec<u64> = (first..=last).filter(|_| draw.once_in(rarity)).collect();
            // Without any to blame, what refused the whole lets its parts pass.
            let found = search(first, last, &to_blame);
            let expected = (first..=last).filter(|at| !to_blame.contains(at));
            if first < last || !to_blame.is_empty() {
                assert_eq!(found.blamed, to_blame);
                assert_eq!(found.stored, expected.collect::<Vec<_>>());
            } else {
                assert_eq!(found.blamed, [first], "tried alone before");
            }
        });
    }

    #[test]
    fn one_of_a_thousand_takes_few_tries_that_store() {
        let (mut stores, mut refusals) = (0, 0);
        for at in 0..1_000 {
            let found = search(0, 999, &[at]);
            // What follows it is counted, too: here it is tried, in parts.
            stores += found.stores;
            refusals += found.refusals;
        }
        assert!(stores < 12_000, "{stores}");
        assert!(refusals < 9_000, "{refusals}");
    }
}
