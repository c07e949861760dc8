//! The columns of groups hold what was written, at every width.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::cursor::Cursor;
use crate::group::{GROUP_EVENTS, StoredEvent};
use crate::kind::EventKind;
use crate::merge::{Merge, add_run, merge_in_memory};
use crate::run::{MemoryRun, Run, RunPlan};
use crate::values::{Codes, DIMENSIONS};

fn kinds(number: usize) -> Vec<EventKind> {
    let kind = |number| EventKind {
        event: format!("e{number}"),
        milestone: String::new(),
        outcome: 0,
        is_bot: false,
    };
    (0..number).map(kind).collect()
}

/// The codes that an event has in the dimensions, by that of its kind.
fn codes(kind: u32, values: &[usize; DIMENSIONS]) -> Codes {
    values.map(|values| u16::try_from(kind as usize % values.max(1)).unwrap())
}

fn run(kinds_number: usize, rows: Vec<(u64, i64, u32)>) -> Run {
    run_with(kinds_number, &[1, 0, 2, 256, 257, 10_000], rows)
}

fn run_with(
    kinds_number: usize,
    values: &[usize; DIMENSIONS],
    mut rows: Vec<(u64, i64, u32)>,
) -> Run {
    rows.sort_by_key(|(person, at, _)| (*person, *at));
    let names = |values: usize| {
        let names = (0..values).map(|number| format!("v{number}"));
        (values > 0).then(|| names.collect())
    };
    let mut run = MemoryRun::new(RunPlan::new(kinds(kinds_number), values.map(names)));
    for (person, at, kind) in rows {
        let values = codes(kind, values);
        run.push(person, StoredEvent { at, kind, values });
    }
    run.finish()
}

fn rows_of(run: &Run) -> Vec<(u64, i64, u32)> {
    let values: [usize; DIMENSIONS] =
        std::array::from_fn(|place| run.plan.values[place].as_ref().map_or(0, Vec::len));
    let all: [usize; DIMENSIONS] = std::array::from_fn(|place| place);
    let mut cursor = Cursor::open(run, &all).unwrap();
    let mut rows = Vec::new();
    while let Some(person) = cursor.person() {
        let events = cursor.events().unwrap();
        events.for_each_code(|place, code| {
            let code = u32::try_from(code).unwrap();
            rows.push((person, events.time(place), code));
            let found = all.map(|dimension| cursor.values(dimension).unwrap().code(place));
            assert_eq!(found, codes(code, &values));
        });
        cursor.advance().unwrap();
    }
    rows
}

proptest! {
    #[test]
    fn a_run_holds_what_was_written(
        kinds in prop_oneof![Just(1_usize), Just(256), Just(257), Just(70_000)],
        base in prop_oneof![Just(0_i64), Just(i64::MIN), Just(1_700_000_000_000)],
        spread in prop_oneof![Just(1_000_u64), Just(1 << 33), Just(1 << 45), Just(u64::MAX)],
        randoms in vec((any::<u64>(), any::<u64>(), any::<u32>()), 0..200),
    ) {
        let row = |(person, at, code): &(u64, u64, u32)| {
            let at = base.wrapping_add((at % spread).cast_signed());
            let code = code % u32::try_from(kinds).unwrap();
            (person >> (person % 64), at, code)
        };
        let mut rows: Vec<(u64, i64, u32)> = randoms.iter().map(row).collect();
        rows.sort_by_key(|(person, at, _)| (*person, *at));
        let run = run(kinds, rows.clone());
        prop_assert_eq!(rows_of(&run), rows);
    }
}

#[test]
fn a_person_with_more_events_than_a_group_comes_in_parts() {
    let rows: Vec<(u64, i64, u32)> = (0..3 * GROUP_EVENTS + 5)
        .map(|number| (7, i64::try_from(number).unwrap(), 0))
        .chain([(9, 1, 0)])
        .collect();
    let run = Arc::new(run(1, rows.clone()));
    assert!(run.plan.groups.len() > 3);
    assert_eq!(rows_of(&run), rows);
    let runs = [Arc::clone(&run), run];
    let mut merge = Merge::open(&runs).unwrap();
    let mut people = Vec::new();
    while merge.next_person(|person, _| people.push(person)).unwrap() {}
    assert_eq!(people.len(), 2 * rows.len());
}

#[test]
fn events_of_one_instant_keep_the_order_of_their_runs() {
    let runs: Vec<Arc<Run>> = (0..5)
        .map(|number| {
            Arc::new(run(
                5,
                vec![(1, 10, number), (1, 10 + i64::from(number), number)],
            ))
        })
        .collect();
    let merged = merge_in_memory(&runs).unwrap().unwrap();
    let codes: Vec<u32> = rows_of(&merged)
        .into_iter()
        .filter(|(_, at, _)| *at == 10)
        .map(|(_, _, code)| code)
        .collect();
    assert_eq!(codes, [0, 0, 1, 2, 3, 4]);
}

#[test]
fn many_small_runs_become_few() {
    let mut runs = Vec::new();
    for number in 0..1_000 {
        add_run(&mut runs, Arc::new(run(1, vec![(number, 0, 0)]))).unwrap();
    }
    assert!(runs.len() <= 10, "{}", runs.len());
    let events: u64 = runs.iter().map(|run| run.plan.events()).sum();
    assert_eq!(events, 1_000);
}
