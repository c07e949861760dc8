//! The band within which a figure of a day usually lies, and whether a day left it.
//!
//! The band is a prediction interval: mean ± t · s · √(1 + 1/n) of the same weekday in the weeks
//! before (Hahn and Meeker, *Statistical Intervals*, section 4.8). Since several figures are looked at
//! every day, each may leave its band by chance once in a hundred days, so that all of them together
//! do so once in twenty (Bonferroni).
//!
//! Counts vary at least as a Poisson count does, so eight equal days do not make a band without
//! width.

/// How many figures are looked at every day; the quantiles below belong to this number.
pub(super) const LOOKED_AT: usize = 5;

/// The fewest days of history that make a band.
pub(super) const LEAST_DAYS: usize = 4;

/// Student's t at 1 − 0.05 / (2 · [`LOOKED_AT`]) = 0.995, for 3 to 7 degrees of freedom (NIST/SEMATECH
/// e-Handbook of Statistical Methods, section 1.3.6.7.2).
const QUANTILES: [f64; 5] = [5.841, 4.604, 4.032, 3.707, 3.499];

/// Where a figure usually lies; both ends belong to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Band {
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Band {
    /// Returns the band of a figure from that of earlier days; `None` if they are too few. `size` is
    /// what one more of it adds: 1 for a count, the value of an order for revenue.
    pub(super) fn of(days: &[f64], size: f64) -> Option<Self> {
        if days.len() < LEAST_DAYS {
            return None;
        }
        let quantile = QUANTILES.get(days.len() - LEAST_DAYS);
        let quantile = quantile.or(QUANTILES.last()).copied()?;
        let count = f64::from(u32::try_from(days.len()).ok()?);
        let mean = days.iter().sum::<f64>() / count;
        let squares: f64 = days.iter().map(|day| (day - mean).powi(2)).sum();
        // Of a Poisson count the variance is the mean; a figure that never occurred might have.
        let least = (mean * size).max(size * size);
        let variance = (squares / (count - 1.0)).max(least);
        let reach = quantile * (variance * (1.0 + 1.0 / count)).sqrt();
        Some(Self {
            low: (mean - reach).floor(),
            high: (mean + reach).ceil(),
        })
    }

    /// Returns whether the band has a value.
    pub(super) fn has(self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn band(days: &[f64]) -> (f64, f64) {
        let band = Band::of(days, 1.0).unwrap();
        (band.low, band.high)
    }

    #[test]
    fn the_band_is_the_prediction_interval_of_one_more_day() {
        // Mean 30, s² 64/7 · … by hand: squares 16·4 + 4·4 = 80, less than the mean of 30 · 7.
        let calm = [26.0, 34.0, 26.0, 34.0, 28.0, 32.0, 28.0, 32.0];
        // √(30 · 9/8) · 3.499 = 20.33.
        assert_eq!(band(&calm), (9.0, 51.0));
        // Mean 30, squares 8 · 400 = 3200, s² 457.1; √(457.1 · 9/8) · 3.499 = 79.3.
        let wild = [10.0, 50.0, 10.0, 50.0, 10.0, 50.0, 10.0, 50.0];
        assert_eq!(band(&wild), (-50.0, 110.0));
    }

    #[test]
    fn few_days_make_a_wide_band_and_three_make_none() {
        assert_eq!(Band::of(&[30.0; 3], 1.0), None);
        let widths = (4..=8).map(|days| {
            let (low, high) = band(&vec![100.0; days]);
            high - low
        });
        let widths: Vec<f64> = widths.collect();
        assert!(
            widths.is_sorted_by(|wide, narrow| wide > narrow),
            "{widths:?}"
        );
    }

    #[test]
    fn what_never_occurred_may_occur_a_few_times() {
        let band = Band::of(&[0.0; 8], 1.0).unwrap();
        assert!(band.has(0.0) && band.has(4.0) && !band.has(5.0));
        // Revenue of an order of 200 on a day that usually has none.
        let money = Band::of(&[0.0; 8], 200.0).unwrap();
        assert!(money.has(600.0) && !money.has(1_000.0));
    }

    /// Days drawn at random leave the band by chance as often as it says, and hardly more.
    #[test]
    fn chance_leaves_the_band_once_in_a_hundred_days() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut uniform = move || {
            // SplitMix64 (Steele, Lea and Flood, 2014).
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            f64::from(u32::try_from((z ^ (z >> 31)) >> 32).unwrap()) / f64::from(u32::MAX)
        };
        // Knuth's way to draw from a Poisson distribution.
        let mut poisson = move |mean: f64| {
            let (limit, mut product, mut count) = ((-mean).exp(), uniform(), 0.0);
            while product > limit {
                product *= uniform();
                count += 1.0;
            }
            count
        };
        for mean in [3.0, 20.0, 80.0] {
            let trials = 20_000;
            let out = (0..trials).filter(|_| {
                let days: Vec<f64> = (0..8).map(|_| poisson(mean)).collect();
                let band = Band::of(&days, 1.0).unwrap();
                !band.has(poisson(mean))
            });
            let share = f64::from(u32::try_from(out.count()).unwrap()) / f64::from(trials);
            assert!(share < 0.012, "{share} of the days with a mean of {mean}");
        }
    }
}
