//! Which collectors hold the watermark back, and which are dropped.

use proptest::prelude::*;

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1_000)
}

fn mark(collector: &str, reached: i64, written_at: i64, state: CollectorState) -> CollectorMark {
    CollectorMark {
        collector: collector.to_owned(),
        reached: at(reached),
        written_at: at(written_at),
        state,
    }
}

fn direct(collector: &str, time: i64) -> CollectorMark {
    mark(collector, time, time, CollectorState::Direct)
}

/// Reaches the end of the log every second.
fn look(collectors: &mut Collectors, seconds: std::ops::RangeInclusive<i64>) {
    for second in seconds {
        collectors.looked(at(second));
    }
}

fn names(collectors: &Collectors) -> Vec<(String, bool)> {
    let silent = collectors.silent();
    silent
        .into_iter()
        .map(|silent| (silent.collector, silent.holds))
        .collect()
}

#[test]
fn the_collector_furthest_behind_sets_the_watermark() {
    let mut collectors = Collectors::default();
    assert_eq!(collectors.reached(), None);
    collectors.heard(direct("a", 100));
    collectors.heard(mark("b", 70, 100, CollectorState::Spooling));
    assert_eq!(collectors.reached(), Some(at(70)));
    collectors.heard(direct("b", 101));
    assert_eq!(collectors.reached(), Some(at(100)));
    collectors.heard(mark("a", 101, 101, CollectorState::Retired));
    assert_eq!(collectors.reached(), Some(at(101)));
    collectors.heard(mark("b", 101, 101, CollectorState::Retired));
    assert_eq!(collectors.reached(), None);
}

#[test]
fn a_silent_collector_without_a_spool_stops_holding_is_reported_and_then_forgotten() {
    let mut collectors = Collectors::default();
    collectors.heard(direct("a", 100));
    look(&mut collectors, 101..=160);
    assert_eq!(
        (collectors.reached(), names(&collectors)),
        (Some(at(100)), vec![])
    );
    look(&mut collectors, 161..=161);
    assert_eq!(collectors.reached(), None);
    assert_eq!(names(&collectors), [("a".to_owned(), false)]);
    look(&mut collectors, 162..=701);
    assert_eq!(names(&collectors), []);
    collectors.heard(direct("a", 702));
    assert_eq!(collectors.reached(), Some(at(702)));
}

#[test]
fn a_silent_collector_with_a_spool_holds_the_watermark_until_it_returns_or_is_retired() {
    let mut collectors = Collectors::default();
    collectors.heard(mark("a", 90, 100, CollectorState::Spooling));
    look(&mut collectors, 101..=5_000);
    assert_eq!(collectors.reached(), Some(at(90)));
    assert_eq!(names(&collectors), [("a".to_owned(), true)]);
    let mut returned = collectors.clone();
    returned.heard(direct("a", 5_001));
    assert_eq!(
        (returned.reached(), names(&returned)),
        (Some(at(5_001)), vec![])
    );
    collectors.heard(mark("a", 90, 5_001, CollectorState::Retired));
    assert_eq!((collectors.reached(), names(&collectors)), (None, vec![]));
}

#[test]
fn no_collector_counts_as_silent_while_the_log_is_unavailable() {
    let mut collectors = Collectors::default();
    collectors.heard(direct("a", 100));
    collectors.heard(direct("b", 100));
    collectors.looked(at(101));
    // The log is unavailable for an hour; then its end is read, and the first collector returns.
    collectors.looked(at(3_700));
    assert_eq!(collectors.reached(), Some(at(100)));
    collectors.heard(mark("a", 101, 3_701, CollectorState::Spooling));
    look(&mut collectors, 3_702..=3_750);
    assert_eq!(collectors.reached(), Some(at(100)), "b has its minute, too");
    collectors.heard(mark("b", 101, 3_750, CollectorState::Spooling));
    assert_eq!(collectors.reached(), Some(at(101)));
    assert_eq!(names(&collectors), []);
}

#[test]
fn marks_read_late_do_not_make_a_collector_silent() {
    let mut collectors = Collectors::restore(vec![direct("a", 100), direct("b", 100)]);
    // An hour of unread log; `a` and `b` wrote marks all the time.
    for second in 101..3_700 {
        collectors.heard(direct("a", second));
        collectors.heard(direct("b", second));
        assert_eq!(names(&collectors), []);
    }
    assert_eq!(collectors.reached(), Some(at(3_699)));
}

#[test]
fn clock_differences_do_not_make_a_collector_silent() {
    let mut collectors = Collectors::default();
    for second in 0..300 {
        collectors.heard(direct("ahead", second + 1_000));
        collectors.heard(direct("behind", second));
        collectors.looked(at(second + 500));
        assert_eq!(names(&collectors), []);
    }
    assert_eq!(collectors.reached(), Some(at(299)));
}

#[test]
fn collectors_released_long_ago_do_not_return_after_a_restart() {
    let collectors = Collectors::restore(vec![
        direct("now", 100_000),
        direct("just now", 99_500),
        direct("long ago", 10),
        mark("spool", 5, 20, CollectorState::Spooling),
        mark("ended", 1, 30, CollectorState::Retired),
    ]);
    assert_eq!(collectors.heard.len(), 3);
    assert_eq!(collectors.reached(), Some(at(5)));
}

#[test]
fn the_number_of_remembered_collectors_is_bounded() {
    let mut collectors = Collectors::default();
    collectors.heard(mark("spool", 5, 0, CollectorState::Spooling));
    for number in 0..10_000 {
        collectors.heard(direct(&format!("c{number}"), 0));
    }
    assert_eq!(collectors.heard.len(), MAX_COLLECTORS);
    assert_eq!(collectors.reached(), Some(at(0)));
    assert!(collectors.heard.contains_key("spool"));
}

/// What happens to a collector.
#[derive(Debug, Clone, Copy)]
enum Action {
    Receive,
    Write,
    Mark,
    Retire,
    Look,
}

/// A correct collector: its records are in order and its marks are true.
#[derive(Debug, Default)]
struct Model {
    waiting: std::collections::VecDeque<Timestamp>,
    last_state: Option<CollectorState>,
    last_heard: i64,
}

fn steps() -> impl Strategy<Value = Vec<(Action, usize, i64)>> {
    let step = prop::sample::select(vec![
        Action::Receive,
        Action::Receive,
        Action::Write,
        Action::Mark,
        Action::Mark,
        Action::Retire,
        Action::Look,
        Action::Look,
    ]);
    prop::collection::vec((step, 0_usize..4, 0_i64..9_000), 1..400)
}

proptest! {
    #[test]
    fn the_watermark_never_passes_a_record_that_is_not_in_the_log(steps in steps()) {
        let mut models: Vec<Model> = (0..4).map(|_| Model::default()).collect();
        let mut collectors = Collectors::default();
        let mut now = 1_000_000;
        for (step, index, pause) in steps {
            now += pause;
            let time = Timestamp::from_millis(now);
            let model = &mut models[index];
            let say = |state| CollectorMark {
                collector: index.to_string(),
                reached: model.waiting.front().copied().unwrap_or(time),
                written_at: time,
                state,
            };
            match step {
                Action::Receive => model.waiting.push_back(time),
                Action::Write => drop(model.waiting.pop_front()),
                Action::Mark => {
                    let state = if model.waiting.is_empty() {
                        CollectorState::Direct
                    } else {
                        CollectorState::Spooling
                    };
                    collectors.heard(say(state));
                    (model.last_state, model.last_heard) = (Some(state), now);
                }
                Action::Retire if model.waiting.is_empty() => {
                    collectors.heard(say(CollectorState::Retired));
                    model.last_state = None;
                }
                Action::Retire => {}
                Action::Look => collectors.looked(time),
            }
            let Some(reached) = collectors.reached() else { continue };
            for model in &models {
                let is_fresh = now - model.last_heard <= 60_000;
                let counts = match model.last_state {
                    Some(CollectorState::Spooling) => true,
                    Some(_) => is_fresh,
                    None => false,
                };
                if let Some(oldest) = model.waiting.front().filter(|_| counts) {
                    prop_assert!(reached <= *oldest, "{reached} is past {oldest}");
                }
            }
        }
    }
}
