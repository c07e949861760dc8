//! What survives in the file of dead letters, and what does not count as kept.

use etappe_testkit::clock::ManualClock;

use super::*;

fn letter(offset: u64, payload: &str) -> DeadLetter {
    DeadLetter {
        partition: PartitionId(1),
        offset: Offset(offset),
        payload: payload.to_owned().into(),
        reason: "line\nbreak".to_owned(),
    }
}

fn open(path: &Path) -> DeadLetterFile<ManualClock> {
    DeadLetterFile::open(path, "t", 10_000, ManualClock::default()).expect("a good file")
}

fn payloads(path: &Path) -> Vec<Vec<u8>> {
    let letters = StoredLetter::read_all(path).expect("a good file");
    letters.into_iter().map(|letter| letter.payload).collect()
}

#[tokio::test]
async fn letters_are_kept_once_across_restarts() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("dead-letters.ndjson");
    assert_eq!(StoredLetter::read_all(&path).expect("nothing there"), []);
    let letters = [letter(7, "seven\0"), letter(3, "three")];
    open(&path).bury(&letters).await.expect("room on the disk");
    open(&path)
        .bury(&[letter(3, "three"), letter(9, "")])
        .await
        .expect("room on the disk");
    assert_eq!(
        payloads(&path),
        [b"seven\0".to_vec(), b"three".to_vec(), Vec::new()]
    );
    let first = &StoredLetter::read_all(&path).expect("a good file")[0];
    assert_eq!((first.topic.as_str(), first.offset), ("t", Offset(7)));
    assert_eq!(first.reason, "line\nbreak");
}

#[tokio::test]
async fn an_unfinished_last_line_is_cut_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("dead-letters.ndjson");
    open(&path).bury(&[letter(1, "one")]).await.expect("room");
    let whole = std::fs::read(&path).expect("a file");
    for cut in 1..whole.len() {
        let mut torn = whole.clone();
        torn.extend_from_slice(&whole[..cut]);
        std::fs::write(&path, torn).expect("room");
        open(&path).bury(&[letter(2, "two")]).await.expect("room");
        assert_eq!(payloads(&path), [b"one".to_vec(), b"two".to_vec()], "{cut}");
        std::fs::write(&path, &whole).expect("room");
    }
}

#[tokio::test]
async fn a_damaged_line_in_the_middle_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("dead-letters.ndjson");
    let letters = [letter(1, "one"), letter(2, "two")];
    open(&path).bury(&letters).await.expect("room");
    let text = std::fs::read_to_string(&path).expect("a file");
    std::fs::write(&path, text.replacen("line", "lime", 1)).expect("room");
    let damaged = DeadLetterFile::open(&path, "t", 10_000, ManualClock::default());
    assert!(matches!(
        damaged,
        Err(DeadLetterFileError::Damaged { line: 1, .. })
    ));
}

#[tokio::test]
async fn a_full_file_takes_nothing_and_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("dead-letters.ndjson");
    let file = DeadLetterFile::open(&path, "t", 200, ManualClock::default()).expect("a file");
    file.bury(&[letter(1, "one")]).await.expect("room for one");
    let error = file.bury(&[letter(2, "two")]).await.expect_err("no room");
    assert_eq!(error.retry_class(), RetryClass::Transient);
    assert_eq!(payloads(&path), [b"one".to_vec()]);
}
