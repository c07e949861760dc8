//! Medians of rounds, and ratios of the two sides of a comparison.

/// Returns the median; the mean of the middle two for an even count; `None` of nothing.
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

    #[test]
    fn a_round_is_compared_with_its_own_limit() {
        // The machine was half as fast in the second round, for both sides.
        assert_eq!(
            median_ratio(&[80.0, 40.0, 82.0], &[100.0, 50.0, 100.0]),
            Some(0.8)
        );
        assert_eq!(median_ratio(&[1.0], &[0.0]), None);
    }
}
