//! A log that cannot be opened reports why, and nothing is changed.

use std::path::Path;

use etappe_core::ports::{RetryClass, Retryable};
use etappe_log::LogError;
use etappe_log::local::{LocalLogConfig, current_boot_id};

use crate::support::{config, open, open_with, publish, read_all};

#[track_caller]
fn check(outcome: Result<etappe_log::local::LocalLog, LogError>, words: &[&str]) {
    let error = outcome.map(drop).expect_err("the log must not open");
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "`{word}` is missing in: {text}");
    }
    assert_eq!(error.retry_class(), RetryClass::Fatal);
}

#[test]
fn a_second_opening_is_refused_until_the_first_ends() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), "boot").unwrap();
    check(open(folder.path(), "boot"), &["in use"]);
    drop(log);
    open(folder.path(), "boot").unwrap();
}

#[test]
fn another_number_of_partitions_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path(), "boot").unwrap());
    let other = LocalLogConfig {
        partitions: 3,
        ..config(folder.path())
    };
    check(
        open_with(other, "boot"),
        &["has 2 partitions", "asks for 3"],
    );
}

#[test]
fn an_invalid_configuration_is_refused_with_all_its_problems() {
    let folder = tempfile::tempdir().unwrap();
    let invalid = LocalLogConfig {
        partitions: 0,
        queue_bytes: 1,
        ..config(folder.path())
    };
    check(
        open_with(invalid, "boot"),
        &["`partitions`", "`queue_bytes`"],
    );
}

#[test]
fn a_folder_that_cannot_be_written_is_refused_by_name() {
    // Not even root can create files in these.
    for path in ["/proc/etappe-log", "/dev/null/etappe-log", "/proc/self"] {
        check(open(Path::new(path), "boot"), &[path]);
    }
}

#[tokio::test]
async fn lost_progress_is_an_error_instead_of_a_fresh_start() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), "boot").unwrap();
    publish(&log.publisher(), 0, &["a"]).await;
    drop(log);
    let cursor = folder.path().join("partition-0/cursor.log");
    let kept = std::fs::read(&cursor).unwrap();
    for (bytes, reason) in [
        (None, "it is not there"),
        (Some(&b""[..]), "no readable entry"),
        (Some(&[7; 4096][..]), "no readable entry"),
    ] {
        std::fs::remove_file(&cursor).unwrap();
        if let Some(bytes) = bytes {
            std::fs::write(&cursor, bytes).unwrap();
        }
        check(open(folder.path(), "boot"), &["cursor.log", reason]);
        std::fs::write(&cursor, &kept).unwrap();
    }
    let description = folder.path().join("log.json");
    let kept = std::fs::read(&description).unwrap();
    std::fs::remove_file(&description).unwrap();
    check(open(folder.path(), "boot"), &["log.json"]);
    std::fs::write(&description, kept).unwrap();
    let log = open(folder.path(), "boot").unwrap();
    assert_eq!(read_all(&log.reader(), 0, 0).await.len(), 1);
}

#[test]
fn the_machine_tells_its_boot_id() {
    let id = current_boot_id().unwrap();
    assert_eq!(id.len(), 36);
    assert_eq!(id, current_boot_id().unwrap());
}
