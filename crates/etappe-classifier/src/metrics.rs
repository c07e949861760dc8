//! The classifier's metrics, for graphs and alerts; never for the audit.

use std::time::Duration;

use etappe_core::id::PartitionId;
use etappe_core::ports::RetryClass;
use etappe_core::warning::WarningReason;
use etappe_runtime::metric_set::MetricSet;
use prometheus::{GaugeVec, Histogram, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry};

etappe_runtime::metric_set! {
    /// The classifier's metrics.
    #[derive(Debug, Clone)]
    pub struct ClassifierMetrics {
        /// Number of batches, by result.
        batches: IntCounterVec = "etappe_classifier_batches_total" by ["result"],
        /// Number of rows stored, including duplicates.
        rows: IntCounter = "etappe_classifier_rows_total",
        /// Number of bytes of rows stored.
        encoded_bytes: IntCounter = "etappe_classifier_encoded_bytes_total",
        /// Number of rows stored and marked as duplicates.
        duplicates: IntCounter = "etappe_classifier_duplicates_total",
        /// Number of collectors' marks stored.
        marks: IntCounter = "etappe_classifier_marks_total",
        /// Number of collectors not heard for a minute, by partition; of those let go, for ten.
        silent_collectors: IntGaugeVec = "etappe_classifier_silent_collectors" by ["partition"],
        /// Number of silent collectors for whose spooled records the figures wait, by partition.
        holding_collectors: IntGaugeVec = "etappe_classifier_holding_collectors" by ["partition"],
        /// Number of attempts to tell readers how far the figures reach, by result.
        board_posts: IntCounterVec = "etappe_classifier_board_posts_total" by ["result"],
        /// Number of dead letters, by reason.
        dead_letters: IntCounterVec = "etappe_classifier_dead_letters_total" by ["reason"],
        /// Number of damaged lines of the dead-letter file that were set aside.
        damaged_letters: IntCounter = "etappe_classifier_damaged_letters_total",
        /// Number of stored events that no rule of a model maps to a stage, by model.
        unmapped: IntCounterVec = "etappe_classifier_unmapped_events_total" by ["model"],
        /// Number of purchases, renewals and refunds whose amount does not count, by reason.
        uncounted: IntCounterVec = "etappe_classifier_uncounted_amounts_total" by ["reason"],
        /// Number of messages looked up in the database.
        suspects: IntCounter = "etappe_classifier_suspects_total",
        /// Number of failures, by operation and class.
        retries: IntCounterVec = "etappe_classifier_retries_total" by ["operation", "class"],
        /// Time to insert a part of a batch, including all attempts.
        insert_seconds: Histogram = "etappe_classifier_insert_seconds"
            in &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0],
        /// Time from a batch's first receipt until its rows are visible.
        visible_seconds: Histogram = "etappe_classifier_visible_seconds"
            in &[0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0, 60.0, 600.0],
        /// Age of the oldest record that is read and not visible yet, by partition.
        lag_seconds: GaugeVec = "etappe_classifier_lag_seconds" by ["partition"],
        /// Number of bytes reserved by the duplicate filter, by partition.
        filter_bytes: IntGaugeVec = "etappe_classifier_filter_bytes" by ["partition"],
        /// Number of bytes of rows waiting to be stored, by partition.
        in_flight_bytes: IntGaugeVec = "etappe_classifier_in_flight_bytes" by ["partition"],
        /// Number of bytes that the batches of all partitions may hold now.
        batch_bytes: IntGauge = "etappe_classifier_batch_bytes",
        /// Number of times that a batch could not grow because others had all memory.
        starved: IntCounter = "etappe_classifier_starved_total",
    }
}

/// The result of delivering a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) enum BatchResult {
    /// All its rows are stored.
    Stored,
    /// Part of it was refused for its content.
    Refused,
    /// Its range could not be recorded; it is read again.
    Dropped,
}

/// Why a record became a dead letter.
#[derive(Debug, Clone, Copy)]
pub(crate) enum LetterReason {
    /// This version cannot read the record.
    Unreadable,
    /// The database refused its row.
    Refused,
}

impl LetterReason {
    const ALL: [Self; 2] = [Self::Unreadable, Self::Refused];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Refused => "refused",
        }
    }
}

impl ClassifierMetrics {
    /// Makes the metrics and registers them.
    ///
    /// # Errors
    /// The registry's error when a name is taken.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self::registered(registry)?;
        // They exist from the start, so that the first increase is visible.
        for reason in LetterReason::ALL {
            metrics.dead_letters.with_label_values(&[reason.as_str()]);
        }
        Ok(metrics)
    }

    pub(crate) fn record_batch(&self, result: BatchResult) {
        let label = match result {
            BatchResult::Stored => "stored",
            BatchResult::Refused => "refused",
            BatchResult::Dropped => "dropped",
        };
        self.batches.with_label_values(&[label]).inc();
    }

    pub(crate) fn record_duplicates(&self, rows: u64) {
        self.duplicates.inc_by(rows);
    }

    pub(crate) fn record_uncounted(&self, reason: WarningReason, amounts: u64) {
        let uncounted = self.uncounted.with_label_values(&[reason.as_str()]);
        uncounted.inc_by(amounts);
    }

    pub(crate) fn record_unmapped(&self, model: &str, events: u64) {
        self.unmapped.with_label_values(&[model]).inc_by(events);
    }

    pub(crate) fn record_insert(&self, rows: usize, bytes: usize, duration: Duration) {
        self.rows.inc_by(count(rows));
        self.encoded_bytes.inc_by(count(bytes));
        self.insert_seconds.observe(duration.as_secs_f64());
    }

    pub(crate) fn record_marks(&self, marks: usize) {
        self.marks.inc_by(count(marks));
    }

    /// Shows how many collectors are silent, and how many of them hold the figures back.
    pub(crate) fn set_silent_collectors(
        &self,
        partition: PartitionId,
        silent: usize,
        holding: usize,
    ) {
        set(&self.silent_collectors, partition, silent);
        set(&self.holding_collectors, partition, holding);
    }

    /// Counts an attempt to post to the board.
    pub(crate) fn record_post(&self, is_posted: bool) {
        let label = if is_posted { "ok" } else { "error" };
        self.board_posts.with_label_values(&[label]).inc();
    }

    pub(crate) fn record_letters(&self, reason: LetterReason, letters: usize) {
        let letters = count(letters);
        self.dead_letters
            .with_label_values(&[reason.as_str()])
            .inc_by(letters);
    }

    /// Counts damaged lines moved out of the dead-letter file.
    pub fn record_damaged_letters(&self, lines: usize) {
        self.damaged_letters.inc_by(count(lines));
    }

    pub(crate) fn record_suspects(&self, suspects: usize) {
        self.suspects.inc_by(count(suspects));
    }

    pub(crate) fn record_failure(&self, operation: &'static str, class: RetryClass) {
        let class = match class {
            RetryClass::Transient => "transient",
            RetryClass::Permanent => "permanent",
            RetryClass::Fatal => "fatal",
        };
        self.retries.with_label_values(&[operation, class]).inc();
    }

    pub(crate) fn record_visible(&self, delay: Duration) {
        self.visible_seconds.observe(delay.as_secs_f64());
    }

    pub(crate) fn set_lag(&self, partition: PartitionId, lag: Duration) {
        let label = partition.to_string();
        self.lag_seconds
            .with_label_values(&[label.as_str()])
            .set(lag.as_secs_f64());
    }

    /// Removes the metrics of a partition that another process now works on.
    pub(crate) fn forget(&self, partition: PartitionId) {
        let label = partition.to_string();
        let label = [label.as_str()];
        // Removing a label that was never shown fails, which does not matter.
        self.lag_seconds.remove_label_values(&label).ok();
        for gauges in [
            &self.silent_collectors,
            &self.holding_collectors,
            &self.filter_bytes,
            &self.in_flight_bytes,
        ] {
            gauges.remove_label_values(&label).ok();
        }
    }

    pub(crate) fn set_filter_bytes(&self, partition: PartitionId, bytes: usize) {
        set(&self.filter_bytes, partition, bytes);
    }

    pub(crate) fn add_batch_bytes(&self, bytes: usize) {
        self.batch_bytes
            .add(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    pub(crate) fn remove_batch_bytes(&self, bytes: usize) {
        self.batch_bytes
            .sub(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    #[cfg(test)]
    pub(crate) fn batch_bytes_now(&self) -> i64 {
        self.batch_bytes.get()
    }

    pub(crate) fn record_starved(&self) {
        self.starved.inc();
    }

    pub(crate) fn set_in_flight(&self, partition: PartitionId, bytes: usize) {
        set(&self.in_flight_bytes, partition, bytes);
    }
}

fn set(gauges: &IntGaugeVec, partition: PartitionId, bytes: usize) {
    let label = partition.to_string();
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    gauges.with_label_values(&[label.as_str()]).set(bytes);
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
