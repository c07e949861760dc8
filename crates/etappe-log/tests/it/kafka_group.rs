//! Partitions move between members of a group, and no progress is lost or stored twice.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use etappe_core::id::PartitionId;
use etappe_core::ports::{Progress, RecordSource, RetryClass, Retryable, SourceEvent};
use etappe_log::LogError;
use etappe_log::kafka::{KafkaConfig, KafkaSource};
use etappe_testkit::kafka::{KafkaNode, KafkaNodes};
use etappe_testkit::offsets::progress;
use etappe_testkit::wait::{PATIENCE, until};
use parking_lot::Mutex;
use rand::RngExt;
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;

use crate::kafka_support::{
    P0, Place, assigned, assigned_all, change, cluster, numbered, read, read_some, request,
};
use crate::support::in_time;

#[tokio::test]
async fn partitions_spread_and_come_back() {
    let place = Place::on(KafkaNode::shared().await, 4).await;
    let first = place.source();
    let all = assigned_all(&first, 4).await;
    for partition in all.keys() {
        let next = u64::from(partition.0) * 10;
        let pending = Some((next, next + 1));
        first
            .commit(*partition, progress(next, pending))
            .await
            .unwrap();
    }
    let second = place.source();
    let mut taken = Vec::new();
    while taken.len() < 2 {
        let SourceEvent::Revoked { partition } = change(&first).await else {
            panic!("nothing new is there to be assigned");
        };
        taken.push(partition);
    }
    // Work in progress may be finished before the partition is given back, but not after.
    let done = progress(1_000, None);
    first.commit(taken[0], done).await.unwrap();
    first.release(taken[0]).await;
    let late = first.commit(taken[0], progress(2_000, None)).await;
    assert!(
        matches!(late, Err(LogError::NotAssigned { .. })),
        "{late:?}"
    );
    let late = read(&first, taken[0], request(0)).await;
    assert!(
        matches!(late, Err(LogError::NotAssigned { .. })),
        "{late:?}"
    );
    // No member is given a partition that another still works on.
    let too_early = tokio::time::timeout(Duration::from_secs(1), second.changed()).await;
    assert!(too_early.is_err(), "{too_early:?}");
    first.release(taken[1]).await;
    let found = assigned_all(&second, 2).await;
    assert_eq!(found[&taken[0]], Some(done));
    let next = u64::from(taken[1].0) * 10;
    let expected = progress(next, Some((next, next + 1)));
    assert_eq!(found[&taken[1]], Some(expected));

    second.close().await;
    let back = assigned_all(&first, 2).await;
    assert_eq!(back, found);
}

/// What members stored: for each range its partition, first and last offset.
#[derive(Debug, Clone, Default)]
struct Store(Arc<Mutex<Ranges>>);

type Ranges = BTreeMap<(PartitionId, u64, u64), u32>;

impl Store {
    fn insert(&self, partition: PartitionId, records: &[(u64, String)], first: u64) {
        let last = records.last().unwrap().0;
        assert_eq!(records.len() as u64, last - first + 1, "a range is whole");
        for (expected, (offset, text)) in (first..).zip(records) {
            assert_eq!((*offset, text), (expected, &format!("record {expected}")));
        }
        let mut ranges = self.0.lock();
        *ranges.entry((partition, first, last)).or_default() += 1;
    }

    /// Returns how many offsets of a partition are stored without a hole. Panics if two different
    /// ranges overlap, because that would count records twice.
    fn stored(&self, partition: PartitionId) -> u64 {
        let ranges = self.0.lock();
        let mut next = 0;
        for (_, first, last) in ranges.keys().filter(|(of, ..)| *of == partition) {
            assert!(
                *first >= next,
                "{first} to {last} was stored in parts before"
            );
            if *first > next {
                break;
            }
            next = last + 1;
        }
        next
    }

    fn repeated(&self) -> u32 {
        let ranges = self.0.lock();
        ranges.values().map(|times| times - 1).sum()
    }
}

/// A member that treats each partition as a classifier does.
struct Member {
    source: KafkaSource,
    tasks: tokio::task::JoinSet<()>,
}

impl Member {
    fn join(place: &Place<'_>, store: &Store) -> Self {
        let source = place.source();
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(follow(source.clone(), store.clone()));
        Self { source, tasks }
    }

    /// Leaves with its workers at any step of their work, as if it had crashed.
    async fn crash(mut self) {
        self.tasks.shutdown().await;
        self.source.close().await;
    }
}

async fn follow(source: KafkaSource, store: Store) {
    let mut workers = tokio::task::JoinSet::new();
    let mut handles = BTreeMap::new();
    loop {
        match source.changed().await.unwrap() {
            SourceEvent::Assigned {
                partition,
                progress,
                ..
            } => {
                let (source, store) = (source.clone(), store.clone());
                let work = async move { work(&source, &store, partition, progress).await };
                handles.insert(partition, workers.spawn(work));
            }
            SourceEvent::Revoked { partition } => {
                // Abort the worker at whatever step it is.
                let worker: tokio::task::AbortHandle = handles.remove(&partition).unwrap();
                worker.abort();
                while !worker.is_finished() {
                    tokio::task::yield_now().await;
                }
                source.release(partition).await;
            }
        }
    }
}

async fn work(
    source: &KafkaSource,
    store: &Store,
    partition: PartitionId,
    remembered: Option<Progress>,
) {
    let remembered = remembered.unwrap_or(progress(0, None));
    let mut next = remembered.next.0;
    let mut redo = remembered.pending.map(|range| range.last.0);
    loop {
        let mut records = Vec::new();
        while redo.is_some_and(|last| next + (records.len() as u64) <= last) || records.is_empty() {
            let mut asked = request(next + records.len() as u64);
            asked.until = redo.map(etappe_core::id::Offset);
            // A worker that does not know the pending range would choose another one.
            asked.max_bytes = rand::rng().random_range(100..600);
            match read(source, partition, asked).await {
                Ok(found) => records.extend(found),
                Err(error) => try_again(&error).await,
            }
        }
        let (first, last) = (next, records.last().unwrap().0);
        let announced = progress(first, Some((first, last)));
        if let Err(error) = source.commit(partition, announced).await {
            try_again(&error).await;
            continue;
        }
        store.insert(partition, &records, first);
        tokio::time::sleep(Duration::from_millis(20 + first % 40)).await;
        while let Err(error) = source.commit(partition, progress(last + 1, None)).await {
            try_again(&error).await;
        }
        (next, redo) = (last + 1, None);
    }
}

async fn try_again(error: &LogError) {
    assert_eq!(error.retry_class(), RetryClass::Transient, "{error}");
    tokio::time::sleep(Duration::from_millis(20)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_come_and_go_and_every_range_is_stored_under_one_name() {
    const RECORDS: u64 = 4_000;
    let place = Place::on(KafkaNode::shared().await, 3).await;
    let store = Store::default();
    let mut members = vec![Member::join(&place, &store)];
    let texts = numbered(0..RECORDS);
    let is_done = || (0..3).all(|it| store.stored(PartitionId(it)) == RECORDS);
    for partition in 0..3 {
        place.produce(partition, &texts).await;
    }
    let mut rounds = 0;
    until("all is stored", 2 * PATIENCE, async || {
        rounds += 1;
        match rounds % 5 {
            0 | 2 => members.push(Member::join(&place, &store)),
            1 | 4 if members.len() > 1 => members.remove(0).crash().await,
            _ => {}
        }
        tokio::time::sleep(Duration::from_millis(400)).await;
        is_done()
    })
    .await;
    println!("{rounds} rounds, {} ranges repeated", store.repeated());
    for member in members {
        member.crash().await;
    }
    for partition in 0..3 {
        assert_eq!(store.stored(PartitionId(partition)), RECORDS);
    }
}

#[tokio::test]
async fn a_broker_that_is_away_is_waited_for() {
    let node = KafkaNode::start().await.unwrap();
    let place = Place::on(&node, 1).await;
    place.produce(0, &["a", "b"]).await;
    let source = place.joined().await;
    read_some(&source, P0, 0, 2).await;
    let pending = progress(0, Some((0, 1)));
    source.commit(P0, pending).await.unwrap();

    node.kill().unwrap();
    let away = Instant::now();
    // The outage outlasts the session, which brokers do not let be shorter.
    while away.elapsed() < place.config.session_timeout + Duration::from_secs(2) {
        // Callers would take an empty answer for the end of the log.
        let error = read(&source, P0, request(2)).await.unwrap_err();
        assert_eq!(error.retry_class(), RetryClass::Transient, "{error}");
        let error = source.commit(P0, pending).await.unwrap_err();
        assert_eq!(error.retry_class(), RetryClass::Transient, "{error}");
    }
    node.start_again().await.unwrap();
    place.produce(0, &["c"]).await;
    let found = go_on(&source, 2, pending).await;
    assert_eq!(found, [(2, "c".to_owned())]);
    assert_eq!(place.committed(0).await, Some((3, "etappe/1".to_owned())));

    // A broker that is reachable but does not answer must not block callers forever.
    node.pause();
    let all = async {
        tokio::join!(
            read(&source, P0, request(3)),
            source.commit(P0, progress(3, None)),
            async {
                tokio::time::sleep(Duration::from_millis(500)).await;
                source.close().await;
            }
        )
    };
    let (read, committed, ()) = in_time("the callers", all).await;
    for error in [read.unwrap_err(), committed.unwrap_err()] {
        assert_eq!(error.retry_class(), RetryClass::Transient, "{error}");
    }
}

/// Reads the record at `next` and commits it as done, however long that takes. The group may have
/// dropped the member meanwhile; the stored progress must then be `expected`.
async fn go_on(source: &KafkaSource, next: u64, expected: Progress) -> Vec<(u64, String)> {
    let follow = async {
        loop {
            match source.changed().await.unwrap() {
                SourceEvent::Revoked { partition } => source.release(partition).await,
                SourceEvent::Assigned { progress, .. } => {
                    // A commit whose answer was lost may count.
                    let found = progress.unwrap();
                    assert!(found == expected || found.next.0 > next, "{found:?}");
                }
            }
        }
    };
    let works = async {
        loop {
            let found = match read(source, P0, request(next)).await {
                Ok(found) if found.is_empty() => continue,
                Ok(found) => found,
                Err(error) => {
                    try_again(&error).await;
                    continue;
                }
            };
            let done = progress(found.last().unwrap().0 + 1, None);
            match source.commit(P0, done).await {
                Ok(()) => break found,
                Err(error) => try_again(&error).await,
            }
        }
    };
    tokio::select! {
        found = in_time("the source to go on", works) => found,
        () = follow => unreachable!(),
    }
}

/// Set in the process to be frozen; holds its place.
const FREEZE: &str = "ETAPPE_TEST_FREEZE";

#[tokio::test]
async fn a_frozen_member_commits_nothing_over_its_successor() {
    if let Some(place) = std::env::var_os(FREEZE) {
        return commit_until_killed(place.to_str().unwrap()).await;
    }
    let node = KafkaNode::shared().await;
    tokio::join!(
        take_over(node, Successor::Stays),
        take_over(node, Successor::Leaves),
        take_over(node, Successor::Namesake)
    );
}

/// What happens to the member that took over before the frozen one wakes up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Successor {
    Stays,
    /// The group is empty then, and brokers accept a commit from anyone who claims no membership.
    Leaves,
    /// It has the frozen member's name, and so gets its partition at once.
    Namesake,
}

async fn take_over(node: &KafkaNode, successor: Successor) {
    let mut place = Place::on(node, 1).await;
    if successor == Successor::Namesake {
        place = named(&place, "one");
    }
    let mut frozen = Frozen::start(&place.config).wait_for("begins at 0").await;
    frozen = frozen.wait_for("committed 50").await;
    frozen.signal(Signal::STOP);
    let source = place.source();
    assert_eq!(assigned(&source, P0).await, Some(progress(50, None)));
    source.commit(P0, progress(100, None)).await.unwrap();
    if successor == Successor::Leaves {
        source.close().await;
    }
    frozen.signal(Signal::CONT);
    match successor {
        // The frozen member gets the partition again, with the progress of its successor.
        Successor::Leaves => drop(frozen.wait_for("begins at 100").await),
        Successor::Stays => drop(frozen.wait_for("revoked").await),
        Successor::Namesake => drop(frozen.wait_for(FENCED).await),
    }
    if successor != Successor::Leaves {
        assert_eq!(place.committed(0).await, Some((100, "etappe/1".to_owned())));
    }
}

/// The client's error when another member has taken its name.
const FENCED: &str = "Static consumer fenced by other consumer with same group.instance.id";

/// Returns the same place for members with a name, which the brokers would not drop in time.
fn named<'a>(place: &Place<'a>, name: &str) -> Place<'a> {
    Place::configured(place.node, |_| KafkaConfig {
        instance: name.to_owned(),
        session_timeout: Duration::from_secs(60),
        ..place.config.clone()
    })
}

#[tokio::test]
async fn a_static_member_goes_on_after_outages_of_about_a_session() {
    let node = KafkaNode::start().await.unwrap();
    let place = Place::on(&node, 1).await;
    let place = Place::configured(&node, |_| KafkaConfig {
        instance: "one".to_owned(),
        ..place.config.clone()
    });
    place.produce(0, &["a"]).await;
    let source = place.joined().await;
    let mut committed = progress(0, None);
    source.commit(P0, committed).await.unwrap();
    for (outage, next) in [(3_000, 0), (4_500, 1), (6_000, 2)] {
        node.kill().unwrap();
        let away = Instant::now();
        while away.elapsed() < Duration::from_millis(outage) {
            source.commit(P0, committed).await.unwrap_err();
        }
        node.start_again().await.unwrap();
        place.produce(0, &["b"]).await;
        go_on(&source, next, committed).await;
        committed = progress(next + 1, None);
    }
}

#[tokio::test]
async fn a_static_member_that_stops_cleanly_leaves_nothing_behind() {
    let place = Place::on(KafkaNode::shared().await, 1).await;
    let one = named(&place, "one").source();
    assert_eq!(assigned(&one, P0).await, None);
    one.commit(P0, progress(7, None)).await.unwrap();
    one.close().await;
    let another = named(&place, "another").source();
    assert_eq!(assigned(&another, P0).await, Some(progress(7, None)));
}

/// Commits the same progress repeatedly, and prints everything that happens.
async fn commit_until_killed(place: &str) {
    let [brokers, topic, group, timeout, instance] =
        place.split(' ').collect::<Vec<_>>().try_into().unwrap();
    let source = cluster(KafkaConfig {
        brokers: brokers.to_owned(),
        topic: topic.to_owned(),
        group: group.to_owned(),
        instance: instance.to_owned(),
        session_timeout: Duration::from_millis(timeout.parse().unwrap()),
        ..KafkaConfig::default()
    })
    .source()
    .unwrap();
    let commit = async {
        loop {
            match source.commit(P0, progress(50, None)).await {
                Ok(()) => println!("committed 50"),
                Err(error) => println!("refused {error}"),
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let follow = async {
        loop {
            let change = match source.changed().await {
                Ok(change) => change,
                Err(error) => {
                    println!("{:?}: {error}", error.retry_class());
                    continue;
                }
            };
            match change {
                SourceEvent::Assigned { progress, .. } => {
                    println!("begins at {}", progress.map_or(0, |it| it.next.0));
                    if progress.is_some() {
                        break;
                    }
                }
                SourceEvent::Revoked { partition } => {
                    println!("revoked");
                    source.release(partition).await;
                }
            }
        }
    };
    tokio::select! {
        () = commit => {}
        () = follow => {}
    }
}

struct Frozen {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Frozen {
    fn start(config: &KafkaConfig) -> Self {
        let place = format!(
            "{} {} {} {} {}",
            config.brokers,
            config.topic,
            config.group,
            config.session_timeout.as_millis(),
            config.instance
        );
        let test = "kafka_group::a_frozen_member_commits_nothing_over_its_successor";
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(FREEZE, place)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Waits, on a thread that may block, for a line that contains `text`.
    async fn wait_for(self, text: &'static str) -> Self {
        let wait = move || self.skip_to(text);
        tokio::task::spawn_blocking(wait).await.unwrap()
    }

    fn skip_to(mut self, text: &str) -> Self {
        let mut seen = Vec::new();
        while let Some(line) = self.lines.next() {
            let line = line.unwrap();
            if line.contains(text) {
                return self;
            }
            assert!(!line.starts_with("begins at"), "`{line}` and not `{text}`");
            seen.push(line);
        }
        panic!("`{text}` did not come: {seen:?}");
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[tokio::test]
async fn the_loss_of_any_of_three_brokers_is_survived() {
    let nodes = KafkaNodes::start(3).await.unwrap();
    let mut place = Place::on(&nodes.nodes()[0], 1).await;
    place.config.brokers = nodes.brokers();
    let source = cluster(place.config.clone()).source().unwrap();
    assigned(&source, P0).await;
    source.commit(P0, progress(0, None)).await.unwrap();
    for (next, node) in (0_u64..).zip(nodes.nodes()) {
        let other = &nodes.nodes()[usize::try_from(next + 1).unwrap() % 3];
        node.kill().unwrap();
        let topic = &place.config.topic;
        other.produce(topic, 0, [&next.to_string()]).await.unwrap();
        let found = go_on(&source, next, progress(next, None)).await;
        assert_eq!(found, [(next, next.to_string())]);
        node.start_again().await.unwrap();
    }
}
