//! The consumer's state compared with a plain record of what happened.

use proptest::prelude::*;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

fn range(first: u64, last: u64) -> OffsetRange {
    OffsetRange {
        first: Offset(first),
        last: Offset(last),
    }
}

fn progress(next: u64, pending: Option<OffsetRange>) -> Progress {
    Progress {
        next: Offset(next),
        pending,
    }
}

const fn minutes(n: i64) -> Timestamp {
    Timestamp::from_millis(n * 60_000)
}

fn advance(state: &mut ConsumerState, to: Progress, at: Timestamp) {
    for step in state.steps_to(to, Offset(1000), at).unwrap() {
        state.apply(&step);
    }
}

#[test]
fn only_announced_ranges_are_replayed_and_neighbours_as_one() {
    let mut state = ConsumerState::default();
    advance(&mut state, progress(0, Some(range(0, 9))), minutes(0));
    // Bisected: first the lower half becomes pending in its place, then the upper half.
    advance(&mut state, progress(0, Some(range(0, 4))), minutes(1));
    advance(&mut state, progress(5, Some(range(5, 9))), minutes(2));
    // A poison event is passed without ever being inserted.
    advance(&mut state, progress(10, None), minutes(3));
    advance(&mut state, progress(12, Some(range(12, 20))), minutes(4));
    advance(&mut state, progress(30, None), minutes(5));
    state.apply(&state.replay_due_step());
    assert_eq!(state.replay(HOUR, Offset(0)), [range(0, 9), range(12, 20)]);
    assert_eq!(
        state.replay(HOUR, Offset(1)),
        [range(5, 9), range(12, 20)],
        "what the log has deleted cannot be replayed"
    );
}

#[test]
fn a_replay_reaches_back_from_the_last_insert_however_long_ago_that_was() {
    let mut state = ConsumerState::default();
    for n in 0..10_u64 {
        let at = minutes(i64::try_from(n).unwrap() * 10);
        advance(&mut state, progress(n, Some(range(n, n))), at);
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
fn ranges_are_joined_up_to_a_bound() {
    let mut state = ConsumerState::default();
    for n in 0..5_u64 {
        let first = n * 4_000;
        let pending = Some(range(first, first + 3_999));
        for step in state
            .steps_to(progress(first, pending), Offset(20_000), minutes(1))
            .unwrap()
        {
            state.apply(&step);
        }
    }
    state.apply(&state.replay_due_step());
    assert_eq!(
        state.replay(HOUR, Offset(0)),
        [range(0, 7_999), range(8_000, 15_999)]
    );
}

#[test]
fn ranges_passed_long_ago_are_forgotten() {
    let mut state = ConsumerState::default();
    advance(&mut state, progress(5, None), minutes(0));
    advance(&mut state, progress(5, Some(range(5, 6))), minutes(30));
    advance(&mut state, progress(7, None), minutes(40));
    assert_eq!(state.needed_from(), Offset(0));
    state.forget(HOUR, minutes(60));
    assert_eq!(state.needed_from(), Offset(0));
    state.forget(HOUR, minutes(61));
    assert_eq!(state.needed_from(), Offset(5));
    state.forget(HOUR, minutes(101));
    assert_eq!(state.needed_from(), Offset(7));
}

#[test]
fn the_number_of_remembered_ranges_is_bounded() {
    let mut state = ConsumerState::default();
    let count = MAX_PASSED as u64 + 10;
    for n in 0..count {
        let steps = state.steps_to(progress(n + 1, None), Offset(count), minutes(0));
        steps.unwrap().iter().for_each(|step| state.apply(step));
    }
    assert_eq!(state.passed.len(), MAX_PASSED);
    assert_eq!(state.needed_from(), Offset(10));
}

proptest! {
    #![proptest_config(crate::seeded(256))]

    #[test]
    fn any_history_is_rebuilt_from_its_snapshot(
        moves in prop::collection::vec((0..4_u64, prop::option::of(0..5_u64), 0..50_i64), 0..60),
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
            advance(&mut state, Progress { next, pending }, minutes(now));
            passed.extend(before.pending);
            prop_assert_eq!(state.progress(), Progress { next, pending });
        }
        state.apply(&state.replay_due_step());
        let offsets = |ranges: &[OffsetRange]| -> Vec<u64> {
            ranges.iter().flat_map(|range| range.first.0..=range.last.0).collect()
        };
        prop_assert_eq!(offsets(&state.replay(Duration::MAX, Offset(0))), offsets(&passed));
        prop_assert_eq!(state.needed_from(), Offset(0));

        let mut rebuilt = ConsumerState::default();
        state.snapshot().for_each(|step| rebuilt.apply(&step));
        prop_assert_eq!(&rebuilt, &state);
    }
}
