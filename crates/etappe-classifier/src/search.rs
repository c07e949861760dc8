//! Finds the bad records in a refused range. Pure: it only decides what to try next.
//!
//! Storing rows costs the database several times as much as refusing them. So the larger part of a
//! bad range is tried first. Once that part is stored, the rest is not tried as a whole, since the
//! bad record must be in it.

use etappe_core::id::{Offset, OffsetRange};

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SearchStep<E> {
    /// Try to store this part, then call [`Search::stored`] or [`Search::refused`].
    Try(OffsetRange),
    /// This record alone was refused.
    Blame(Offset, E),
    /// The whole range has been tried.
    Done,
}

/// A search; it yields parts in offset order.
#[derive(Debug)]
pub(crate) struct Search<E> {
    at: Position<E>,
    /// Untested parts, the next one last.
    rest: Vec<OffsetRange>,
}

#[derive(Debug)]
enum Position<E> {
    /// The range contains a bad record. Holds the refusal if the range was tried as a whole.
    Suspected(Suspects, Option<E>),
    /// A part is being tried. Holds the rest of the bad range behind it, if any.
    Trying(OffsetRange, Option<Suspects>),
    /// Nothing is known about the next part.
    Between,
}

/// A range that contains a bad record.
#[derive(Debug, Clone, Copy)]
struct Suspects {
    range: OffsetRange,
    /// The record that the refusal named, rightly or wrongly.
    named: Option<Offset>,
}

impl Suspects {
    /// Splits the range before the named record, or behind it, or after its lower two thirds.
    fn split(self) -> Option<(OffsetRange, Self)> {
        let Self { range, named } = self;
        let before = named.and_then(|named| range.split_before(named));
        let behind = || {
            let first = named.filter(|named| *named == range.first)?;
            range.split_before(first.next())
        };
        let parts = before.or_else(behind).or_else(|| range.split());
        parts.map(|(low, range)| (low, Self { range, named }))
    }
}

impl<E> Search<E> {
    /// Begins the search in a refused range, given the record that the refusal names.
    pub(crate) const fn within(range: OffsetRange, refusal: E, named: Option<Offset>) -> Self {
        Self {
            at: Position::Suspected(Suspects { range, named }, Some(refusal)),
            rest: Vec::new(),
        }
    }

    /// Returns what to do next.
    pub(crate) fn step(&mut self) -> SearchStep<E> {
        match std::mem::replace(&mut self.at, Position::Between) {
            Position::Suspected(suspects, refusal) => match (suspects.split(), refusal) {
                (Some((low, high)), _) => self.attempt(low, Some(high)),
                (None, Some(refusal)) => SearchStep::Blame(suspects.range.first, refusal),
                (None, None) => self.attempt(suspects.range, None),
            },
            Position::Trying(part, after) => self.attempt(part, after),
            Position::Between => match self.rest.pop() {
                Some(part) => self.attempt(part, None),
                None => SearchStep::Done,
            },
        }
    }

    fn attempt(&mut self, part: OffsetRange, after: Option<Suspects>) -> SearchStep<E> {
        self.at = Position::Trying(part, after);
        SearchStep::Try(part)
    }

    /// Records that the current part was stored.
    pub(crate) fn stored(&mut self) {
        if let Position::Trying(_, after) = self.at {
            self.at = match after {
                Some(after) => Position::Suspected(after, None),
                None => Position::Between,
            };
        }
    }

    /// Records that the current part was refused, and the record that the refusal names.
    pub(crate) fn refused(&mut self, refusal: E, named: Option<Offset>) {
        if let Position::Trying(range, after) = self.at {
            self.rest.extend(after.map(|after| after.range));
            self.at = Position::Suspected(Suspects { range, named }, Some(refusal));
        }
    }
}

#[cfg(test)]
mod tests {
    use etappe_testkit::draw::{Draw, each_case};

    use super::*;

    /// The result of a search.
    #[derive(Debug, Default)]
    struct SearchResult {
        stored: Vec<u64>,
        blamed: Vec<u64>,
        stores: u64,
        refusals: u64,
    }

    /// Searches to the end; `name` maps the first bad record to the one that the refusal names.
    fn search(
        (first, last): (u64, u64),
        to_blame: &[u64],
        mut name: impl FnMut(u64) -> Option<u64>,
    ) -> SearchResult {
        let range = OffsetRange {
            first: Offset(first),
            last: Offset(last),
        };
        let named = to_blame.first().and_then(|at| name(*at));
        let mut search = Search::within(range, "the whole", named.map(Offset));
        let mut found = SearchResult::default();
        loop {
            match search.step() {
                SearchStep::Try(part) => {
                    let offsets = part.first.0..=part.last.0;
                    if let Some(at) = to_blame.iter().find(|at| offsets.contains(at)) {
                        found.refusals += 1;
                        search.refused("a part", name(*at).map(Offset));
                    } else {
                        found.stores += 1;
                        found.stored.extend(offsets);
                        search.stored();
                    }
                }
                SearchStep::Blame(offset, _) => found.blamed.push(offset.0),
                SearchStep::Done => return found,
            }
        }
    }

    fn name_anything(draw: &mut Draw, to_blame: u64) -> Option<u64> {
        match draw.below(4) {
            0 => None,
            1 => Some(to_blame),
            _ => Some(draw.below(1_500)),
        }
    }

    #[test]
    fn every_refused_record_is_found_and_the_others_are_stored_once_in_order() {
        each_case(2_000, |draw| {
            let first = draw.below(1_000);
            let last = first + draw.below(300);
            let rarity = 1 + draw.below(100);
            let to_blame: Vec<u64> = (first..=last).filter(|_| draw.once_in(rarity)).collect();
            let found = search((first, last), &to_blame, |at| name_anything(draw, at));
            let expected = (first..=last).filter(|at| !to_blame.contains(at));
            if first < last || !to_blame.is_empty() {
                // With no bad records: the parts of a refused range may pass.
                assert_eq!(found.blamed, to_blame);
                assert_eq!(found.stored, expected.collect::<Vec<_>>());
            } else {
                assert_eq!(found.blamed, [first], "it was tried alone");
            }
        });
    }

    #[test]
    fn one_bad_record_of_a_thousand_takes_few_tries_and_two_if_the_error_names_it() {
        let (mut stores, mut refusals) = (0, 0);
        for at in 0..1_000 {
            // Here the records behind it are stored as well, in parts not tried before.
            let found = search((0, 999), &[at], |_| None);
            stores += found.stores;
            refusals += found.refusals;
            let found = search((0, 999), &[at], Some);
            assert!(found.stores <= 2 && found.refusals == 1, "{found:?}");
        }
        assert!(stores < 14_000, "{stores}");
        assert!(refusals < 10_000, "{refusals}");
    }
}
