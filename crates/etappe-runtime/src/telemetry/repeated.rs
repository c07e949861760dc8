//! Shows a repeated warning at most once a minute.
//!
//! During an outage of Kafka or the database every partition logs a warning with every attempt: a
//! dozen lines per second that hide everything else. Two warnings count as the same if they come
//! from the same place in the code and differ only in digits (a partition, an offset), parentheses
//! and the delay until the next attempt.
//!
//! One outage has several reasons in one place: refused, not known yet, timed out. So a place shows
//! at most [`REASONS`] of them per minute. Metrics still count each warning.

use std::collections::HashMap;
use std::fmt::{self, Write};
use std::hash::{DefaultHasher, Hasher};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// How long the same warning stays hidden.
const QUIET: Duration = Duration::from_secs(60);
/// The maximum number of different warnings that one place in the code shows in that time.
const REASONS: usize = 3;
/// The number of remembered warnings; beyond that, all new ones are shown.
const REMEMBERED: usize = 1_024;

/// The identity of a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Warning {
    /// The place in the code.
    place: &'static str,
    /// The hash of its text.
    text: u64,
}

/// The layer that filters out repeated warnings for the layers after it.
#[derive(Debug, Default)]
pub(super) struct RepeatedWarnings {
    shown: Mutex<HashMap<Warning, Instant>>,
}

impl RepeatedWarnings {
    /// Returns whether a warning should be shown `now`.
    fn may_show(&self, warning: Warning, now: Instant) -> bool {
        let mut shown = self.shown.lock();
        let is_recent = |at: &Instant| now.duration_since(*at) < QUIET;
        if shown.get(&warning).is_some_and(is_recent) {
            return false;
        }
        let of_this_place = shown
            .iter()
            .filter(|(other, at)| other.place == warning.place && is_recent(at));
        if of_this_place.count() >= REASONS {
            return false;
        }
        if shown.len() >= REMEMBERED {
            shown.retain(|_, at| is_recent(at));
        }
        if shown.len() < REMEMBERED {
            shown.insert(warning, now);
        }
        true
    }
}

impl<S: Subscriber> Layer<S> for RepeatedWarnings {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        if *event.metadata().level() != Level::WARN {
            return true;
        }
        let mut print = Fingerprint::default();
        event.record(&mut print);
        let warning = Warning {
            place: event.metadata().name(),
            text: print.hasher.finish(),
        };
        self.may_show(warning, Instant::now())
    }
}

/// The hash of a warning's text without digits and text in parentheses, where librdkafka writes how
/// often the same error occurred since its last report.
#[derive(Default)]
struct Fingerprint {
    hasher: DefaultHasher,
    parentheses: u32,
}

impl Fingerprint {
    fn add(&mut self, text: &str) {
        for byte in text.bytes() {
            match byte {
                b'(' => self.parentheses += 1,
                b')' => self.parentheses = self.parentheses.saturating_sub(1),
                b' ' | b'0'..=b'9' => {}
                byte if self.parentheses == 0 => self.hasher.write_u8(byte),
                _ => {}
            }
        }
    }
}

impl Write for Fingerprint {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.add(text);
        Ok(())
    }
}

impl Visit for Fingerprint {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // A delay's unit changes with its length.
        if field.name() == "delay" {
            return;
        }
        self.parentheses = 0;
        // The hasher's write cannot fail; a value that fails to format counts as empty.
        write!(self, "\n{}={value:?}", field.name()).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tracing_subscriber::layer::SubscriberExt;

    /// Counts the events that reach this layer.
    #[derive(Clone, Default)]
    struct Count(Arc<Mutex<u32>>);

    impl<S: Subscriber> Layer<S> for Count {
        fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
            *self.0.lock() += 1;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_warning_is_shown_once_a_minute_and_others_are_not_lost() {
        let count = Count::default();
        let layers = tracing_subscriber::registry()
            .with(RepeatedWarnings::default())
            .with(count.clone());
        let _guard = tracing::subscriber::set_default(layers);
        let warn_of = |partition: u32, error: &str| {
            let delay = Duration::from_millis(u64::from(partition) * 300);
            tracing::warn!(partition, error, ?delay, "cannot write, trying again");
        };
        let shown = || *count.0.lock();
        for partition in 0..12 {
            warn_of(partition, "refused");
        }
        assert_eq!(shown(), 1, "partitions differ in digits only");
        warn_of(0, "too many parts");
        assert_eq!(shown(), 2, "another reason is another warning");
        warn_of(0, "too many parts (after 3 identical errors)");
        assert_eq!(shown(), 2, "parentheses hold how often it was so");
        tracing::warn!(partition = 0, error = "refused", "another place");
        assert_eq!(shown(), 3);
        warn_of(0, "timed out");
        warn_of(0, "not known here");
        assert_eq!(
            shown(),
            4,
            "no place has more than {REASONS} reasons a minute"
        );
        tokio::time::advance(QUIET).await;
        warn_of(3, "refused");
        warn_of(4, "refused");
        assert_eq!(shown(), 5, "a minute later it is shown again");
        for _ in 0..3 {
            tracing::error!("an error is always shown");
            tracing::info!("and so is other news");
        }
        assert_eq!(shown(), 11);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let repeated = RepeatedWarnings::default();
        let now = Instant::now();
        let remembered = || repeated.shown.lock().len();
        let places: Vec<&'static str> = (0..REMEMBERED + 10)
            .map(|number| &*format!("place {number}").leak())
            .collect();
        for place in &places {
            assert!(repeated.may_show(Warning { place, text: 0 }, now));
        }
        assert_eq!(remembered(), REMEMBERED);
        let other = Warning {
            place: "another",
            text: 0,
        };
        assert!(repeated.may_show(other, now + QUIET));
        assert_eq!(remembered(), 1);
    }
}
