//! Durations between steps, and their mean and percentiles in bounded memory.
//!
//! Up to [`EXACT_SAMPLES`] durations are kept as they are, in milliseconds: four bytes each below
//! 49 days, eight above. Beyond that, the percentiles come from a logarithmic histogram whose
//! buckets are at most 1/64 of their value wide. The histogram depends on the durations alone, not
//! on their order. The mean is always exact. So one step takes at most 8 MiB, and 16 KiB once it is
//! summarised.

/// The most durations that are kept as they are.
pub(super) const EXACT_SAMPLES: usize = 1_000_000;
/// Buckets per doubling of the duration.
const BUCKETS_PER_OCTAVE: u32 = 64;
/// log2 of [`BUCKETS_PER_OCTAVE`].
const BUCKET_BITS: u32 = 6;

/// Durations of one step.
#[derive(Debug, Clone, Default)]
pub struct DurationSamples {
    count: u64,
    sum: u128,
    kept: Kept,
}

#[derive(Debug, Clone)]
enum Kept {
    Exact { short: Vec<u32>, long: Vec<u64> },
    Histogram(Vec<u64>),
}

impl Default for Kept {
    fn default() -> Self {
        Self::Exact {
            short: Vec::new(),
            long: Vec::new(),
        }
    }
}

/// Mean and percentiles of durations, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DurationSummary {
    /// The arithmetic mean.
    pub mean_s: f64,
    /// The median.
    pub p50_s: f64,
    /// The 75th percentile.
    pub p75_s: f64,
    /// The 90th percentile.
    pub p90_s: f64,
    /// The 95th percentile.
    pub p95_s: f64,
    /// Whether the percentiles are computed from the durations themselves, not from a histogram.
    pub is_exact: bool,
}

impl DurationSamples {
    /// Adds a duration in milliseconds; a negative one counts as zero.
    pub fn record(&mut self, millis: i64) {
        let millis = u64::try_from(millis).unwrap_or_default();
        self.count += 1;
        self.sum += u128::from(millis);
        match &mut self.kept {
            Kept::Exact { short, long } => {
                match u32::try_from(millis) {
                    Ok(millis) => short.push(millis),
                    Err(_) => long.push(millis),
                }
                if short.len() + long.len() > EXACT_SAMPLES {
                    self.summarise();
                }
            }
            Kept::Histogram(buckets) => count_in(buckets, millis, 1),
        }
    }

    /// Replaces the durations with a histogram of them.
    pub fn summarise(&mut self) {
        if let Kept::Exact { short, long } = &self.kept {
            let mut buckets = Vec::new();
            for millis in short {
                count_in(&mut buckets, u64::from(*millis), 1);
            }
            for millis in long {
                count_in(&mut buckets, *millis, 1);
            }
            self.kept = Kept::Histogram(buckets);
        }
    }

    /// Adds all durations of `other`.
    pub fn absorb(&mut self, mut other: Self) {
        self.count += other.count;
        self.sum += other.sum;
        if let (
            Kept::Exact { short, long },
            Kept::Exact {
                short: more,
                long: longer,
            },
        ) = (&mut self.kept, &mut other.kept)
            && short.len() + long.len() + more.len() + longer.len() <= EXACT_SAMPLES
        {
            short.append(more);
            long.append(longer);
            return;
        }
        self.summarise();
        other.summarise();
        if let (Kept::Histogram(buckets), Kept::Histogram(more)) = (&mut self.kept, other.kept) {
            if more.len() > buckets.len() {
                buckets.resize(more.len(), 0);
            }
            for (bucket, count) in buckets.iter_mut().zip(more) {
                *bucket += count;
            }
        }
    }

    /// Returns the bytes used by the durations.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match &self.kept {
            Kept::Exact { short, long } => 4 * short.capacity() + 8 * long.capacity(),
            Kept::Histogram(buckets) => 8 * buckets.capacity(),
        }
    }

    /// Returns the number of durations.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Returns mean and percentiles, or `None` if there are no durations.
    ///
    /// Percentiles are interpolated linearly between the two nearest durations, so that the median
    /// of two is halfway between them.
    #[must_use]
    pub fn summary(&self) -> Option<DurationSummary> {
        if self.count == 0 {
            return None;
        }
        let sorted = Sorted::of(&self.kept);
        let percentile = |share: f64| {
            let rank = share * as_f64(self.count - 1);
            let below = rank.floor();
            let (low, high) = (sorted.at(below), sorted.at(rank.ceil()));
            (low + (high - low) * (rank - below)) / 1_000.0
        };
        Some(DurationSummary {
            mean_s: mean_seconds(self.sum, self.count),
            p50_s: percentile(0.5),
            p75_s: percentile(0.75),
            p90_s: percentile(0.9),
            p95_s: percentile(0.95),
            is_exact: matches!(self.kept, Kept::Exact { .. }),
        })
    }
}

/// Durations in ascending order.
enum Sorted<'a> {
    Exact { short: Vec<u32>, long: Vec<u64> },
    Histogram(&'a [u64]),
}

impl<'a> Sorted<'a> {
    fn of(kept: &'a Kept) -> Self {
        match kept {
            Kept::Exact { short, long } => {
                let (mut short, mut long) = (short.clone(), long.clone());
                short.sort_unstable();
                long.sort_unstable();
                Self::Exact { short, long }
            }
            Kept::Histogram(buckets) => Self::Histogram(buckets),
        }
    }

    /// Returns the duration at a rank counted from 0, in milliseconds.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "ranks are whole and at most the number of durations"
    )]
    fn at(&self, rank: f64) -> f64 {
        let rank = rank as usize;
        match self {
            Self::Exact { short, long } => match short.get(rank) {
                Some(millis) => f64::from(*millis),
                None => long.get(rank - short.len()).copied().map_or(0.0, as_f64),
            },
            Self::Histogram(buckets) => {
                let mut seen = 0_u64;
                let index = buckets.iter().position(|count| {
                    seen += count;
                    seen > rank as u64
                });
                index.map_or(0.0, bucket_middle)
            }
        }
    }
}

fn count_in(buckets: &mut Vec<u64>, millis: u64, count: u64) {
    let index = bucket_of(millis);
    if index >= buckets.len() {
        buckets.resize(index + 1, 0);
    }
    buckets[index] += count;
}

/// Returns the bucket of a duration: one per millisecond at first, then 64 per doubling.
fn bucket_of(millis: u64) -> usize {
    let octave = (u64::BITS - millis.leading_zeros()).saturating_sub(BUCKET_BITS + 1);
    let within = millis >> octave;
    usize::try_from(u64::from(octave * BUCKETS_PER_OCTAVE) + within).unwrap_or(usize::MAX)
}

/// Returns the middle of a bucket, in milliseconds.
fn bucket_middle(index: usize) -> f64 {
    let per_octave = u64::from(BUCKETS_PER_OCTAVE);
    let index = u64::try_from(index).unwrap_or(u64::MAX);
    let octave = (index / per_octave).saturating_sub(1);
    let low = (index - octave * per_octave) << octave;
    let width = 1_u64 << octave;
    as_f64(low) + as_f64(width - 1) / 2.0
}

#[expect(
    clippy::cast_precision_loss,
    reason = "durations and counts are far below 2^53"
)]
const fn as_f64(value: u64) -> f64 {
    value as f64
}

/// Divides a sum of milliseconds, to the precision of 64-bit floating point.
fn mean_seconds(sum: u128, count: u64) -> f64 {
    let divisor = u128::from(count) * 1_000;
    let whole = u64::try_from(sum / divisor).unwrap_or(u64::MAX);
    let rest = u64::try_from(sum % divisor).unwrap_or(u64::MAX);
    let divisor = u64::try_from(divisor).unwrap_or(u64::MAX);
    as_f64(whole) + as_f64(rest) / as_f64(divisor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary_of(millis: impl IntoIterator<Item = i64>) -> DurationSummary {
        let mut samples = DurationSamples::default();
        millis.into_iter().for_each(|at| samples.record(at));
        samples.summary().unwrap()
    }

    #[test]
    fn an_empty_sample_has_no_summary() {
        assert_eq!(DurationSamples::default().summary(), None);
    }

    #[test]
    fn percentiles_are_interpolated() {
        let summary = summary_of([40_000, 10_000, 30_000, 20_000, 0]);
        assert_eq!(
            summary,
            DurationSummary {
                mean_s: 20.0,
                p50_s: 20.0,
                p75_s: 30.0,
                p90_s: 36.0,
                p95_s: 38.0,
                is_exact: true
            }
        );
        assert_eq!(summary_of([4_000, 1_000, 3_000, 2_000]).p50_s, 2.5);
        let one = summary_of([90_000]);
        assert_eq!((one.mean_s, one.p50_s, one.p95_s), (90.0, 90.0, 90.0));
    }

    #[test]
    fn durations_over_49_days_come_after_shorter_ones() {
        let long = 5_000_000_000_i64;
        let summary = summary_of([long, 1_000, long + 2_000]);
        assert_eq!(summary.p50_s, 5_000_000.0);
        assert_eq!(summary.p75_s, 5_000_001.0);
    }

    #[test]
    fn a_histogram_is_accurate_for_any_durations() {
        let durations = (0..20_000_i64).map(|index| index * index * 17 % 9_000_000_011);
        let mut exact = DurationSamples::default();
        durations.clone().for_each(|at| exact.record(at));
        let mut coarse = exact.clone();
        coarse.summarise();
        let (exact, coarse) = (exact.summary().unwrap(), coarse.summary().unwrap());
        assert!(exact.is_exact && !coarse.is_exact);
        assert_eq!(exact.mean_s, coarse.mean_s);
        for (exact, coarse) in [
            (exact.p50_s, coarse.p50_s),
            (exact.p75_s, coarse.p75_s),
            (exact.p95_s, coarse.p95_s),
        ] {
            assert!((exact - coarse).abs() <= exact / 64.0, "{exact} {coarse}");
        }
    }

    #[test]
    fn memory_stays_bounded() {
        let mut samples = DurationSamples::default();
        let most = i64::try_from(EXACT_SAMPLES).unwrap();
        for index in 0..=most {
            samples.record(index * 1_000_000);
        }
        assert!(samples.bytes() < 64 * 1024, "{}", samples.bytes());
        assert_eq!(samples.count(), EXACT_SAMPLES as u64 + 1);
    }

    #[test]
    fn a_bucket_contains_its_midpoint() {
        for millis in (0..100_000).chain((0..60).map(|bits| 1 << bits)) {
            let middle = bucket_middle(bucket_of(millis));
            let error = (middle - as_f64(millis)).abs();
            assert!(error <= as_f64(millis) / 64.0, "{millis} {middle}");
        }
    }
}
