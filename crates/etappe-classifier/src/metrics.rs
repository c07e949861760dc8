//! The classifier's metrics, for graphs and alerts; never for the audit.

use std::time::Duration;

use etappe_core::id::PartitionId;
use etappe_core::ports::RetryClass;
use prometheus::{
    GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry,
};

use crate::batch::SealedBatch;

/// The classifier's metrics.
#[derive(Debug, Clone)]
pub struct ClassifierMetrics {
    batches: IntCounterVec,
    rows: IntCounter,
    encoded_bytes: IntCounter,
    duplicates: IntCounter,
    marks: IntCounter,
    silent_collectors: IntGaugeVec,
    holding_collectors: IntGaugeVec,
    board_posts: IntCounterVec,
    dead_letters: IntCounterVec,
    damaged_letters: IntCounter,
    unmapped: IntCounterVec,
    uncounted: IntCounterVec,
    suspects: IntCounter,
    retries: IntCounterVec,
    insert_seconds: Histogram,
    visible_seconds: Histogram,
    lag_seconds: GaugeVec,
    filter_bytes: IntGaugeVec,
    in_flight_bytes: IntGaugeVec,
    batch_bytes: IntGauge,
    starved: IntCounter,
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
        let make = Register(registry);
        let [silent_collectors, holding_collectors] = make.collectors()?;
        Ok(Self {
            batches: make.counters("batches_total", "Batches by result", &["result"])?,
            rows: make.counter("rows_total", "Rows stored, duplicates too")?,
            encoded_bytes: make.counter("encoded_bytes_total", "Bytes of rows stored")?,
            duplicates: make.counter("duplicates_total", "Rows stored and marked as duplicates")?,
            marks: make.counter("marks_total", "Collectors' marks stored")?,
            silent_collectors,
            holding_collectors,
            board_posts: make.counters(
                "board_posts_total",
                "Attempts to publish the watermark for readers",
                &["result"],
            )?,
            dead_letters: make.dead_letters()?,
            damaged_letters: make.counter(
                "damaged_letters_total",
                "Damaged lines of the dead-letter file that were set aside",
            )?,
            unmapped: make.counters(
                "unmapped_events_total",
                "Stored events that no rule of a model maps to a stage",
                &["model"],
            )?,
            uncounted: make.counters(
                "uncounted_amounts_total",
                "Stored purchases, renewals and refunds whose amount is ignored",
                &["reason"],
            )?,
            suspects: make.counter("suspects_total", "Messages looked up in the database")?,
            retries: make.counters(
                "retries_total",
                "Failures by operation and retry class",
                &["operation", "class"],
            )?,
            insert_seconds: make.histogram(
                "insert_seconds",
                "Duration of inserts, retries included",
                &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0],
            )?,
            visible_seconds: make.histogram(
                "visible_seconds",
                "Time from a batch's first receipt until its rows are visible",
                &[0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0, 60.0, 600.0],
            )?,
            lag_seconds: make.lag()?,
            filter_bytes: make.gauges("filter_bytes", "Bytes reserved by the duplicate filter")?,
            in_flight_bytes: make
                .gauges("in_flight_bytes", "Bytes of rows waiting to be stored")?,
            batch_bytes: make.gauge(
                "batch_bytes",
                "Bytes granted to the batches of all partitions",
            )?,
            starved: make.counter(
                "starved_total",
                "Times that a batch could not grow because no memory was left",
            )?,
        })
    }

    pub(crate) fn record_batch(&self, result: BatchResult) {
        let label = match result {
            BatchResult::Stored => "stored",
            BatchResult::Refused => "refused",
            BatchResult::Dropped => "dropped",
        };
        self.batches.with_label_values(&[label]).inc();
    }

    /// Counts the rows of a completely stored batch.
    pub(crate) fn record_stored(&self, batch: &SealedBatch) {
        self.duplicates.inc_by(batch.duplicates);
        for (reason, amounts) in &batch.uncounted {
            let uncounted = self.uncounted.with_label_values(&[reason.as_str()]);
            uncounted.inc_by(*amounts);
        }
        for used in batch.outcomes.values().filter(|used| used.events > 0) {
            for stage in &used.outcome.stages {
                if stage.main.is_none() {
                    let unmapped = self.unmapped.with_label_values(&[&*stage.model]);
                    unmapped.inc_by(used.events);
                }
            }
        }
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

/// Makes metrics and registers them.
struct Register<'r>(&'r Registry);

impl Register<'_> {
    fn counter(&self, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
        let counter = IntCounter::with_opts(options(name, help))?;
        self.0.register(Box::new(counter.clone()))?;
        Ok(counter)
    }

    fn counters(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntCounterVec, prometheus::Error> {
        let counters = IntCounterVec::new(options(name, help), labels)?;
        self.0.register(Box::new(counters.clone()))?;
        Ok(counters)
    }

    fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
        let gauge = IntGauge::with_opts(options(name, help))?;
        self.0.register(Box::new(gauge.clone()))?;
        Ok(gauge)
    }

    fn gauges(&self, name: &str, help: &str) -> Result<IntGaugeVec, prometheus::Error> {
        let gauges = IntGaugeVec::new(options(name, help), &["partition"])?;
        self.0.register(Box::new(gauges.clone()))?;
        Ok(gauges)
    }

    /// Makes the gauges of silent collectors: all of them, and those that hold the figures back.
    fn collectors(&self) -> Result<[IntGaugeVec; 2], prometheus::Error> {
        Ok([
            self.gauges(
                "silent_collectors",
                "Collectors silent for over a minute, those without a spool for ten more minutes at most",
            )?,
            self.gauges(
                "holding_collectors",
                "Silent collectors with records in their spool, which hold the watermark back",
            )?,
        ])
    }

    /// Makes the counters of dead letters. They exist from the start, so that the first increase is
    /// visible.
    fn dead_letters(&self) -> Result<IntCounterVec, prometheus::Error> {
        let letters = self.counters("dead_letters_total", "Dead letters", &["reason"])?;
        for reason in LetterReason::ALL {
            letters.with_label_values(&[reason.as_str()]);
        }
        Ok(letters)
    }

    fn lag(&self) -> Result<GaugeVec, prometheus::Error> {
        let help = "Age of the oldest record that is read but not yet visible";
        let gauges = GaugeVec::new(options("lag_seconds", help), &["partition"])?;
        self.0.register(Box::new(gauges.clone()))?;
        Ok(gauges)
    }

    fn histogram(
        &self,
        name: &str,
        help: &str,
        buckets: &[f64],
    ) -> Result<Histogram, prometheus::Error> {
        let options = HistogramOpts::from(options(name, help)).buckets(buckets.to_vec());
        let histogram = Histogram::with_opts(options)?;
        self.0.register(Box::new(histogram.clone()))?;
        Ok(histogram)
    }
}

fn options(name: &str, help: &str) -> Opts {
    Opts::new(format!("etappe_classifier_{name}"), help)
}

fn set(gauges: &IntGaugeVec, partition: PartitionId, bytes: usize) {
    let label = partition.to_string();
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    gauges.with_label_values(&[label.as_str()]).set(bytes);
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
