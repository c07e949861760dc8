//! The whole log compared with a simple model, over any order of publishing, disk failures,
//! commits, crashes of the process and of the machine, and torn tails.

use etappe_core::audit::PartitionPositions;
use etappe_core::id::OffsetRange;
use etappe_core::ports::{Progress, RecordSource, SourceEvent};
use proptest::prelude::*;

use super::*;

const PARTITIONS: u32 = 2;

/// Something that happens to the log.
#[derive(Debug, Clone)]
enum Action {
    /// Records of these lengths are published, and a fault may occur.
    Publish {
        partition: usize,
        lengths: Vec<usize>,
        fault: Option<Fault>,
    },
    /// The pending range is done, `skip` offsets are passed without being inserted, and the next
    /// `claim` offsets become pending.
    Commit {
        partition: usize,
        skip: u64,
        claim: u64,
        fault: Option<Fault>,
    },
    /// Time passes.
    Wait { minutes: u64 },
    /// The log is closed or crashes, and is opened again.
    Reopen { end: End, torn: Option<Torn> },
}

/// How the use of the log ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It closed the log.
    Closed,
    /// Its process died.
    Killed,
    /// The machine went down.
    PowerLoss,
    /// It closed the log, then the machine went down.
    ClosedThenPowerLoss,
}

/// What a crash left after the last valid frame of a partition.
#[derive(Debug, Clone)]
enum Torn {
    /// These bytes.
    Junk(Vec<u8>),
    /// The beginning of a frame.
    HalfFrame(usize),
}

fn any_fault() -> impl Strategy<Value = Option<Fault>> {
    let fault = prop_oneof![
        Just(Fault::Create),
        (0..3_000_usize).prop_map(Fault::ShortWrite),
        (0..3_000_usize).prop_map(Fault::ShortWriteStays),
        Just(Fault::Sync),
        Just(Fault::SyncStays),
    ];
    prop::option::weighted(0.2, fault)
}

fn any_action() -> impl Strategy<Value = Action> {
    let partition = 0..PARTITIONS as usize;
    let lengths = prop::collection::vec(0..6_000_usize, 1..12);
    let publish =
        (partition.clone(), lengths, any_fault()).prop_map(|(partition, lengths, fault)| {
            Action::Publish {
                partition,
                lengths,
                fault,
            }
        });
    let commit = (partition, 0..3_u64, 0..20_u64, any_fault()).prop_map(
        |(partition, skip, claim, fault)| Action::Commit {
            partition,
            skip,
            claim,
            fault,
        },
    );
    let end = prop_oneof![
        Just(End::Closed),
        Just(End::Killed),
        Just(End::PowerLoss),
        Just(End::ClosedThenPowerLoss)
    ];
    let torn = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..100).prop_map(Torn::Junk),
        (1..100_usize).prop_map(Torn::HalfFrame),
    ];
    let reopen = (end, prop::option::of(torn)).prop_map(|(end, torn)| Action::Reopen { end, torn });
    prop_oneof![
        8 => publish,
        8 => commit,
        1 => (1..50_u64).prop_map(|minutes| Action::Wait { minutes }),
        2 => reopen,
    ]
}

/// The model of a partition.
#[derive(Debug)]
struct Account {
    records: Vec<Bytes>,
    /// Groups that were refused. One of them may have reached the disk all the same.
    doubtful: Vec<Vec<Bytes>>,
    progress: Progress,
    /// When each range was passed, and whether it was pending before.
    passed: Vec<(Timestamp, OffsetRange, bool)>,
    replay_due: bool,
    /// The ranges the consumer was last told to replay.
    replayed: Vec<OffsetRange>,
}

impl Account {
    fn new() -> Self {
        Self {
            records: Vec::new(),
            doubtful: Vec::new(),
            progress: Progress {
                next: Offset(0),
                pending: None,
            },
            passed: Vec::new(),
            replay_due: false,
            replayed: Vec::new(),
        }
    }

    /// Returns the ranges passed at most the retention before `at`.
    fn passed_since(&self, at: Timestamp) -> impl Iterator<Item = OffsetRange> {
        self.passed
            .iter()
            .filter(move |(passed_at, ..)| at.millis_since(*passed_at) <= 3_600_000)
            .filter_map(|(_, range, was_pending)| was_pending.then_some(*range))
    }

    fn last_passed_at(&self) -> Timestamp {
        self.passed.last().map_or(Timestamp::EPOCH, |last| last.0)
    }

    fn commit(&mut self, target: Progress, now: Timestamp) {
        if std::mem::take(&mut self.replay_due) {
            for (at, range, _) in &mut self.passed {
                if self.replayed.contains(range) {
                    *at = now;
                }
            }
        }
        let mut next = self.progress.next;
        if let Some(pending) = self.progress.pending {
            self.passed.push((now, pending, true));
            next = pending.last.next();
        }
        if next < target.next {
            let skipped = OffsetRange {
                first: next,
                last: Offset(target.next.0 - 1),
            };
            self.passed.push((now, skipped, false));
        }
        self.progress = target;
    }
}

struct Run {
    bench: Bench,
    accounts: Vec<Account>,
    log: Option<LocalLog>,
    boot: u32,
    published: u64,
}

impl Run {
    fn new(codec: Codec) -> Self {
        let mut bench = Bench::new();
        bench.config.partitions = PARTITIONS;
        bench.config.codec = codec;
        let log = bench.open("boot 0").unwrap();
        Self {
            bench,
            accounts: (0..PARTITIONS).map(|_| Account::new()).collect(),
            log: Some(log),
            boot: 0,
            published: 0,
        }
    }

    fn log(&self) -> &LocalLog {
        self.log.as_ref().expect("opened again after every end")
    }

    async fn act(&mut self, action: Action) {
        match action {
            Action::Publish {
                partition,
                lengths,
                fault,
            } => self.publish(partition, &lengths, fault).await,
            Action::Commit {
                partition,
                skip,
                claim,
                fault,
            } => self.commit(partition, skip, claim, fault).await,
            Action::Wait { minutes } => {
                self.bench.clock.advance(Duration::from_secs(60 * minutes));
            }
            Action::Reopen { end, torn } => self.reopen(end, torn).await,
        }
    }

    async fn publish(&mut self, partition: usize, lengths: &[usize], fault: Option<Fault>) {
        let records: Vec<_> = lengths
            .iter()
            .map(|length| {
                self.published += 1;
                record(self.published, *length)
            })
            .collect();
        fault.inspect(|fault| self.bench.disk.fail_next(*fault));
        let outcome = publish(self.log(), partition as u64, &records).await;
        let has_failed = fault.is_some() && !self.bench.disk.take_fault();
        let account = &mut self.accounts[partition];
        assert_eq!(outcome.is_err(), has_failed, "{outcome:?}");
        if has_failed {
            account.doubtful.push(records);
        } else {
            account.records.extend(records);
            account.doubtful.clear();
        }
    }

    async fn commit(&mut self, partition: usize, skip: u64, claim: u64, fault: Option<Fault>) {
        let account = &mut self.accounts[partition];
        let end = account.records.len() as u64;
        let done = account
            .progress
            .pending
            .map_or(account.progress.next, |pending| pending.last.next());
        let next = Offset((done.0 + skip).min(end));
        let last = (next.0 + claim).min(end);
        let pending = (last > next.0).then(|| OffsetRange {
            first: next,
            last: Offset(last - 1),
        });
        let target = Progress { next, pending };
        fault.inspect(|fault| self.bench.disk.fail_next(*fault));
        let source = self.log.as_ref().expect("it is open").source();
        let id = PartitionId(u32::try_from(partition).unwrap());
        let outcome = source.commit(id, target).await;
        let has_failed = fault.is_some() && !self.bench.disk.take_fault();
        assert_eq!(outcome.is_err(), has_failed, "{outcome:?}");
        if has_failed {
            // The consumer retries until it succeeds.
            source.commit(id, target).await.unwrap();
        }
        account.commit(target, self.bench.clock.now());
    }

    async fn reopen(&mut self, end: End, torn: Option<Torn>) {
        let log = self.log.take().expect("it is open");
        let is_closed = matches!(end, End::Closed | End::ClosedThenPowerLoss);
        if is_closed {
            log.close().await.unwrap();
        } else {
            drop(log);
        }
        if let Some(torn) = torn {
            (0..PARTITIONS).for_each(|partition| self.tear(partition, &torn));
        }
        if matches!(end, End::PowerLoss | End::ClosedThenPowerLoss) {
            self.boot += 1;
        }
        self.log = Some(self.bench.open(&format!("boot {}", self.boot)).unwrap());
        for index in 0..PARTITIONS {
            self.check(index, end == End::PowerLoss).await;
        }
    }

    fn tear(&self, partition: u32, torn: &Torn) {
        let Some(last) = self.bench.segments(partition).pop() else {
            return;
        };
        let mut bytes = std::fs::read(&last).unwrap();
        match torn {
            Torn::Junk(junk) => bytes.extend(junk),
            Torn::HalfFrame(length) => {
                let length = (*length).min(bytes.len().saturating_sub(1));
                bytes.extend_from_within(..length);
            }
        }
        std::fs::write(&last, bytes).unwrap();
    }

    /// Compares the newly opened log with the model.
    async fn check(&mut self, partition: u32, had_unclean_boot: bool) {
        let now = self.bench.clock.now();
        let log = self.log();
        let source = log.source();
        let SourceEvent::Assigned {
            progress, replay, ..
        } = source.changed().await.unwrap()
        else {
            panic!("the local log revokes nothing");
        };
        let (positions, found) = read_kept(log, partition).await;
        let account = &mut self.accounts[partition as usize];
        account.replay_due |= had_unclean_boot;

        let start = usize::try_from(positions.start.0).unwrap();
        let extra: Vec<_> = found
            .iter()
            .skip(account.records.len() - start)
            .map(|record| record.payload.clone())
            .collect();
        let mut doubtful = account.doubtful.drain(..);
        let is_explained = extra.is_empty() || doubtful.any(|group| group.starts_with(&extra));
        assert!(is_explained, "records were invented");
        drop(doubtful);
        account.records.extend(extra);
        assert_records(&found, positions.start.0, &account.records[start..]);
        assert_eq!(positions.end.0, account.records.len() as u64);

        let progress = progress.expect("the local log forgets nothing");
        assert_eq!(progress, account.progress);
        assert!(positions.start <= progress.next);
        if !account.replay_due {
            assert_eq!(replay, []);
            return;
        }
        let longest: Vec<_> = account.passed_since(account.last_passed_at()).collect();
        let least = account.passed_since(now).count().min(longest.len());
        // Adjacent ranges are joined, so compare the offsets they cover.
        let begins = |range: &OffsetRange| replay.first().is_some_and(|it| it.first == range.first);
        let from = longest.iter().position(begins).unwrap_or(longest.len());
        let exact = &longest[from..];
        assert!(exact.len() >= least, "{replay:?} of {longest:?}");
        assert_eq!(offsets(&replay), offsets(exact));
        assert!(replay.iter().all(|range| range.first >= positions.start));
        account.replayed = exact.to_vec();
    }
}

/// Reads everything the log keeps.
pub(super) async fn read_kept(
    log: &LocalLog,
    partition: u32,
) -> (PartitionPositions, Vec<LogRecord>) {
    loop {
        let positions = log.reader().positions()[partition as usize];
        match read_from(log, partition, positions.start.0).await {
            Ok(found) => return (positions, found),
            // Upkeep deleted a segment in between.
            Err(LogError::Expired { start, .. }) => assert!(start > positions.start),
            Err(error) => panic!("{error}"),
        }
    }
}

proptest! {
    #![proptest_config(crate::seeded(40))]

    #[test]
    fn any_sequence_of_events_agrees_with_a_simple_model(
        packed in any::<bool>(),
        actions in prop::collection::vec(any_action(), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut run = Run::new(if packed { Codec::Lz4 } else { Codec::None });
            for action in actions {
                run.act(action).await;
            }
            run.reopen(End::PowerLoss, None).await;
        });
    }
}

/// Returns the offsets of ranges, in order.
fn offsets(ranges: &[OffsetRange]) -> Vec<u64> {
    let of_range = |range: &OffsetRange| range.first.0..=range.last.0;
    ranges.iter().flat_map(of_range).collect()
}
