//! Tests of the whole spool against a Kafka that fails at random, through restarts and kills.
//!
//! Each sender publishes one message after another and retries each until it is acknowledged;
//! sometimes it gives up waiting. At the end every acknowledged message is in the log, the first
//! copies of each sender's messages are in order, and no record follows a mark that excluded it.

mod fake;
mod healthy;
mod interleaving;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use etappe_core::ports::{Clock, OutgoingRecord, PublishError};
use etappe_core::time::Timestamp;
use etappe_core::watermark::{CollectorMark, CollectorState};
use parking_lot::Mutex;
use prometheus::Registry;
use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use tokio_util::task::TaskTracker;

use self::fake::{FakeKafka, Health, PARTITIONS};
use super::config::SpoolConfig;
use super::opening::Opening;
use super::spooler::Spooler;

const SENDERS: u64 = 6;
/// How long a test waits for something that must happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// A clock that never returns the same time twice, together with the requests being read.
#[derive(Debug, Default)]
struct Reception {
    now: AtomicI64,
    reading: Mutex<BTreeSet<Timestamp>>,
}

impl Clock for Reception {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.fetch_add(1, Ordering::SeqCst))
    }
}

/// A request, from its receipt until it is answered or its client disconnects.
struct Request {
    reception: Arc<Reception>,
    received_at: Timestamp,
}

impl Request {
    fn receive(reception: &Arc<Reception>) -> Self {
        let mut reading = reception.reading.lock();
        let received_at = reception.now();
        reading.insert(received_at);
        Self {
            reception: Arc::clone(reception),
            received_at,
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        let mut reading = self.reception.reading.lock();
        reading.remove(&self.received_at);
    }
}

/// What outlives the collector: the brokers, the disk and the clients.
struct World {
    kafka: FakeKafka,
    directory: tempfile::TempDir,
    reception: Arc<Reception>,
    /// The number of acknowledged messages of each sender.
    acknowledged: Vec<AtomicUsize>,
    /// The payload with which each acknowledged message was finally sent.
    durable: Mutex<HashSet<Bytes>>,
    spooled: AtomicUsize,
}

impl World {
    fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self {
            kafka: FakeKafka::new(seed),
            directory: tempfile::tempdir().unwrap(),
            reception: Arc::default(),
            acknowledged: (0..SENDERS).map(|_| AtomicUsize::new(0)).collect(),
            durable: Mutex::default(),
            spooled: AtomicUsize::new(0),
        })
    }

    async fn open(&self) -> Spooler<FakeKafka> {
        let spooler = open(
            self.directory.path(),
            self.kafka.clone(),
            Arc::clone(&self.reception) as Arc<dyn Clock>,
        )
        .await;
        let reception = Arc::clone(&self.reception);
        let oldest = move || reception.reading.lock().first().copied();
        spooler.watch_requests(Box::new(oldest));
        spooler
    }

    /// Sends a sender's next messages, each until it is acknowledged.
    async fn send(self: Arc<Self>, spooler: Spooler<FakeKafka>, sender: u64, seed: u64) {
        let mut random = StdRng::seed_from_u64(seed);
        let count = &self.acknowledged[usize::try_from(sender).unwrap()];
        loop {
            let first = count.load(Ordering::SeqCst);
            let messages = random.random_range(1..4);
            let request = Request::receive(&self.reception);
            let at = request.received_at;
            let records: Vec<_> = (first..first + messages)
                .map(|number| OutgoingRecord {
                    key: sender,
                    received_at: at,
                    payload: Bytes::from(format!("{sender} {number} {}", at.as_millis())),
                })
                .collect();
            let payloads: Vec<Bytes> = records.iter().map(|it| it.payload.clone()).collect();
            let patience = Duration::from_millis(random.random_range(1..400));
            let outcomes = tokio::time::timeout(patience, spooler.publish(records)).await;
            if outcomes.is_ok_and(|outcomes| outcomes.iter().all(Result::is_ok)) {
                count.fetch_add(messages, Ordering::SeqCst);
                self.durable.lock().extend(payloads);
                if spooler.is_spooling() {
                    self.spooled.fetch_add(messages, Ordering::SeqCst);
                }
            }
            drop(request);
            tokio::time::sleep(Duration::from_millis(random.random_range(0..10))).await;
        }
    }

    /// Runs a collector for a while under changing broker states, then closes it or drops it.
    fn run(self: &Arc<Self>, random: &mut StdRng, is_killed: bool) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let spooler = runtime.block_on(self.open());
        let tasks = TaskTracker::new();
        for sender in 0..SENDERS {
            let sending = Arc::clone(self).send(spooler.clone(), sender, random.next_u64());
            tasks.spawn_on(sending, runtime.handle());
        }
        let kafka = self.kafka.clone();
        tasks.spawn_on(async move { kafka.work_on().await }, runtime.handle());
        runtime.block_on(async {
            for _ in 0..random.random_range(1..5) {
                let health = [
                    Health::Up,
                    Health::Up,
                    Health::Frozen,
                    Health::Away,
                    Health::Refusing,
                ][random.random_range(0..5)];
                self.kafka.set(health);
                // The collector pauses for up to a second between attempts.
                let most = if health == Health::Up { 1_500 } else { 500 };
                tokio::time::sleep(Duration::from_millis(random.random_range(20..most))).await;
            }
            if !is_killed {
                spooler.close().await;
            }
        });
        // As in a kill, tasks stop wherever they are.
        runtime.shutdown_timeout(Duration::from_secs(10));
    }

    /// Runs a last collector that drains the spool and closes properly.
    fn settle(&self) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        self.kafka.set(Health::Up);
        runtime.block_on(async {
            let spooler = self.open().await;
            let closing = async {
                until("the spool is drained", || !spooler.is_spooling()).await;
                spooler.close().await;
            };
            self.kafka.work_until(closing).await;
        });
    }

    fn check(&self, seed: u64) {
        let mut found = 0;
        for partition in 0..PARTITIONS {
            found += self.check_partition(seed, partition);
        }
        assert!(
            found > 4,
            "seed {seed}: too few marks to mean anything: {found}"
        );
    }

    /// Checks a partition and returns the number of marks in it.
    fn check_partition(&self, seed: u64, partition: usize) -> usize {
        let mut firsts: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        let mut attempts: HashMap<Bytes, usize> = HashMap::new();
        let mut promised = Timestamp::EPOCH;
        let mut marks = 0;
        let mut last = (0, "");
        let log = self.kafka.log(partition);
        for (position, payload) in log.iter().enumerate() {
            let text = std::str::from_utf8(payload).unwrap();
            let words: Vec<&str> = text.split(' ').collect();
            if let ["mark", state, reached, written_at] = words[..] {
                promised = promised.max(Timestamp::from_millis(reached.parse().unwrap()));
                // A mark that was given up may arrive late.
                last = last.max((written_at.parse::<i64>().unwrap(), state));
                marks += 1;
                continue;
            }
            let [sender, number, received_at] = words[..] else {
                panic!("{text}");
            };
            let received_at = Timestamp::from_millis(received_at.parse().unwrap());
            // A record that was never acknowledged may come from a killed process.
            let is_first = attempts.insert(payload.clone(), position).is_none();
            if is_first && self.durable.lock().contains(payload) {
                assert!(
                    received_at >= promised,
                    "seed {seed}: `{text}` stands behind a mark of {promised}"
                );
            }
            let (sender, number) = (sender.parse().unwrap(), number.parse().unwrap());
            let order = firsts.entry(sender).or_default();
            if !order.contains(&number) {
                order.push(number);
            }
        }
        assert_eq!(last.1, "Retired", "seed {seed}");
        for (sender, order) in firsts {
            let is_in_order = order.iter().copied().eq(0..order.len());
            assert!(is_in_order, "seed {seed}: sender {sender} has {order:?}");
        }
        for sender in
            (0..SENDERS).filter(|it| usize::try_from(*it).unwrap() % PARTITIONS == partition)
        {
            let acknowledged =
                self.acknowledged[usize::try_from(sender).unwrap()].load(Ordering::SeqCst);
            let numbers = attempts.keys().filter_map(|payload| {
                let text = std::str::from_utf8(payload).unwrap();
                let mut words = text.split(' ');
                let is_own = words.next() == Some(&sender.to_string());
                is_own.then(|| words.next().unwrap().parse::<usize>().unwrap())
            });
            let there: BTreeSet<usize> = numbers.collect();
            let missing: Vec<usize> = (0..acknowledged).filter(|it| !there.contains(it)).collect();
            assert!(missing.is_empty(), "seed {seed}: {sender} lost {missing:?}");
        }
        marks
    }
}

fn encode_mark(mark: &CollectorMark) -> Bytes {
    let (reached, written_at) = (mark.reached.as_millis(), mark.written_at.as_millis());
    Bytes::from(format!("mark {:?} {reached} {written_at}", mark.state))
}

async fn open(directory: &Path, kafka: FakeKafka, clock: Arc<dyn Clock>) -> Spooler<FakeKafka> {
    let opening = Opening {
        config: SpoolConfig {
            directory: directory.to_owned(),
            max_bytes: 1 << 20,
            segment_bytes: 1 << 16,
            min_free_bytes: 0,
            ..SpoolConfig::default()
        },
        relay: kafka,
        clock,
        encode_mark,
        mark_interval: Duration::from_millis(10),
        boot_id: "boot".to_owned(),
        registry: Registry::new(),
    };
    opening.run().await.unwrap()
}

fn survive(seed: u64) {
    let world = World::new(seed);
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..3 {
        let is_killed = random.random_bool(0.5);
        world.run(&mut random, is_killed);
    }
    world.settle();
    world.check(seed);
    let acknowledged: usize = world
        .acknowledged
        .iter()
        .map(|it| it.load(Ordering::SeqCst))
        .sum();
    assert!(
        acknowledged > 100,
        "seed {seed}: {acknowledged} were acknowledged"
    );
}

#[test]
fn nothing_is_lost_or_reordered_whatever_fails_first_seeds() {
    (0..2).for_each(survive);
}

#[test]
fn nothing_is_lost_or_reordered_whatever_fails_second_seeds() {
    (100..102).for_each(survive);
}

#[test]
fn nothing_is_lost_or_reordered_whatever_fails_third_seeds() {
    (200..202).for_each(survive);
}

/// Polls `is_so` until it returns true.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    waited.unwrap_or_else(|_| panic!("waited in vain until {what}"));
}

fn message(text: &str) -> OutgoingRecord {
    OutgoingRecord {
        key: 0,
        received_at: Timestamp::from_millis(1),
        payload: Bytes::from(text.to_owned()),
    }
}

#[tokio::test]
async fn a_full_spool_refuses_and_one_that_is_drained_takes_again() {
    let directory = tempfile::tempdir().unwrap();
    let kafka = FakeKafka::new(1);
    kafka.set(Health::Away);
    let clock = Arc::new(Reception::default());
    let spooler = open(directory.path(), kafka.clone(), clock).await;
    // Text that does not compress.
    let mut random = StdRng::seed_from_u64(1);
    let mut refused = None;
    for _ in 0..3_000 {
        let noise: String = (0..900).map(|_| random.random_range('!'..'~')).collect();
        if let [Err(error)] = &spooler.publish(vec![message(&noise)]).await[..] {
            refused = Some(error.clone());
            break;
        }
    }
    let Some(PublishError::Unavailable { reason, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert!(reason.contains("bound"), "{reason}");
    assert!(spooler.problem().is_some_and(|it| it.contains("bound")));
    assert!(spooler.outage().is_some());
    kafka.set(Health::Up);
    let draining = async {
        until("the spool is drained", || !spooler.is_spooling()).await;
        assert_eq!(spooler.publish(vec![message("direct")]).await, [Ok(())]);
        assert_eq!((spooler.problem(), spooler.outage()), (None, None));
        spooler.close().await;
    };
    kafka.work_until(draining).await;
    assert_eq!(
        spooler.publish(vec![message("late")]).await,
        [Err(PublishError::Unavailable {
            reason: "the collector is shutting down".to_owned(),
            retry_after: Duration::from_secs(5),
        })]
    );
}

#[tokio::test]
async fn a_mark_states_from_when_records_are_waiting() {
    let directory = tempfile::tempdir().unwrap();
    let kafka = FakeKafka::new(1);
    kafka.set(Health::Away);
    let clock = Arc::new(Reception::default());
    clock.now.store(1_000, Ordering::SeqCst);
    let spooler = open(
        directory.path(),
        kafka.clone(),
        Arc::clone(&clock) as Arc<dyn Clock>,
    )
    .await;
    assert_eq!(spooler.publish(vec![message("waits")]).await, [Ok(())]);
    spooler.close().await;
    let again = open(directory.path(), kafka.clone(), clock).await;
    assert_eq!(again.collector(), spooler.collector());
    kafka.set(Health::Up);
    let draining = async {
        until("the spool is drained", || !again.is_spooling()).await;
        again.close().await;
    };
    kafka.work_until(draining).await;
    let log = kafka.log(0);
    let texts: Vec<&str> = log
        .iter()
        .map(|it| std::str::from_utf8(it).unwrap())
        .collect();
    let record = texts.iter().position(|text| *text == "waits").unwrap();
    let number = |text: &str, place| text.split(' ').nth(place).unwrap().parse::<i64>().unwrap();
    let early = &texts[..record];
    assert!(early.iter().all(|text| number(text, 2) <= 1), "{texts:?}");
    // A mark that was given up may arrive late.
    let marks = texts.iter().filter(|text| text.starts_with("mark"));
    let last = marks.max_by_key(|text| number(text, 3)).unwrap();
    let retired = format!("mark {:?}", CollectorState::Retired);
    assert!(last.starts_with(&retired), "{last}");
    assert!(number(last, 2) > 1_000, "{last}");
}
