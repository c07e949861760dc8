//! Merges runs of one site into one, from the oldest to the newest.

use std::sync::Arc;

use crate::error::IndexError;
use crate::kind::{EventKind, KindTable};
use crate::run::{Cursor, MemoryRun, Run};

/// The events of several runs in their common order.
pub(crate) struct Merge<'r> {
    cursors: Vec<Cursor<'r>>,
    /// Per run, the common code of each of its codes.
    codes: Vec<Vec<u32>>,
    kinds: Vec<EventKind>,
    /// The events of the person that it is at, when several runs have some.
    person_events: Vec<(i64, u32)>,
}

impl<'r> Merge<'r> {
    /// Opens all runs; they are given from the oldest to the newest.
    pub(crate) fn open(runs: &'r [Arc<Run>]) -> Result<Self, IndexError> {
        let mut kinds = KindTable::default();
        let codes = runs
            .iter()
            .map(|run| {
                run.plan
                    .kinds
                    .iter()
                    .map(|kind| kinds.code_of(kind))
                    .collect()
            })
            .collect();
        let cursors = runs
            .iter()
            .map(|run| Cursor::open(run))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            cursors,
            codes,
            kinds: kinds.into_kinds(),
            person_events: Vec::new(),
        })
    }

    /// Returns the kinds of all events, by code.
    pub(crate) fn kinds(&self) -> &[EventKind] {
        &self.kinds
    }

    /// Passes the events of the next person, in order; returns false at the end.
    pub(crate) fn next_person(
        &mut self,
        mut take: impl FnMut(u64, i64, u32),
    ) -> Result<bool, IndexError> {
        let Some(person) = self.cursors.iter().filter_map(Cursor::person).min() else {
            return Ok(false);
        };
        self.person_events.clear();
        for (cursor, codes) in self.cursors.iter_mut().zip(&self.codes) {
            while cursor.person() == Some(person) {
                if let Some(events) = cursor.events() {
                    events.for_each_code(|place, code| {
                        let code = codes.get(code).copied().unwrap_or_default();
                        self.person_events.push((events.time(place), code));
                    });
                }
                cursor.advance()?;
            }
        }
        // Stable: what is of one instant keeps the order of the runs.
        self.person_events.sort_by_key(|(at, _)| *at);
        for (at, code) in &self.person_events {
            take(person, *at, *code);
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
    let mut merged = MemoryRun::new(merge.kinds().to_vec());
    while merge.next_person(|person, at, code| merged.push(person, at, code))? {}
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
