//! An in-memory Kafka that fails at any moment but keeps the real one's guarantees: a partition
//! receives a prefix of what was handed over for it, and records that were given up may arrive
//! later, in order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use etappe_core::ports::{OutgoingRecord, PublishError};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::sync::Notify;

use super::PATIENCE;
use crate::kafka::delivery::{Deliveries, Delivery, Outcome};
use crate::kafka::relay::Relay;

pub(super) const PARTITIONS: usize = 2;
/// Records are refused when this many are waiting.
const QUEUE: usize = 200;

/// The state of the brokers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    /// They accept records.
    Up,
    /// They do not answer, and the client has not noticed.
    Frozen,
    /// They are known to be unreachable.
    Away,
    /// They refuse every record.
    Refusing,
}

#[derive(Debug, Default)]
struct Partition {
    log: Vec<Bytes>,
    queue: VecDeque<(usize, Bytes)>,
    /// Records that were given up but are still in flight.
    ghosts: VecDeque<Bytes>,
    /// A record was refused since the last purge, so every later one is refused too.
    has_refused: bool,
}

#[derive(Debug)]
struct State {
    health: Health,
    partitions: [Partition; PARTITIONS],
    random: StdRng,
    delivery_timeout: Duration,
    max_record_bytes: usize,
    purges: usize,
}

#[derive(Debug, Clone)]
pub(super) struct FakeKafka {
    state: Arc<Mutex<State>>,
    deliveries: Arc<Deliveries>,
    trouble: Arc<Notify>,
}

impl FakeKafka {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                health: Health::Up,
                partitions: Default::default(),
                random: StdRng::seed_from_u64(seed),
                delivery_timeout: Duration::from_millis(150),
                max_record_bytes: 1_000,
                purges: 0,
            })),
            deliveries: Arc::default(),
            trouble: Arc::default(),
        }
    }

    pub(super) fn set(&self, health: Health) {
        self.state.lock().health = health;
        if health == Health::Away {
            self.trouble.notify_one();
        }
    }

    /// Sets the delivery timeout.
    pub(super) fn be_patient(&self, delivery_timeout: Duration) {
        self.state.lock().delivery_timeout = delivery_timeout;
    }

    /// Refuses larger records from now on.
    pub(super) fn take_at_most(&self, bytes: usize) {
        self.state.lock().max_record_bytes = bytes;
    }

    /// Returns the number of purges.
    pub(super) fn purges(&self) -> usize {
        self.state.lock().purges
    }

    /// Returns the number of waiting records, without marks.
    pub(super) fn waiting(&self) -> usize {
        let state = self.state.lock();
        let waiting = state.partitions.iter().flat_map(|it| &it.queue);
        let is_record = |(_, payload): &&(usize, Bytes)| !payload.starts_with(b"mark");
        waiting.filter(is_record).count()
    }

    pub(super) fn log(&self, partition: usize) -> Vec<Bytes> {
        self.state.lock().partitions[partition].log.clone()
    }

    /// Delivers some of the waiting records. Given-up records arrive now and then, whatever the
    /// brokers' state.
    pub(super) fn work(&self) {
        let mut state = self.state.lock();
        let State {
            health,
            partitions,
            random,
            ..
        } = &mut *state;
        for partition in partitions {
            if random.random_bool(0.2)
                && let Some(ghost) = partition.ghosts.pop_front()
            {
                partition.log.push(ghost);
            }
            for _ in 0..random.random_range(0..8) {
                let Some((ticket, payload)) = partition.queue.pop_front() else {
                    break;
                };
                match health {
                    _ if partition.has_refused => {
                        self.deliveries.report(ticket, Outcome::Undelivered);
                    }
                    Health::Up => {
                        partition.log.push(payload);
                        self.deliveries.report(ticket, Outcome::Delivered);
                    }
                    Health::Refusing => {
                        partition.has_refused = true;
                        self.deliveries.report(ticket, Outcome::Undelivered);
                        self.trouble.notify_one();
                    }
                    Health::Frozen | Health::Away => {
                        partition.queue.push_front((ticket, payload));
                        break;
                    }
                }
            }
        }
    }

    /// Works until it is dropped.
    pub(super) async fn work_on(&self) {
        loop {
            self.work();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Works until `others` are done.
    pub(super) async fn work_until(&self, others: impl Future<Output = ()>) {
        tokio::select! {
            done = tokio::time::timeout(PATIENCE, others) => done.expect("they are done in time"),
            () = self.work_on() => {}
        }
    }

    fn take(&self, partition: usize, ticket: usize, payload: Bytes) -> Result<(), Outcome> {
        let mut state = self.state.lock();
        let queue = &mut state.partitions[partition].queue;
        if queue.len() >= QUEUE {
            return Err(Outcome::QueueFull);
        }
        queue.push_back((ticket, payload));
        Ok(())
    }

    fn accept(&self, entries: Vec<(usize, Bytes)>) -> Arc<Delivery> {
        let handover = self.deliveries.begin(entries.len());
        let mut refused = None;
        for (place, (partition, payload)) in entries.into_iter().enumerate() {
            let ticket = handover.ticket(place);
            if refused.is_none() {
                refused = self.take(partition, ticket, payload).err();
            }
            if let Some(outcome) = refused {
                handover.refuse(place, outcome);
            }
        }
        handover.finish()
    }
}

impl Relay for FakeKafka {
    fn delivery_timeout(&self) -> Duration {
        self.state.lock().delivery_timeout
    }

    fn max_record_bytes(&self) -> usize {
        self.state.lock().max_record_bytes
    }

    fn hand_over(&self, records: &[OutgoingRecord]) -> Arc<Delivery> {
        let partition = |key: u64| usize::try_from(key).unwrap() % PARTITIONS;
        let entries = records
            .iter()
            .map(|record| (partition(record.key), record.payload.clone()));
        self.accept(entries.collect())
    }

    fn hand_over_everywhere(&self, payload: &Bytes) -> Arc<Delivery> {
        let entries = (0..PARTITIONS).map(|partition| (partition, payload.clone()));
        self.accept(entries.collect())
    }

    fn purge(&self) {
        let mut state = self.state.lock();
        state.purges += 1;
        let State {
            partitions, random, ..
        } = &mut *state;
        for partition in partitions {
            // Records behind a refused one were not sent.
            let on_their_way = if partition.has_refused {
                0
            } else {
                random.random_range(0..=partition.queue.len())
            };
            partition.has_refused = false;
            for (place, (ticket, payload)) in partition.queue.drain(..).enumerate() {
                if place < on_their_way {
                    partition.ghosts.push_back(payload);
                }
                self.deliveries.report(ticket, Outcome::Undelivered);
            }
        }
    }

    async fn trouble(&self) {
        self.trouble.notified().await;
    }

    fn is_away(&self) -> bool {
        self.state.lock().health == Health::Away
    }

    fn problem(&self) -> Option<String> {
        None
    }

    fn result(&self, _record: &OutgoingRecord, outcome: Outcome) -> Result<(), PublishError> {
        match outcome {
            Outcome::Delivered => Ok(()),
            other => Err(PublishError::Unavailable {
                reason: format!("{other:?}"),
                retry_after: Duration::ZERO,
            }),
        }
    }

    async fn close(&self) {}
}
