//! Suppresses log lines that all clients repeat.
//!
//! While brokers are unavailable, every client of librdkafka logs the same lines every second for
//! each broker. Lines of the same kind are therefore shown at most once per [`QUIET`], whichever
//! client they come from.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// How long lines of the same kind are suppressed.
const QUIET: Duration = Duration::from_secs(60);
/// The most kinds of lines to distinguish.
const KINDS: usize = 64;

/// Suppresses repeated lines.
#[derive(Debug, Default)]
pub(super) struct Quiet {
    spoken: Mutex<HashMap<String, Instant>>,
}

impl Quiet {
    /// Returns whether a line of this kind may be shown now.
    pub(super) fn may_speak(&self, kind: &str) -> bool {
        let mut spoken = self.spoken.lock();
        match spoken.get_mut(kind) {
            Some(at) if at.elapsed() < QUIET => false,
            Some(at) => {
                *at = Instant::now();
                true
            }
            None => {
                if spoken.len() < KINDS {
                    spoken.insert(kind.to_owned(), Instant::now());
                }
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_kind_of_line_is_shown_once() {
        let quiet = Quiet::default();
        assert!(quiet.may_speak("FAIL"));
        assert!(!quiet.may_speak("FAIL"));
        assert!(quiet.may_speak("away"));
    }
}
