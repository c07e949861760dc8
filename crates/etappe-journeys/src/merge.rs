//! Merges runs of one site into one, from the oldest to the newest.

use std::sync::Arc;

use crate::cursor::Cursor;
use crate::error::IndexError;
use crate::group::StoredEvent;
use crate::kind::{EventKind, KindTable};
use crate::run::{MemoryRun, Run, RunPlan};
use crate::values::{DIMENSIONS, RunValues, ValueTables};

/// The events of several runs in their common order.
pub(crate) struct Merge<'r> {
    runs: Vec<MergedRun<'r>>,
    kinds: Vec<EventKind>,
    values: RunValues,
    /// The events of the person that it is at.
    person_events: Vec<StoredEvent>,
}

/// A run of a merge, and the common codes of its own.
struct MergedRun<'r> {
    cursor: Cursor<'r>,
    kinds: Vec<u32>,
    values: [Vec<u16>; DIMENSIONS],
}

impl MergedRun<'_> {
    /// Appends the events of the person that it is at.
    fn read(&self, events: &mut Vec<StoredEvent>) {
        let Some(found) = self.cursor.events() else {
            return;
        };
        let first = events.len();
        found.for_each_code(|place, code| {
            events.push(StoredEvent {
                at: found.time(place),
                kind: self.kinds.get(code).copied().unwrap_or_default(),
                values: [0; DIMENSIONS],
            });
        });
        for (dimension, common) in self.values.iter().enumerate() {
            let Some(codes) = self.cursor.values(dimension) else {
                continue;
            };
            for (place, event) in events.iter_mut().skip(first).enumerate() {
                let code = common.get(usize::from(codes.code(place)));
                if let Some(value) = event.values.get_mut(dimension) {
                    *value = code.copied().unwrap_or_default();
                }
            }
        }
    }
}

impl<'r> Merge<'r> {
    /// Opens all runs; they are given from the oldest to the newest.
    pub(crate) fn open(runs: &'r [Arc<Run>]) -> Result<Self, IndexError> {
        let all: [usize; DIMENSIONS] = std::array::from_fn(|place| place);
        let (mut kinds, mut values) = (KindTable::default(), ValueTables::default());
        let mut merged = Vec::with_capacity(runs.len());
        for run in runs {
            let of_run = run.plan.kinds.iter();
            merged.push(MergedRun {
                cursor: Cursor::open(run, &all)?,
                kinds: of_run.map(|kind| kinds.code_of(kind)).collect(),
                values: values.take_over(&run.plan.values),
            });
        }
        Ok(Self {
            runs: merged,
            kinds: kinds.into_kinds(),
            values: values.into_values(),
            person_events: Vec::new(),
        })
    }

    /// Returns the plan of the merged run, without its groups.
    pub(crate) fn plan(&self) -> RunPlan {
        RunPlan::new(self.kinds.clone(), self.values.clone())
    }

    /// Passes the events of the next person, in order; returns false at the end.
    pub(crate) fn next_person(
        &mut self,
        mut take: impl FnMut(u64, StoredEvent),
    ) -> Result<bool, IndexError> {
        let people = self.runs.iter().filter_map(|run| run.cursor.person());
        let Some(person) = people.min() else {
            return Ok(false);
        };
        self.person_events.clear();
        for run in &mut self.runs {
            while run.cursor.person() == Some(person) {
                run.read(&mut self.person_events);
                run.cursor.advance()?;
            }
        }
        // Stable: what is of one instant keeps the order of the runs.
        self.person_events.sort_by_key(|event| event.at);
        for event in &self.person_events {
            take(person, *event);
        }
        Ok(true)
    }
}

/// Merges runs in memory; `None` if there are none.
pub(crate) fn merge_in_memory(runs: &[Arc<Run>]) -> Result<Option<Arc<Run>>, IndexError> {
    if let [] | [_] = runs {
        return Ok(runs.first().cloned());
    }
    let mut merge = Merge::open(runs)?;
    let mut merged = MemoryRun::new(merge.plan());
    while merge.next_person(|person, event| merged.push(person, event))? {}
    Ok(Some(Arc::new(merged.finish())))
}

/// Adds a run to those in memory, and merges runs of about one size: so there are few.
pub(crate) fn add_run(runs: &mut Vec<Arc<Run>>, run: Arc<Run>) -> Result<(), IndexError> {
    runs.push(run);
    loop {
        let size = |from_end: usize| {
            let place = runs.len().checked_sub(from_end)?;
            Some(runs.get(place)?.plan.events())
        };
        let (Some(before), Some(last)) = (size(2), size(1)) else {
            return Ok(());
        };
        if before >= 2 * last {
            return Ok(());
        }
        let tail = runs.split_off(runs.len() - 2);
        runs.extend(merge_in_memory(&tail)?);
    }
}
