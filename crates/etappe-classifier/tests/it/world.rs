//! A log, a database and a dead-letter store that survive the classifier's crashes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use etappe_classifier::{Classifier, ClassifierConfig, ClassifierError, ClassifierParts};
use etappe_core::id::{Offset, PartitionId, SiteId};
use etappe_core::ports::Progress;
use etappe_core::rules::RuleSet;
use etappe_core::site::SiteDirectory;
use etappe_core::time::Timestamp;
use etappe_core::watermark::{CollectorMark, CollectorState, Watermark};
use etappe_testkit::clock::ManualClock;
use etappe_testkit::faults::Faults;
use etappe_testkit::generator::encode_record;
use etappe_testkit::memory_index::MemoryIndex;
use etappe_testkit::memory_letters::MemoryLetters;
use etappe_testkit::memory_log::{MemoryConsumer, MemoryLog};
use etappe_testkit::memory_sink::MemorySink;
use prometheus::Registry;
use serde_json::json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub(crate) const FIRST: PartitionId = PartitionId(0);
pub(crate) const SECOND: PartitionId = PartitionId(1);

/// How long a test waits for the end of the work, in paused time.
const PATIENCE: Duration = Duration::from_secs(3_600);

pub(crate) type FakeClassifier =
    Classifier<MemoryConsumer, MemorySink, MemoryLetters, MemoryIndex, ManualClock>;

/// Returns the record of a collector's mark.
pub(crate) fn mark(
    collector: &str,
    reached: Timestamp,
    written_at: Timestamp,
    state: CollectorState,
) -> Vec<u8> {
    let mark = CollectorMark {
        collector: collector.to_owned(),
        reached,
        written_at,
        state,
    };
    let mut record = Vec::new();
    etappe_wire::record::encode_mark(&mark, &mut record);
    record
}

/// Everything around the classifier.
pub(crate) struct World {
    pub(crate) log: MemoryLog,
    pub(crate) sink: MemorySink,
    pub(crate) letters: MemoryLetters,
    pub(crate) index: MemoryIndex,
    pub(crate) faults: Faults,
    pub(crate) clock: ManualClock,
    pub(crate) watermark: Watermark,
    pub(crate) config: ClassifierConfig,
    pub(crate) sites: watch::Sender<Arc<SiteDirectory>>,
    partitions: u32,
}

/// How a run of the classifier ended.
#[derive(Debug)]
pub(crate) enum End {
    /// It had caught up and was stopped.
    CaughtUp,
    /// It died at the planned step.
    Crashed,
    /// It gave up by itself.
    Failed(ClassifierError),
}

pub(crate) fn site() -> SiteId {
    SiteId::try_new("demo").expect("a good name")
}

fn rules() -> Arc<RuleSet> {
    static RULES: OnceLock<Arc<RuleSet>> = OnceLock::new();
    Arc::clone(RULES.get_or_init(|| Arc::new(RuleSet::shipped())))
}

/// Returns the record of a message.
pub(crate) fn record(message_id: &str) -> Vec<u8> {
    let message = json!({
        "type": "track",
        "event": "Order Completed",
        "messageId": message_id,
        "anonymousId": "a",
        "timestamp": "2024-03-01T12:00:00.000Z",
        "properties": {"order_id": message_id, "revenue": 5},
    });
    encode_record(&site(), &message)
}

impl World {
    pub(crate) fn new(partitions: u32) -> Self {
        let faults = Faults::default();
        let log = MemoryLog::with_faults("etappe.events.v1", partitions, faults.clone());
        let sink = MemorySink::checking(&log, faults.clone());
        Self {
            letters: MemoryLetters::with_faults(faults.clone()),
            index: MemoryIndex::new(&log, &sink, faults.clone()),
            clock: ManualClock::default(),
            watermark: Watermark::new(usize::try_from(partitions).expect("a small number")),
            config: ClassifierConfig {
                filter_bytes: 1 << 20,
                filter_messages: 1_000_000,
                ..ClassifierConfig::default()
            },
            sites: watch::channel(Arc::default()).0,
            log,
            sink,
            faults,
            partitions,
        }
    }

    /// Appends messages with these ids to the first partition.
    pub(crate) fn send(&self, message_ids: impl IntoIterator<Item = impl AsRef<str>>) {
        for message_id in message_ids {
            self.log.append(FIRST, record(message_id.as_ref()));
        }
    }

    /// Makes a classifier that reads through `consumer`.
    pub(crate) fn classifier(&self, consumer: MemoryConsumer) -> FakeClassifier {
        // Each run is a process of its own, with its own metrics.
        self.classifier_in(consumer, &Registry::new())
    }

    pub(crate) fn classifier_in(
        &self,
        consumer: MemoryConsumer,
        registry: &Registry,
    ) -> FakeClassifier {
        let parts = ClassifierParts {
            source: consumer,
            sink: self.sink.clone(),
            letters: self.letters.clone(),
            index: self.index.clone(),
            clock: self.clock.clone(),
            rules: rules(),
            sites: self.sites.subscribe(),
            config: self.config.clone(),
            partitions: self.partitions,
            watermark: self.watermark.clone(),
        };
        Classifier::new(parts, registry).expect("the only one in its registry")
    }

    /// Makes a classifier of another process beside the first, with its own fault plan.
    pub(crate) fn classifier_beside(
        &self,
        consumer: MemoryConsumer,
        faults: &Faults,
    ) -> FakeClassifier {
        let own = Self {
            sink: self.sink.failing(faults.clone()),
            letters: self.letters.failing(faults.clone()),
            index: self.index.failing(faults.clone()),
            watermark: Watermark::new(usize::try_from(self.partitions).expect("a small number")),
            log: self.log.clone(),
            faults: faults.clone(),
            clock: self.clock.clone(),
            config: self.config.clone(),
            sites: self.sites.clone(),
            partitions: self.partitions,
        };
        own.classifier(consumer)
    }

    /// Runs the classifier once, until it has caught up or crashes.
    pub(crate) async fn live(&self) -> End {
        self.live_with(self.log.consumer()).await
    }

    pub(crate) async fn live_with(&self, consumer: MemoryConsumer) -> End {
        let classifier = self.classifier(consumer);
        let stop = CancellationToken::new();
        let run = classifier.run(stop.clone());
        tokio::pin!(run);
        tokio::select! {
            biased;
            () = self.faults.crashed() => return End::Crashed,
            ended = &mut run => return End::Failed(ended.expect_err("it was not stopped")),
            () = self.caught_up() => stop.cancel(),
        }
        tokio::select! {
            biased;
            () = self.faults.crashed() => End::Crashed,
            ended = run => match ended {
                Ok(()) => End::CaughtUp,
                Err(error) => End::Failed(error),
            },
        }
    }

    /// Runs the classifier until it catches up; failures happen only in the first run.
    pub(crate) async fn live_until_done(&self) {
        loop {
            match self.live().await {
                End::CaughtUp => return,
                End::Crashed => self.faults.heal(),
                End::Failed(error) => panic!("{error}: {:?}", std::error::Error::source(&error)),
            }
        }
    }

    pub(crate) fn partition_ids(&self) -> impl Iterator<Item = PartitionId> + use<> {
        (0..self.partitions).map(PartitionId)
    }

    /// Waits until every record of the log is processed.
    pub(crate) async fn caught_up(&self) {
        let wait = async {
            while !self
                .partition_ids()
                .all(|partition| self.is_done(partition))
            {
                tokio::time::sleep(Duration::from_millis(7)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, wait).await;
        assert!(waited.is_ok(), "stuck at {:?}", self.log.progress(FIRST));
    }

    /// Waits until every record of one partition is processed.
    pub(crate) async fn partition_caught_up(&self, partition: PartitionId) {
        let wait = async {
            while !self.is_done(partition) {
                tokio::time::sleep(Duration::from_millis(7)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, wait).await;
        assert!(
            waited.is_ok(),
            "stuck at {:?}",
            self.log.progress(partition)
        );
    }

    fn is_done(&self, partition: PartitionId) -> bool {
        let done = Progress {
            next: self.log.end(partition),
            pending: None,
        };
        self.log.progress(partition) == done
    }

    /// Checks that every record became one row or one dead letter, and that among rows with the
    /// same message id only the first is not a duplicate.
    pub(crate) fn check_exactly_once(&self, context: &str) {
        let rows = self.sink.stored_rows();
        assert_eq!(self.sink.changes(), 0, "{context}: one token, other bytes");
        for partition in self.partition_ids() {
            let buried: BTreeSet<Offset> = self
                .letters
                .all()
                .iter()
                .filter(|letter| letter.partition == partition)
                .map(|letter| letter.offset)
                .collect();
            let mut outcomes: BTreeMap<Offset, usize> =
                buried.iter().map(|offset| (*offset, 1)).collect();
            let mut first_copies = BTreeMap::new();
            let own = rows.iter().filter(|row| row.partition == partition);
            for row in own {
                *outcomes.entry(row.offset).or_default() += 1;
                if row.is_mark {
                    continue;
                }
                first_copies
                    .entry(row.texts["message_id"].clone())
                    .or_insert_with(Vec::new)
                    .push((row.offset, row.is_duplicate));
            }
            let expected: BTreeMap<Offset, usize> = self
                .log
                .records(partition)
                .iter()
                .map(|record| (record.offset, 1))
                .collect();
            assert_eq!(outcomes, expected, "{context}: partition {partition}");
            for (message, mut copies) in first_copies {
                copies.sort_unstable();
                let marks: Vec<bool> = copies.iter().map(|(_, mark)| *mark).collect();
                let right: Vec<bool> = (0..marks.len()).map(|place| place > 0).collect();
                assert_eq!(marks, right, "{context}: {message} at {copies:?}");
            }
            assert!(
                self.is_done(partition),
                "{context}: {:?}",
                self.log.progress(partition)
            );
        }
    }

    /// Returns how many series a metric of one run has; zero while it is not shown.
    pub(crate) fn series(registry: &Registry, name: &str) -> usize {
        let families = registry.gather();
        let family = families.iter().find(|family| family.name() == name);
        family.map_or(0, |family| family.get_metric().len())
    }

    /// Returns the value of a metric of one run, summed over its labels.
    pub(crate) fn metric(registry: &Registry, name: &str) -> f64 {
        let families = registry.gather();
        let family = families.iter().find(|family| family.name() == name);
        let metrics = family.expect("a metric of this name").get_metric().iter();
        metrics
            .map(|metric| metric.get_counter().get_value() + metric.get_gauge().get_value())
            .sum()
    }
}

/// Runs a classifier until `steps` are done, then stops it; it must not fail.
pub(crate) async fn run_during(classifier: &FakeClassifier, steps: impl Future<Output = ()>) {
    let stop = CancellationToken::new();
    let stopping = async {
        steps.await;
        stop.cancel();
    };
    let (ended, ()) = tokio::join!(classifier.run(stop.clone()), stopping);
    ended.expect("nothing fails for good");
}
