//! Power failures in the middle of groups. Of what was not synced anything may be left: whole,
//! torn, garbled or nothing. What was acknowledged is there, and nothing is invented.
//!
//! A seed reproduces the same actions. Which concurrent publishers are written as one group depends
//! on thread scheduling.

use std::collections::BTreeMap;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;

use etappe_testkit::draw::{Draw, each_case};
use tokio::task::JoinSet;

use super::model::read_kept;
use super::*;

const PARTITIONS: u32 = 2;

/// A disk that tracks what is not synced, and can lose it.
#[derive(Debug, Default)]
struct ForgetfulDisk {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Whether the machine, or the process, is down.
    is_down: bool,
    holds_syncs: bool,
    held: usize,
    /// The ranges written but not synced, by file.
    unsynced: BTreeMap<u64, Vec<(u64, u64)>>,
}

impl ForgetfulDisk {
    fn check(&self) -> io::Result<()> {
        match self.state.lock().is_down {
            true => Err(io::Error::from_raw_os_error(5)),
            false => Ok(()),
        }
    }

    /// Makes syncs wait until the machine goes down.
    fn hold_syncs(&self) {
        self.state.lock().holds_syncs = true;
    }

    /// Waits until `count` syncs are held.
    fn wait_for_held(&self, count: usize) {
        let wait = Duration::from_secs(20);
        let is_short = |state: &mut State| state.held < count;
        let waited = self
            .changed
            .wait_while_for(&mut self.state.lock(), is_short, wait);
        assert!(!waited.timed_out(), "the writers sync too seldom");
    }

    /// Fails every operation from now on.
    fn go_down(&self) {
        let mut state = self.state.lock();
        state.is_down = true;
        state.holds_syncs = false;
        self.changed.notify_all();
    }

    fn come_up(&self) {
        let mut state = self.state.lock();
        state.is_down = false;
        state.held = 0;
    }

    /// Does to the unsynced data in `files` what a power failure may do.
    fn lose(&self, files: &[PathBuf], draw: &mut Draw) {
        let unsynced = std::mem::take(&mut self.state.lock().unsynced);
        for path in files {
            let file = File::options().read(true).write(true).open(path).unwrap();
            let writes = unsynced.get(&file.metadata().unwrap().ino());
            for (position, length) in writes.into_iter().flatten() {
                garble(&file, *position, *length, draw);
            }
        }
    }
}

/// Keeps a part of what was written, followed by zeros or nothing, or flips a bit in it.
fn garble(file: &File, position: u64, length: u64, draw: &mut Draw) {
    let kept = match draw.below(3) {
        0 => 0,
        1 => length,
        _ => draw.below(length + 1),
    };
    let is_last = file.metadata().unwrap().len() <= position + length;
    if is_last && draw.once_in(2) {
        file.set_len(position + kept).unwrap();
    } else {
        let zeros = vec![0; usize::try_from(length - kept).unwrap()];
        file.write_all_at(&zeros, position + kept).unwrap();
    }
    if kept > 0 && draw.once_in(3) {
        let at = position + draw.below(kept);
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ (1 << draw.below(8))], at)
            .unwrap();
    }
}

impl Disk for ForgetfulDisk {
    fn create(&self, path: &Path) -> io::Result<File> {
        self.check()?;
        File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(path)
    }

    fn write(&self, file: &File, bytes: &[u8], position: u64) -> io::Result<()> {
        let mut state = self.state.lock();
        if state.is_down {
            return Err(io::Error::from_raw_os_error(5));
        }
        let writes = state.unsynced.entry(file.metadata()?.ino()).or_default();
        writes.push((position, bytes.len() as u64));
        RealDisk.write(file, bytes, position)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        let mut state = self.state.lock();
        state.held += usize::from(state.holds_syncs);
        self.changed.notify_all();
        self.changed
            .wait_while(&mut state, |state| state.holds_syncs);
        if state.is_down {
            return Err(io::Error::from_raw_os_error(5));
        }
        state.unsynced.remove(&file.metadata()?.ino());
        Ok(())
    }

    fn truncate(&self, file: &File, length: u64) -> io::Result<()> {
        self.check()?;
        RealDisk.truncate(file, length)
    }

    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.check()?;
        std::fs::rename(from, to)
    }

    fn sync_file_system(&self, _path: &Path) -> io::Result<()> {
        self.check()?;
        self.state.lock().unsynced.clear();
        Ok(())
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        RealDisk.free_bytes(path)
    }
}

/// The model of a partition.
#[derive(Debug)]
struct Account {
    records: Vec<Bytes>,
    /// The records in flight when the machine went down, in order.
    doubtful: Vec<Bytes>,
    progress: Progress,
    doubtful_progress: Option<Progress>,
}

struct Run {
    bench: Bench,
    disk: Arc<ForgetfulDisk>,
    accounts: Vec<Account>,
    boot: u32,
    published: u64,
}

impl Run {
    fn new(draw: &mut Draw) -> Self {
        let mut bench = Bench::new();
        bench.config.partitions = PARTITIONS;
        if draw.once_in(2) {
            bench.config.codec = Codec::Lz4;
        }
        let account = |_| Account {
            records: Vec::new(),
            doubtful: Vec::new(),
            progress: progress(0, None),
            doubtful_progress: None,
        };
        Self {
            bench,
            disk: Arc::default(),
            accounts: (0..PARTITIONS).map(account).collect(),
            boot: 0,
            published: 0,
        }
    }

    fn open(&self) -> LocalLog {
        let disk = Arc::<ForgetfulDisk>::clone(&self.disk);
        let opened = self.bench.open_on(disk, &format!("boot {}", self.boot));
        opened.unwrap()
    }

    /// One run of the log: some work that is finished, then some that is not.
    async fn live(&mut self, draw: &mut Draw) {
        let log = self.open();
        // Opening has synced what it found.
        self.disk.state.lock().unsynced.clear();
        for partition in 0..PARTITIONS {
            self.check(&log, partition).await;
        }
        for _ in 0..draw.below(8) {
            match draw.below(5) {
                0 => self
                    .bench
                    .clock
                    .advance(Duration::from_secs(60 * draw.below(50))),
                1 | 2 => self.commit(&log, draw).await,
                _ => self.publish(&log, draw).await,
            }
        }
        self.go_down(log, draw).await;
    }

    fn records(&mut self, draw: &mut Draw) -> (u32, Vec<Bytes>) {
        let records = (0..=draw.below(6)).map(|_| {
            self.published += 1;
            record(self.published, draw.place(8_000))
        });
        let records = records.collect();
        (
            u32::try_from(draw.below(PARTITIONS.into())).unwrap(),
            records,
        )
    }

    /// Several concurrent publishers, all of which get their records acknowledged.
    async fn publish(&mut self, log: &LocalLog, draw: &mut Draw) {
        let mut publishers = JoinSet::new();
        for _ in 0..=draw.below(4) {
            let (partition, records) = self.records(draw);
            self.accounts[partition as usize]
                .records
                .extend(records.clone());
            spawn_publisher(&mut publishers, log, partition, &records);
        }
        assert!(publishers.join_all().await.iter().all(Result::is_ok));
    }

    fn target(&self, partition: u32, draw: &mut Draw) -> Progress {
        let account = &self.accounts[partition as usize];
        let end = account.records.len() as u64;
        let next = account
            .progress
            .pending
            .map_or(account.progress.next, |pending| pending.last.next());
        let last = (next.0 + draw.below(10)).min(end);
        let pending = (last > next.0).then(|| OffsetRange {
            first: next,
            last: Offset(last - 1),
        });
        Progress { next, pending }
    }

    async fn commit(&mut self, log: &LocalLog, draw: &mut Draw) {
        let partition = u32::try_from(draw.below(PARTITIONS.into())).unwrap();
        let target = self.target(partition, draw);
        let committed = log.source().commit(PartitionId(partition), target).await;
        committed.unwrap();
        self.accounts[partition as usize].progress = target;
    }

    /// The process or the machine goes down while records and progress are being synced.
    async fn go_down(&mut self, log: LocalLog, draw: &mut Draw) {
        self.disk.hold_syncs();
        let mut publishers = JoinSet::new();
        let mut busy = [false; PARTITIONS as usize];
        for _ in 0..draw.below(6) {
            let (partition, records) = self.records(draw);
            spawn_publisher(&mut publishers, &log, partition, &records);
            // Publishers reach the queue in the order of their start.
            tokio::task::yield_now().await;
            busy[partition as usize] = true;
            self.accounts[partition as usize].doubtful.extend(records);
        }
        let mut commits = JoinSet::new();
        if draw.once_in(2) {
            let partition = u32::try_from(draw.below(PARTITIONS.into())).unwrap();
            let target = self.target(partition, draw);
            let source = log.source();
            commits.spawn(async move { source.commit(PartitionId(partition), target).await });
            tokio::task::yield_now().await;
            self.accounts[partition as usize].doubtful_progress = Some(target);
        }
        let groups = busy.iter().filter(|is_busy| **is_busy).count();
        self.disk.wait_for_held(groups + commits.len());
        self.disk.go_down();
        assert!(publishers.join_all().await.iter().all(Result::is_err));
        assert!(commits.join_all().await.iter().all(Result::is_err));
        drop(log);
        if !draw.once_in(3) {
            self.boot += 1;
            self.disk.lose(&self.files(), draw);
        }
        self.disk.come_up();
    }

    fn files(&self) -> Vec<PathBuf> {
        let directories = (0..PARTITIONS).map(|partition| format!("partition-{partition}"));
        let entries = directories
            .flat_map(|name| std::fs::read_dir(self.bench.folder.path().join(name)).unwrap());
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    async fn check(&mut self, log: &LocalLog, partition: u32) {
        let (progress, _) = assigned(&log.source()).await;
        let (positions, found) = read_kept(log, partition).await;
        let account = &mut self.accounts[partition as usize];
        let start = usize::try_from(positions.start.0).unwrap();
        let known = account.records.len() - start;
        assert!(found.len() >= known, "acknowledged records are lost");
        let extra = found[known..].iter().map(|record| record.payload.clone());
        let extra: Vec<_> = extra.collect();
        let doubtful = std::mem::take(&mut account.doubtful);
        assert!(doubtful.starts_with(&extra), "records were invented");
        account.records.extend(extra);
        assert_records(&found, positions.start.0, &account.records[start..]);
        assert_eq!(positions.end.0, account.records.len() as u64);
        let is_doubtful = account.doubtful_progress.take() == Some(progress);
        assert!(progress == account.progress || is_doubtful, "{progress:?}");
        assert!(positions.start <= progress.next);
        account.progress = progress;
    }
}

fn spawn_publisher(
    publishers: &mut JoinSet<Result<(), PublishError>>,
    log: &LocalLog,
    partition: u32,
    records: &[Bytes],
) {
    let publisher = log.publisher();
    let records: Vec<_> = records
        .iter()
        .map(|payload| outgoing(partition.into(), payload.clone()))
        .collect();
    publishers.spawn(async move {
        let outcomes = publisher.publish(records).await;
        let first = outcomes[0].clone();
        assert!(outcomes.iter().all(|outcome| *outcome == first));
        first
    });
}

#[test]
fn no_acknowledged_record_is_lost_whatever_a_power_failure_leaves_of_unsynced_groups() {
    each_case(60, |draw| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut run = Run::new(draw);
            for _ in 0..=draw.below(8) {
                run.live(draw).await;
            }
            let log = run.open();
            for partition in 0..PARTITIONS {
                run.check(&log, partition).await;
            }
        });
    });
}
