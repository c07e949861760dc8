//! A run: some events of one site, ordered by person, time and arrival; immutable.
//!
//! Later runs hold later arrivals. So events of one person and one instant keep their order if runs
//! are read from the oldest to the newest.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use etappe_core::ledger::LedgerRow;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::error::IndexError;
use crate::group::{GROUP_EVENTS, GroupPlace, GroupWriter, StoredEvent, Widths, code_width};
use crate::kind::{EventKind, KindTable};
use crate::values::{self, RunValues, ValueTables};

/// The description of a run, beside its events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunPlan {
    /// The kinds of its events, by code.
    pub(crate) kinds: Vec<EventKind>,
    /// The values of its events in each dimension, by code; none where there are too many.
    pub(crate) values: RunValues,
    /// Its groups, in order.
    pub(crate) groups: Vec<GroupPlace>,
}

impl RunPlan {
    /// Returns the plan of a run without groups yet.
    pub(crate) const fn new(kinds: Vec<EventKind>, values: RunValues) -> Self {
        Self {
            kinds,
            values,
            groups: Vec::new(),
        }
    }

    pub(crate) fn widths(&self) -> Widths {
        Widths {
            kind: code_width(self.kinds.len()),
            values: values::widths(&self.values),
        }
    }

    /// Returns whether it has these dimensions.
    pub(crate) fn holds(&self, dimensions: &[usize]) -> bool {
        let mut places = dimensions.iter();
        places.all(|place| self.values.get(*place).is_some_and(Option::is_some))
    }

    /// Returns the number of events.
    pub(crate) fn events(&self) -> u64 {
        let events = self.groups.iter().map(|group| u64::from(group.events));
        events.sum()
    }
}

/// Where a run's groups are.
#[derive(Debug)]
pub(crate) enum Place {
    Memory(Vec<u8>),
    File(Arc<OpenFile>),
}

/// An open file and its path, for errors. It can be read after it was deleted.
#[derive(Debug)]
pub(crate) struct OpenFile {
    pub(crate) file: File,
    pub(crate) path: PathBuf,
}

impl OpenFile {
    pub(crate) fn damaged(&self, problem: impl Into<String>) -> IndexError {
        IndexError::Damaged {
            path: self.path.clone(),
            problem: problem.into(),
        }
    }

    /// Reads the bytes at a place; they must have this checksum.
    pub(crate) fn read(&self, buffer: &mut [u8], at: u64, checksum: u64) -> Result<(), IndexError> {
        self.file
            .read_exact_at(buffer, at)
            .map_err(IndexError::while_trying("read", self.path.clone()))?;
        if xxh3_64(buffer) == checksum {
            Ok(())
        } else {
            Err(self.damaged(format!("the bytes from {at} have changed")))
        }
    }
}

/// A run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) plan: RunPlan,
    pub(crate) place: Place,
}

impl Run {
    /// Returns the memory that it takes, roughly.
    pub(crate) fn memory(&self) -> usize {
        let kinds = self.plan.kinds.iter();
        let kinds: usize = kinds
            .map(|kind| size_of::<EventKind>() + kind.event.len() + kind.milestone.len())
            .sum();
        let data = match &self.place {
            Place::Memory(data) => data.capacity(),
            Place::File(_) => 0,
        };
        let values = values::memory(&self.plan.values);
        data + kinds + values + self.plan.groups.len() * size_of::<GroupPlace>()
    }
}

/// Rows of one site on their way into a run; those of a person come in order of time and arrival.
#[derive(Debug, Default)]
pub(crate) struct RunRows {
    kinds: KindTable,
    values: ValueTables,
    rows: Vec<(u64, StoredEvent)>,
}

impl RunRows {
    pub(crate) fn push(&mut self, row: &LedgerRow<'_>) {
        let event = StoredEvent {
            at: row.at.as_millis(),
            kind: self.kinds.code_of_row(row),
            values: self.values.codes_of(&row.values),
        };
        self.rows.push((row.actor, event));
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns the run, `None` without rows, and leaves none.
    pub(crate) fn take_run(&mut self) -> Option<Run> {
        let Self {
            kinds,
            values,
            mut rows,
        } = std::mem::take(self);
        if rows.is_empty() {
            return None;
        }
        // Stable: rows of one instant keep the order of their arrival.
        rows.sort_by_key(|(person, event)| (*person, event.at));
        let plan = RunPlan::new(kinds.into_kinds(), values.into_values());
        let mut run = MemoryRun::new(plan);
        for (person, event) in rows {
            run.push(person, event);
        }
        Some(run.finish())
    }
}

/// A run that is being written to memory.
pub(crate) struct MemoryRun {
    plan: RunPlan,
    widths: Widths,
    data: Vec<u8>,
    group: GroupWriter,
}

impl MemoryRun {
    /// Begins a run by its plan, which has no groups yet.
    pub(crate) fn new(plan: RunPlan) -> Self {
        Self {
            widths: plan.widths(),
            plan,
            data: Vec::new(),
            group: GroupWriter::default(),
        }
    }

    pub(crate) fn push(&mut self, person: u64, event: StoredEvent) {
        if self.group.events() >= GROUP_EVENTS {
            self.end_group();
        }
        self.group.push(person, event);
    }

    fn end_group(&mut self) {
        let place = self.group.finish(&self.widths, 0, &mut self.data);
        self.plan.groups.push(place);
    }

    pub(crate) fn finish(mut self) -> Run {
        if self.group.events() > 0 {
            self.end_group();
        }
        self.data.shrink_to_fit();
        Run {
            plan: self.plan,
            place: Place::Memory(self.data),
        }
    }
}
