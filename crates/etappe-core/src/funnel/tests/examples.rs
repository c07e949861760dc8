//! The definitions of a funnel, sentence by sentence, on journeys small enough to check by hand.
//!
//! A journey is written as events: a second, and the letters of the conditions that the event
//! matches. Steps are letters too: `a` is condition 0.

use std::time::Duration;

use crate::query::{Hit, HitValues, TimeRange};
use crate::time::Timestamp;

use crate::funnel::{Attempt, FunnelCounts, FunnelMatcher, SearchTooLarge};
use crate::funnel::{
    AttemptChoice, Exclusion, FunnelSpec, Order, Passing, SpecProblem, Step, Ties,
};

const ALL: (i64, i64) = (0, 1_000_000);

fn journey(events: &[(i64, &str)]) -> Vec<Hit> {
    let hits = events.iter().map(|(second, letters)| Hit {
        at: second_at(*second),
        conditions: letters
            .bytes()
            .fold(0, |mask, letter| mask | 1 << (letter - b'a')),
        dimensions: HitValues::default(),
    });
    hits.collect()
}

fn second_at(second: i64) -> Timestamp {
    Timestamp::from_millis(second * 1_000)
}

fn steps(letters: &str) -> FunnelSpec {
    FunnelSpec::ordered(
        letters
            .bytes()
            .map(|letter| Step::gate(letter - b'a'))
            .collect(),
    )
}

fn within(spec: FunnelSpec, seconds: u64) -> FunnelSpec {
    FunnelSpec {
        window: Some(Duration::from_secs(seconds)),
        ..spec
    }
}

/// A model of stages a, b, c …; capitals are stages that are not gates.
fn model(letters: &str) -> FunnelSpec {
    let steps = letters.bytes().map(|letter| Step {
        gate: letter.is_ascii_lowercase(),
        ..Step::gate(letter.to_ascii_lowercase() - b'a')
    });
    FunnelSpec {
        passing: Passing::LaterHit,
        ..FunnelSpec::ordered(steps.collect())
    }
}

/// As `model`, but the gate of `letter` needs a hit of its own.
fn model_with_own_hit(letters: &str, letter: char) -> FunnelSpec {
    let mut spec = model(letters);
    let own = letters.find(letter).expect("a stage");
    spec.steps[own].own_hit = true;
    spec
}

fn attempt(spec: &FunnelSpec, events: &[(i64, &str)], range: (i64, i64)) -> Option<Attempt> {
    let range = TimeRange {
        from: second_at(range.0),
        to: second_at(range.1),
    };
    let mut matcher = FunnelMatcher::try_new(spec).unwrap();
    matcher.best(&journey(events), range).unwrap().cloned()
}

/// Returns the second at which each step was reached, in order, `None` for those that were not.
fn reached_in(spec: &FunnelSpec, events: &[(i64, &str)], range: (i64, i64)) -> Vec<Option<i64>> {
    let Some(attempt) = attempt(spec, events, range) else {
        return Vec::new();
    };
    let seconds = attempt
        .steps
        .iter()
        .map(|reach| reach.map(|reach| reach.at.as_millis() / 1_000));
    seconds.collect()
}

fn reached(spec: &FunnelSpec, events: &[(i64, &str)]) -> Vec<Option<i64>> {
    reached_in(spec, events, ALL)
}

fn skipped(spec: &FunnelSpec, events: &[(i64, &str)]) -> Vec<bool> {
    let attempt = attempt(spec, events, ALL).unwrap();
    attempt
        .steps
        .iter()
        .map(|reach| reach.is_some_and(|reach| reach.skipped))
        .collect()
}

#[test]
fn other_events_in_between_are_ignored() {
    let spec = steps("abc");
    let events = [(1, "a"), (2, "x"), (3, "b"), (4, "a"), (5, "c")];
    assert_eq!(reached(&spec, &events), [Some(1), Some(3), Some(5)]);
}

#[test]
fn a_step_is_not_reached_before_the_one_before_it() {
    assert_eq!(
        reached(&steps("ab"), &[(1, "b"), (2, "a")]),
        [Some(2), None]
    );
    assert!(attempt(&steps("ab"), &[(1, "b")], ALL).is_none());
}

#[test]
fn each_further_step_takes_the_earliest_event() {
    let events = [(1, "a"), (2, "b"), (3, "b"), (4, "c"), (9, "c")];
    assert_eq!(reached(&steps("abc"), &events), [Some(1), Some(2), Some(4)]);
}

#[test]
fn one_event_fills_at_most_one_step() {
    assert_eq!(reached(&steps("aa"), &[(1, "a")]), [Some(1), None]);
    assert_eq!(
        reached(&steps("aa"), &[(1, "a"), (1, "a")]),
        [Some(1), Some(1)]
    );
    assert_eq!(reached(&steps("ab"), &[(1, "ab")]), [Some(1), None]);
    assert_eq!(
        reached(&steps("aba"), &[(1, "ab"), (1, "a"), (1, "a")]),
        [Some(1); 3]
    );
}

#[test]
fn equal_times_are_taken_in_the_order_that_gets_deepest() {
    // By arrival the purchase came first.
    assert_eq!(
        reached(&steps("abc"), &[(1, "c"), (1, "b"), (1, "a")]),
        [Some(1); 3]
    );
    // The event that fits both must be left to the last step.
    assert_eq!(reached(&steps("ab"), &[(1, "ab"), (1, "a")]), [Some(1); 2]);
    assert_eq!(
        reached(&steps("abc"), &[(1, "a"), (2, "bc"), (2, "b")]),
        [Some(1), Some(2), Some(2)]
    );
}

#[test]
fn strictly_later_steps_need_later_times() {
    let spec = FunnelSpec {
        ties: Ties::StrictlyLater,
        ..steps("abc")
    };
    assert_eq!(
        reached(&spec, &[(1, "a"), (1, "b"), (1, "c")]),
        [Some(1), None, None]
    );
    let events = [(1, "a"), (1, "b"), (2, "b"), (2, "c"), (3, "c")];
    assert_eq!(reached(&spec, &events), [Some(1), Some(2), Some(3)]);
}

#[test]
fn the_window_is_inclusive_and_counts_from_the_first_step() {
    let spec = within(steps("abc"), 10);
    assert_eq!(
        reached(&spec, &[(0, "a"), (9, "b"), (10, "c")]),
        [Some(0), Some(9), Some(10)]
    );
    assert_eq!(
        reached(&spec, &[(0, "a"), (9, "b"), (11, "c")]),
        [Some(0), Some(9), None]
    );
}

#[test]
fn a_later_entry_can_fit_the_window_where_an_earlier_one_does_not() {
    let events = [(0, "a"), (5, "a"), (6, "b"), (15, "c")];
    assert_eq!(
        reached(&within(steps("abc"), 10), &events),
        [Some(5), Some(6), Some(15)]
    );
}

#[test]
fn the_deepest_attempt_counts() {
    let events = [(0, "a"), (20, "a"), (21, "b")];
    assert_eq!(
        reached(&within(steps("ab"), 10), &events),
        [Some(20), Some(21)]
    );
}

#[test]
fn the_earliest_completion_counts_among_equally_deep_attempts() {
    let events = [(0, "a"), (8, "b"), (20, "a"), (21, "b")];
    assert_eq!(
        reached(&within(steps("ab"), 10), &events),
        [Some(0), Some(8)]
    );
}

#[test]
fn the_latest_entry_counts_among_equal_completions() {
    assert_eq!(
        reached(&steps("ab"), &[(0, "a"), (3, "a"), (8, "b")]),
        [Some(3), Some(8)]
    );
}

#[test]
fn the_first_entry_counts_on_request() {
    let spec = FunnelSpec {
        attempt: AttemptChoice::FirstEntry,
        ..within(steps("ab"), 10)
    };
    assert_eq!(
        reached(&spec, &[(0, "a"), (20, "a"), (21, "b")]),
        [Some(0), None]
    );
    assert_eq!(
        reached(&spec, &[(0, "a"), (3, "a"), (8, "b")]),
        [Some(0), Some(8)]
    );
}

#[test]
fn strict_steps_are_adjacent_events() {
    let spec = FunnelSpec {
        order: Order::Strict,
        ..steps("abc")
    };
    assert_eq!(
        reached(&spec, &[(1, "a"), (2, "b"), (3, "c")]),
        [Some(1), Some(2), Some(3)]
    );
    assert_eq!(
        reached(&spec, &[(1, "a"), (2, ""), (3, "b"), (4, "c")]),
        [Some(1), None, None]
    );
    // A second start begins an attempt of its own.
    let events = [(1, "a"), (2, "a"), (3, "b"), (4, "c")];
    assert_eq!(reached(&spec, &events), [Some(2), Some(3), Some(4)]);
}

#[test]
fn adjacent_events_of_equal_time_are_taken_in_the_order_that_gets_deepest() {
    let spec = FunnelSpec {
        order: Order::Strict,
        ..steps("abc")
    };
    // The unrelated event at second 1 can come before the start, the one at second 2 can come
    // after.
    assert_eq!(
        reached(&spec, &[(1, "a"), (1, ""), (2, ""), (2, "b")]),
        [Some(1), Some(2), None]
    );
    // Taking both steps at second 1 would lead nowhere.
    assert_eq!(
        reached(&spec, &[(1, "a"), (1, "b"), (2, "b"), (3, "c")]),
        [Some(1), Some(2), Some(3)]
    );
    // But at second 2 another event stands in between, whatever the order.
    let events = [(1, "a"), (2, ""), (2, "b"), (3, "c")];
    assert_eq!(reached(&spec, &events), [Some(1), Some(2), None]);
    // Strictly later steps leave no order to choose: neighbours by arrival.
    let by_arrival = FunnelSpec {
        ties: Ties::StrictlyLater,
        ..spec
    };
    assert_eq!(
        reached(&by_arrival, &[(1, "a"), (1, ""), (2, "b")]),
        [Some(1), None, None]
    );
    assert_eq!(
        reached(&by_arrival, &[(1, ""), (1, "a"), (2, "b")]),
        [Some(1), Some(2), None]
    );
}

#[test]
fn an_unordered_funnel_counts_distinct_steps_within_the_window() {
    let spec = FunnelSpec {
        order: Order::Unordered,
        ..within(steps("abc"), 10)
    };
    // Step k is reached at the k-th distinct step.
    let events = [(0, "c"), (4, "a"), (5, "a"), (10, "b")];
    assert_eq!(reached(&spec, &events), [Some(0), Some(4), Some(10)]);
    // An attempt may begin at any step; a later entry may reach more of them.
    let events = [(0, "a"), (20, "c"), (25, "b")];
    assert_eq!(reached(&spec, &events), [Some(20), Some(25), None]);
}

#[test]
fn an_event_of_an_unordered_funnel_fills_the_step_that_gets_deepest() {
    let spec = FunnelSpec {
        order: Order::Unordered,
        ..steps("ab")
    };
    assert_eq!(reached(&spec, &[(0, "ab"), (1, "a")]), [Some(0), Some(1)]);
    assert_eq!(reached(&spec, &[(0, "a"), (1, "a")]), [Some(0), None]);
}

#[test]
fn funnels_with_gaps_try_every_assignment() {
    let with_gaps = |min: Option<u64>, max: Option<u64>| {
        let mut spec = steps("abc");
        spec.steps[2].min_gap = min.map(Duration::from_secs);
        spec.steps[2].max_gap = max.map(Duration::from_secs);
        spec
    };
    // The first `b` is too early for the only `c`, the second one is not.
    let events = [(0, "a"), (1, "b"), (8, "b"), (10, "c")];
    assert_eq!(
        reached(&with_gaps(None, Some(2)), &events),
        [Some(0), Some(8), Some(10)]
    );
    assert_eq!(
        reached(&with_gaps(Some(3), None), &events),
        [Some(0), Some(1), Some(10)]
    );
    assert_eq!(
        reached(&with_gaps(Some(3), Some(8)), &events),
        [Some(0), Some(1), None]
    );
    // Both ends are inclusive.
    assert_eq!(
        reached(&with_gaps(Some(9), Some(9)), &events),
        [Some(0), Some(1), Some(10)]
    );
}

#[test]
fn a_minimum_gap_forbids_equal_times() {
    let mut spec = steps("ab");
    spec.steps[1].min_gap = Some(Duration::from_secs(1));
    assert_eq!(
        reached(&spec, &[(1, "a"), (1, "b"), (2, "b")]),
        [Some(1), Some(2)]
    );
}

#[test]
fn the_range_limits_entries_only() {
    let spec = within(steps("ab"), 10);
    let events = [(4, "a"), (5, "a"), (13, "b"), (14, "a")];
    assert_eq!(reached_in(&spec, &events, (5, 10)), [Some(5), Some(13)]);
    assert!(attempt(&spec, &events, (6, 14)).is_none());
    // The end of the range is outside.
    assert!(attempt(&spec, &events, (0, 4)).is_none());
}

#[test]
fn each_period_of_entry_has_its_own_best_attempt() {
    let events = [(0, "a"), (1, "b"), (10, "a"), (25, "a"), (29, "b")];
    let spec = within(steps("ab"), 15);
    assert_eq!(reached_in(&spec, &events, (0, 10)), [Some(0), Some(1)]);
    assert_eq!(reached_in(&spec, &events, (10, 20)), [Some(10), None]);
    assert_eq!(reached_in(&spec, &events, (20, 30)), [Some(25), Some(29)]);
}

fn excluding(spec: FunnelSpec, between: (usize, usize), keep_entrant: bool) -> FunnelSpec {
    FunnelSpec {
        exclusions: vec![Exclusion {
            condition: b'x' - b'a',
            after_step: between.0,
            before_step: between.1,
            keep_entrant,
        }],
        ..spec
    }
}

#[test]
fn an_excluded_event_strictly_between_voids_the_attempt() {
    let spec = excluding(steps("abc"), (0, 1), true);
    let void = [(0, "a"), (1, "x"), (2, "b"), (3, "c")];
    assert_eq!(reached(&spec, &void), [Some(0), None, None]);
    assert!(attempt(&spec, &void, ALL).unwrap().void);
    // An event at the time of either step is not between them, nor is one after the second step.
    for events in [
        [(0, "a"), (0, "x"), (2, "b"), (3, "c")],
        [(0, "a"), (2, "x"), (2, "b"), (3, "c")],
        [(0, "a"), (2, "b"), (2, "x"), (3, "c")],
    ] {
        assert_eq!(reached(&spec, &events), [Some(0), Some(2), Some(3)]);
    }
}

#[test]
fn a_void_attempt_does_not_affect_other_attempts() {
    let spec = excluding(within(steps("ab"), 10), (0, 1), true);
    let events = [(0, "a"), (1, "x"), (2, "b"), (20, "a"), (22, "b")];
    assert_eq!(reached(&spec, &events), [Some(20), Some(22)]);
}

#[test]
fn an_excluded_event_within_the_window_voids_an_attempt_that_never_reaches_the_second_step() {
    let spec = excluding(within(steps("ab"), 10), (0, 1), true);
    assert!(attempt(&spec, &[(0, "a"), (10, "x")], ALL).unwrap().void);
    assert!(!attempt(&spec, &[(0, "a"), (11, "x")], ALL).unwrap().void);
    // If the first of the two steps is not reached, the exclusion has no range.
    let later = excluding(within(steps("abc"), 10), (1, 2), true);
    assert!(!attempt(&later, &[(0, "a"), (5, "x")], ALL).unwrap().void);
}

#[test]
fn a_void_unit_counts_at_the_first_step_only_on_request() {
    let events = [(0, "a"), (1, "x"), (2, "b")];
    assert_eq!(
        reached(&excluding(steps("ab"), (0, 1), true), &events),
        [Some(0), None]
    );
    assert!(attempt(&excluding(steps("ab"), (0, 1), false), &events, ALL).is_none());
}

#[test]
fn a_funnel_with_gaps_may_use_an_assignment_that_avoids_the_exclusion() {
    let mut spec = excluding(steps("abc"), (1, 2), true);
    spec.steps[2].min_gap = Some(Duration::from_secs(1));
    let events = [(0, "a"), (1, "b"), (2, "x"), (3, "b"), (4, "c")];
    assert_eq!(reached(&spec, &events), [Some(0), Some(3), Some(4)]);
}

#[test]
fn an_exclusion_on_one_path_to_a_step_does_not_void_other_paths() {
    let mut spec = excluding(steps("abcd"), (1, 3), true);
    spec.steps[3].max_gap = Some(Duration::from_secs(60));
    let events = [(0, "a"), (1, "b"), (2, "x"), (3, "b"), (4, "c"), (5, "d")];
    assert_eq!(
        reached(&spec, &events),
        [Some(0), Some(3), Some(4), Some(5)]
    );
}

#[test]
fn an_attempt_does_not_stop_early_to_avoid_the_exclusion() {
    let mut spec = excluding(steps("abc"), (1, 2), false);
    spec.steps[2].max_gap = Some(Duration::from_secs(60));
    assert!(attempt(&spec, &[(1, "a"), (1, "b"), (2, "x")], ALL).is_none());
    assert!(attempt(&spec, &[(1, "a"), (2, "b"), (3, "x")], ALL).is_none());
}

#[test]
fn a_gate_is_passed_at_the_first_hit_of_its_stage_or_a_later_one() {
    let spec = model("abc");
    assert_eq!(reached(&spec, &[(1, "c")]), [Some(1); 3]);
    assert_eq!(skipped(&spec, &[(1, "c")]), [true, true, false]);
    assert_eq!(
        reached(&spec, &[(1, "a"), (2, "c")]),
        [Some(1), Some(2), Some(2)]
    );
    assert_eq!(skipped(&spec, &[(1, "a"), (2, "c")]), [false, true, false]);
}

#[test]
fn the_attempt_with_the_fewest_skipped_stages_counts() {
    let events = [(1, "c"), (2, "a"), (3, "b"), (4, "c")];
    assert_eq!(reached(&model("abc"), &events), [Some(2), Some(3), Some(4)]);
    assert_eq!(skipped(&model("abc"), &events), [false; 3]);
    // But a deeper attempt ranks first.
    let events = [(1, "c"), (2, "a"), (3, "b")];
    assert_eq!(reached(&model("abc"), &events), [Some(1); 3]);
}

#[test]
fn equally_good_attempts_at_a_model_are_ranked_by_completion_then_entry() {
    let spec = model("abc");
    assert_eq!(
        reached(&spec, &[(1, "a"), (2, "b"), (3, "a"), (4, "b")]),
        [Some(1), Some(2), None]
    );
    assert_eq!(
        reached(&spec, &[(1, "a"), (2, "a"), (3, "b")]),
        [Some(2), Some(3), None]
    );
}

#[test]
fn stages_that_are_not_gates_are_reached_on_their_own() {
    let spec = model("aBc");
    // Passing the last gate does not pass these steps.
    assert_eq!(
        reached(&spec, &[(1, "a"), (3, "c")]),
        [Some(1), None, Some(3)]
    );
    assert_eq!(
        reached(&spec, &[(1, "a"), (3, "c"), (5, "b")]),
        [Some(1), Some(5), Some(3)]
    );
    // Their own event passes the gates below them, and none above them.
    assert_eq!(reached(&spec, &[(2, "b")]), [Some(2), Some(2), None]);
    assert_eq!(skipped(&spec, &[(2, "b")]), [true, false, false]);
    // After the window they are out of reach.
    assert_eq!(
        reached(&within(spec, 3), &[(1, "a"), (5, "b")]),
        [Some(1), None, None]
    );
}

#[test]
fn a_model_without_skips_is_an_ordered_funnel_of_its_gates() {
    let spec = FunnelSpec {
        passing: Passing::OwnHit,
        ..model("aBcd")
    };
    let events = [(1, "b"), (2, "a"), (3, "d"), (4, "b"), (5, "c")];
    assert_eq!(reached(&spec, &events), [Some(2), Some(4), Some(5), None]);
}

#[test]
fn attempts_add_up_to_counts() {
    let spec = within(steps("abc"), 10);
    let mut counts = FunnelCounts::new(&spec);
    let journeys: [&[(i64, &str)]; 4] = [
        &[(0, "a"), (2, "b"), (5, "c")],
        &[(0, "a"), (4, "b")],
        &[(95, "a"), (96, "b")],
        &[(98, "a")],
    ];
    for events in journeys {
        counts.record(&attempt(&spec, events, ALL).unwrap(), second_at(100));
    }
    let steps = counts.steps();
    assert_eq!(
        steps.iter().map(|step| step.count).collect::<Vec<_>>(),
        [4, 3, 1]
    );
    assert_eq!(
        steps.iter().map(|step| step.open).collect::<Vec<_>>(),
        [0, 1, 1]
    );
    assert_eq!(steps[0].times.summary(), None);
    assert_eq!(steps[1].times.summary().unwrap().p50_s, 2.0);
    assert_eq!(steps[2].times.summary().unwrap().mean_s, 3.0);
    assert_eq!((counts.entered(), counts.void()), (4, 0));
}

#[test]
fn a_window_is_open_until_the_watermark_passes_its_end() {
    let found = attempt(&within(steps("ab"), 10), &[(0, "a")], ALL).unwrap();
    assert!(found.is_open(second_at(10)) && !found.is_open(Timestamp::from_millis(10_001)));
    // Without a window nothing is open.
    assert!(
        !attempt(&steps("ab"), &[(0, "a")], ALL)
            .unwrap()
            .is_open(second_at(0))
    );
    // Nor is a void attempt.
    let spec = excluding(within(steps("ab"), 10), (0, 1), true);
    assert!(
        !attempt(&spec, &[(0, "a"), (1, "x")], ALL)
            .unwrap()
            .is_open(second_at(2))
    );
}

#[test]
fn conditions_may_come_in_any_order() {
    assert_eq!(
        reached(&steps("ca"), &[(1, "c"), (2, "a")]),
        [Some(1), Some(2)]
    );
}

#[test]
fn invalid_funnels_are_refused_with_every_reason() {
    let mut spec = excluding(steps("ab"), (1, 1), true);
    spec.steps[0].min_gap = Some(Duration::from_secs(2));
    spec.steps[1].min_gap = Some(Duration::from_secs(2));
    spec.steps[1].max_gap = Some(Duration::from_secs(1));
    spec.exclusions[0].condition = 64;
    assert_eq!(
        FunnelMatcher::try_new(&spec).unwrap_err(),
        [
            SpecProblem::GapWithoutStepBefore(0),
            SpecProblem::EmptyGap(1),
            SpecProblem::TooManyConditions,
            SpecProblem::ExclusionBackwards(0),
        ]
    );
    assert_eq!(
        FunnelMatcher::try_new(&steps("")).unwrap_err(),
        [SpecProblem::NoGate]
    );
    let strict_model = FunnelSpec {
        order: Order::Strict,
        ties: Ties::StrictlyLater,
        ..model("ab")
    };
    assert_eq!(
        FunnelMatcher::try_new(&strict_model).unwrap_err(),
        [
            SpecProblem::OrderWithLaterHit,
            SpecProblem::TiesWithLaterHit
        ]
    );
    let outside = excluding(model("aBc"), (0, 1), true);
    assert_eq!(
        FunnelMatcher::try_new(&outside).unwrap_err(),
        [SpecProblem::ExclusionOutside(0)]
    );
}

#[test]
fn a_search_that_grows_too_large_is_stopped() {
    let mut spec = excluding(steps("aaaaaa"), (0, 5), true);
    spec.steps[5].max_gap = Some(Duration::from_secs(1));
    let letters = |index: i64| if index % 2 == 0 { "a" } else { "x" };
    let events: Vec<(i64, &str)> = (0..3_000)
        .map(|index| (index * 2, letters(index)))
        .collect();
    let mut matcher = FunnelMatcher::try_new(&spec).unwrap();
    let range = TimeRange {
        from: second_at(0),
        to: second_at(1_000_000),
    };
    assert_eq!(matcher.best(&journey(&events), range), Err(SearchTooLarge));
}

#[test]
fn a_large_group_of_equal_times_is_matched() {
    let mut events = vec![(1, "ab"); 5_000];
    events.push((1, "c"));
    assert_eq!(reached(&steps("abc"), &events), [Some(1); 3]);
    let many = steps("abababababababababababababababab");
    assert_eq!(reached(&many, &events), [Some(1); 32]);
}

#[test]
fn a_gate_with_own_hit_is_not_passed_by_a_later_stage() {
    let spec = model_with_own_hit("abc", 'b');
    let all = (0, 100);
    for (events, expected) in [
        (vec![(0, "a"), (5, "c")], [Some(0), None, None]),
        (vec![(5, "c")], [Some(5), None, None]),
        (
            vec![(0, "a"), (3, "b"), (5, "c")],
            [Some(0), Some(3), Some(5)],
        ),
        // An event before the payment does not count as coming after it.
        (vec![(0, "a"), (3, "c"), (5, "b")], [Some(0), Some(5), None]),
        (
            vec![(0, "c"), (3, "b"), (3, "c"), (5, "b"), (9, "c")],
            [Some(3), Some(3), Some(3)],
        ),
    ] {
        assert_eq!(reached_in(&spec, &events, all), expected, "{events:?}");
    }
    // It passes the stage before it, which counts as skipped.
    let steps = attempt(&spec, &[(7, "b")], all).unwrap().steps;
    let skipped: Vec<_> = steps
        .iter()
        .map(|reach| reach.map(|reach| reach.skipped))
        .collect();
    assert_eq!(skipped, [Some(true), Some(false), None]);
}

#[test]
fn an_actor_who_skips_a_gate_with_own_hit_still_reaches_a_stage_that_is_not_a_gate() {
    let spec = model_with_own_hit("abC", 'b');
    let found = reached_in(&spec, &[(0, "a"), (5, "c")], (0, 100));
    assert_eq!(found, [Some(0), None, Some(5)]);
    let found = reached_in(&spec, &[(0, "a"), (2, "c"), (3, "b"), (5, "c")], (0, 100));
    assert_eq!(found, [Some(0), Some(3), Some(5)]);
}
