//! A copy of a log in use: it opens, holds what was acknowledged, and requests a replay of the
//! announced ranges.

use etappe_testkit::offsets::range;

use super::*;

#[tokio::test]
async fn a_copy_of_a_log_in_use_holds_acknowledged_records_and_repeats_announced_ranges() {
    let mut bench = Bench::new();
    bench.config.segment_bytes = 1 << 16;
    let log = bench.open("boot").unwrap();
    let records: Vec<Bytes> = (0..400).map(|number| record(number, 1_000)).collect();
    for some in records[..300].chunks(10) {
        publish(&log, 0, some).await.unwrap();
    }
    let announced = range(200, 249);
    commit(&log, 200, Some((200, 249))).await;
    commit(&log, 250, None).await;
    // Other publishers continue while the log is copied.
    let publisher = log.publisher();
    let rest = records[300..].to_vec();
    let mut going_on = tokio::task::JoinSet::new();
    going_on.spawn(async move {
        for payload in rest {
            let outcome = publisher.publish(vec![outgoing(0, payload)]).await;
            assert_eq!(outcome, [Ok(())]);
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("copy");
    log.reader().copy_to(&target).await.unwrap();
    going_on.join_all().await;
    assert!(
        log.reader().copy_to(&target).await.is_err(),
        "a copy is not written over"
    );

    let mut copied = Bench::new();
    copied.config = LocalLogConfig {
        directory: target,
        ..bench.config.clone()
    };
    let copy = copied.open("boot").unwrap();
    let found = read_from(&copy, 0, 0).await.unwrap();
    assert!((300..=400).contains(&found.len()), "{}", found.len());
    assert_records(&found, 0, &records[..found.len()]);
    assert_eq!(copy.source().topic(), log.source().topic());
    // The copy does not count as cleanly closed, so the announced ranges are replayed.
    let (_, replay) = assigned(&copy.source()).await;
    assert!(
        replay
            .iter()
            .any(|range| range.first <= announced.first && range.last >= announced.last),
        "{replay:?}"
    );
}
