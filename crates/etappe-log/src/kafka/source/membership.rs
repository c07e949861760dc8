//! The thread that keeps the group membership: it polls the client, takes on assigned partitions,
//! and gives revoked ones back.
//!
//! Invariant: when a partition goes back to the group, no commit for it can follow. First the
//! application releases it, or [`RELEASED_WITHIN`] passes. Then its assignment ends, which refuses
//! new commits. Then the thread waits for the commit in flight.
//!
//! The reason is that brokers accept a commit from any member, not only from the partition's owner.
//! A late commit would overwrite the progress of the next owner.
//!
//! Traps:
//!
//! - The client may hold a commit back until a coordinator is available. It would then count for
//!   the next membership, so the thread waits until the client has given it up.
//! - When the group has dropped this member, its partitions may already belong to others. Commits
//!   for them are refused at once, before the application releases them.
//! - An assignment must be accepted even while the source is closing. Otherwise the client cannot
//!   leave the group.
//! - Every wait must call [`FreezeDetector::beat`]. Otherwise a slow release looks like a frozen
//!   process, and commits are refused.

mod anew;
mod release;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use etappe_core::id::PartitionId;
use etappe_core::ports::Progress;
use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset as KafkaOffset, TopicPartitionList};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::assignment::Assignment;
use super::committer::Committer;
use super::context::{Change, GroupConsumer, SourceContext};
use super::freeze_detector::FreezeDetector;
use super::holding::Holdings;
use super::probe::Probe;
use super::reader::PartitionReader;
use super::rewind::KafkaRewind;
use super::watchdog::Watchdog;
use super::{Inner, as_i32, as_i64, committed, leaving, list_of};
use crate::error::LogError;
use crate::kafka::client::SharedContext;
use crate::kafka::cluster::KafkaCluster;

/// How long a poll waits.
const POLL: Duration = Duration::from_millis(100);
/// How long a poll waits while commits are under way.
const SHORT_POLL: Duration = Duration::from_millis(5);
/// How long after the session timeout the client may take to give up what it could not send.
const GIVEN_UP_WITHIN: Duration = Duration::from_secs(2);
/// How long the application may take to release a partition. It is well below the time that brokers
/// wait for a member.
const RELEASED_WITHIN: Duration = Duration::from_secs(45);

/// Joins the group and starts the thread.
pub(super) fn join(cluster: &KafkaCluster, rewind: KafkaRewind) -> Result<Arc<Inner>, LogError> {
    let config = &cluster.config;
    let watchdog = Arc::<Watchdog>::default();
    let consumer = connect(cluster, &watchdog)?;
    let inner = Arc::new(Inner {
        topic: config.topic.as_str().into(),
        probe: Probe::new(cluster, &config.topic)?,
        consumer: parking_lot::Mutex::new(Some(consumer)),
        holdings: parking_lot::Mutex::new(Holdings::default()),
        told: Notify::new(),
        released: parking_lot::Condvar::new(),
        is_closing: std::sync::atomic::AtomicBool::new(false),
        left: watch::Sender::new(false),
        fault: parking_lot::Mutex::new(None),
        freeze_detector: FreezeDetector::new(config.session_timeout),
        watchdog,
        rewind,
        short_since: parking_lot::Mutex::default(),
        metrics: cluster.metrics.source.clone(),
    });
    let member = Member {
        inner: Arc::clone(&inner),
        cluster: cluster.clone(),
        is_lost: false,
        is_outcast: false,
        warned_at: None,
    };
    std::thread::Builder::new()
        .name("etappe-kafka-group".to_owned())
        .spawn(move || member.run())
        .map_err(LogError::unusable(
            "start a thread for",
            config.topic.as_str(),
        ))?;
    Ok(inner)
}

/// Creates a client that is a member of the group.
fn connect(
    cluster: &KafkaCluster,
    watchdog: &Arc<Watchdog>,
) -> Result<Arc<GroupConsumer>, LogError> {
    let failed = |error| LogError::kafka("join the group", None, error);
    let shared = SharedContext::new("classifier", cluster, || {});
    let consumer: GroupConsumer = cluster
        .config
        .member()
        .create_with_context(SourceContext::new(shared, Arc::clone(watchdog)))
        .map_err(failed)?;
    consumer.context().bind(&consumer);
    consumer
        .subscribe(&[&cluster.config.topic])
        .map_err(failed)?;
    Ok(Arc::new(consumer))
}

/// The state of the thread.
struct Member {
    inner: Arc<Inner>,
    cluster: KafkaCluster,
    /// Whether the group dropped this member, and has assigned nothing since.
    is_lost: bool,
    /// Whether the client has failed for good and must be replaced.
    is_outcast: bool,
    warned_at: Option<Instant>,
}

impl Member {
    fn run(mut self) {
        while !self.is_closing()
            && let Some(consumer) = self.inner.consumer()
        {
            self.step(&consumer);
            if let Some(sign) = self.inner.watchdog.stands_still() {
                self.judge(sign);
            }
            if std::mem::take(&mut self.is_outcast) {
                self.begin_anew();
            }
        }
        if let Some(consumer) = self.inner.consumer() {
            consumer.context().close();
        }
    }

    fn is_closing(&self) -> bool {
        self.inner.is_closing.load(Ordering::Acquire)
    }

    fn step(&mut self, consumer: &Arc<GroupConsumer>) {
        self.inner.freeze_detector.beat();
        match consumer.poll(POLL) {
            None => {}
            Some(Err(error)) => self.complain(consumer, error),
            // It will be missing from its partition's own queue, and is then fetched again.
            Some(Ok(_)) => tracing::debug!("a record arrived outside its partition's queue"),
        }
        while let Some(change) = consumer.context().next_change() {
            match change {
                Change::Assign(partitions) => self.take_on(consumer, &partitions),
                Change::Revoke(partitions) => self.give_back(consumer, &partitions),
            }
        }
        self.inner.probe.serve();
    }

    fn complain(&mut self, consumer: &GroupConsumer, error: KafkaError) {
        if let Some((code, reason)) = consumer.client().fatal_error() {
            // After a fatal error the client does nothing any more.
            if self.is_lost {
                self.is_outcast = true;
            } else {
                let action = format!("follow the group ({reason})");
                let source = Box::new(KafkaError::Global(code));
                self.inner.report(LogError::KafkaRefused { action, source });
            }
            return;
        }
        match LogError::kafka("follow the group", None, error) {
            error @ LogError::KafkaRefused { .. } => self.inner.report(error),
            error => self.warn(&error),
        }
    }

    /// Logs an error, but not every time.
    fn warn(&mut self, error: &LogError) {
        let quiet = Duration::from_secs(30);
        if self.warned_at.is_none_or(|at| at.elapsed() > quiet) {
            self.warned_at = Some(Instant::now());
            tracing::warn!(topic = &*self.inner.topic, %error, "trouble with the group, trying again");
        }
    }

    /// Takes on the assigned partitions, each with the progress of its last owner.
    fn take_on(&mut self, consumer: &Arc<GroupConsumer>, partitions: &[PartitionId]) {
        let Some(committed) = self.committed(consumer, partitions) else {
            // The client needs an answer to the assignment before it can leave the group.
            return self.accept(consumer, partitions);
        };
        let mut assignments = Vec::new();
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for (partition, progress) in committed {
            let start = progress.map_or(KafkaOffset::Beginning, |progress| {
                KafkaOffset::Offset(as_i64(progress.next))
            });
            let added = list.add_partition_offset(&self.inner.topic, as_i32(partition), start);
            let assignment = self.begin(consumer, partition, progress);
            match (added, assignment) {
                (Ok(()), Some(assignment)) => assignments.push(assignment),
                _ => tracing::error!(partition = partition.0, "a partition cannot be read"),
            }
        }
        if let Err(error) = consumer.incremental_assign(&list) {
            // The group assigns again when it drops the member or the member rejoins.
            self.complain(consumer, error);
            return;
        }
        self.is_lost = false;
        self.inner.metrics.record_assigned(assignments.len());
        let mut holdings = self.inner.holdings.lock();
        for assignment in assignments {
            holdings.assign(assignment.partition, assignment);
        }
        self.inner.metrics.set_held(holdings.assigned());
        drop(holdings);
        self.inner.told.notify_one();
    }

    /// Accepts partitions that nobody will read.
    fn accept(&self, consumer: &GroupConsumer, partitions: &[PartitionId]) {
        let list = list_of(&self.inner.topic, partitions);
        if let Err(error) = consumer.incremental_assign(&list) {
            tracing::debug!(%error, "an assignment came while leaving the group");
        }
    }

    /// Gives a partition its own queue, before anything is fetched.
    fn begin(
        &self,
        consumer: &Arc<GroupConsumer>,
        partition: PartitionId,
        progress: Option<Progress>,
    ) -> Option<Arc<Assignment>> {
        let mut queue = consumer.split_partition_queue(&self.inner.topic, as_i32(partition))?;
        let arrived = Arc::new(Notify::new());
        let bell = Arc::clone(&arrived);
        queue.set_nonempty_callback(move || bell.notify_one());
        let reader = PartitionReader::new(queue, progress.map(|progress| progress.next));
        let committer = Committer::start(consumer, &self.inner.topic, partition);
        let committer = committer.map_err(|error| self.inner.report(error)).ok()?;
        let assignment = Assignment::new((partition, progress), (reader, arrived), committer);
        Some(Arc::new(assignment))
    }

    /// Asks for the progress of the partitions' last owners until there is an answer. Returns
    /// `None` if the source is closed meanwhile.
    fn committed(
        &mut self,
        consumer: &GroupConsumer,
        partitions: &[PartitionId],
    ) -> Option<Vec<(PartitionId, Option<Progress>)>> {
        if partitions.is_empty() {
            return Some(Vec::new());
        }
        while !self.is_closing() {
            self.inner.freeze_detector.beat();
            match committed::ask(consumer, &self.inner.topic, partitions) {
                Ok(committed) => return Some(committed),
                Err(error) => {
                    let action = "read the progress of the group";
                    let error = LogError::kafka(action, consumer.context().last_error(), error);
                    self.warn(&error);
                    if matches!(error, LogError::KafkaRefused { .. }) {
                        self.inner.report(error);
                    }
                    self.pause();
                }
            }
        }
        None
    }

    /// Waits a little before the next attempt.
    fn pause(&self) {
        let mut holdings = self.inner.holdings.lock();
        self.inner.released.wait_for(&mut holdings, POLL);
    }

    /// Gives partitions back. Waits until they are released and no further commit for them is
    /// possible.
    fn give_back(&mut self, consumer: &GroupConsumer, partitions: &[PartitionId]) {
        let is_lost = consumer.assignment_lost();
        if is_lost {
            self.is_lost = true;
            tracing::warn!(
                partitions = partitions.len(),
                "this member lost its partitions: the brokers received no heartbeat in time"
            );
        }
        let assignments = self.take_back(partitions, is_lost);
        self.wait_for_commits(consumer, &assignments);
        let list = list_of(&self.inner.topic, partitions);
        if let Err(error) = consumer.incremental_unassign(&list) {
            self.complain(consumer, error);
        }
    }

    /// Waits for the commits in flight. A commit that the client held back until a coordinator is
    /// available would count for the next membership. The client gives such a commit up after the
    /// session timeout. Any other commit carries the membership it belongs to.
    fn wait_for_commits(&mut self, consumer: &GroupConsumer, assignments: &[Arc<Assignment>]) {
        let deadline = Instant::now() + self.cluster.config.session_timeout + GIVEN_UP_WITHIN;
        while assignments
            .iter()
            .any(|assignment| assignment.committer.is_committing())
        {
            if self.is_closing() || Instant::now() > deadline {
                break;
            }
            self.inner.freeze_detector.beat();
            if let Some(Err(error)) = consumer.poll(SHORT_POLL) {
                self.complain(consumer, error);
            }
        }
    }
}

impl Drop for Member {
    /// Leaves the group. Any further read or commit fails as not assigned.
    fn drop(&mut self) {
        let holdings = std::mem::take(&mut *self.inner.holdings.lock());
        for assignment in holdings.into_all() {
            assignment.end();
        }
        let consumer = self.inner.consumer.lock().take();
        if let Some(consumer) = consumer {
            if !self.cluster.config.instance.is_empty() {
                leaving::say_goodbye(&consumer);
            }
            leaving::leave(consumer);
        }
        self.inner.metrics.set_held(0);
        self.inner.left.send_replace(true);
    }
}
