//! The whole log compared with a simple model, over any order of publishing, disk failures,
//! commits, crashes of the process and of the machine, and torn tails.

use etappe_core::audit::PartitionPositions;
use proptest::prelude::*;

use super::*;

const PARTITIONS: u32 = 2;
/// How long the log keeps consumed records, in milliseconds.
const RETENTION: i64 = 3_600_000;

/// Something that happens to the log.
#[derive(Debug, Clone)]
enum Action {
    /// Records of these lengths are published, and a fault may occur.
    Publish {
        partition: usize,
        lengths: Vec<usize>,
        fault: Option<Fault>,
    },
    /// The pending range is done, `skip` further offsets are passed, and the next `claim` offsets
    /// become pending.
    Commit {
        partition: usize,
        skip: u64,
        claim: u64,
        fault: Option<Fault>,
    },
    /// Time passes.
    Wait { seconds: u64 },
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
        1 => (1..3_000_u64).prop_map(|seconds| Action::Wait { seconds }),
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
    /// When each range was passed, if any of it was pending before.
    passed: Vec<(Timestamp, OffsetRange)>,
    last_passed_at: Timestamp,
    replay_due: bool,
    /// How many of the ranges the consumer was last told to replay.
    replayed: usize,
}

impl Account {
    fn new() -> Self {
        Self {
            records: Vec::new(),
            doubtful: Vec::new(),
            progress: progress(0, None),
            passed: Vec::new(),
            last_passed_at: Timestamp::EPOCH,
            replay_due: false,
            replayed: 0,
        }
    }

    /// Returns how many of the ranges were passed less than `millis` before `at`, or just then.
    fn passed_within(&self, millis: i64, at: Timestamp) -> usize {
        let is_within = |(passed_at, _): &&(Timestamp, _)| at.millis_since(*passed_at) <= millis;
        self.passed.iter().rev().take_while(is_within).count()
    }

    fn commit(&mut self, target: Progress, now: Timestamp) {
        if std::mem::take(&mut self.replay_due) {
            let replayed = self.passed.len() - self.replayed;
            self.passed[replayed..]
                .iter_mut()
                .for_each(|(at, _)| *at = now);
            self.last_passed_at = now;
        }
        let Progress { next, pending } = std::mem::replace(&mut self.progress, target);
        if next < target.next {
            self.last_passed_at = now;
            let range = OffsetRange {
                first: next,
                last: Offset(target.next.0 - 1),
            };
            self.passed.extend(pending.map(|_| (now, range)));
        }
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
            Action::Wait { seconds } => self.bench.clock.advance(Duration::from_secs(seconds)),
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
        let (progress, replay) = assigned(&log.source()).await;
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

        assert_eq!(progress, account.progress);
        assert!(positions.start <= progress.next);
        if !account.replay_due {
            assert_eq!(replay, []);
            return;
        }
        // Adjacent ranges are joined, so compare the offsets they cover. Of the first range, the log
        // may have deleted a part.
        let first = replay.first().map(|range| range.first);
        let is_first = |range: &OffsetRange| {
            first == Some(range.first.max(positions.start)) && first <= Some(range.last)
        };
        let from = account.passed.iter().position(|(_, range)| is_first(range));
        account.replayed = from.map_or(0, |from| account.passed.len() - from);
        let exact = account.passed[account.passed.len() - account.replayed..].iter();
        let exact: Vec<_> = exact.map(|(_, range)| *range).collect();
        let mut expected = offsets(&exact);
        expected.retain(|offset| *offset >= positions.start.0);
        assert_eq!(offsets(&replay), expected);
        // Upkeep may have forgotten what was passed long before now.
        let last = account.last_passed_at;
        let least = account.passed_within(RETENTION, now.max(last));
        let most = account.passed_within(RETENTION + 60_000, last);
        assert!(
            (least..=most).contains(&exact.len()),
            "{replay:?}, {least} to {most}"
        );
        assert!(replay.iter().all(|range| range.first >= positions.start));
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
