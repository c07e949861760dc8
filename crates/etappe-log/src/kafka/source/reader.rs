//! Takes the fetched records of one partition out of the client's queue, in order.

use std::fmt;
use std::ops::ControlFlow;
use std::time::Duration;

use bytes::Bytes;
use etappe_core::id::{Offset, PartitionId};
use etappe_core::ports::LogRecord;
use rdkafka::Message;
use rdkafka::consumer::Consumer;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset as KafkaOffset, TopicPartitionList};

use super::context::{GroupConsumer, SourceContext};
use super::track::{Gap, Order, Track};
use super::{as_i32, as_i64};

/// The most records to take at a time, so that a read never takes long.
const MOST_RECORDS: usize = 65_536;
/// How long the client may take to accept a seek.
const PLACING_PATIENCE: Duration = Duration::from_secs(5);

/// Reads the queue of one partition.
pub(super) struct PartitionReader {
    queue: PartitionQueue<SourceContext>,
    track: Track,
    /// A record that was taken from the queue and not returned yet.
    stash: Option<LogRecord>,
    /// Whether the client reported the end of the partition and has delivered nothing since.
    is_end: bool,
}

/// The limits of a read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) until: Option<Offset>,
    pub(super) max_bytes: usize,
}

/// The result of a read.
#[derive(Debug)]
pub(super) enum Drained {
    /// At least one record. There may be a gap before one of them.
    Records(Vec<LogRecord>, Option<Gap>),
    /// The next record lies behind the last one wanted.
    Passed,
    /// Nothing was fetched. `is_end` tells whether the client reported the end of the partition.
    Nothing { is_end: bool },
    /// A record is missing. It must be fetched again to be sure.
    Doubtful,
    /// The next record lies before the position that was reached.
    Backwards,
    /// The brokers returned an error.
    Failed(KafkaError),
}

/// The result of a seek.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placed {
    /// The client fetches from the new offset.
    Done,
    /// The client has not started fetching the partition.
    NotYet,
}

/// Records taken from the queue, their bytes in one buffer.
#[derive(Default)]
struct Taken {
    bytes: Vec<u8>,
    ends: Vec<(Offset, usize)>,
    gap: Option<Gap>,
}

impl Taken {
    fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    fn has_room(&self, more: usize, max_bytes: usize) -> bool {
        self.is_empty() || (self.bytes.len() + more <= max_bytes && self.ends.len() < MOST_RECORDS)
    }

    fn into_records(self) -> Drained {
        let bytes = Bytes::from(self.bytes);
        let mut start = 0;
        let cut = |(offset, end)| {
            let payload = bytes.slice(start..end);
            start = end;
            LogRecord { offset, payload }
        };
        Drained::Records(self.ends.into_iter().map(cut).collect(), self.gap)
    }
}

impl fmt::Debug for PartitionReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartitionReader")
            .field("track", &self.track)
            .finish_non_exhaustive()
    }
}

impl PartitionReader {
    pub(super) fn new(queue: PartitionQueue<SourceContext>, position: Option<Offset>) -> Self {
        Self {
            queue,
            track: Track::at(position),
            stash: None,
            is_end: false,
        }
    }

    /// Returns whether the next record to return is the one at `from`, or the first after it.
    pub(super) fn is_at(&mut self, from: Offset) -> bool {
        let stashed = self.stash.as_ref().map(|record| record.offset);
        self.track.is_at(from, stashed)
    }

    /// Makes the client fetch from `from` on, and discards what it has fetched.
    pub(super) fn place(
        &mut self,
        consumer: &GroupConsumer,
        (topic, partition): (&str, PartitionId),
        from: Offset,
    ) -> Result<Placed, KafkaError> {
        self.track.lose();
        self.stash = None;
        self.is_end = false;
        let mut list = TopicPartitionList::with_capacity(1);
        let offset = KafkaOffset::Offset(as_i64(from));
        list.add_partition_offset(topic, as_i32(partition), offset)?;
        let placed = consumer.seek_partitions(list, PLACING_PATIENCE)?;
        let outcome = placed.elements().first().map_or(Ok(()), |it| it.error());
        match outcome {
            Ok(()) => {
                self.track.place(from);
                Ok(Placed::Done)
            }
            Err(error) if is_not_begun(&error) => Ok(Placed::NotYet),
            Err(error) => Err(error),
        }
    }

    /// Takes fetched records, without waiting.
    pub(super) fn drain(&mut self, wanted: Wanted) -> Drained {
        let mut taken = Taken::default();
        if let Some(record) = self.stash.take()
            && let ControlFlow::Break(end) = self.take(&record, wanted, &mut taken)
        {
            return self.finish(end, &record, taken);
        }
        loop {
            if taken.ends.last().map(|(offset, _)| *offset) == wanted.until && !taken.is_empty() {
                break;
            }
            let message = match self.queue.poll(Duration::ZERO) {
                None => break,
                Some(Err(KafkaError::PartitionEOF(_))) => {
                    self.is_end = true;
                    continue;
                }
                // Return the records taken so far. The error appears again if it persists.
                Some(Err(error)) if taken.is_empty() => return Drained::Failed(error),
                Some(Err(_)) => break,
                Some(Ok(message)) => message,
            };
            self.is_end = false;
            let offset = Offset(message.offset().unsigned_abs());
            let payload = message.payload().unwrap_or_default();
            if let ControlFlow::Break(end) =
                take(&mut self.track, (offset, payload), wanted, &mut taken)
            {
                let payload = Bytes::copy_from_slice(payload);
                drop(message);
                return self.finish(end, &LogRecord { offset, payload }, taken);
            }
        }
        if taken.is_empty() {
            return Drained::Nothing {
                is_end: self.is_end,
            };
        }
        taken.into_records()
    }

    fn take(
        &mut self,
        record: &LogRecord,
        wanted: Wanted,
        taken: &mut Taken,
    ) -> ControlFlow<Refused> {
        let record = (record.offset, record.payload.as_ref());
        take(&mut self.track, record, wanted, taken)
    }

    /// Handles a record that was not taken.
    fn finish(&mut self, refused: Refused, record: &LogRecord, taken: Taken) -> Drained {
        match refused {
            Refused::Later | Refused::Behind => self.stash = Some(record.clone()),
            // The next read seeks to this position again, and decides then.
            Refused::Doubtful | Refused::Backwards if !taken.is_empty() => self.track.lose(),
            Refused::Doubtful => self.track.doubt(),
            Refused::Backwards => self.track.lose(),
        }
        if !taken.is_empty() {
            return taken.into_records();
        }
        match refused {
            Refused::Later | Refused::Behind => Drained::Passed,
            Refused::Doubtful => Drained::Doubtful,
            Refused::Backwards => Drained::Backwards,
        }
    }
}

/// Why a record was not taken.
#[derive(Clone, Copy)]
enum Refused {
    /// There is no room for it.
    Later,
    /// It lies behind the last one wanted.
    Behind,
    /// A record is missing before it.
    Doubtful,
    /// It lies before the expected one.
    Backwards,
}

fn take(
    track: &mut Track,
    (offset, payload): (Offset, &[u8]),
    wanted: Wanted,
    taken: &mut Taken,
) -> ControlFlow<Refused> {
    let gap = match track.order(offset) {
        Order::Next => None,
        Order::AfterGap(gap) => Some(gap),
        Order::Doubtful => return ControlFlow::Break(Refused::Doubtful),
        Order::Backwards => return ControlFlow::Break(Refused::Backwards),
    };
    if wanted.until.is_some_and(|until| offset > until) {
        return ControlFlow::Break(Refused::Behind);
    }
    if !taken.has_room(payload.len(), wanted.max_bytes) {
        return ControlFlow::Break(Refused::Later);
    }
    track.pass(offset);
    taken.gap = gap.or(taken.gap);
    taken.bytes.extend_from_slice(payload);
    taken.ends.push((offset, taken.bytes.len()));
    ControlFlow::Continue(())
}

/// Returns whether the error means that the client has not started fetching the partition.
fn is_not_begun(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::State
                | RDKafkaErrorCode::PreviousInProgress
                | RDKafkaErrorCode::UnknownPartition
                | RDKafkaErrorCode::InProgress
                | RDKafkaErrorCode::Outdated
        )
    )
}
