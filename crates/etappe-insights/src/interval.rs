//! Wilson's confidence interval for rates.

/// The normal quantile that leaves 2.5 % on each side.
const Z: f64 = 1.959_963_984_540_054;

/// Returns the range in which the true rate lies with 95 % confidence, or `None` without trials.
///
/// `successes` are among the trials; more of them give `None`.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
pub(crate) fn wilson(successes: u64, trials: u64) -> Option<[f64; 2]> {
    if trials == 0 || successes > trials {
        return None;
    }
    let n = trials as f64;
    let share = successes as f64 / n;
    let scale = 1.0 + Z * Z / n;
    let middle = (share + Z * Z / (2.0 * n)) / scale;
    let spread = Z / scale
        * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n))
            .max(0.0)
            .sqrt();
    Some([(middle - spread).max(0.0), (middle + spread).min(1.0)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_match_published_tables() {
        // Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I.
        let cases = [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ];
        for (successes, trials, low, high) in cases {
            let [found_low, found_high] = wilson(successes, trials).unwrap();
            assert!(
                (found_low - low).abs() < 5e-5,
                "{successes}/{trials}: {found_low}"
            );
            assert!(
                (found_high - high).abs() < 5e-5,
                "{successes}/{trials}: {found_high}"
            );
        }
        assert_eq!(wilson(0, 0), None);
        assert_eq!(wilson(21, 20), None);
        assert_eq!(wilson(20, 20).unwrap()[1], 1.0);
    }
}
