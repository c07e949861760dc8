//! What a crash leaves at every point, and what becomes of damaged and foreign files.

use std::fs;
use std::path::{Path, PathBuf};

use etappe_core::id::Offset;
use etappe_core::ports::RetryClass;
use etappe_core::time::Timestamp;
use etappe_core::watermark::Watermark;
use etappe_runtime::health::State;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::model::{Bench, Ledger, PARTITIONS};
use super::property::{event, settle};
use crate::follower::Rebuild;

/// A bench with some segments, some recent events and some that are not settled.
async fn busy(folder: &Path, seed: u64) -> (Bench, [u64; PARTITIONS as usize]) {
    let mut random = StdRng::seed_from_u64(seed);
    let ledger = Ledger::default();
    let watermark = Watermark::new(PARTITIONS as usize);
    let mut offsets = [0; PARTITIONS as usize];
    settle(&watermark, &offsets, 0);
    let mut bench = Bench::open(ledger, watermark, folder).await;
    for round in 0..6 {
        arrive(&bench, 40, &mut random, &mut offsets);
        settle(&bench.watermark, &offsets, 900);
        bench.check().await;
        if round < 4 {
            bench.index.checkpoint().unwrap();
        }
    }
    (bench, offsets)
}

fn arrive(bench: &Bench, events: usize, random: &mut StdRng, offsets: &mut [u64; 2]) {
    let mut rows = bench.ledger.rows.lock();
    for _ in 0..events {
        rows.push(event(random.random(), offsets));
    }
}

async fn reopened(bench: Bench, folder: &Path) -> Bench {
    let Bench {
        ledger, watermark, ..
    } = bench;
    Bench::open(ledger, watermark, folder).await
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "segment"))
        .collect();
    paths.sort();
    paths
}

fn builds(bench: &Bench, reason: &str) -> u64 {
    let builds = &bench.follower.metrics().builds;
    builds.with_label_values(&[reason]).get()
}

#[tokio::test(start_paused = true)]
async fn a_segment_without_its_manifest_is_no_part_of_the_index() {
    let folder = tempfile::tempdir().unwrap();
    let (mut bench, _) = busy(folder.path(), 1).await;
    let before = segments(folder.path()).len();
    assert!(bench.index.flush().unwrap(), "there are recent events");
    assert_eq!(segments(folder.path()).len(), before + 1);
    let mut bench = reopened(bench, folder.path()).await;
    assert_eq!(segments(folder.path()).len(), before);
    assert_eq!(builds(&bench, "none"), 0);
    bench.check().await;
}

#[tokio::test(start_paused = true)]
async fn half_a_file_is_no_part_of_the_index() {
    let folder = tempfile::tempdir().unwrap();
    let (bench, _) = busy(folder.path(), 2).await;
    fs::write(folder.path().join("0000000099.segment"), b"half a gro").unwrap();
    fs::write(folder.path().join("manifest.json.new"), b"{\"version\":2,").unwrap();
    let mut bench = reopened(bench, folder.path()).await;
    assert_eq!(builds(&bench, "none"), 0);
    bench.check().await;
    bench.index.checkpoint().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_merge_can_end_at_any_point() {
    let folder = tempfile::tempdir().unwrap();
    let (mut bench, _) = busy(folder.path(), 3).await;
    let merge = bench.index.next_merge().expect("segments of one size");
    drop(merge.run().unwrap());
    let mut bench = reopened(bench, folder.path()).await;
    bench.check().await;
    // The manifest names the merged one, and the others are still there.
    let merge = bench.index.next_merge().expect("segments of one size");
    let copies: Vec<(PathBuf, Vec<u8>)> = segments(folder.path())
        .into_iter()
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    bench.index.take_merged(merge.run().unwrap()).unwrap();
    let left = segments(folder.path()).len();
    for (path, bytes) in copies {
        fs::write(path, bytes).unwrap();
    }
    let mut bench = reopened(bench, folder.path()).await;
    assert_eq!(segments(folder.path()).len(), left);
    assert_eq!(builds(&bench, "none"), 0);
    bench.check().await;
}

#[tokio::test(start_paused = true)]
async fn a_merge_that_an_index_no_longer_wants_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let (mut bench, _) = busy(folder.path(), 5).await;
    let merge = bench.index.next_merge().expect("segments of one size");
    let merged = merge.run().unwrap();
    let damaged = Some(Rebuild::Damaged);
    bench
        .follower
        .prepare(&mut bench.index, damaged)
        .await
        .unwrap();
    let before = segments(folder.path());
    bench.index.take_merged(merged).unwrap();
    assert_eq!(segments(folder.path()), before);
    bench.check().await;
}

#[tokio::test(start_paused = true)]
async fn a_build_that_ended_early_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (mut bench, _) = busy(folder.path(), 4).await;
    bench.index.discard().unwrap();
    assert_eq!(bench.follower.missing(&bench.index), Some(Rebuild::Missing));
    let mut bench = reopened(bench, folder.path()).await;
    assert_eq!(builds(&bench, "none"), 1);
    bench.check().await;
}

#[tokio::test(start_paused = true)]
async fn any_changed_byte_is_noticed_and_the_index_is_built_again() {
    let seed = rand::random();
    eprintln!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..40 {
        let folder = tempfile::tempdir().unwrap();
        let (bench, _) = busy(folder.path(), random.random()).await;
        let paths = segments(folder.path());
        let path = &paths[random.random_range(0..paths.len())];
        let mut bytes = fs::read(path).unwrap();
        if random.random_bool(0.2) {
            bytes.truncate(random.random_range(0..bytes.len()));
        } else {
            let place = random.random_range(0..bytes.len());
            bytes[place] ^= 1 << random.random_range(0..8);
        }
        fs::write(path, bytes).unwrap();
        let mut bench = reopened(bench, folder.path()).await;
        if !bench.is_readable().await {
            bench
                .follower
                .prepare(&mut bench.index, Some(Rebuild::Damaged))
                .await
                .unwrap();
        }
        assert_eq!(builds(&bench, "none") + builds(&bench, "damaged"), 1);
        bench.check().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_index_of_another_log_or_version_is_built_again() {
    let folder = tempfile::tempdir().unwrap();
    let (bench, _) = busy(folder.path(), 6).await;
    let path = folder.path().join("manifest.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(
        &path,
        text.replace("\"events\"", "\"other\"")
            .replace("\"other\":", "\"events\":"),
    )
    .unwrap();
    let bench = reopened(bench, folder.path()).await;
    assert_eq!(builds(&bench, "other_log"), 1);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"version\":2", "\"version\":1")).unwrap();
    let mut bench = reopened(bench, folder.path()).await;
    assert_eq!(builds(&bench, "none"), 1);
    bench.check().await;
}

#[tokio::test(start_paused = true)]
async fn rows_that_the_database_lost_stay_and_more_rows_than_before_mean_a_build() {
    let folder = tempfile::tempdir().unwrap();
    let (bench, offsets) = busy(folder.path(), 7).await;
    settle(&bench.watermark, &offsets, 1_000);
    let mut bench = reopened(bench, folder.path()).await;
    bench.check().await;
    bench.index.checkpoint().unwrap();
    // A power failure: some rows are gone until they are stored again.
    let lost: Vec<_> = bench.ledger.rows.lock().split_off(200);
    let mut bench = reopened(bench, folder.path()).await;
    assert_eq!(builds(&bench, "ahead") + builds(&bench, "behind"), 0);
    bench.ledger.rows.lock().extend(lost.clone());
    bench.check().await;
    // An index that was built while rows were missing.
    bench.ledger.rows.lock().truncate(200);
    fs::remove_dir_all(folder.path()).unwrap();
    let bench = reopened(bench, folder.path()).await;
    bench.ledger.rows.lock().extend(lost);
    assert_eq!(
        bench.follower.compare(&bench.index).await,
        Some(Rebuild::Behind)
    );
    let mut bench = reopened(bench, folder.path()).await;
    assert_eq!(builds(&bench, "behind"), 1);
    bench.check().await;
}

#[tokio::test(start_paused = true)]
async fn events_of_an_earlier_log_are_in_the_index() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::default();
    let mut offsets = [0; PARTITIONS as usize];
    let mut random = StdRng::seed_from_u64(8);
    for _ in 0..100 {
        let mut old = event(random.random(), &mut offsets);
        old.topic = "earlier";
        ledger.rows.lock().push(old);
    }
    let watermark = Watermark::new(PARTITIONS as usize);
    for partition in 0..PARTITIONS as usize {
        watermark.post(partition, Timestamp::EPOCH, Offset(0));
    }
    let mut bench = Bench::open(ledger, watermark, folder.path()).await;
    bench.check().await;
    let mut offsets = [0; PARTITIONS as usize];
    arrive(&bench, 50, &mut random, &mut offsets);
    settle(&bench.watermark, &offsets, 1_000);
    bench.check().await;
    let mut bench = reopened(bench, folder.path()).await;
    bench.check().await;
}

#[tokio::test(start_paused = true)]
async fn a_database_that_is_away_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut bench, mut offsets) = busy(folder.path(), 9).await;
    let mut random = StdRng::seed_from_u64(9);
    arrive(&bench, 40, &mut random, &mut offsets);
    settle(&bench.watermark, &offsets, 1_000);
    *bench.ledger.fails.lock() = Some(RetryClass::Transient);
    assert!(!bench.follower.refresh(&mut bench.index).await.unwrap());
    *bench.ledger.fails.lock() = None;
    bench.check().await;
}

#[tokio::test(start_paused = true)]
async fn a_database_that_refuses_for_good_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (mut bench, mut offsets) = busy(folder.path(), 12).await;
    arrive(&bench, 40, &mut StdRng::seed_from_u64(12), &mut offsets);
    settle(&bench.watermark, &offsets, 1_000);
    for (class, is_told) in [
        (RetryClass::Transient, false),
        (RetryClass::Permanent, true),
    ] {
        *bench.ledger.fails.lock() = Some(class);
        assert!(!bench.follower.refresh(&mut bench.index).await.unwrap());
        let told = matches!(
            &bench.health.components()["journeys"],
            State::Degraded(reason) if reason.ends_with("the database refuses")
        );
        assert_eq!(told, is_told, "{class:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn questions_share_a_refresh_until_more_is_settled() {
    let folder = tempfile::tempdir().unwrap();
    let (mut bench, mut offsets) = busy(folder.path(), 10).await;
    let refreshes = |bench: &Bench| bench.follower.metrics().refresh.get_sample_count();
    let before = refreshes(&bench);
    for _ in 0..5 {
        bench.follower.link().ask();
        assert!(bench.follower.refresh(&mut bench.index).await.unwrap());
    }
    assert_eq!(refreshes(&bench), before);
    let mut random = StdRng::seed_from_u64(10);
    arrive(&bench, 10, &mut random, &mut offsets);
    settle(&bench.watermark, &offsets, 1_000);
    bench.follower.link().ask();
    assert!(bench.follower.refresh(&mut bench.index).await.unwrap());
    assert_eq!(refreshes(&bench), before + 1);
    bench.check().await;
}
