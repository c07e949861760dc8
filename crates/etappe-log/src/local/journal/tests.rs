//! The journal survives crashes and failing disks.

use etappe_testkit::clock::ManualClock;
use etappe_testkit::offsets::progress;
use proptest::prelude::*;

use super::*;
use crate::local::tests::{Fault, FaultyDisk};

const HOUR: Duration = Duration::from_secs(3600);
const END: Offset = Offset(1_000_000);
const ID: PartitionId = PartitionId(0);

fn step(n: u64) -> Progress {
    progress(n, Some((n, n)))
}

fn reopen(directory: &Path) -> Journal {
    let disk = Arc::new(FaultyDisk::default());
    Journal::open(disk, ID, directory).unwrap().unwrap()
}

/// Creates a journal and commits the steps 1 to `count`.
fn committed(directory: &Path, disk: &Arc<FaultyDisk>, count: u64) -> Journal {
    let disk: Arc<dyn Disk> = Arc::<FaultyDisk>::clone(disk);
    let mut journal = Journal::create(disk, ID, directory).unwrap();
    for n in 1..=count {
        journal
            .commit(step(n), END, HOUR, &ManualClock::default())
            .unwrap();
    }
    journal
}

#[test]
fn a_full_journal_is_replaced_and_remembers_everything() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::default();
    let count = 3 * (LEAST_CAPACITY / ENTRY_BYTES) as u64;
    let journal = committed(folder.path(), &disk, count);
    let length = folder.path().join(FILE_NAME).metadata().unwrap().len();
    assert!(length < 4 * count * ENTRY_BYTES as u64);
    let found = reopen(folder.path());
    assert_eq!(found.state(), journal.state());
    assert_eq!(found.state().progress(), step(count));
}

#[test]
fn nothing_is_added_to_a_file_after_a_failed_sync() {
    for fault in [Fault::Sync, Fault::ShortWrite(20), Fault::Create] {
        let folder = tempfile::tempdir().unwrap();
        let disk = Arc::<FaultyDisk>::default();
        let mut journal = committed(folder.path(), &disk, 3);
        if fault == Fault::Create {
            journal.file = None;
        }
        let file = |path: &Path| std::fs::read(path.join(FILE_NAME)).unwrap();
        let clock = ManualClock::default();
        disk.fail_next(fault);
        let failed = journal.commit(step(4), END, HOUR, &clock);
        assert!(matches!(failed, Err(LogError::Commit { .. })), "{fault:?}");
        assert_eq!(journal.state().progress(), step(3));
        let kept = std::fs::File::open(folder.path().join(FILE_NAME)).unwrap();
        let before = file(folder.path());
        journal.commit(step(3), END, HOUR, &clock).unwrap();
        let mut after = Vec::new();
        std::io::Read::read_to_end(&mut &kept, &mut after).unwrap();
        assert!(after == before, "{fault:?}: the old file was written to");
        assert_eq!(reopen(folder.path()).state().progress(), step(3));
    }
}

#[test]
fn a_replay_that_failed_to_end_stays_due() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::<FaultyDisk>::default();
    let mut journal = committed(folder.path(), &disk, 3);
    journal.require_replay().unwrap();
    let due = journal.state().clone();
    disk.fail_next(Fault::Sync);
    let clock = ManualClock::default();
    journal.commit(step(4), END, HOUR, &clock).unwrap_err();
    assert_eq!(journal.state(), &due);
    assert!(reopen(folder.path()).state().is_replay_due());
    journal.commit(step(4), END, HOUR, &clock).unwrap();
    assert!(!reopen(folder.path()).state().is_replay_due());
}

#[test]
fn a_newer_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    committed(folder.path(), &Arc::default(), 1);
    let path = folder.path().join(FILE_NAME);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[4] = 9;
    let sum = crc32fast::hash(&bytes[..60]).to_le_bytes();
    bytes[60..64].copy_from_slice(&sum);
    std::fs::write(&path, bytes).unwrap();
    let outcome = Journal::open(Arc::new(FaultyDisk::default()), ID, folder.path());
    assert!(matches!(
        outcome,
        Err(LogError::NewerFormat { version: 9, .. })
    ));
}

proptest! {
    #![proptest_config(crate::seeded(64))]

    #[test]
    fn a_torn_or_damaged_journal_gives_a_committed_state(
        count in 1..20_u64,
        at in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        committed(folder.path(), &Arc::default(), count);
        let path = folder.path().join(FILE_NAME);
        let mut bytes = std::fs::read(&path).unwrap();
        // The first entry is the state of the new journal; entry n is step n.
        let used = (usize::try_from(count).unwrap() + 1) * ENTRY_BYTES;
        let at = at.index(used);
        let entry = (at / ENTRY_BYTES) as u64;
        if cut {
            bytes.truncate(at);
        } else {
            bytes[at] ^= 0x10;
        }
        std::fs::write(&path, bytes).unwrap();
        let disk = Arc::new(FaultyDisk::default());
        match Journal::open(disk, ID, folder.path()) {
            Ok(found) => {
                let next = found.unwrap().state().progress().next.0;
                let expected = if cut || entry == count { entry - 1 } else { count };
                prop_assert_eq!(next, expected);
            }
            Err(error) => {
                prop_assert!(cut && entry == 0, "{}", error);
            }
        }
    }
}
