//! Counts a funnel per value of a breakdown, in bounded memory for any number of values.
//!
//! While there are few values, each has its own counts, and at the end the smallest are added to
//! "other". When there are too many, the counts are dropped and only the number of units per value
//! is kept, in sixteen bytes each. After this first pass the largest values are known, and a second
//! pass counts only those. Above 900,000 values the sizes are those of Misra and Gries, which may
//! be too low by a millionth of all units; the last listed values may then displace values that are
//! larger by that much.

use std::collections::{HashMap, HashSet};

use etappe_core::funnel::FunnelCounts;
use etappe_core::id::hash64;

/// One value per dimension, in the order asked for; `None` where the event has none.
pub(crate) type Values = Vec<Option<String>>;

/// The most bytes of values that may have counts.
const VALUE_BYTES: usize = 8 * 1024 * 1024;
/// The most values whose sizes are kept: as many as fit into a hash table of 18 MB.
const MOST_SIZES: usize = 900_000;

/// The counts per value, while counting.
#[derive(Debug)]
pub(crate) struct BreakdownTally {
    /// How many values the answer lists.
    limit: usize,
    /// How many values are counted in one pass.
    most: usize,
    /// Whether any unit has a value, per dimension.
    has_value: Vec<bool>,
    counted: Counted,
}

#[derive(Debug)]
enum Counted {
    /// Every value so far has counts.
    All {
        groups: HashMap<Values, FunnelCounts>,
        bytes: usize,
    },
    /// The number of units per value, by its hash.
    Sizes(Sizes),
    /// The largest values, by their hashes, and the sum of the others.
    Largest {
        hashes: HashSet<u64>,
        groups: HashMap<Values, FunnelCounts>,
        other: Option<FunnelCounts>,
    },
}

impl BreakdownTally {
    /// Starts counting `dimensions` values per unit for an answer that lists `limit` of them; at
    /// most `most` are counted in one pass.
    pub(crate) fn of_all(dimensions: usize, limit: usize, most: usize) -> Self {
        Self {
            limit,
            most: most.max(limit),
            has_value: vec![false; dimensions],
            counted: Counted::All {
                groups: HashMap::new(),
                bytes: 0,
            },
        }
    }

    /// Starts the second pass, for the largest values only; `None` if one pass was enough.
    pub(crate) fn of_largest(&mut self) -> Option<Self> {
        let Counted::Sizes(sizes) = &mut self.counted else {
            return None;
        };
        Some(Self {
            limit: self.limit,
            most: self.most,
            has_value: std::mem::take(&mut self.has_value),
            counted: Counted::Largest {
                hashes: sizes.largest(self.limit),
                groups: HashMap::new(),
                other: None,
            },
        })
    }

    /// Returns the counts for a unit with these values; `None` if only the number of units is kept.
    pub(crate) fn counts_of(
        &mut self,
        values: Values,
        new: impl Fn() -> FunnelCounts,
    ) -> Option<&mut FunnelCounts> {
        for (has_value, value) in self.has_value.iter_mut().zip(&values) {
            *has_value |= value.is_some();
        }
        if self.is_full_for(&values) {
            self.give_up_counts();
        }
        match &mut self.counted {
            Counted::All { groups, bytes } => {
                Some(groups.entry(values).or_insert_with_key(|values| {
                    *bytes += size_of_values(values);
                    new()
                }))
            }
            Counted::Sizes(sizes) => {
                sizes.add(hash_of(&values), 1);
                None
            }
            Counted::Largest {
                hashes,
                groups,
                other,
            } => Some(if hashes.contains(&hash_of(&values)) {
                groups.entry(values).or_insert_with(new)
            } else {
                other.get_or_insert_with(new)
            }),
        }
    }

    /// Returns whether any unit has a value of dimension `index`.
    pub(crate) fn has_value(&self, index: usize) -> bool {
        self.has_value.get(index).copied().unwrap_or(false)
    }

    /// Returns all counts.
    pub(crate) fn all_counts(&mut self) -> impl Iterator<Item = &mut FunnelCounts> {
        let (groups, other) = match &mut self.counted {
            Counted::All { groups, .. } => (Some(groups), None),
            Counted::Sizes(_) => (None, None),
            Counted::Largest { groups, other, .. } => (Some(groups), other.as_mut()),
        };
        groups
            .into_iter()
            .flat_map(HashMap::values_mut)
            .chain(other)
    }

    /// If there are more values than the answer lists, replaces their counts by their sizes.
    /// Returns the memory for durations that this freed.
    pub(crate) fn give_up_counts(&mut self) -> usize {
        let Counted::All { groups, .. } = &mut self.counted else {
            return 0;
        };
        if groups.len() <= self.limit {
            return 0;
        }
        let mut sizes = Sizes::default();
        let mut freed = 0;
        for (values, counts) in groups.drain() {
            freed += counts.bytes();
            sizes.add(hash_of(&values), counts.entered());
        }
        self.counted = Counted::Sizes(sizes);
        freed
    }

    /// Returns the largest values, and all others together.
    pub(crate) fn finish(self) -> (Vec<(Values, FunnelCounts)>, Option<FunnelCounts>) {
        let (groups, mut other) = match self.counted {
            Counted::All { groups, .. } => (groups, None),
            Counted::Sizes(_) => (HashMap::new(), None),
            Counted::Largest { groups, other, .. } => (groups, other),
        };
        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort_by(|(one, one_counts), (other, other_counts)| {
            let largest_first = other_counts.entered().cmp(&one_counts.entered());
            largest_first.then_with(|| one.cmp(other))
        });
        let small = groups.split_off(self.limit.min(groups.len()));
        for (_, counts) in small {
            match &mut other {
                Some(other) => other.absorb(counts),
                None => other = Some(counts),
            }
        }
        (groups, other)
    }

    fn is_full_for(&self, values: &Values) -> bool {
        match &self.counted {
            Counted::All { groups, bytes } => {
                let is_full =
                    groups.len() >= self.most || bytes + size_of_values(values) > VALUE_BYTES;
                is_full && !groups.contains_key(values)
            }
            Counted::Sizes(_) | Counted::Largest { .. } => false,
        }
    }
}

/// The number of units per value.
#[derive(Debug, Default)]
struct Sizes(HashMap<u64, u64>);

impl Sizes {
    fn add(&mut self, hash: u64, units: u64) {
        if let Some(size) = self.0.get_mut(&hash) {
            *size += units;
            return;
        }
        if self.0.len() >= MOST_SIZES {
            self.0.retain(|_, size| {
                *size -= 1;
                *size > 0
            });
            return;
        }
        self.0.insert(hash, units);
    }

    /// Returns the hashes of the `limit` largest values; ties go to the smaller hashes.
    fn largest(&mut self, limit: usize) -> HashSet<u64> {
        let mut sizes: Vec<(u64, u64)> = self.0.drain().collect();
        sizes.sort_unstable_by_key(|(hash, size)| (std::cmp::Reverse(*size), *hash));
        sizes
            .into_iter()
            .take(limit)
            .map(|(hash, _)| hash)
            .collect()
    }
}

fn size_of_values(values: &Values) -> usize {
    let texts: usize = values.iter().flatten().map(String::len).sum();
    texts + size_of::<Values>() + values.len() * size_of::<Option<String>>()
}

/// Hashes values. Their lengths are hashed too, so that neighbouring values cannot run together.
fn hash_of(values: &Values) -> u64 {
    let mut text = String::new();
    for value in values {
        match value {
            Some(value) => {
                text.push_str(&value.len().to_string());
                text.push(':');
                text.push_str(value);
            }
            None => text.push('-'),
        }
    }
    hash64(&text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use etappe_core::funnel::{FunnelMatcher, FunnelSpec, Step};
    use etappe_core::query::{Hit, HitValues, TimeRange};
    use etappe_core::time::Timestamp;

    use super::*;

    /// Adds a unit to a funnel of one step.
    fn enter(tally: &mut BreakdownTally, value: Option<&str>) {
        let spec = FunnelSpec::ordered(vec![Step::gate(0)]);
        let mut matcher = FunnelMatcher::try_new(&spec).unwrap();
        let hits = [Hit {
            at: Timestamp::EPOCH,
            conditions: 1,
            dimensions: HitValues::default(),
        }];
        let range = TimeRange {
            from: Timestamp::EPOCH,
            to: Timestamp::from_millis(1),
        };
        let attempt = matcher.best(&hits, range).unwrap().unwrap();
        let values = vec![value.map(str::to_owned)];
        if let Some(counts) = tally.counts_of(values, || FunnelCounts::new(&spec)) {
            counts.record(attempt, Timestamp::EPOCH);
        }
    }

    fn answer(tally: BreakdownTally) -> (Vec<(Option<String>, u64)>, Option<u64>) {
        let (groups, other) = tally.finish();
        let groups = groups.into_iter();
        let groups = groups.map(|(mut values, counts)| (values.remove(0), counts.entered()));
        (groups.collect(), other.map(|other| other.entered()))
    }

    /// Value `n` has `n` units, interleaved with those of the other values.
    fn units(count: usize) -> impl Iterator<Item = Option<String>> {
        let turns = (0..count).rev();
        turns.flat_map(move |turn| {
            (turn..count).map(|n| (n > 0).then(|| format!("v{n:04}")).filter(|_| n != 7))
        })
    }

    #[test]
    fn exact_and_bounded_counting_give_the_same_answer() {
        let mut expected: BTreeMap<Option<String>, u64> = BTreeMap::new();
        for value in units(60) {
            *expected.entry(value).or_default() += 1;
        }
        for limit in [1, 5, 60, 100] {
            for most in [100, 10] {
                let mut tally = BreakdownTally::of_all(1, limit, most);
                units(60).for_each(|value| enter(&mut tally, value.as_deref()));
                if let Some(again) = tally.of_largest() {
                    assert!(most < 60, "a second time is only needed with many values");
                    tally = again;
                    units(60).for_each(|value| enter(&mut tally, value.as_deref()));
                }
                let mut largest: Vec<_> = expected.clone().into_iter().collect();
                largest.sort_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(&other.0)));
                let small = largest.split_off(limit.min(largest.len()));
                let other = (!small.is_empty()).then(|| small.iter().map(|(_, n)| n).sum());
                assert_eq!(answer(tally), (largest, other), "{limit} {most}");
            }
        }
    }

    #[test]
    fn a_large_value_among_millions_of_small_ones_is_found() {
        let mut sizes = Sizes::default();
        for number in 0..3 * u64::try_from(MOST_SIZES).unwrap() {
            sizes.add(1_000 + number, 1);
            if number % 1_000 == 0 {
                sizes.add(7, 1);
            }
            if number % 2_000 == 0 {
                sizes.add(8, 1);
            }
        }
        assert!(sizes.0.len() <= MOST_SIZES);
        assert_eq!(sizes.largest(2), HashSet::from([7, 8]));
    }

    #[test]
    fn long_values_are_not_all_kept() {
        let mut tally = BreakdownTally::of_all(1, 2, 1_000_000);
        let long = "x".repeat(100_000);
        for number in 0..200 {
            enter(&mut tally, Some(&format!("{long}{number}")));
            enter(&mut tally, None);
        }
        assert!(matches!(tally.counted, Counted::Sizes(_)));
        let again = tally.of_largest().unwrap();
        assert!(again.has_value(0) && !again.has_value(1));
    }
}
