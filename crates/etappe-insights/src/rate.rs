//! Rates: a count divided by another.

/// Returns `count / divisor`; `None` if there is nothing to divide by.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
pub(crate) fn rate(count: u64, divisor: Option<u64>) -> Option<f64> {
    let divisor = divisor.filter(|divisor| *divisor > 0)?;
    Some(count as f64 / divisor as f64)
}
