//! Medians of rounds, and ratios of the two sides of a comparison.

use tokio::time::Instant;

/// The factor by which a round may take longer than the mean of the earlier ones.
const VARIATION: f64 = 1.25;

/// Counts rounds and decides whether there is time for another one.
#[derive(Debug)]
pub(crate) struct Rounds {
    begun: Instant,
    most: u32,
    done: u32,
}

impl Rounds {
    pub(crate) fn new(most: u32) -> Self {
        Self {
            begun: Instant::now(),
            most,
            done: 0,
        }
    }

    /// Returns the number of the next round, if there is time for it. The first round always runs.
    /// A later one runs if, taking about as long as the earlier ones, it leaves `reserve` seconds.
    pub(crate) fn next(&mut self, seconds_left: f64, reserve: f64) -> Option<u32> {
        let each = self.begun.elapsed().as_secs_f64() / f64::from(self.done.max(1));
        let fits = self.done == 0 || each * VARIATION + reserve < seconds_left;
        (self.done < self.most && fits).then(|| {
            self.done += 1;
            self.done
        })
    }
}

/// Returns the median, for an even count the mean of the middle two; `None` for no values.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted: Vec<f64> = values
        .iter()
        .copied()
        .filter(|value| value.is_finite())
        .collect();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        count if count % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

/// Returns the median of the rounds' ratios, each round compared with its own limit.
pub(crate) fn median_ratio(ours: &[f64], limit: &[f64]) -> Option<f64> {
    let ratios: Vec<f64> = ours
        .iter()
        .zip(limit)
        .map(|(ours, limit)| ours / limit)
        .collect();
    median(&ratios)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_ignore_order_and_outliers() {
        for (values, expected) in [
            (&[][..], None),
            (&[3.0], Some(3.0)),
            (&[900.0, 1.0, 3.0], Some(3.0)),
            (&[4.0, 1.0, 2.0, 3.0], Some(2.5)),
            (&[f64::NAN, 2.0, f64::INFINITY], Some(2.0)),
        ] {
            assert_eq!(median(values), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rounds_end_with_their_number_or_with_the_time() {
        let mut rounds = Rounds::new(3);
        assert_eq!(rounds.next(0.0, 9.0), Some(1));
        tokio::time::advance(std::time::Duration::from_secs(10)).await;
        assert_eq!(rounds.next(22.0, 9.0), Some(2));
        tokio::time::advance(std::time::Duration::from_secs(10)).await;
        assert_eq!(rounds.next(21.0, 9.0), None);
        assert_eq!(rounds.next(22.0, 9.0), Some(3));
        assert_eq!(rounds.next(1e9, 0.0), None);
    }

    #[test]
    fn a_round_is_compared_with_the_limit_of_the_same_round() {
        // The machine was half as fast in the second round, for both sides.
        assert_eq!(
            median_ratio(&[80.0, 40.0, 82.0], &[100.0, 50.0, 100.0]),
            Some(0.8)
        );
        assert_eq!(median_ratio(&[1.0], &[0.0]), None);
    }
}
