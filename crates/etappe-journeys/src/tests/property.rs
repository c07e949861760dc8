//! Random streams, and every order of what can happen to an index that follows them.

use std::sync::LazyLock;

use etappe_core::time::Timestamp;
use etappe_core::watermark::Watermark;
use proptest::collection::vec;
use proptest::prelude::*;

use super::model::{Bench, Event, Ledger, PARTITIONS, TOPIC};

/// More than a byte can tell apart.
static COUNTRIES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    (0..300)
        .map(|number| &*format!("c{number}").leak())
        .collect()
});

/// Something that happens.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Events arrive; the first number of each is a random one that decides everything about it.
    Arrive(Vec<u64>),
    /// So much of what arrived is settled, in thousandths.
    Settle(u64),
    Refresh,
    Checkpoint,
    Merge,
    /// The process ends without a word and starts again.
    Restart,
    /// The folder of the index is gone.
    Lose,
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => vec(any::<u64>(), 1..60).prop_map(Step::Arrive),
        3 => (0..=1_000_u64).prop_map(Step::Settle),
        3 => Just(Step::Refresh),
        2 => Just(Step::Checkpoint),
        2 => Just(Step::Merge),
        1 => Just(Step::Restart),
        1 => Just(Step::Lose),
    ];
    vec(step, 1..60)
}

/// Makes an event of a random number: few people and instants, so that there are ties, and now and
/// then one that is years late.
pub(super) fn event(random: u64, offsets: &mut [u64; PARTITIONS as usize]) -> Event {
    let part = |shift: u32, choices: u64| (random >> shift) % choices;
    let actor = part(0, 7);
    let partition = u32::try_from(actor % u64::from(PARTITIONS)).unwrap();
    let next = &mut offsets[partition as usize];
    // A log has gaps: other records, and those of Kafka itself.
    *next += 1 + part(8, 3);
    let is_far = part(12, 20) == 0;
    Event {
        topic: TOPIC,
        site: ["a", "b"][usize::from(part(16, 2) == 1)],
        actor,
        at: part(20, 50).cast_signed() * 20_000 + if is_far { 400_000_000_000 } else { 0 },
        event: format!("e{}", part(28, 3)),
        milestone: ["", "signup", "purchase"][usize::try_from(part(32, 3)).unwrap()],
        outcome: part(36, 4),
        is_bot: part(40, 10) == 0,
        // Of many values, of few and of one: their codes take two bytes, one and none.
        values: [
            ["email", "social", "", "007", "1.50"][usize::try_from(part(44, 5)).unwrap()],
            "spring",
            "",
            "",
            ["phone", ""][usize::try_from(part(48, 2)).unwrap()],
            COUNTRIES[usize::try_from(part(50, 300)).unwrap()],
        ],
        partition,
        offset: *next,
    }
}

/// Posts how far the log is settled.
pub(super) fn settle(watermark: &Watermark, offsets: &[u64], thousandths: u64) {
    for (partition, last) in offsets.iter().enumerate() {
        let settled = (last + 1) * thousandths / 1_000;
        let settled = etappe_core::id::Offset(settled);
        watermark.post(partition, Timestamp::EPOCH, settled);
    }
}

async fn follow(steps: &[Step]) {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::default();
    let watermark = Watermark::new(PARTITIONS as usize);
    let mut offsets = [0; PARTITIONS as usize];
    settle(&watermark, &offsets, 0);
    let mut bench = Bench::open(ledger, watermark, folder.path()).await;
    for step in steps {
        match step {
            Step::Arrive(randoms) => {
                let mut rows = bench.ledger.rows.lock();
                rows.extend(randoms.iter().map(|random| event(*random, &mut offsets)));
            }
            Step::Settle(thousandths) => settle(&bench.watermark, &offsets, *thousandths),
            Step::Refresh => bench.check().await,
            Step::Checkpoint => bench.index.checkpoint().unwrap(),
            Step::Merge => {
                if let Some(merge) = bench.index.next_merge() {
                    bench.index.take_merged(merge.run().unwrap()).unwrap();
                }
            }
            Step::Restart | Step::Lose => {
                let Bench {
                    ledger, watermark, ..
                } = bench;
                if matches!(step, Step::Lose) {
                    std::fs::remove_dir_all(folder.path()).unwrap();
                }
                bench = Bench::open(ledger, watermark, folder.path()).await;
            }
        }
    }
    bench.check().await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn the_index_answers_as_the_model_whatever_happens(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(follow(&steps));
    }
}
