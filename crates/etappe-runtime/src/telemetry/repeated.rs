//! Shows a warning once a minute, however often it is repeated.
//!
//! While Kafka or the database is away, every partition says so with every try: a dozen lines a second
//! that hide everything else. Two warnings are the same if they come from the same place in the code and
//! differ in nothing but digits (a partition, an offset) and the delay until the next try. Metrics still count each of them.

use std::collections::HashMap;
use std::fmt::{self, Write};
use std::hash::{DefaultHasher, Hasher};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// How long the same warning is not shown again.
const QUIET: Duration = Duration::from_secs(60);
/// How many warnings are remembered; beyond that, new ones are all shown.
const REMEMBERED: usize = 1_024;

/// The layer that keeps repeated warnings from the layers after it.
#[derive(Debug, Default)]
pub(super) struct RepeatedWarnings {
    shown: Mutex<HashMap<u64, Instant>>,
}

impl RepeatedWarnings {
    /// Returns whether a warning is to be shown `now`.
    fn may_show(&self, warning: u64, now: Instant) -> bool {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = shown.get(&warning)
            && now.duration_since(*at) < QUIET
        {
            return false;
        }
        if shown.len() >= REMEMBERED {
            shown.retain(|_, at| now.duration_since(*at) < QUIET);
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
        let mut print = Fingerprint(DefaultHasher::new());
        print.add(event.metadata().name());
        event.record(&mut print);
        self.may_show(print.0.finish(), Instant::now())
    }
}

/// The hash of a warning's text without its digits.
struct Fingerprint(DefaultHasher);

impl Fingerprint {
    fn add(&mut self, text: &str) {
        let letters = text.bytes().filter(|byte| !byte.is_ascii_digit());
        letters.for_each(|byte| self.0.write_u8(byte));
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
        // Its unit changes with its length.
        if field.name() == "delay" {
            return;
        }
        // Its own writing cannot fail; a value whose text fails is as good as none.
        write!(self, "\n{}={value:?}", field.name()).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tracing_subscriber::layer::SubscriberExt;

    /// Counts the events that reach it.
    #[derive(Clone, Default)]
    struct Count(Arc<Mutex<u32>>);

    impl<S: Subscriber> Layer<S> for Count {
        fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
            *self.0.lock().unwrap() += 1;
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
        let shown = || *count.0.lock().unwrap();
        for partition in 0..12 {
            warn_of(partition, "refused");
        }
        assert_eq!(shown(), 1, "partitions differ in digits only");
        warn_of(0, "too many parts");
        assert_eq!(shown(), 2, "another reason is another warning");
        tracing::warn!(partition = 0, error = "refused", "another place");
        assert_eq!(shown(), 3);
        tokio::time::advance(QUIET).await;
        warn_of(3, "refused");
        warn_of(4, "refused");
        assert_eq!(shown(), 4, "a minute later it is shown again");
        for _ in 0..3 {
            tracing::error!("an error is always shown");
            tracing::info!("and so is other news");
        }
        assert_eq!(shown(), 10);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let repeated = RepeatedWarnings::default();
        let now = Instant::now();
        let remembered = || repeated.shown.lock().unwrap().len();
        for warning in 0..REMEMBERED as u64 + 10 {
            assert!(repeated.may_show(warning, now));
        }
        assert_eq!(remembered(), REMEMBERED);
        assert!(repeated.may_show(u64::MAX, now + QUIET));
        assert_eq!(remembered(), 1);
    }
}
