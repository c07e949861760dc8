//! The consumer's state against a plain account of what happened.

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
fn only_announced_ranges_are_replayed_and_with_the_same_boundaries() {
    let mut state = ConsumerState::default();
    advance(&mut state, progress(0, Some(range(0, 9))), minutes(0));
    // Bisected: the lower half becomes pending in its place, then the upper one.
    advance(&mut state, progress(0, Some(range(0, 4))), minutes(1));
    advance(&mut state, progress(5, Some(range(5, 9))), minutes(2));
    // A poison event is passed without ever being inserted.
    advance(&mut state, progress(10, None), minutes(3));
    advance(&mut state, progress(12, Some(range(12, 20))), minutes(4));
    advance(&mut state, progress(30, None), minutes(5));
    state.apply(&state.replay_due_step());
    assert_eq!(
        state.replay(HOUR, Offset(0)),
        [range(0, 4), range(5, 9), range(12, 20)]
    );
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
    let late: Vec<_> = (2..9).map(|n| range(n, n)).collect();
    assert_eq!(state.replay(HOUR, Offset(0)), late);
    state.forget(HOUR, minutes(10_000));
    assert_eq!(state.replay(HOUR, Offset(0)), late);
    assert_eq!(state.needed_from(), Offset(0));

    // Done again a day later, they may be lost again by a crash soon after.
    state.finish_replay(HOUR, minutes(1440));
    advance(&mut state, progress(10, None), minutes(1441));
    state.apply(&state.replay_due_step());
    let again: Vec<_> = (2..10).map(|n| range(n, n)).collect();
    assert_eq!(state.replay(HOUR, Offset(0)), again);
}

#[test]
fn what_was_passed_long_ago_is_forgotten() {
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
fn the_account_is_bounded() {
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
        prop_assert_eq!(state.replay(Duration::MAX, Offset(0)), passed);
        prop_assert_eq!(state.needed_from(), Offset(0));

        let mut rebuilt = ConsumerState::default();
        state.snapshot().for_each(|step| rebuilt.apply(&step));
        prop_assert_eq!(&rebuilt, &state);
    }
}
