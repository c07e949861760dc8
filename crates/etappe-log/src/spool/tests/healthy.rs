//! While Kafka is healthy, nothing is given up and nothing is sent twice.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use etappe_core::time::Timestamp;
use tokio_util::task::TaskTracker;

use super::fake::{FakeKafka, Health};
use super::{PATIENCE, Reception, SENDERS, message, open, until};
use crate::kafka::delivery::Outcome;
use crate::kafka::relay::Relay as _;
use crate::spool::spooler::{Mode, Spooler};

/// Longer than any test runs.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(600);

/// Starts a collector with an empty spool.
async fn direct(directory: &Path, kafka: &FakeKafka) -> Spooler<FakeKafka> {
    let spooler = open(directory, kafka.clone(), Arc::<Reception>::default()).await;
    is_direct(&spooler, kafka).await;
    spooler
}

/// Waits until the spool is empty.
async fn is_direct(spooler: &Spooler<FakeKafka>, kafka: &FakeKafka) {
    until("records go to Kafka directly", || {
        kafka.work();
        !spooler.is_spooling()
    })
    .await;
}

fn switches(spooler: &Spooler<FakeKafka>) -> u64 {
    let switches = &spooler.shared.metrics.switches;
    let reasons = ["away", "failed", "too_slow", "stalled"];
    let counts = reasons.map(|reason| switches.with_label_values(&[reason]).get());
    counts.iter().sum()
}

/// Returns the records in the log, without marks.
fn records(kafka: &FakeKafka) -> Vec<String> {
    let log = [kafka.log(0), kafka.log(1)].concat();
    let texts = log
        .iter()
        .map(|it| String::from_utf8_lossy(it).into_owned());
    texts.filter(|text| !text.starts_with("mark")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_healthy_kafka_causes_no_spooling_however_often_the_task_checks() {
    const MESSAGES: u64 = 500;
    let directory = tempfile::tempdir().unwrap();
    let kafka = FakeKafka::new(1);
    kafka.be_patient(DELIVERY_TIMEOUT);
    let spooler = direct(directory.path(), &kafka).await;
    let given_up = kafka.purges();
    let tasks = TaskTracker::new();
    for sender in 0..SENDERS {
        let spooler = spooler.clone();
        tasks.spawn(async move {
            for number in 0..MESSAGES {
                let mut record = message(&format!("{sender} {number}"));
                record.key = sender;
                record.received_at = Timestamp::from_millis(i64::try_from(number).unwrap());
                assert_eq!(spooler.publish(vec![record]).await, [Ok(())]);
            }
        });
    }
    tasks.close();
    let shared = Arc::clone(&spooler.shared);
    let (working, looking) = (kafka.clone(), tasks.clone());
    let others = TaskTracker::new();
    others.spawn_blocking(move || {
        while !looking.is_empty() {
            working.work();
            shared.wake.notify_one();
            std::thread::yield_now();
        }
    });
    others.close();
    tokio::time::timeout(PATIENCE, tasks.wait()).await.unwrap();
    tokio::time::timeout(PATIENCE, others.wait()).await.unwrap();
    assert_eq!((switches(&spooler), kafka.purges()), (0, given_up));
    assert_eq!(records(&kafka).len() as u64, SENDERS * MESSAGES);
}

#[tokio::test]
async fn a_call_delivered_while_the_gate_closes_causes_no_spooling() {
    let directory = tempfile::tempdir().unwrap();
    let kafka = FakeKafka::new(1);
    let spooler = direct(directory.path(), &kafka).await;
    let given_up = kafka.purges();
    kafka.set(Health::Frozen);
    let sending = spooler.clone();
    let tasks = TaskTracker::new();
    let sent = tasks.spawn(async move { sending.publish(vec![message("late")]).await });
    until("the call is handed over", || kafka.waiting() == 1).await;
    // While somebody holds the gate, the task waits for it with its decision already taken.
    let gate = Arc::clone(&spooler.shared.gate).read_owned().await;
    until("the task closes the gate", || {
        spooler.shared.gate.try_read().is_err()
    })
    .await;
    kafka.set(Health::Up);
    // Wait for the marks too; their waiting time counts as well.
    let next = kafka.hand_over_everywhere(&"mark".into());
    until("all is delivered", || {
        kafka.work();
        kafka.waiting() == 0 && next.outcomes().all(|it| it == Outcome::Delivered)
    })
    .await;
    drop(gate);
    assert_eq!(sent.await.unwrap(), [Ok(())]);
    let gate = spooler.shared.gate.read().await;
    assert_eq!(*gate, Mode::Direct);
    assert_eq!((switches(&spooler), kafka.purges()), (0, given_up));
    assert_eq!(records(&kafka), ["late"]);
}

#[tokio::test]
async fn the_last_spooled_records_are_awaited_and_not_sent_twice() {
    let directory = tempfile::tempdir().unwrap();
    let kafka = FakeKafka::new(1);
    kafka.be_patient(DELIVERY_TIMEOUT);
    kafka.set(Health::Away);
    let spooler = open(directory.path(), kafka.clone(), Arc::<Reception>::default()).await;
    assert_eq!(spooler.publish(vec![message("last")]).await, [Ok(())]);
    let given_up = kafka.purges();
    // The task waits for a mark to arrive, then drains the rest with the gate closed.
    kafka.set(Health::Up);
    until("the last part is handed over", || {
        if kafka.waiting() == 0 {
            kafka.work();
        }
        kafka.waiting() == 1
    })
    .await;
    assert!(
        spooler.shared.gate.try_read().is_err(),
        "the gate is closed"
    );
    until("the gate opens again", || {
        spooler.shared.gate.try_read().is_ok()
    })
    .await;
    assert_eq!(kafka.waiting(), 1, "it is still on its way");
    is_direct(&spooler, &kafka).await;
    assert_eq!(records(&kafka), ["last"]);
    assert_eq!(kafka.purges(), given_up);
}

#[tokio::test]
async fn records_behind_one_that_is_too_large_are_sent_once() {
    let directory = tempfile::tempdir().unwrap();
    let kafka = FakeKafka::new(1);
    kafka.be_patient(DELIVERY_TIMEOUT);
    kafka.set(Health::Away);
    let spooler = open(directory.path(), kafka.clone(), Arc::<Reception>::default()).await;
    let large = "x".repeat(900);
    let sent = ["small", &large, "behind"].map(message);
    assert_eq!(spooler.publish(sent.into()).await, [Ok(()), Ok(()), Ok(())]);
    kafka.take_at_most(500);
    kafka.set(Health::Up);
    let tries = std::cell::Cell::new(0);
    until("the drainer has told of it and tried again", || {
        kafka.work();
        let is_told = spooler.outage().is_some_and(|it| it.contains("900 bytes"));
        tries.set(tries.get() + u32::from(is_told));
        // After a few hundred polls the drainer has retried it.
        tries.get() > 500
    })
    .await;
    assert_eq!(records(&kafka), ["small"]);
    kafka.take_at_most(1_000);
    is_direct(&spooler, &kafka).await;
    assert_eq!(records(&kafka), ["small", &large, "behind"]);
}
