//! Random cases that can be drawn again: every case has a seed, and a case that fails tells it.
//!
//! Each run draws other cases. `ETAPPE_TEST_SEED` with the seed of a failed case draws that one and
//! no other.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Holds the seed of the one case to draw.
const SEED: &str = "ETAPPE_TEST_SEED";

/// A generator of numbers that needs no more than a seed (SplitMix64).
#[derive(Debug, Clone)]
pub struct Draw(u64);

impl Draw {
    /// Makes a generator that draws the same for the same seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Draws any number.
    pub const fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Draws a number below `end`, which is not 0.
    pub const fn below(&mut self, end: u64) -> u64 {
        self.number() % end
    }

    /// Draws a place in a list of so many, which are not none.
    ///
    /// # Panics
    /// When there are none.
    pub fn place(&mut self, count: usize) -> usize {
        let count = u64::try_from(count).expect("a length fits");
        usize::try_from(self.below(count)).expect("less than a length")
    }

    /// Draws true once in so many times on average.
    pub const fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// Runs `check` on so many random cases; one that panics tells its seed.
///
/// # Panics
/// As `check` does, and when `ETAPPE_TEST_SEED` is no number.
pub fn each_case(count: u64, mut check: impl FnMut(&mut Draw)) {
    let asked = asked();
    let first = asked.unwrap_or_else(|| RandomState::new().build_hasher().finish());
    for case in 0..asked.map_or(count, |_| 1) {
        let seed = first.wrapping_add(case);
        let checked = catch_unwind(AssertUnwindSafe(|| check(&mut Draw::new(seed))));
        if let Err(panic) = checked {
            #[expect(
                clippy::print_stderr,
                reason = "the test harness shows it beside the panic"
            )]
            {
                eprintln!("{SEED}={seed} draws this case again");
            }
            resume_unwind(panic);
        }
    }
}

/// Returns a seed for generators of others, and tells it; the test harness shows it on a failure.
///
/// # Panics
/// When `ETAPPE_TEST_SEED` is no number.
#[must_use]
pub fn seed() -> u64 {
    let seed = asked().unwrap_or_else(|| RandomState::new().build_hasher().finish());
    #[expect(
        clippy::print_stdout,
        reason = "the test harness shows it on a failure"
    )]
    {
        println!("{SEED}={seed} draws these cases again");
    }
    seed
}

fn asked() -> Option<u64> {
    std::env::var_os(SEED).map(|seed| {
        let seed = seed.to_str().and_then(|seed| seed.parse().ok());
        seed.expect("ETAPPE_TEST_SEED is a number")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_draws_the_same_again_and_another_seed_something_else() {
        let drawn = |seed| {
            let mut draw = Draw::new(seed);
            [draw.number(), draw.below(1_000), draw.number()]
        };
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
    }

    #[test]
    #[should_panic(expected = "the third case")]
    fn a_case_that_fails_ends_the_run() {
        let mut cases = 0;
        each_case(10, |_| {
            cases += 1;
            assert!(
                cases < 3 && std::env::var_os(SEED).is_none(),
                "the third case"
            );
        });
    }
}
