//! Tests the filter against a plain list of the latest messages.

use std::collections::VecDeque;

use etappe_testkit::draw::Draw;
use proptest::prelude::{ProptestConfig, Strategy, any, prop, prop_assert, proptest};
use proptest::test_runner::RngSeed;

use super::*;

fn hash(number: u64) -> MessageHash {
    MessageHash(etappe_core::id::hash64(&number.to_string()))
}

/// Returns the latest `limit` messages, unordered as a database lists them.
fn latest(history: &[u64], limit: u64) -> Vec<u64> {
    let limit = usize::try_from(limit).expect("a small number");
    let mut list: Vec<u64> = history.iter().rev().take(limit).copied().collect();
    list.sort_unstable();
    list
}

/// Rebuilds the filter; `draw` decides how often lists break off and start again.
fn rebuild(history: &[u64], bytes: usize, messages: u64, draw: &mut Draw) -> DuplicateFilter {
    let mut rebuild = FilterRebuild::new(bytes, messages);
    while let Some(limit) = rebuild.next_list() {
        let list = latest(history, limit);
        while draw.once_in(3) {
            let visited = draw.place(list.len() + 1);
            for number in &list[..visited] {
                rebuild.visit(hash(*number));
            }
            rebuild.begin_again();
        }
        for number in list {
            rebuild.visit(hash(number));
        }
    }
    rebuild.finish()
}

fn operations() -> impl Strategy<Value = Vec<(u64, bool)>> {
    // A message from a small set, and whether the process restarts before it.
    prop::collection::vec((0..400_u64, prop::bool::weighted(0.02)), 0..600)
}

fn config() -> ProptestConfig {
    ProptestConfig {
        rng_seed: RngSeed::Fixed(etappe_testkit::draw::seed()),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_message_within_the_window_is_never_missed(
        operations in operations(),
        messages in 1..120_u64,
        bytes in 64..4_096_usize,
        age in 1..200_usize,
        breaks in any::<u64>(),
    ) {
        let mut draw = Draw::new(breaks);
        let mut filter = DuplicateFilter::new(bytes, messages);
        let mut history = Vec::new();
        let mut window = VecDeque::new();
        for (number, restarts) in operations {
            if restarts {
                // Messages older than the window are not listed.
                let since = history.len().saturating_sub(age);
                filter = rebuild(&history[since..], bytes, messages, &mut draw);
            }
            filter.insert(hash(number));
            history.push(number);
            window.push_front(number);
            window.truncate(usize::try_from(messages).expect("a small number").min(age));
            prop_assert!(window.iter().all(|number| filter.contains(hash(*number))));
            prop_assert!(filter.generations.len() <= GENERATIONS + 1);
        }
    }

    #[test]
    fn every_hash_has_a_block_and_one_bit_in_each_word(number in any::<u64>(), blocks in 1..10_000_usize) {
        prop_assert!(place(MessageHash(number), blocks) < blocks);
        prop_assert!(bits(MessageHash(number)).iter().all(|bit| bit.count_ones() == 1));
    }
}

#[test]
fn the_filter_stays_within_its_bytes_and_false_positives_are_rare() {
    // The default share of one of two partitions, at a hundredth of the size.
    let (bytes, messages) = (503_316, 250_000);
    let mut filter = DuplicateFilter::new(bytes, messages);
    for number in 0..messages * 2 {
        filter.insert(hash(number));
    }
    let suspected = (0..100_000)
        .filter(|number| filter.contains(hash(10_000_000 + number)))
        .count();
    assert!(filter.bytes() <= bytes, "{} bytes", filter.bytes());
    assert!(suspected < 4_000, "{suspected} of 100000 suspected");
}

#[test]
fn an_interrupted_list_starts_over() {
    let mut rebuild = FilterRebuild::new(4_096, 100);
    assert_eq!(rebuild.next_list(), Some(25));
    rebuild.visit(hash(1));
    rebuild.begin_again();
    for number in 0..25 {
        rebuild.visit(hash(number));
    }
    assert_eq!(rebuild.next_list(), Some(50));
    for number in 0..30 {
        rebuild.visit(hash(number));
    }
    assert_eq!(rebuild.next_list(), None);
    let filter = rebuild.finish();
    assert!((0..30).all(|number| filter.contains(hash(number))));
}
