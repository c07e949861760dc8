//! Waits for a condition, with a timeout.
//!
//! No wait of a test may be unlimited: a condition that is never met would hang the whole suite
//! without showing which one it was.

use std::time::Duration;

use tokio::time::Instant;

/// The default timeout for a wait on nothing slow, on a small machine that is busy with other
/// tests: it ends a wait that would never end, and measures nothing.
pub const PATIENCE: Duration = Duration::from_secs(300);
/// How often a condition is checked.
const CHECK_EVERY: Duration = Duration::from_millis(20);

/// Waits until `is_met` returns true, for `patience` at most. `what` completes "waited … until".
///
/// # Panics
/// When the condition is not met in time; the message names it.
pub async fn until(what: &str, patience: Duration, mut is_met: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + patience;
    while !is_met().await {
        assert!(
            Instant::now() < deadline,
            "timed out after {patience:?} waiting until {what}"
        );
        tokio::time::sleep(CHECK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_wait_ends_when_its_condition_holds() {
        let mut checks = 0;
        until("three checks", PATIENCE, async || {
            checks += 1;
            checks == 3
        })
        .await;
        assert_eq!(checks, 3);
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "timed out after 300s waiting until pigs fly")]
    async fn a_wait_that_times_out_says_what_it_waited_for() {
        until("pigs fly", PATIENCE, async || false).await;
    }
}
