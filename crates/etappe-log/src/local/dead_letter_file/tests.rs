//! Tests of what survives in the dead-letter file and what does not count as kept.

use bytes::Bytes;
use etappe_core::id::{Offset, PartitionId};
use etappe_core::ports::{RetryClass, Retryable};
use etappe_core::time::Timestamp;
use etappe_testkit::clock::ManualClock;

use super::*;

/// Returns a folder, and the path of a file that is to be in it.
fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("dead-letters.ndjson");
    (folder, path)
}

fn letter(offset: u64, payload: &str) -> DeadLetter {
    DeadLetter {
        partition: PartitionId(1),
        offset: Offset(offset),
        payload: payload.to_owned().into(),
        reason: "line\nbreak".to_owned(),
    }
}

fn open(path: &Path) -> DeadLetterFile {
    DeadLetterFile::open(path, "t", 10_000, Arc::new(ManualClock::default())).expect("a good file")
}

fn read(path: &Path) -> Result<Vec<StoredDeadLetter>, LogError> {
    DeadLetterFile::read_all(path).map(|read| read.letters)
}

fn payloads(path: &Path) -> Vec<Vec<u8>> {
    let letters = read(path).expect("a good file");
    letters
        .into_iter()
        .map(|letter| letter.letter.payload.to_vec())
        .collect()
}

#[tokio::test]
async fn dead_letters_are_kept_once_across_restarts() {
    let (_folder, path) = place();
    assert_eq!(read(&path).expect("nothing there"), []);
    let letters = [letter(7, "seven\0"), letter(3, "three")];
    open(&path).store(&letters).await.expect("room on the disk");
    open(&path)
        .store(&[letter(3, "three"), letter(9, "")])
        .await
        .expect("room on the disk");
    assert_eq!(
        payloads(&path),
        [b"seven\0".to_vec(), b"three".to_vec(), Vec::new()]
    );
    let first = &read(&path).expect("a good file")[0];
    assert_eq!(
        (first.topic.as_str(), first.letter.offset),
        ("t", Offset(7))
    );
    assert_eq!(first.letter.reason, "line\nbreak");
}

#[tokio::test]
async fn an_incomplete_last_line_is_cut_off() {
    let (_folder, path) = place();
    open(&path).store(&[letter(1, "one")]).await.expect("room");
    let whole = std::fs::read(&path).expect("a file");
    for cut in 1..whole.len() {
        let mut torn = whole.clone();
        torn.extend_from_slice(&whole[..cut]);
        std::fs::write(&path, torn).expect("room");
        open(&path).store(&[letter(2, "two")]).await.expect("room");
        assert_eq!(payloads(&path), [b"one".to_vec(), b"two".to_vec()], "{cut}");
        std::fs::write(&path, &whole).expect("room");
    }
}

#[tokio::test]
async fn damaged_letters_are_set_aside_and_counted_and_the_others_kept() {
    let (_folder, path) = place();
    let all = [letter(1, "one"), letter(2, "two"), letter(3, "three")];
    open(&path).store(&all).await.expect("room");
    let whole = std::fs::read_to_string(&path).expect("a file");
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    for damaged in 0..3 {
        for change in ["lime", "", "\u{0}\u{0}\u{0}\u{0}", "li\nne"] {
            let bad = lines[damaged].replacen("line", change, 1);
            let mut changed = lines.clone();
            changed[damaged] = &bad;
            std::fs::write(&path, changed.concat()).expect("room");
            let aside = aside(&path);
            std::fs::remove_file(&aside).ok();
            let count = DeadLetterFile::read_all(&path);
            let expected = bad.lines().count();
            assert_eq!(count.expect("readable").damaged, expected);
            let file = open(&path);
            assert_eq!(file.damaged(), expected, "{damaged} {change:?}");
            assert_eq!(std::fs::read_to_string(&aside).expect("a file"), bad);
            assert_eq!(payloads(&path).len(), 2);
            // The letter may be buried again, and is kept then.
            file.store(&all).await.expect("room");
            assert_eq!(payloads(&path).len(), 3);
            assert_eq!(open(&path).damaged(), 0, "damage is reported once");
        }
    }
}

#[tokio::test]
async fn a_file_of_random_bytes_is_moved_aside_completely() {
    let (_folder, path) = place();
    let noise: Vec<u8> = (0..5_000_u32)
        .map(|it| it.to_le_bytes()[0] ^ 0x5a)
        .collect();
    std::fs::write(&path, &noise).expect("room");
    let file = open(&path);
    assert!(file.damaged() > 0);
    let mut kept = std::fs::read(aside(&path)).expect("a file");
    kept.truncate(noise.len());
    assert_eq!(kept, noise);
    file.store(&[letter(1, "one")]).await.expect("room");
    assert_eq!(payloads(&path), [b"one".to_vec()]);
}

#[tokio::test]
async fn a_full_file_refuses_letters_with_a_transient_error() {
    let (_folder, path) = place();
    let file =
        DeadLetterFile::open(&path, "t", 200, Arc::new(ManualClock::default())).expect("a file");
    file.store(&[letter(1, "one")]).await.expect("room for one");
    let error = file.store(&[letter(2, "two")]).await.expect_err("no room");
    assert_eq!(error.retry_class(), RetryClass::Transient);
    assert_eq!(payloads(&path), [b"one".to_vec()]);
}

#[tokio::test]
async fn replays_are_remembered_across_restarts() {
    let (_folder, path) = place();
    let clock = ManualClock::default();
    let file = DeadLetterFile::open(&path, "t", 10_000, Arc::new(clock.clone())).expect("a file");
    let letters = [letter(1, "one"), letter(2, "two")];
    file.store(&letters).await.expect("room");
    let buried = file.letters().await.expect("a good file");
    assert!(buried.iter().all(|letter| letter.replayed_at.is_none()));
    for millis in [50, 70] {
        clock.set(Timestamp::from_millis(millis));
        file.mark_replayed(&buried[1]).await.expect("room");
    }
    let stranger = StoredDeadLetter {
        topic: "another".to_owned(),
        ..buried[0].clone()
    };
    file.mark_replayed(&stranger).await.expect("nothing to do");
    drop(file);
    let file = open(&path);
    file.store(&letters).await.expect("nothing to do");
    let times: Vec<Option<i64>> = file
        .letters()
        .await
        .expect("a good file")
        .iter()
        .map(|letter| letter.replayed_at.map(Timestamp::as_millis))
        .collect();
    assert_eq!(times, [None, Some(70)]);
}

#[tokio::test]
async fn a_file_written_before_replays_existed_is_read() {
    let (_folder, path) = place();
    let text = r#"{"topic":"t","partition":1,"offset":7,"buried_at":"2024-03-01T12:00:00.000Z","reason":"r","payload":"b25l"}"#;
    let crc = crc32fast::hash(text.as_bytes());
    std::fs::write(&path, format!("{{\"crc\":{crc},\"letter\":{text}}}\n")).expect("room");
    let expected = StoredDeadLetter {
        topic: "t".to_owned(),
        letter: DeadLetter {
            partition: PartitionId(1),
            offset: Offset(7),
            payload: Bytes::from_static(b"one"),
            reason: "r".to_owned(),
        },
        buried_at: Timestamp::from_millis(1_709_294_400_000),
        replayed_at: None,
    };
    assert_eq!(read(&path).expect("a good file"), [expected]);
}
