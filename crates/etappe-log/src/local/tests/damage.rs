//! Torn and damaged segments: what was acknowledged before the damage is there, nothing is
//! invented, and damage other than a torn tail is never skipped silently.

use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

/// A log of one segment, written in groups, and the end of each group in records and bytes.
struct Written {
    bench: Bench,
    records: Vec<Bytes>,
    ends: Vec<(usize, u64)>,
    file: PathBuf,
}

/// Writes groups, each given as the number of records and their size in bytes.
async fn write(groups: &[(usize, usize)], codec: Codec) -> Written {
    let mut bench = Bench::new();
    bench.config.codec = codec;
    bench.config.segment_bytes = 1 << 30;
    let log = bench.open("boot").unwrap();
    let mut records = Vec::new();
    let mut ends = Vec::new();
    for &(count, length) in groups {
        let first = records.len();
        let group: Vec<_> = (first..first + count)
            .map(|number| record(number as u64, length))
            .collect();
        publish(&log, 0, &group).await.unwrap();
        records.extend(group);
        let bytes = bench.segments(0)[0].metadata().unwrap().len();
        ends.push((records.len(), bytes));
    }
    drop(log);
    let file = bench.segments(0).remove(0);
    Written {
        bench,
        records,
        ends,
        file,
    }
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(work)
}

fn any_groups() -> impl Strategy<Value = Vec<(usize, usize)>> {
    prop::collection::vec((1..8_usize, 1..400_usize), 1..8)
}

proptest! {
    #![proptest_config(crate::seeded(64))]

    #[test]
    fn a_cut_anywhere_keeps_all_groups_before_it(
        groups in any_groups(),
        packed in any::<bool>(),
        at in any::<prop::sample::Index>(),
        junk in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        run(async {
            let codec = if packed { Codec::Lz4 } else { Codec::None };
            let written = write(&groups, codec).await;
            let mut bytes = std::fs::read(&written.file).unwrap();
            let cut = at.index(bytes.len() + 1);
            bytes.truncate(cut);
            bytes.extend(junk);
            std::fs::write(&written.file, bytes).unwrap();
            let kept = written.ends.iter().rev().find(|(_, end)| *end <= cut as u64);
            let kept = kept.map_or(0, |(records, _)| *records);
            let log = written.bench.open("boot").unwrap();
            assert_records(&read_from(&log, 0, 0).await.unwrap(), 0, &written.records[..kept]);
            // The log continues from there, also after another opening.
            let more = record(4711, 10);
            publish(&log, 0, std::slice::from_ref(&more)).await.unwrap();
            drop(log);
            let log = written.bench.open("boot").unwrap();
            let found = read_from(&log, 0, 0).await.unwrap();
            assert_records(&found[kept..], kept as u64, &[more]);
        });
    }

    #[test]
    fn a_flipped_bit_is_a_torn_tail_in_the_last_group_and_damage_before_it(
        groups in any_groups(),
        packed in any::<bool>(),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u32,
    ) {
        run(async {
            let codec = if packed { Codec::Lz4 } else { Codec::None };
            let written = write(&groups, codec).await;
            let mut bytes = std::fs::read(&written.file).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= 1_u8 << bit;
            std::fs::write(&written.file, &bytes).unwrap();
            let group = written.ends.partition_point(|(_, end)| *end <= at as u64);
            let (kept, begins) = group.checked_sub(1).map_or((0, 0), |before| written.ends[before]);
            match written.bench.open("boot") {
                Ok(log) => {
                    assert_eq!(group + 1, written.ends.len(), "damage was taken for a torn tail");
                    let found = read_from(&log, 0, 0).await.unwrap();
                    assert_records(&found, 0, &written.records[..kept]);
                }
                Err(LogError::Damaged { path, position, .. }) => {
                    assert!(group + 1 < written.ends.len(), "a torn tail was taken for damage");
                    assert_eq!((path, position), (written.file.clone(), begins));
                    assert_eq!(std::fs::read(&written.file).unwrap(), bytes, "evidence is kept");
                }
                Err(other) => panic!("{other}"),
            }
        });
    }
}

/// Fills several segments and returns the records.
async fn fill(bench: &Bench, segments: usize) -> Vec<Bytes> {
    let log = bench.open("boot").unwrap();
    let mut records = Vec::new();
    while bench.segments(0).len() < segments {
        let group: Vec<_> = (0..5)
            .map(|n| record(records.len() as u64 + n, 3_000))
            .collect();
        publish(&log, 0, &group).await.unwrap();
        records.extend(group);
    }
    records
}

#[tokio::test]
async fn damage_in_an_older_segment_is_reported_with_file_and_position() {
    let bench = Bench::new();
    let records = fill(&bench, 3).await;
    let segments = bench.segments(0);
    let mut bytes = std::fs::read(&segments[1]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&segments[1], bytes).unwrap();

    let log = bench.open("boot").unwrap();
    let error = read_from(&log, 0, 0).await.unwrap_err();
    let LogError::Damaged { path, position, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(path, &segments[1]);
    assert!(*position <= middle as u64);
    assert!(error.to_string().contains("rename it"), "{error}");
    drop(log);

    // Following the advice of the message brings back everything else.
    std::fs::rename(&segments[1], segments[1].with_extension("log.damaged")).unwrap();
    let gap = first_offset(&segments[1])..first_offset(&segments[2]);
    let log = bench.open("boot").unwrap();
    let found = read_from(&log, 0, 0).await.unwrap();
    let (before, after) = (gap.start, gap.end);
    let split = usize::try_from(before).unwrap();
    assert_records(&found[..split], 0, &records[..split]);
    let rest = usize::try_from(after).unwrap();
    assert_records(&found[split..], after, &records[rest..]);
    assert_eq!(
        read_from(&log, 0, before + 1).await.unwrap().len(),
        records.len() - rest
    );
}

#[tokio::test]
async fn a_shortened_older_segment_is_reported() {
    let bench = Bench::new();
    fill(&bench, 3).await;
    let segments = bench.segments(0);
    let length = segments[0].metadata().unwrap().len();
    let file = File::options().write(true).open(&segments[0]).unwrap();
    file.set_len(length - 1).unwrap();
    let log = bench.open("boot").unwrap();
    let error = read_from(&log, 0, 0).await.unwrap_err();
    assert!(matches!(error, LogError::Damaged { .. }), "{error}");
    // Its neighbours can still be read.
    let next = first_offset(&segments[1]);
    assert!(!read_from(&log, 0, next).await.unwrap().is_empty());
}

#[tokio::test]
async fn after_the_last_segment_is_put_aside_no_offset_is_given_twice() {
    let bench = Bench::new();
    let records = fill(&bench, 2).await;
    let last = bench.segments(0).remove(1);
    std::fs::rename(&last, last.with_extension("log.damaged")).unwrap();
    let log = bench.open("boot").unwrap();
    let more = record(4711, 10);
    publish(&log, 0, std::slice::from_ref(&more)).await.unwrap();
    let found = read_from(&log, 0, first_offset(&last)).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].payload, more);
    assert!(found[0].offset.0 >= records.len() as u64);
}

#[tokio::test]
async fn a_log_that_ends_before_its_consumer_goes_on_after_it() {
    let bench = Bench::new();
    let log = bench.open("boot").unwrap();
    let records: Vec<_> = (0..10).map(|n| record(n, 50)).collect();
    for half in records.chunks(5) {
        publish(&log, 0, half).await.unwrap();
    }
    commit(&log, 6, Some((6, 8))).await;
    drop(log);
    // The disk did not honour syncs and has lost the second half.
    let file = bench.segments(0).remove(0);
    let length = file.metadata().unwrap().len();
    let handle = File::options().write(true).open(&file).unwrap();
    handle.set_len(length - 10).unwrap();

    for _ in 0..2 {
        let log = bench.open("boot").unwrap();
        let positions = log.reader().positions()[0];
        assert_eq!((positions.committed, positions.end), (Offset(6), Offset(9)));
        assert_records(&read_from(&log, 0, 0).await.unwrap(), 0, &records[..5]);
    }
    let log = bench.open("boot").unwrap();
    let more = record(4711, 10);
    publish(&log, 0, std::slice::from_ref(&more)).await.unwrap();
    assert_records(&read_from(&log, 0, 6).await.unwrap(), 9, &[more]);
}
