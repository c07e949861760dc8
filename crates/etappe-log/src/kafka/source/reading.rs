//! One read of a partition: returns the fetched records, or proves that there are none.
//!
//! Invariant: an empty answer is given only with proof that nothing is left to return. Either a
//! broker reported during this read that the log ends at the requested offset, or the rest of the
//! requested range is known to be a gap. Having fetched nothing proves nothing, because the brokers
//! may be unavailable.
//!
//! The reason is what callers conclude from an empty answer. A caller that reads a range again
//! concludes that the missing records never existed. A caller at the end of the log concludes that
//! it has seen everything. An empty answer during an outage would make both skip records.
//!
//! Traps:
//!
//! - A broker may report an end beyond the requested offset although no record follows, for example
//!   when only transaction markers do. The read then seeks to the requested offset again: if the
//!   client reports the end of the partition after that, there is only a gap.
//! - If neither records nor that report come in time, the read fails with a transient error and the
//!   watchdog is told: the client may be stuck.
//! - A log that ends before the requested offset or range has lost records. That is an error, never
//!   an empty answer.
//! - Deleted records are skipped and reported as expired: the caller continues with the first
//!   record that is left.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use etappe_core::id::Offset;
use etappe_core::ports::{LogRecord, ReadRequest};
use rdkafka::error::KafkaError;
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;

use super::Inner;
use super::assignment::Assignment;
use super::probe::Ends;
use super::reader::{Drained, PartitionReader, Placed, Wanted};
use super::track::Gap;
use super::watchdog::Sign;
use crate::error::LogError;
use etappe_runtime::blocking::run_blocking;

/// How often to check without a notification.
const TICK: Duration = Duration::from_millis(100);
/// How long the client may take to deliver records that a broker reported.
const COMING_WITHIN: Duration = Duration::from_secs(5);
/// How long the client may take once it has itself reported the end of the partition, which is then
/// likely a gap.
const GAP_AFTER: Duration = Duration::from_millis(300);
/// How long the client may take to start fetching a partition.
const START_TIMEOUT: Duration = Duration::from_secs(5);
/// The interval between checks whether it has started.
const START_RETRY: Duration = Duration::from_millis(20);

type Asked = Pin<Box<dyn Future<Output = Result<Ends, LogError>> + Send>>;
type Guard = OwnedMutexGuard<PartitionReader>;

/// How much a read knows about the log's end.
enum End {
    /// Nothing: no broker was asked.
    Unasked,
    /// A broker was asked and has not answered yet.
    Asked(Asked),
    /// The log ends at the requested offset.
    Here,
    /// A broker reported a later end at `since`. There are records, or only a gap.
    Ahead { since: Instant },
    /// The records did not come, so they are being fetched again from the requested offset. If the
    /// end of the partition is reported next, there is only a gap.
    Proving { coming: Instant },
}

/// Reads as [`etappe_core::ports::RecordSource::read`] does.
pub(super) async fn read(
    inner: &Arc<Inner>,
    assignment: &Arc<Assignment>,
    request: ReadRequest,
) -> Result<Vec<LogRecord>, LogError> {
    if request.until.is_some_and(|until| until < request.from) {
        return Ok(Vec::new());
    }
    let reading = Reading {
        inner,
        assignment,
        request,
        deadline: Instant::now().checked_add(request.wait),
    };
    let reader = Arc::clone(&assignment.reader).lock_owned().await;
    let read = reading.run(reader).await;
    if read.is_ok() {
        inner.watchdog.clear(Sign::Read(assignment.partition));
    }
    read
}

struct Reading<'a> {
    inner: &'a Arc<Inner>,
    assignment: &'a Arc<Assignment>,
    request: ReadRequest,
    /// `None` if the wait overflows the clock: a wait without end.
    deadline: Option<Instant>,
}

impl Reading<'_> {
    async fn run(&self, mut reader: Guard) -> Result<Vec<LogRecord>, LogError> {
        if !reader.is_at(self.request.from) {
            reader = self.place(reader).await?;
        }
        let mut end = End::Unasked;
        loop {
            if self.assignment.is_over() {
                return Err(LogError::NotAssigned {
                    partition: self.assignment.partition,
                });
            }
            let (returned, drained) = self.drain(reader).await;
            reader = returned;
            let is_end = match drained {
                Drained::Records(records, gap) => {
                    if let Some(gap) = gap {
                        self.tell_of_gap(gap).await;
                    }
                    return Ok(records);
                }
                Drained::Passed => return Ok(Vec::new()),
                Drained::Doubtful => {
                    reader = self.place(reader).await?;
                    continue;
                }
                Drained::Backwards => return Err(self.ends_early().await),
                Drained::Failed(error) => return Err(self.failed(error)),
                Drained::Nothing { is_end: true } if matches!(end, End::Proving { .. }) => {
                    return Ok(Vec::new());
                }
                Drained::Nothing { is_end } => is_end,
            };
            if self.is_enough(&end) {
                return Ok(Vec::new());
            }
            if self.is_overdue(&end, is_end)? {
                reader = self.place(reader).await?;
                end = End::Proving {
                    coming: Instant::now() + COMING_WITHIN,
                };
            }
            end = self.wait(end).await?;
        }
    }

    /// Waits until something was fetched, or more is known of the end.
    async fn wait(&self, end: End) -> Result<End, LogError> {
        let mut asked = match end {
            End::Unasked => self.ask(),
            End::Asked(asked) => asked,
            End::Here | End::Ahead { .. } | End::Proving { .. } => {
                let tick = Instant::now() + TICK;
                let until = self.deadline.map_or(tick, |deadline| deadline.min(tick));
                tokio::select! {
                    () = self.assignment.arrived.notified() => {}
                    () = tokio::time::sleep_until(until) => {}
                }
                return Ok(end);
            }
        };
        tokio::select! {
            () = self.assignment.arrived.notified() => Ok(End::Asked(asked)),
            () = tokio::time::sleep(TICK) => Ok(End::Asked(asked)),
            ends = &mut asked => self.judge(ends?),
        }
    }

    /// Returns what follows from where the log begins and ends. Fails if it ends too early.
    fn judge(&self, ends: Ends) -> Result<End, LogError> {
        let ReadRequest { from, until, .. } = self.request;
        let is_short = until.is_some_and(|until| ends.end <= until);
        if ends.end < from || is_short {
            return Err(self
                .inner
                .too_short(self.assignment.partition, from, ends.end));
        }
        self.inner.long_enough(self.assignment.partition);
        self.inner.note_success();
        if ends.end == from {
            return Ok(End::Here);
        }
        if ends.start >= ends.end {
            self.inner.tell_of_expired(
                self.assignment.partition,
                Gap {
                    expected: from,
                    found: ends.end,
                },
            );
            return Ok(End::Here);
        }
        Ok(End::Ahead {
            since: Instant::now(),
        })
    }

    /// Returns whether an empty answer is correct now.
    fn is_enough(&self, end: &End) -> bool {
        let is_over = self.deadline.is_some_and(|at| at <= Instant::now());
        matches!(end, End::Here) && is_over
    }

    /// Returns whether records did not come in time and must be fetched again.
    fn is_overdue(&self, end: &End, is_end: bool) -> Result<bool, LogError> {
        let now = Instant::now();
        let patience = if is_end { GAP_AFTER } else { COMING_WITHIN };
        match end {
            End::Ahead { since } => Ok(*since + patience <= now),
            End::Proving { coming } if *coming <= now => {
                self.inner
                    .watchdog
                    .note(Sign::Read(self.assignment.partition));
                Err(self.inner.unavailable(format!(
                    "read partition {} at {}",
                    self.assignment.partition, self.request.from
                )))
            }
            End::Unasked | End::Asked(_) | End::Here | End::Proving { .. } => Ok(false),
        }
    }

    fn ask(&self) -> Asked {
        let (inner, partition) = (Arc::clone(self.inner), self.assignment.partition);
        Box::pin(run_blocking(move || inner.probe.ends(partition)))
    }

    /// Makes the client fetch from the requested offset.
    async fn place(&self, mut reader: Guard) -> Result<Guard, LogError> {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            let (inner, assignment) = (Arc::clone(self.inner), Arc::clone(self.assignment));
            let from = self.request.from;
            let place = move || {
                let place = (&*inner.topic, assignment.partition);
                let placed = match inner.consumer() {
                    Some(consumer) => reader.place(&consumer, place, from),
                    None => Err(KafkaError::Canceled),
                };
                (reader, placed)
            };
            let (returned, placed) = run_blocking(place).await;
            reader = returned;
            match placed {
                Ok(Placed::Done) => {
                    self.inner.metrics.record_placing();
                    return Ok(reader);
                }
                Ok(Placed::NotYet) if self.assignment.is_over() || Instant::now() > deadline => {
                    return Err(LogError::NotAssigned {
                        partition: self.assignment.partition,
                    });
                }
                Ok(Placed::NotYet) => tokio::time::sleep(START_RETRY).await,
                Err(error) => return Err(self.failed(error)),
            }
        }
    }

    async fn drain(&self, mut reader: Guard) -> (Guard, Drained) {
        let wanted = Wanted {
            until: self.request.until,
            max_bytes: self.request.max_bytes,
        };
        let drain = move || {
            let drained = reader.drain(wanted);
            (reader, drained)
        };
        run_blocking(drain).await
    }

    /// Finds out whether the missing records were deleted before they were read, and reports it.
    async fn tell_of_gap(&self, gap: Gap) {
        let start = self.ask().await.map(|ends| ends.start);
        let found = match start {
            Ok(start) => gap.found.min(start),
            // Unknown: a false alarm is better than none.
            Err(_) => gap.found,
        };
        if found > gap.expected {
            let expected = gap.expected;
            let gap = Gap { expected, found };
            self.inner.tell_of_expired(self.assignment.partition, gap);
        }
    }

    async fn ends_early(&self) -> LogError {
        let end = self.ask().await.map_or(Offset(0), |ends| ends.end);
        let (partition, from) = (self.assignment.partition, self.request.from);
        self.inner.too_short(partition, from, end)
    }

    fn failed(&self, error: KafkaError) -> LogError {
        let action = format!(
            "read partition {} of `{}`",
            self.assignment.partition, self.inner.topic
        );
        LogError::kafka(action, None, error)
    }
}
