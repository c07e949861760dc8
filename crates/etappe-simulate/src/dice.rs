//! Random choices that a seed determines.
//!
//! Numbers come from ChaCha8, and every distribution is computed here, so that neither a new version
//! of a library nor another machine changes what a seed gives.

use rand::rngs::ChaCha8Rng;
use rand::{Rng as _, SeedableRng as _};

/// The source of all choices.
#[derive(Debug)]
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    /// Makes dice; the same seed gives the same throws.
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Draws a number from 0 to 1, without 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    pub(crate) fn share(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Draws true with this probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.share() < probability
    }

    /// Draws a number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        let width = u128::from(high.abs_diff(low)) + 1;
        let drawn = (u128::from(self.0.next_u64()) * width) >> 64;
        low.saturating_add(i64::try_from(drawn).unwrap_or_default())
    }

    /// Draws an index below `count`, which is not 0.
    pub(crate) fn index(&mut self, count: usize) -> usize {
        let last = i64::try_from(count).unwrap_or(1) - 1;
        usize::try_from(self.between(0, last)).unwrap_or_default()
    }

    /// Draws one of the items; there must be one.
    pub(crate) fn one<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.index(items.len())]
    }

    /// Draws an index, each with its weight.
    pub(crate) fn weighted(&mut self, weights: impl Iterator<Item = f64> + Clone) -> usize {
        let mut left = self.share() * weights.clone().sum::<f64>();
        let mut last = 0;
        for (index, weight) in weights.enumerate() {
            last = index;
            if left < weight {
                return index;
            }
            left -= weight;
        }
        last
    }

    /// Draws a waiting time with this mean; long ones are rare.
    pub(crate) fn wait(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.share()).ln()
    }
}

/// Mixes two numbers into one that looks like neither (SplitMix64).
pub(crate) const fn mix(one: u64, other: u64) -> u64 {
    let mut mixed = one.wrapping_add(other.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_always_gives_the_same_throws() {
        let throw = |seed| {
            let mut dice = Dice::new(seed);
            [
                dice.between(0, 999),
                dice.between(-5, 5),
                dice.between(7, 7),
            ]
        };
        assert_eq!(throw(1), throw(1));
        assert_ne!(throw(1), throw(2));
        assert_eq!(throw(3)[2], 7);
    }

    #[test]
    fn weights_are_kept() {
        let mut dice = Dice::new(1);
        let mut drawn = [0; 3];
        for _ in 0..10_000 {
            drawn[dice.weighted([1.0, 0.0, 3.0].into_iter())] += 1;
        }
        assert_eq!(drawn[1], 0);
        assert!((2_300..2_700).contains(&drawn[0]), "{drawn:?}");
    }

    #[test]
    fn waits_have_their_mean() {
        let mut dice = Dice::new(1);
        let sum: f64 = (0..20_000).map(|_| dice.wait(5.0)).sum();
        assert!((4.8..5.2).contains(&(sum / 20_000.0)), "{sum}");
    }
}
