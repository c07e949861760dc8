//! The consumer's state compared with a plain record of what happened.

use etappe_testkit::offsets::{progress, range};
use proptest::prelude::*;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

const fn minutes(n: i64) -> Timestamp {
    Timestamp::from_millis(n * 60_000)
}

const fn seconds(n: i64) -> Timestamp {
    Timestamp::from_millis(n * 1_000)
}

fn advance(state: &mut ConsumerState, to: Progress, at: Timestamp) {
    let step = state.step_to(to, Offset(100_000), at).unwrap();
    state.apply(&step);
}

#[test]
fn only_what_was_announced_is_replayed_and_neighbours_as_one() {
    let mut state = ConsumerState::default();
    advance(&mut state, progress(0, Some((0, 9))), minutes(0));
    // Bisected: first the lower half becomes pending in its place, then the upper half.
    advance(&mut state, progress(0, Some((0, 4))), minutes(1));
    advance(&mut state, progress(5, Some((5, 9))), minutes(2));
    advance(&mut state, progress(10, None), minutes(3));
    // Passed without being inserted, in the same minute: it went elsewhere.
    advance(&mut state, progress(12, None), minutes(3));
    advance(&mut state, progress(12, Some((12, 20))), minutes(3));
    advance(&mut state, progress(21, None), minutes(3));
    advance(&mut state, progress(30, None), minutes(5));
    state.apply(&state.replay_due_step());
    assert_eq!(state.replay(HOUR, Offset(0)), [range(0, 9), range(12, 20)]);
    assert_eq!(
        state.replay(HOUR, Offset(3)),
        [range(3, 9), range(12, 20)],
        "what the log has deleted cannot be replayed"
    );
    assert_eq!(state.replay(HOUR, Offset(10)), [range(12, 20)]);
}

#[test]
fn a_replay_reaches_back_from_the_last_insert_however_long_ago_that_was() {
    let mut state = ConsumerState::default();
    for n in 0..10_u64 {
        let at = minutes(i64::try_from(n).unwrap() * 10);
        advance(&mut state, progress(n, Some((n, n))), at);
    }
    // Passed at 10, 20, … 90 minutes.
    state.apply(&state.replay_due_step());
    assert_eq!(state.replay(HOUR, Offset(0)), [range(2, 8)]);
    state.forget(HOUR, minutes(10_000));
    assert_eq!(state.replay(HOUR, Offset(0)), [range(2, 8)]);
    assert_eq!(state.needed_from(), Offset(0));

    // Replayed a day later, they may be lost again by a crash soon after.
    state.finish_replay(HOUR, minutes(1440));
    advance(&mut state, progress(10, None), minutes(1441));
    state.apply(&state.replay_due_step());
    assert_eq!(state.replay(HOUR, Offset(0)), [range(2, 9)]);
}

#[test]
fn what_was_passed_within_a_minute_is_replayed_as_a_whole() {
    let mut state = ConsumerState::default();
    for n in 0..400_u64 {
        let at = seconds(30 + i64::try_from(n).unwrap() * 12);
        advance(
            &mut state,
            progress(n * 100, Some((n * 100, n * 100 + 99))),
            at,
        );
    }
    assert!(state.passed.len() <= 81, "{}", state.passed.len());
    // The last was passed at 80 minutes 18 seconds. What was passed at 20:18 is in the minute that
    // began with what was passed at 20:06.
    state.apply(&state.replay_due_step());
    let replayed = [
        range(9_700, 19_699),
        range(19_700, 29_699),
        range(29_700, 39_699),
        range(39_700, 39_899),
    ];
    assert_eq!(state.replay(HOUR, Offset(0)), replayed);
}

#[test]
fn a_step_after_a_lost_one_stands_for_both() {
    let mut state = ConsumerState::default();
    advance(&mut state, progress(0, Some((0, 9))), minutes(0));
    advance(&mut state, progress(10, Some((10, 19))), minutes(0));
    let mut damaged = state.clone();
    advance(&mut state, progress(20, Some((20, 29))), minutes(70));
    let last = state
        .step_to(progress(30, None), Offset(30), minutes(70))
        .unwrap();
    damaged.apply(&last);
    damaged.apply(&damaged.replay_due_step());
    assert_eq!(damaged.replay(HOUR, Offset(0)), [range(10, 29)]);
}

#[test]
fn ranges_passed_long_ago_are_forgotten() {
    let mut state = ConsumerState::default();
    advance(&mut state, progress(5, None), minutes(0));
    advance(&mut state, progress(5, Some((5, 6))), minutes(30));
    advance(&mut state, progress(7, None), minutes(40));
    assert_eq!(state.needed_from(), Offset(0));
    state.forget(HOUR, minutes(60));
    assert_eq!(state.needed_from(), Offset(0));
    state.forget(HOUR, minutes(61));
    assert_eq!(state.needed_from(), Offset(5));
    state.forget(HOUR, minutes(101));
    assert_eq!(state.needed_from(), Offset(7));
}

proptest! {
    #![proptest_config(crate::seeded(256))]

    #[test]
    fn any_history_is_rebuilt_from_its_snapshot(
        moves in prop::collection::vec((0..4_u64, prop::option::of(0..5_u64), 0..100_i64), 0..60),
    ) {
        let mut state = ConsumerState::default();
        let mut passed = Vec::new();
        let mut now = 0;
        for (skip, pending, wait) in moves {
            now += wait;
            let before = state.progress();
            let done = before.pending.map_or(before.next, |pending| pending.last.next());
            let next = Offset(done.0 + skip);
            let pending = pending.map(|more| OffsetRange { first: next, last: Offset(next.0 + more) });
            advance(&mut state, Progress { next, pending }, seconds(now));
            if before.pending.is_some() {
                passed.extend(before.next.0..next.0);
            }
            prop_assert_eq!(state.progress(), Progress { next, pending });
        }
        state.apply(&state.replay_due_step());
        let offsets = |ranges: &[OffsetRange]| -> Vec<u64> {
            ranges.iter().flat_map(|range| range.first.0..=range.last.0).collect()
        };
        prop_assert_eq!(offsets(&state.replay(Duration::MAX, Offset(0))), passed);
        prop_assert_eq!(state.needed_from(), Offset(0));

        let mut rebuilt = ConsumerState::default();
        state.snapshot().for_each(|step| rebuilt.apply(&step));
        prop_assert_eq!(&rebuilt, &state);
    }
}
