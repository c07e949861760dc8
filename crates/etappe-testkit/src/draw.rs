//! Reproducible random cases: every case has a seed, which is printed when the case fails.
//!
//! Each run draws different cases. If `ETAPPE_TEST_SEED` is set to a failed case's seed, only that
//! case is drawn.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// The variable with the seed of the single case to draw.
const SEED: &str = "ETAPPE_TEST_SEED";

/// A random number generator that needs only a seed (SplitMix64).
#[derive(Debug, Clone)]
pub struct Draw(u64);

impl Draw {
    /// Makes a generator; the same seed gives the same numbers.
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

    /// Draws an index into a list of `count` items.
    ///
    /// # Panics
    /// When `count` is 0.
    pub fn place(&mut self, count: usize) -> usize {
        let count = u64::try_from(count).expect("a length fits");
        usize::try_from(self.below(count)).expect("less than a length")
    }

    /// Draws true once in `times` times on average.
    pub const fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// Runs `check` on `count` random cases; the seed of a panicking case is printed.
///
/// # Panics
/// As `check` does, and when `ETAPPE_TEST_SEED` is not a number.
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

/// Returns a seed for other generators and prints it; the test harness shows it on a failure.
///
/// # Panics
/// When `ETAPPE_TEST_SEED` is not a number.
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
    fn a_seed_always_draws_the_same_and_another_seed_differs() {
        let drawn = |seed| {
            let mut draw = Draw::new(seed);
            [draw.number(), draw.below(1_000), draw.number()]
        };
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
    }

    #[test]
    #[should_panic(expected = "the third case")]
    fn a_failing_case_ends_the_run() {
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
